"""The composition root: every object ingest needs is made here and nowhere else."""

import asyncio
import contextlib
from collections.abc import Callable

import structlog

from services.ingest.announcer import Announcer
from services.ingest.folding import Fleet
from services.ingest.inbox import Inbox
from services.ingest.pipeline import Pipeline
from services.ingest.registrar import follow
from services.ingest.registry import Registry
from services.ingest.sampling import Sampler
from services.ingest.settings import IngestSettings
from services.ingest.store import Store
from services.ingest.upkeep import Upkeep
from voxtrude import mqtt
from voxtrude.errors import SetupError
from voxtrude.mongo import client, schema
from voxtrude.mongo.meta import Announced
from voxtrude.mongo.printers import Printers
from voxtrude.mongo.readings import Readings
from voxtrude.mongo.states import States
from voxtrude.notices import Condition
from voxtrude.presence import Presence, will
from voxtrude.printer import PrinterState
from voxtrude.process import utc_now
from voxtrude.topics import BROKER_UPTIME, INGEST

log = structlog.get_logger()


async def run(settings: IngestSettings, ready: Callable[[], None]) -> None:
    """Run until a link breaks; ``ready`` is called once everything is connected.

    Raises:
        LinkError: The broker or the database went away.
        SetupError: The operator must change something.
    """
    retention = settings.keep.retention()
    since = utc_now()
    async with client.connect(settings.mongo) as database:
        await schema.check(database)
        printers = Printers(database)
        memory = Announced(database)
        store = Store(database)
        async with printers.changes() as changed:
            registry = Registry()
            async for registration in printers.each(since - retention.printers):
                registry.add(registration)
            fleet = Fleet(registry, Inbox())
            async for kept in States(database).each(since - retention.printers):
                if kept.state.printer in registry:
                    fleet.restore(kept.state, kept.applied)
            async with mqtt.connect(
                settings.mqtt,
                settings.mqtt.username or "ingest",
                persistent=True,
                will=will(INGEST, since),
            ) as connection:
                presence = Presence(connection, INGEST, since)
                announcer = Announcer(
                    connection,
                    registry,
                    memory,
                    announced=await memory.load(),
                    interval=settings.announce.interval,
                    confirmed=fleet.inbox.confirm,
                )
                known = fleet.states.part(registry.ids())
                unheard = registry.ids() - known.keys()
                announcer.tell({one: PrinterState(printer=one) for one in unheard}, [])
                announcer.tell(known, [])
                sampler = Sampler(fleet.states, Readings(database))
                pipeline = Pipeline(connection, fleet, store, announcer, sampler, presence)
                try:
                    async with asyncio.TaskGroup() as tasks:
                        # What the broker repeats comes before its answers: it must be taken.
                        tasks.create_task(pipeline.run(), name="pipeline")
                        tasks.create_task(announcer.run(), name="announcer")
                        tasks.create_task(sampler.run(), name="sampler")
                        await connection.subscribe(*sorted(registry.filters()))
                        with contextlib.suppress(SetupError):  # a strange broker may refuse
                            await connection.subscribe(BROKER_UPTIME)
                        presence.set(Condition.RUNNING)
                        ready()
                        log.info(
                            "listening",
                            printers=len(registry),
                            session_present=connection.session_present,
                        )
                        tasks.create_task(
                            follow(changed, printers, connection, fleet, store, announcer, sampler),
                            name="registrar",
                        )
                        tasks.create_task(
                            Upkeep(database, fleet, announcer, retention).run(), name="upkeep"
                        )
                finally:
                    await presence.stop()
