"""A monitored item that samples an attribute (OPC 10000-4, 5.13.1)."""

from collections.abc import Callable
from typing import Protocol

from asyncua import ua
from asyncua.ua.attribute_ids import AttributeIds
from asyncua.ua.status_codes import StatusCodes

from services.opcua_bridge.ranges import IndexRange
from services.opcua_bridge.subscriptions.deadbands import Changed, value_changed
from services.opcua_bridge.subscriptions.notifications import handle_bytes, value_bytes
from services.opcua_bridge.subscriptions.queues import ValueQueue
from services.opcua_bridge.values import status as status_of
from voxtrude.printer import PrinterId

_VANISHED = StatusCodes.BadNodeIdUnknown
_TOLERANCE = 0.001  # seconds by which a sample may be early: publishing cycles are not exact
_SECOND = 1000.0  # ms


class Watched(Protocol):
    """The part of the address space that items look at."""

    def watch(
        self,
        node_id: ua.NodeId,
        attribute: AttributeIds,
        watcher: Callable[[ua.DataValue], None],
    ) -> tuple[ua.StatusCode, int]:
        """Tell ``watcher`` of each new value; return a handle to end it with."""

    def unwatch(self, handle: int) -> None:
        """Tell the watcher no more."""

    def read_attribute_value(self, nodeid: ua.NodeId, attr: AttributeIds) -> ua.DataValue:
        """Return the present value."""


class Samples:
    """What all data items of one subscription share.

    ``waiting`` are the items with a value that is not sampled yet, ``ready`` those with
    something to publish; ``cycle`` is the publishing interval in seconds.
    """

    def __init__(self, space: Watched, clock: Callable[[], float], cycle: float) -> None:
        self.space = space
        self.clock = clock
        self.cycle = cycle
        self.waiting: dict[int, DataItem] = {}
        self.ready: dict[int, object] = {}

    def collect(self, at: float) -> None:
        """Sample what is due at the publishing cycle ``at``."""
        if not self.waiting:
            return
        waiting, self.waiting = self.waiting, {}
        for number, item in waiting.items():
            value = item.seen
            if value is None:  # disabled or deleted meanwhile
                continue
            if item.due > at + _TOLERANCE and not _vanished(value):
                self.waiting[number] = item
                continue
            item.seen = None
            item.due = (at if item.by_cycle else item.due) + item.interval
            item.take(value)


def _vanished(value: ua.DataValue) -> bool:
    return value.StatusCode is not None and value.StatusCode.value == _VANISHED


class DataItem:
    """One item.

    Nothing is polled: the address space tells each change, and of several within a sampling
    interval the last one is the sample. An interval of at least the publishing interval is
    sampled by the publishing cycle; within a shorter one the sample is taken when the next
    change, or the cycle, finds it due.
    """

    __slots__ = (
        "attribute",
        "by_cycle",
        "changed",
        "due",
        "handle",
        "index_range",
        "interval",
        "last",
        "machine",
        "mode",
        "node_id",
        "number",
        "queue",
        "reporting",
        "samples",
        "seen",
        "timestamps",
        "watch",
    )

    def __init__(
        self,
        number: int,
        samples: Samples,
        wanted: ua.ReadValueId,
        *,
        machine: PrinterId | None,
        timestamps: ua.TimestampsToReturn,
        index_range: IndexRange | None,
    ) -> None:
        self.machine = machine
        self.number = number
        self.samples = samples
        self.node_id: ua.NodeId = wanted.NodeId
        self.attribute = AttributeIds(wanted.AttributeId)
        self.index_range = index_range
        self.timestamps = int(timestamps)
        self.mode = ua.MonitoringMode.Disabled
        self.reporting = False
        self.handle = b""
        self.interval = 0.0
        self.by_cycle = False
        self.changed: Changed = value_changed
        self.queue = ValueQueue(1, discard_oldest=True)
        self.last: ua.DataValue | None = None
        self.seen: ua.DataValue | None = None
        self.due = 0.0
        self.watch: int | None = None

    def configure(self, wanted: ua.MonitoringParameters, *, size: int, changed: Changed) -> float:
        """Apply the parameters; return the sampling interval in ms."""
        self.handle = handle_bytes(wanted.ClientHandle)
        self.changed = changed
        self.queue.resize(size, discard_oldest=wanted.DiscardOldest)
        asked = wanted.SamplingInterval
        interval = asked if 0 <= asked < float("inf") else self.samples.cycle * _SECOND
        self.interval = interval / _SECOND
        self.due = 0.0
        self.align()
        return interval

    def align(self) -> None:
        """Follow the publishing interval."""
        self.by_cycle = self.interval > 0 and self.interval >= self.samples.cycle - _TOLERANCE

    def observe(self, value: ua.DataValue) -> None:
        """Take note of a change: the address space calls it."""
        if self.by_cycle:
            if self.seen is None:
                self.samples.waiting[self.number] = self
            self.seen = value
        elif self.interval == 0:
            self.take(value)
        else:
            self._observe_spaced(value)

    def _observe_spaced(self, value: ua.DataValue) -> None:
        now = self.samples.clock()
        if self.seen is not None and self.due <= now:
            due, sample = self.due, self.seen
            self.seen = None
            self.due = due + self.interval
            self.take(sample)
        if self.seen is None and self.due <= now:
            self.due = now + self.interval
            self.take(value)
            return
        self.seen = value
        self.samples.waiting[self.number] = self

    def take(self, value: ua.DataValue) -> None:
        """Sample ``value``: queue it when the filter lets it pass, the first one always."""
        if self.index_range is not None:
            value = self.index_range.of(value)
        if self.last is not None and not self.changed(self.last, value):
            return
        self.last = value
        self.queue.push(value)
        if self.reporting:
            self.samples.ready[self.number] = self

    def set_mode(self, mode: ua.MonitoringMode) -> ua.StatusCode:
        """Switch the mode; return how the node is, where it is looked at anew."""
        before, self.mode = self.mode, mode
        self.reporting = mode == ua.MonitoringMode.Reporting
        if mode == ua.MonitoringMode.Disabled:
            self.close()
        elif before == ua.MonitoringMode.Disabled:
            return self._open()
        elif self.reporting and self.queue.entries:
            self.samples.ready[self.number] = self
        elif not self.reporting:
            self.samples.ready.pop(self.number, None)
        return ua.StatusCode()

    def _open(self) -> ua.StatusCode:
        space = self.samples.space
        status, handle = space.watch(self.node_id, self.attribute, self.observe)
        if status.is_good():
            self.watch = handle
            self.take(space.read_attribute_value(self.node_id, self.attribute))
            if not self.by_cycle:
                self.due = self.samples.clock() + self.interval
        else:
            self.take(ua.DataValue(StatusCode=status))
        return status

    def allow(self, *, allowed: bool) -> None:
        """Follow whether the node exists for the client, which may change while it does not."""
        if allowed and self.watch is None and self.mode != ua.MonitoringMode.Disabled:
            self._open()
        elif not allowed and self.watch is not None:
            self.samples.space.unwatch(self.watch)
            self.watch = self.seen = None
            self.take(ua.DataValue(StatusCode=status_of(_VANISHED)))

    def close(self) -> None:
        """Watch no more and forget all values."""
        if self.watch is not None:
            self.samples.space.unwatch(self.watch)
            self.watch = None
        self.last = self.seen = None
        self.due = 0.0
        self.queue.entries = []
        self.samples.waiting.pop(self.number, None)
        self.samples.ready.pop(self.number, None)

    def drain(self, room: int, values: list[bytes], _events: list[bytes]) -> int:
        """Put handles and values into ``values``; return how many, ``room`` at most."""
        taken = self.queue.take(room)
        for value in taken:
            values += (self.handle, value_bytes(value, self.timestamps))
        return len(taken)
