"""A monitored item that is told of events (OPC 10000-4, 5.13.1.5 and 7.22.3)."""

import secrets
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Protocol

from asyncua import ua
from asyncua.ua.object_ids import ObjectIds

from services.opcua_bridge.events.event import Event
from services.opcua_bridge.subscriptions.notifications import event_bytes, handle_bytes
from services.opcua_bridge.subscriptions.queues import EventQueue

_OVERFLOW = ua.NodeId(ua.Int32(ObjectIds.EventQueueOverflowEventType))
_SERVER = ua.NodeId(ua.Int32(ObjectIds.Server))
_SEVERITY = 500


class EventFilter(Protocol):
    """A compiled filter."""

    @property
    def status(self) -> ua.StatusCode:
        """Whether it can be used."""

    @property
    def result(self) -> ua.EventFilterResult:
        """What is wrong with the filter, clause by clause."""

    @property
    def weight(self) -> int:
        """How long an event takes: many filters together must not stall the server."""

    def admits(self, event: Event) -> bool:
        """Tell whether the where clause lets the event pass."""

    def fields(self, event: Event) -> Sequence[ua.Variant]:
        """Return what the select clauses ask for."""


Compile = Callable[[ua.EventFilter], EventFilter]
"""Makes a filter of what a client asks for."""


class EventItem:
    """One item; ``ready`` are its subscription's items with something to publish."""

    def __init__(self, number: int, node_id: ua.NodeId, ready: dict[int, object]) -> None:
        self.number = number
        self.node_id = node_id
        self.mode = ua.MonitoringMode.Disabled
        self.handle = b""
        self.filter: EventFilter | None = None
        self.queue = EventQueue(1, discard_oldest=True)
        self._ready = ready

    def configure(
        self, wanted: ua.MonitoringParameters, *, size: int, event_filter: EventFilter
    ) -> None:
        """Apply the parameters."""
        self.handle = handle_bytes(wanted.ClientHandle)
        self.filter = event_filter
        self.queue.resize(size, discard_oldest=wanted.DiscardOldest)

    def report(self, event: Event) -> None:
        """Queue ``event`` when the filter lets it pass."""
        if (
            self.mode == ua.MonitoringMode.Disabled
            or self.filter is None
            or not self.filter.admits(event)
        ):
            return
        self.queue.push(event_bytes(self.filter.fields(event)))
        self._announce()

    def set_mode(self, mode: ua.MonitoringMode) -> ua.StatusCode:
        """Switch the mode."""
        self.mode = mode
        if mode == ua.MonitoringMode.Disabled:
            self.close()
        elif mode == ua.MonitoringMode.Sampling:
            self._ready.pop(self.number, None)
        elif self.queue.entries:
            self._announce()
        return ua.StatusCode()

    def _announce(self) -> None:
        if self.mode == ua.MonitoringMode.Reporting:
            self._ready[self.number] = self

    def close(self) -> None:
        """Forget all events."""
        self.queue.entries = []
        self.queue.lost = False
        self._ready.pop(self.number, None)

    def drain(self, room: int, _values: list[bytes], events: list[bytes]) -> int:
        """Put handles and fields into ``events``; return how many, ``room`` at most.

        The event that tells of lost ones stands where they are missing: before the others
        when the oldest were discarded, after them when the newest were. It counts as none.
        """
        lost = self._lost() if self.queue.lost else None
        if lost is not None and self.queue.discard_oldest:
            events += (self.handle, lost)
            self.queue.lost = False
        taken = self.queue.take(room)
        for fields in taken:
            events += (self.handle, fields)
        if lost is not None and self.queue.lost and not self.queue.entries:
            events += (self.handle, lost)
            self.queue.lost = False
        return len(taken)

    def _lost(self) -> bytes:
        """Return an EventQueueOverflowEvent (OPC 10000-5, 6.4.34); it bypasses the where clause."""
        now = datetime.now(UTC)
        event = Event(
            id=secrets.token_bytes(16),
            type=_OVERFLOW,
            machine=None,
            source=_SERVER,
            source_name="Internal/EventQueueOverflow",
            at=now,
            received_at=now,
            message="Events were lost: the queue was full",
            severity=_SEVERITY,
        )
        return event_bytes(self.filter.fields(event)) if self.filter else event_bytes(())
