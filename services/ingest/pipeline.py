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
from services.ingest.presence import Condition, Presence
from services.ingest.store import Store
from voxtrude.errors import LinkError
from voxtrude.mqtt import Connection
from voxtrude.process import Patience, utc_now

log = structlog.get_logger()

BATCH = 5000
TICK = 1.0
UPTIME = "$SYS/broker/uptime"


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
            system = [delivery for delivery in batch if delivery.topic.startswith("$")]
            if system:
                await self._broker_said(system[-1].payload)
            changes = self._fleet.fold(
                batch if not system else [one for one in batch if one not in system]
            )
            await self._keep(changes)
            self._connection.acknowledge(batch)
            self._announcer.acknowledged(changes.number)
            if self._fleet.waiting and loop.time() - ticked_at >= TICK:
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
        self._announcer.tell(changes.states, changes.events)

    async def _broker_said(self, uptime: bytes) -> None:
        """Learn once a session since when the broker runs."""
        await self._connection.unsubscribe(UPTIME)
        try:
            seconds = int(uptime.split()[0])
        except (ValueError, IndexError):
            return
        now = self._clock()
        # The broker tells it only each few seconds; a connection that is younger than
        # the difference gets the benefit of the doubt.
        started_at = now - timedelta(seconds=seconds + 15)
        await self._keep(self._fleet.doubt_links(started_at, now))
