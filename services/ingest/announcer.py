"""Tells everybody: each printer's latest state, retained, and its events as they happen.

The database comes first: only what is stored is announced. States are coalesced, so a
slow broker or a flood costs freshness, never memory; events are told at most once.
"""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Iterable, Mapping
from typing import Protocol

import structlog

from services.ingest.registry import Registry
from services.ingest.shelf import Shelf
from voxtrude.documents import PrinterDocument
from voxtrude.events import Event
from voxtrude.notices import EventDocument
from voxtrude.printer import PrinterId, PrinterState
from voxtrude.topics import events_topic, state_topic

log = structlog.get_logger()

CHUNK = 100
"""So many messages are on their way to the broker at once; then the fold has its turn."""

PACE = 0.02
"""Seconds between two chunks: at most 5,000 announcements a second."""

MAX_EVENTS = 10_000
"""Events that wait to be told; beyond that the oldest are dropped, and counted."""


class Publisher(Protocol):
    """What the announcer needs of a connection."""

    def send(self, topic: str, payload: bytes, *, retain: bool = False) -> Awaitable[object]:
        """Publish at QoS 1; the future ends when the broker has the message."""


class Memory(Protocol):
    """Where it is kept for which printers the broker holds an announcement."""

    async def add(self, printers: Iterable[PrinterId]) -> None:
        """Note these."""

    async def remove(self, printers: Iterable[PrinterId]) -> None:
        """Forget these."""


class Announcer:
    """Publishes what it was told, in its own time."""

    def __init__(
        self,
        publisher: Publisher,
        registry: Registry,
        memory: Memory,
        *,
        announced: set[PrinterId],
        interval: float,
        confirmed: Callable[[int], None],
    ) -> None:
        self._publisher = publisher
        self._registry = registry
        self._memory = memory
        self._announced = announced
        self._interval = interval
        self._confirmed = confirmed
        self._states = Shelf()
        self._told_at: dict[PrinterId, float] = {}
        self._events: deque[Event] = deque(maxlen=MAX_EVENTS)
        self._dropped = 0
        self._gone: set[PrinterId] = set()
        self._acknowledged = 0
        self._work = asyncio.Event()

    def tell(self, states: Mapping[PrinterId, PrinterState], events: Iterable[Event]) -> None:
        """Take states and events to announce."""
        self._states.take(states)
        for event in events:
            if len(self._events) == MAX_EVENTS:
                self._dropped += 1  # the oldest gives way
            self._events.append(event)
        self._work.set()

    def acknowledged(self, batch: int) -> None:
        """Note that the messages up to this batch were acknowledged before the next send."""
        self._acknowledged = batch

    def clear(self, printers: Iterable[PrinterId]) -> None:
        """Take the announcements of printers that are gone off the broker."""
        for printer in printers:
            self._states.drop(printer)
            self._told_at.pop(printer, None)
            if printer in self._announced:
                self._gone.add(printer)
        self._work.set()

    async def run(self) -> None:
        """Publish for as long as the connection stands.

        Raises:
            LinkError: The broker or the database went away.
        """
        loop = asyncio.get_running_loop()
        while True:
            await self._work.wait()
            self._work.clear()
            while True:
                delay = await self._chunk(loop.time())
                if delay is None:
                    break
                await asyncio.sleep(delay)

    async def _chunk(self, now: float) -> float | None:
        """Publish some; return after how many seconds there is more to do, or None."""
        batch = self._acknowledged
        gone, self._gone = self._gone, set()
        due, soonest = self._due(now)
        fresh = [printer for printer in due if printer not in self._announced]
        if fresh:
            await self._memory.add(fresh)
            self._announced.update(fresh)
        sent = [self._publisher.send(state_topic(printer), b"", retain=True) for printer in gone]
        for printer in due:
            registration = self._registry.get(printer)
            state = self._states.get(printer) if registration else None
            self._states.drop(printer)
            if state is None or registration is None:
                continue
            self._told_at[printer] = now
            payload = PrinterDocument.of(registration, state).model_dump_json().encode()
            sent.append(self._publisher.send(state_topic(printer), payload, retain=True))
        while self._events and len(sent) < 2 * CHUNK:
            event = self._events.popleft()
            registration = self._registry.get(event.printer)
            if registration:
                payload = EventDocument.of(registration, event).model_dump_json().encode()
                sent.append(self._publisher.send(events_topic(event.printer), payload))
        if sent:
            await asyncio.gather(*sent)
            # The broker reads in order: it has read what we acknowledged before.
            self._confirmed(batch)
        if gone:
            await self._memory.remove(gone)
            self._announced -= gone
        if self._dropped and not self._events:
            log.warning("events dropped", count=self._dropped, reason="the broker was too slow")
            self._dropped = 0
        if self._events or self._gone or len(due) == CHUNK:
            return PACE
        return None if soonest is None else max(soonest - now, PACE)

    def _due(self, now: float) -> tuple[list[PrinterId], float | None]:
        """Return whose turn it is, and when the next one's is."""
        due: list[PrinterId] = []
        soonest: float | None = None
        for printer in self._states:
            at = self._told_at.get(printer, 0.0) + self._interval
            if at <= now:
                due.append(printer)
                if len(due) == CHUNK:
                    break
            elif soonest is None or at < soonest:
                soonest = at
        return due, soonest
