"""From the broker to the database, losing nothing: take, fold, write, announce, acknowledge.

There is one pipeline and no lingering: while a batch is being written the next one
collects, so a batch is as large as the database is slow.
"""

import asyncio
from collections.abc import Callable
from datetime import datetime, timedelta

import structlog

from services.ingest.announcer import Announcer
from services.ingest.folding import Changes, Fleet
from services.ingest.presence import Presence
from services.ingest.store import Store
from voxtrude.errors import LinkError
from voxtrude.mqtt import Connection, Delivery
from voxtrude.notices import Condition
from voxtrude.process import Patience, utc_now
from voxtrude.topics import BROKER_UPTIME

log = structlog.get_logger()

BATCH = 2000
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
        presence: Presence,
        clock: Callable[[], datetime] = utc_now,
    ) -> None:
        self._connection = connection
        self._fleet = fleet
        self._store = store
        self._announcer = announcer
        self._presence = presence
        self._clock = clock
        self._patience = Patience()
        self._broker_known = False

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
                await self._keep(self._fleet.pass_time(self._clock()))

    async def _keep(self, changes: Changes) -> None:
        """Write durably, however long the database is away; then announce."""
        while True:
            try:
                await self._store.save(changes, self._fleet, self._clock())
            except LinkError as error:
                self._presence.set(Condition.STALLED)
                await self._patience.lose("database lost", str(error))
            else:
                self._presence.set(Condition.RUNNING)
                self._patience.recover("database is back")
                break
        self._announcer.tell(self._fleet.states.part(changes.states), changes.events)

    async def _broker_said(self, batch: list[Delivery]) -> None:
        """Learn once a session since when the broker runs.

        A retained number is old, and so is the first one, zero: it may have waited in our
        session since the broker's start.
        """
        if self._broker_known:
            return
        told = [one for one in batch if one.topic == BROKER_UPTIME and not one.retained]
        seconds = _uptime(told[-1].payload) if told else 0
        if not seconds:
            return
        self._broker_known = True
        self._connection.unsubscribe(BROKER_UPTIME)
        now = self._clock()
        started_at = now - timedelta(seconds=seconds) - ROUNDED
        await self._keep(self._fleet.doubt_links(started_at, now))


def _uptime(payload: bytes) -> int:
    """Return the seconds of ``11 seconds``; 0 where it says something else."""
    number, *_ = payload.split() or [b""]
    return int(number) if number.isdigit() else 0
