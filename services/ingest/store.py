"""Everything ingest writes, in the order that survives a death between two writes.

Jobs come before states: a job that is written twice is the same job, while a state that
were written first would make its job's message look done.
"""

from collections.abc import Iterable
from datetime import datetime

import structlog

from services.ingest.folding import Changes, Fleet
from voxtrude.mongo.client import Database
from voxtrude.mongo.jobs import Jobs
from voxtrude.mongo.quarantine import Quarantine, Specimen
from voxtrude.mongo.states import Kept, States
from voxtrude.mongo.unknown import UnknownPrinters
from voxtrude.printer import PrinterId

log = structlog.get_logger()


class Store:
    """The collections that ingest writes."""

    def __init__(self, database: Database) -> None:
        self._states = States(database)
        self._jobs = Jobs(database)
        self._quarantine = Quarantine(database)
        self._unknown = UnknownPrinters(database)

    async def save(self, changes: Changes, fleet: Fleet, now: datetime) -> None:
        """Write a batch durably.

        What the database refuses goes to quarantine: it would be refused for ever.

        Raises:
            LinkError: The database is away; the same call again is harmless.
        """
        if changes.strangers:
            await self._unknown.save(changes.strangers)
        if changes.specimens:
            await self._quarantine.save(changes.specimens)
        refused: list[Specimen] = []
        jobs = list(changes.jobs.values())
        for rejection in await self._jobs.save(jobs):
            printer, job = jobs[rejection.index]
            refused.append(_refused(printer, f"job {job.id}: {rejection.reason}", now))
        states = list(changes.states.values())
        kept = [Kept(state, fleet.inbox.applied(state.printer)) for state in states]
        for rejection in await self._states.save(kept):
            printer = states[rejection.index].printer
            refused.append(_refused(printer, f"state: {rejection.reason}", now))
        if refused:
            log.error("database refuses documents", count=len(refused), reason=refused[0].reason)
            await self._quarantine.save(refused)
        gone = [printer for printer in changes.states if printer not in fleet.registry]
        if gone:
            await self.forget(gone)

    async def welcome(self, base: str) -> None:
        """Forget that a base topic was a stranger's: it is registered now, or was."""
        await self._unknown.forget(base)

    async def forget(self, printers: Iterable[PrinterId]) -> None:
        """Delete the states of printers that are gone."""
        await self._states.forget(printers)


def _refused(printer: PrinterId, reason: str, now: datetime) -> Specimen:
    return Specimen(at=now, printer=printer, topic="", reason=reason, size=0, sample=b"")
