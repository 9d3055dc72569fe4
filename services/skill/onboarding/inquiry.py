"""What is known of a printer's connection, gathered from where it is kept."""

from services.skill.onboarding.evidence import Evidence
from voxtrude.mongo.client import Database, Document
from voxtrude.mongo.logins import Logins
from voxtrude.mongo.quarantine import Quarantine
from voxtrude.mongo.states import States
from voxtrude.mongo.unknown import UnknownPrinters
from voxtrude.notices import Condition
from voxtrude.registration import Registration

SHOWN = 10  # unreadable messages


async def gathered(
    database: Database, registration: Registration, pipeline: Condition | None
) -> tuple[Evidence, list[Document]]:
    """Return what a diagnosis rests on, and the newest messages that could not be read.

    Raises:
        LinkError: The database is away.
    """
    printer, base = registration.id, registration.base_topic
    unreadable = await Quarantine(database).latest(SHOWN, printer)
    logins = Logins(database)
    unnamed = await logins.unnamed()
    slashless = await UnknownPrinters(database).get(base.rstrip("/"))
    evidence = Evidence(
        registration=registration,
        login=await logins.get(printer),
        state=await States(database).get(printer),
        slashless_at=slashless["seen_at"] if slashless else None,
        unreadable_at=unreadable[0]["at"] if unreadable else None,
        unnamed_at=unnamed.refused_at if unnamed else None,
        pipeline=pipeline,
    )
    return evidence, unreadable
