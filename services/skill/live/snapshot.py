"""Printers as the database has them now, for one request."""

from collections.abc import Sequence

from voxtrude.documents import PrinterDocument
from voxtrude.mongo.client import Database
from voxtrude.mongo.states import States
from voxtrude.printer import PrinterState
from voxtrude.registration import Registration


async def documents(
    database: Database, registrations: Sequence[Registration]
) -> list[PrinterDocument]:
    """Return these printers' documents, in the same order; one never heard has an empty one.

    Raises:
        LinkError: The database is away.
    """
    states = await States(database).some(one.id for one in registrations)
    return [
        PrinterDocument.of(one, states.get(one.id) or PrinterState(printer=one.id))
        for one in registrations
    ]
