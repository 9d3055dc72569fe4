"""From the broker to the database, losing nothing: take, fold, write, announce, acknowledge.

There is one pipeline and no lingering: while a batch is being written the next one
collects, so a batch is as large as the database is slow.
"""

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import structlog

from services.ingest.announcer import Announcer
from services.ingest.folding import Changes, Fleet
from services.ingest.sampling import Sampler
from services.ingest.store import Store
from voxtrude.errors import LinkError
from voxtrude.mqtt import Connection, Delivery
from voxtrude.notices import Condition
from voxtrude.presence import Presence
from voxtrude.process import Patience, utc_now
from voxtrude.topics import BROKER_UPTIME

log = structlog.get_logger()

BATCH = 500
TICK = 1.0
ROUNDED = timedelta(seconds=2)
"""The broker tells its uptime in whole seconds: a younger connection is not doubted."""


class Pipeline:
    """The loop between one connection and one store."""

    def __init__(
        self,
        connection: Connection,
        fleet: Fleet,
        store: Store,
        announcer: Announcer,
        sampler: Sampler,
        presence: Presence,
        clock: Callable[[], datetime] = utc_now,
    ) -> None:
        self._connection = connection
        self._fleet = fleet
        self._store = store
        self._announcer = announcer
        self._sampler = sampler
        self._presence = presence
        self._clock = clock
        self._patience = Patience()
        self._broker_known = False
        self._broker_since: datetime | None = None

    async def run(self) -> None:
        """Fold for as long as the connection stands.

        Raises:
            LinkError: The broker went away. Nothing is lost: what was not acknowledged
                comes again.
        """
        loop = asyncio.get_running_loop()
        ticked_at = loop.time()
        while True:
            batch = await self._connection.take(BATCH, TICK if self._fleet.waiting else None)
            await self._broker_said(batch)
            changes = self._fleet.fold(batch)
            await self._keep(changes)
            self._connection.acknowledge(batch)
            self._announcer.acknowledged(changes.number)
            # Not while messages wait: the outcome of a job may be among them.
            idle = not self._connection.waiting
            if idle and self._fleet.waiting and loop.time() - ticked_at >= TICK:
                ticked_at = loop.time()
                for part in self._fleet.pass_time(self._clock()):
                    await self._keep(part)

    async def _keep(self, changes: Changes) -> None:
        """Write durably, however long the database is away; then announce."""
        while True:
            try:
                await self._store.save(changes, self._fleet, self._clock())
            except LinkError:
                # Quietly: a long absence ends the stream of registrations, and with it
                # the session, which is what the log tells of.
                self._presence.set(Condition.STALLED)
                await self._patience.wait()
            else:
                self._presence.set(Condition.RUNNING)
                self._patience.reset()
                break
        self._announcer.tell(self._fleet.states.part(changes.states), changes.events)
        self._sampler.note(changes.states)

    async def _broker_said(self, batch: list[Delivery]) -> None:
        """Learn once a session since when the broker runs.

        What it tells may be old: kept by the broker, queued while we were away, or read
        late while the database was away. So two in a row must say the same.
        """
        if self._broker_known:
            return
        for one in batch:
            if one.topic != BROKER_UPTIME or one.retained:
                continue
            since = datetime.fromtimestamp(one.received_at - _uptime(one.payload), UTC)
            before, self._broker_since = self._broker_since, since
            if before and abs(since - before) <= ROUNDED:
                self._broker_known = True
                self._connection.unsubscribe(BROKER_UPTIME)
                started_at = min(since, before) - ROUNDED
                for part in self._fleet.doubt_links(started_at, self._clock()):
                    await self._keep(part)
                return


def _uptime(payload: bytes) -> int:
    """Return the seconds of ``11 seconds``; 0 where it says something else."""
    number, *_ = payload.split() or [b""]
    return int(number) if number.isdigit() else 0
