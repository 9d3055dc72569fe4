"""Follows the registrations, so that a new printer is heard at once and a removed one never."""

from collections.abc import AsyncIterator

from services.ingest.announcer import Announcer
from services.ingest.folding import Fleet
from services.ingest.sampling import Sampler
from services.ingest.store import Store
from voxtrude.errors import LinkError
from voxtrude.mongo.printers import Printers
from voxtrude.mqtt import Connection
from voxtrude.printer import PrinterId, PrinterState


async def follow(
    changed: AsyncIterator[PrinterId],
    printers: Printers,
    connection: Connection,
    fleet: Fleet,
    store: Store,
    announcer: Announcer,
    sampler: Sampler,
) -> None:
    """Apply every change of a registration for as long as they can be followed.

    Raises:
        LinkError: The broker or the database went away.
    """
    async for printer in changed:
        before = fleet.registry.filters()
        registration = await printers.get(printer)
        if registration is None:
            known = fleet.registry.get(printer)
            fleet.registry.remove(printer)
            fleet.forget([printer])
            await store.forget([printer])
            await sampler.forget([printer])
            if known:  # its last words may have come as a stranger's
                await store.welcome(known.base_topic)
                await store.welcome(known.base_topic.removesuffix("/"))
            announcer.clear([printer])
        else:
            fleet.registry.add(registration)
            await store.welcome(registration.base_topic)
            state = fleet.states.get(printer, PrinterState(printer=printer))
            announcer.tell({printer: state}, [])
        after = fleet.registry.filters()
        await connection.subscribe(*sorted(after - before))
        connection.unsubscribe(*sorted(before - after))
    raise LinkError("the database has ended the stream of changes")
