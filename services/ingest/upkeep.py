"""What has to be done now and then: who is alive, what is gone, what is too much."""

import asyncio
from datetime import datetime, timedelta

from services.ingest.announcer import Announcer
from services.ingest.folding import Fleet
from voxtrude.mongo.client import Database
from voxtrude.mongo.meta import Announced, Heartbeat
from voxtrude.mongo.printers import Printers
from voxtrude.mongo.quarantine import Quarantine
from voxtrude.mongo.states import States
from voxtrude.mongo.unknown import UnknownPrinters
from voxtrude.process import utc_now
from voxtrude.retention import Retention

MOST = timedelta(minutes=1)


class Upkeep:
    """One round each minute, or more often where the retention is short."""

    def __init__(
        self, database: Database, fleet: Fleet, announcer: Announcer, retention: Retention
    ) -> None:
        self._fleet = fleet
        self._announcer = announcer
        self._interval = min(MOST, retention.printers / 20)
        self._printers = Printers(database)
        self._states = States(database)
        self._quarantine = Quarantine(database)
        self._unknown = UnknownPrinters(database)
        self._announced = Announced(database)
        self._heartbeat = Heartbeat(database)

    async def run(self) -> None:
        """Do rounds for ever.

        Raises:
            LinkError: The database went away.
        """
        since = utc_now() - 10 * self._interval
        while True:
            now = utc_now()
            await self._round(since, now)
            since = now - self._interval
            await asyncio.sleep(self._interval.total_seconds())

    async def _round(self, since: datetime, now: datetime) -> None:
        await self._heartbeat.beat(now)
        # An idle printer may be silent for weeks: its standing connection keeps it alive.
        await self._states.touch(now)
        await self._printers.touch(await self._states.alive(since))
        await self._quarantine.trim()
        await self._unknown.trim()
        known = self._fleet.registry.ids()
        orphans = await self._printers.missing(await self._states.printers() - known)
        await self._states.forget(orphans)
        self._announcer.clear(await self._printers.missing(await self._announced.load() - known))
