"""The monitored items of one subscription (OPC 10000-4, 5.13)."""

import asyncio
from collections import defaultdict
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from typing import TypeAlias, TypeVar

from asyncua import ua
from asyncua.common.utils import ServiceError
from asyncua.ua.attribute_ids import AttributeIds
from asyncua.ua.status_codes import StatusCodes
from asyncua.ua.uaprotocol_auto import DataChangeFilter  # what is decoded; ua's is a subclass

from services.opcua_bridge.events.event import Event
from services.opcua_bridge.limits import Limits
from services.opcua_bridge.ranges import IndexRange, RangeError
from services.opcua_bridge.subscriptions import revision
from services.opcua_bridge.subscriptions.dataitems import DataItem, Samples
from services.opcua_bridge.subscriptions.deadbands import FilterError
from services.opcua_bridge.subscriptions.eventitems import Compile, EventItem
from services.opcua_bridge.subscriptions.revision import Space
from services.opcua_bridge.values import status
from voxtrude.printer import PrinterId

BATCH = 250
"""Items that are made before others get their turn: about 5 ms."""

_EVENT_NOTIFIER = AttributeIds.EventNotifier

Item: TypeAlias = DataItem | EventItem
Key = TypeVar("Key")
Kept = TypeVar("Kept", DataItem, EventItem)


@dataclass
class Tally:
    """How many monitored items the whole server has."""

    items: int = 0


def demand(operations: Sequence[object], limits: Limits) -> None:
    """Raise ServiceError for a call with nothing, or too much, to do."""
    if not operations:
        raise ServiceError(StatusCodes.BadNothingToDo)
    if len(operations) > limits.items_per_call:
        raise ServiceError(StatusCodes.BadTooManyOperations)


class Items:
    """What asyncua calls a MonitoredItemService; ``cycle`` is the publishing interval in s.

    ``admits`` tells whether the session may know of a machine.
    """

    def __init__(
        self,
        space: Space,
        limits: Limits,
        tally: Tally,
        *,
        compile_events: Compile | None,
        clock: Callable[[], float],
        cycle: float,
    ) -> None:
        self.admits: Callable[[PrinterId], bool] = lambda _: True
        self._space = space
        self._limits = limits
        self._tally = tally
        self._compile_events = compile_events
        self._samples = Samples(space, clock, cycle)
        self._items: dict[int, Item] = {}
        self._of_machines: defaultdict[PrinterId, dict[int, DataItem]] = defaultdict(dict)
        self._listeners: defaultdict[ua.NodeId, dict[int, EventItem]] = defaultdict(dict)
        self._filters = 0  # their weight
        self._latest = 0
        self._closed = False

    def __len__(self) -> int:
        """Return how many there are."""
        return len(self._items)

    @property
    def ready(self) -> bool:
        """Whether there is something to publish."""
        return bool(self._samples.ready)

    def collect(self, at: float) -> None:
        """Sample what is due at the publishing cycle ``at``."""
        self._samples.collect(at)

    def drain(self, room: int, values: list[bytes], events: list[bytes]) -> None:
        """Put what is to be published into the lists, ``room`` notifications at most.

        What large values leave no room for in one message comes with the next.
        """
        ready = self._samples.ready
        size = 0
        for number in list(ready):
            item = self._items[number]
            before = len(values), len(events)
            room -= item.drain(room, values, events)
            size += sum(map(len, values[before[0] :])) + sum(map(len, events[before[1] :]))
            if item.queue.entries:
                return
            del ready[number]
            if room <= 0 or size >= self._limits.notification_bytes:
                return

    def set_cycle(self, seconds: float) -> None:
        """Follow the publishing interval; the items' sampling intervals stay as they are."""
        self._samples.cycle = seconds
        for item in self._items.values():
            if isinstance(item, DataItem):
                item.align()

    def report(self, event: Event, notifiers: Collection[ua.NodeId]) -> None:
        """Queue ``event`` for the items of these nodes."""
        if event.machine is not None and not self.admits(event.machine):
            return
        for node_id in notifiers:
            for item in self._listeners.get(node_id, {}).values():
                item.report(event)

    def review(self, machine: PrinterId) -> None:
        """Ask anew whether the session may know of ``machine``."""
        items = self._of_machines.get(machine)
        if items:
            allowed = self.admits(machine)
            for item in items.values():
                item.allow(allowed=allowed)

    async def create(
        self, params: ua.CreateMonitoredItemsParameters
    ) -> list[ua.MonitoredItemCreateResult]:
        """Create items; others get their turn in between."""
        _check_timestamps(params.TimestampsToReturn)
        results = []
        for count, request in enumerate(params.ItemsToCreate):
            if count % BATCH == 0 and count:
                await asyncio.sleep(0)
            if self._closed:  # by somebody who had their turn
                raise ServiceError(StatusCodes.BadSubscriptionIdInvalid)
            results.append(self._create(request, params.TimestampsToReturn))
        return results

    def _create(
        self, request: ua.MonitoredItemCreateRequest, timestamps: ua.TimestampsToReturn
    ) -> ua.MonitoredItemCreateResult:
        limits = self._limits
        if len(self._items) >= limits.items_each or self._tally.items >= limits.items:
            return _refused(StatusCodes.BadTooManyMonitoredItems)
        wanted = request.ItemToMonitor
        machine = self._space.machine_of(wanted.NodeId)
        if machine is not None and not self.admits(machine):
            return _refused(StatusCodes.BadNodeIdUnknown)
        number = self._latest + 1
        item: Item
        try:
            if wanted.AttributeId == _EVENT_NOTIFIER:
                item, result = self._create_event_item(number, request)
            else:
                item, result = self._create_data_item(number, request, timestamps, machine)
        except FilterError as error:
            return _refused(error.code)
        except RangeError:
            return _refused(StatusCodes.BadIndexRangeInvalid)
        if result.StatusCode.is_good():
            self._latest = result.MonitoredItemId = number
            self._items[number] = item
            if isinstance(item, DataItem) and item.machine is not None:
                self._of_machines[item.machine][number] = item
            self._tally.items += 1
        return result

    def _create_data_item(
        self,
        number: int,
        request: ua.MonitoredItemCreateRequest,
        timestamps: ua.TimestampsToReturn,
        machine: PrinterId | None,
    ) -> tuple[DataItem, ua.MonitoredItemCreateResult]:
        wanted, parameters = request.ItemToMonitor, request.RequestedParameters
        if wanted.AttributeId not in _ATTRIBUTES:
            raise FilterError(StatusCodes.BadAttributeIdInvalid)
        index_range = IndexRange.parsed(wanted.IndexRange) if wanted.IndexRange else None
        item = DataItem(
            number,
            self._samples,
            wanted,
            machine=machine,
            timestamps=timestamps,
            index_range=index_range,
        )
        revision.check_encoding(self._space, wanted)
        changed = revision.changed(self._space, item.node_id, item.attribute, parameters.Filter)
        size = revision.queue_size(parameters, self._limits)
        interval = item.configure(parameters, size=size, changed=changed)
        # A disabled item looks at its node once: it has to be there.
        status = item.set_mode(ua.MonitoringMode.Reporting)
        if status.is_good() and request.MonitoringMode != ua.MonitoringMode.Reporting:
            item.set_mode(request.MonitoringMode)
        if not status.is_good():
            item.close()
        return item, ua.MonitoredItemCreateResult(
            status, RevisedSamplingInterval=interval, RevisedQueueSize=size
        )

    def _create_event_item(
        self, number: int, request: ua.MonitoredItemCreateRequest
    ) -> tuple[EventItem, ua.MonitoredItemCreateResult]:
        node_id = request.ItemToMonitor.NodeId
        notifier = self._space.read_attribute_value(node_id, _EVENT_NOTIFIER)
        if notifier.StatusCode is not None and notifier.StatusCode.is_bad():
            raise FilterError(notifier.StatusCode.value)
        if notifier.Value is None or not (notifier.Value.Value or 0) & 1:
            raise FilterError(StatusCodes.BadNotSupported)  # the bit SubscribeToEvents
        item = EventItem(number, node_id, self._samples.ready)
        result = ua.MonitoredItemCreateResult()
        self._configure_event_item(item, request.RequestedParameters, result)
        if result.StatusCode.is_good():
            item.set_mode(request.MonitoringMode)
            self._listeners[node_id][number] = item
        return item, result

    def _configure_event_item(
        self,
        item: EventItem,
        parameters: ua.MonitoringParameters,
        result: ua.MonitoredItemCreateResult | ua.MonitoredItemModifyResult,
    ) -> None:
        if self._compile_events is None:
            raise FilterError(StatusCodes.BadNotSupported)
        if isinstance(parameters.Filter, DataChangeFilter | ua.AggregateFilter):
            raise FilterError(StatusCodes.BadFilterNotAllowed)
        if not isinstance(parameters.Filter, ua.EventFilter):
            raise FilterError(StatusCodes.BadEventFilterInvalid)
        event_filter = self._compile_events(parameters.Filter)
        others = self._filters - (item.filter.weight if item.filter else 0)
        if others + event_filter.weight > self._limits.filters:
            raise FilterError(StatusCodes.BadTooManyMonitoredItems)
        result.StatusCode, result.FilterResult = event_filter.status, event_filter.result
        if result.StatusCode.is_good():
            size = revision.event_queue_size(parameters, self._limits)
            item.configure(parameters, size=size, event_filter=event_filter)
            self._filters = others + event_filter.weight
            result.RevisedQueueSize = size

    def modify(
        self, params: ua.ModifyMonitoredItemsParameters
    ) -> list[ua.MonitoredItemModifyResult]:
        """Modify items; one that cannot be modified stays as it was."""
        _check_timestamps(params.TimestampsToReturn)
        results = []
        for request in params.ItemsToModify:
            try:
                result = self._modify(request, params.TimestampsToReturn)
            except FilterError as error:
                result = ua.MonitoredItemModifyResult(status(error.code))
            results.append(result)
        return results

    def _modify(
        self, request: ua.MonitoredItemModifyRequest, timestamps: ua.TimestampsToReturn
    ) -> ua.MonitoredItemModifyResult:
        item = self._items.get(request.MonitoredItemId)
        if item is None:
            raise FilterError(StatusCodes.BadMonitoredItemIdInvalid)
        parameters = request.RequestedParameters
        result = ua.MonitoredItemModifyResult()
        if isinstance(item, EventItem):
            self._configure_event_item(item, parameters, result)
            return result
        changed = revision.changed(self._space, item.node_id, item.attribute, parameters.Filter)
        item.timestamps = int(timestamps)
        result.RevisedQueueSize = size = revision.queue_size(parameters, self._limits)
        result.RevisedSamplingInterval = item.configure(parameters, size=size, changed=changed)
        return result

    def set_mode(self, mode: ua.MonitoringMode, numbers: Sequence[int]) -> list[ua.StatusCode]:
        """Set the items' monitoring mode."""
        results = []
        for number in numbers:
            item = self._items.get(number)
            if item is None:
                results.append(status(StatusCodes.BadMonitoredItemIdInvalid))
            else:
                item.set_mode(mode)
                results.append(ua.StatusCode())
        return results

    def delete(self, numbers: Sequence[int]) -> list[ua.StatusCode]:
        """Delete items."""
        results = []
        for number in numbers:
            item = self._items.pop(number, None)
            if item is None:
                results.append(status(StatusCodes.BadMonitoredItemIdInvalid))
                continue
            item.close()
            if isinstance(item, EventItem):
                _drop(self._listeners, item.node_id, number)
                self._filters -= item.filter.weight if item.filter else 0
            elif item.machine is not None:
                _drop(self._of_machines, item.machine, number)
            self._tally.items -= 1
            results.append(ua.StatusCode())
        return results

    def close(self) -> None:
        """Delete all items and create none any more."""
        self._closed = True
        self.delete(list(self._items))


_ATTRIBUTES = frozenset(AttributeIds)


def _drop(items: dict[Key, dict[int, Kept]], key: Key, number: int) -> None:
    del items[key][number]
    if not items[key]:
        del items[key]


def _refused(code: int) -> ua.MonitoredItemCreateResult:
    return ua.MonitoredItemCreateResult(status(code))


def _check_timestamps(asked: ua.TimestampsToReturn) -> None:
    if asked == ua.TimestampsToReturn.Invalid:
        raise ServiceError(StatusCodes.BadTimestampsToReturnInvalid)
