"""An engine that tests step through: a space of plain values, a clock, a client that asks."""

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from asyncua import ua
from asyncua.common.utils import Buffer
from asyncua.server.uaprocessor import PublishRequestData
from asyncua.ua.attribute_ids import AttributeIds
from asyncua.ua.object_ids import ObjectIds
from asyncua.ua.status_codes import StatusCodes
from asyncua.ua.ua_binary import struct_from_binary, struct_to_binary

from services.opcua_bridge.addressspace.space import MachineSpace
from services.opcua_bridge.events.event import Event
from services.opcua_bridge.limits import Limits
from services.opcua_bridge.subscriptions.service import Subscriptions
from services.opcua_bridge.subscriptions.subscription import Subscription
from services.opcua_bridge.values import SharedValue, status
from voxtrude.printer import PrinterId

NOW = datetime(2026, 1, 1, tzinfo=UTC)
SESSION = ua.NodeId(ua.String("session"), ua.Int16(1))
CYCLE = 100.0  # ms


def node_id(name: str) -> ua.NodeId:
    return ua.NodeId(ua.String(name), ua.Int16(2))


def double(number: object, code: int = 0) -> SharedValue:
    return SharedValue(ua.Variant(number, ua.VariantType.Double), status(code), NOW, NOW)


class Space:
    """Values by name; those of nodes with a slash belong to the machine before it."""

    def __init__(self) -> None:
        self.values: dict[str, ua.DataValue] = {}
        self.ranges: dict[str, tuple[float, float]] = {}
        self.watchers: dict[int, tuple[str, Callable[[ua.DataValue], None]]] = {}

    def write(self, name: str, value: ua.DataValue) -> None:
        self.values[name] = value
        for watched, watcher in tuple(self.watchers.values()):
            if watched == name:
                watcher(value)

    def watch(
        self, node_id: ua.NodeId, attribute: int, watcher: Callable[[ua.DataValue], None]
    ) -> tuple[ua.StatusCode, int]:
        value = self.read_attribute_value(node_id, attribute)
        if value.StatusCode and value.StatusCode.value == StatusCodes.BadNodeIdUnknown:
            return value.StatusCode, 0
        handle = max(self.watchers, default=0) + 1
        self.watchers[handle] = (str(node_id.Identifier), watcher)
        return ua.StatusCode(), handle

    def unwatch(self, handle: int) -> None:
        del self.watchers[handle]

    def read_attribute_value(self, nodeid: ua.NodeId, attr: int) -> ua.DataValue:
        name = str(nodeid.Identifier)
        if attr == AttributeIds.EventNotifier:
            return ua.DataValue(ua.Variant(1, ua.VariantType.Byte))
        if name.endswith(":range"):
            low, high = self.ranges[name.removesuffix(":range")]
            return ua.DataValue(ua.Variant(ua.Range(ua.Double(low), ua.Double(high))))
        unknown = ua.DataValue(StatusCode=status(StatusCodes.BadNodeIdUnknown))
        return self.values.get(name, unknown)

    def references(self, node_id: ua.NodeId) -> list[ua.ReferenceDescription] | None:
        name = str(node_id.Identifier)
        if name not in self.ranges:
            return []
        return [
            ua.ReferenceDescription(
                ReferenceTypeId=ua.NodeId(ua.Int32(ObjectIds.HasProperty)),
                IsForward=True,
                NodeId=ua.ExpandedNodeId(ua.String(f"{name}:range"), ua.Int16(2)),
                BrowseName=ua.QualifiedName("EURange", 0),
            )
        ]

    def machine_of(self, node_id: ua.NodeId) -> PrinterId | None:
        machine, slash, _ = str(node_id.Identifier).partition("/")
        return PrinterId(machine) if slash else None


@dataclass
class Timer:
    when: float
    callback: Callable[[], object]
    cancelled: bool = False

    def cancel(self) -> None:
        self.cancelled = True


class Clock:
    """A scheduler whose time passes when a test says so."""

    def __init__(self) -> None:
        self.now = 1000.0
        self.timers: list[Timer] = []

    def time(self) -> float:
        return self.now

    def call_at(self, when: float, callback: Callable[[], object], /) -> Timer:
        timer = Timer(when, callback)
        self.timers.append(timer)
        return timer

    def pass_(self, ms: float) -> None:
        until = self.now + ms / 1000 + 1e-9
        while True:
            self.timers = [timer for timer in self.timers if not timer.cancelled]
            due = [timer for timer in self.timers if timer.when <= until]
            if not due:
                break
            first = min(due, key=lambda timer: timer.when)
            self.timers.remove(first)
            self.now = max(self.now, first.when)
            first.callback()
        self.now = until


@dataclass(frozen=True)
class Message:
    """What a client decodes of a publish response; ``values`` are of the data changes."""

    number: int
    more: bool
    bodies: Sequence[Any]

    @property
    def data(self) -> list[tuple[int, ua.DataValue]]:
        return [
            (each.ClientHandle, each.Value)
            for body in self.bodies
            if isinstance(body, ua.DataChangeNotification)
            for each in body.MonitoredItems
        ]

    @property
    def values(self) -> list[Any]:
        return [value.Value.Value if value.Value else None for _, value in self.data]

    @property
    def codes(self) -> list[int]:
        return [value.StatusCode.value if value.StatusCode else 0 for _, value in self.data]

    @property
    def events(self) -> list[list[Any]]:
        return [
            [each.Value for each in event.EventFields]
            for body in self.bodies
            if isinstance(body, ua.EventNotificationList)
            for event in body.Events
        ]

    @property
    def statuses(self) -> list[int]:
        return [
            body.Status.value
            for body in self.bodies
            if isinstance(body, ua.StatusChangeNotification)
        ]


@dataclass
class AnyEvent:
    """A filter that lets everything pass, and selects the source's name."""

    status: ua.StatusCode = field(default_factory=ua.StatusCode)
    weight: int = 100
    result: ua.EventFilterResult = field(default_factory=ua.EventFilterResult)

    def admits(self, event: Event) -> bool:
        return event.severity > 0

    def fields(self, event: Event) -> list[ua.Variant]:
        return [ua.Variant(event.source_name)]


class Engine:
    """The engine, and a client with one session and one subscription."""

    def __init__(self, limits: Limits | None = None, space: MachineSpace | None = None) -> None:
        self.space = Space()
        self.clock = Clock()
        self.subscriptions = Subscriptions(
            space or self.space,
            limits or Limits(),
            compile_events=lambda _: AnyEvent(),
            scheduler=self.clock,
        )
        self.requests: deque[PublishRequestData] = deque()
        self.messages: list[Message] = []

    async def subscribe(
        self,
        *,
        session: ua.NodeId = SESSION,
        interval: float = CYCLE,
        lifetime: int = 100,
        keep_alive: int = 10,
        most: int = 0,
    ) -> Subscription:
        result = await self.subscriptions.create_subscription(
            ua.CreateSubscriptionParameters(
                ua.Double(interval), ua.UInt32(lifetime), ua.UInt32(keep_alive), ua.UInt32(most)
            ),
            self._answer,
            session,
            lambda _: self.requests.popleft() if self.requests else None,
        )
        return self.subscriptions.subscriptions[result.SubscriptionId]

    async def _answer(self, result: ua.PublishResult, _request: PublishRequestData) -> None:
        encoded = struct_to_binary(result)
        decoded = struct_from_binary(ua.PublishResult, Buffer(encoded))
        message = decoded.NotificationMessage
        self.messages.append(
            Message(message.SequenceNumber, decoded.MoreNotifications, message.NotificationData)
        )

    def request(self, count: int = 1) -> None:
        self.requests.extend(PublishRequestData() for _ in range(count))

    async def pass_(self, ms: float = CYCLE, *, asking: bool = True) -> list[Message]:
        """Let time pass; return the messages that came, when the client asks for any."""
        if asking:
            self.request(50)
        before = len(self.messages)
        self.clock.pass_(ms)
        for _ in range(2):  # what is to be sent is sent by a task that waits for nothing
            await asyncio.sleep(0)
        if asking:
            self.requests.clear()
        return self.messages[before:]

    async def create(
        self,
        subscription: Subscription,
        *requests: ua.MonitoredItemCreateRequest,
        timestamps: ua.TimestampsToReturn = ua.TimestampsToReturn.Both,
    ) -> list[ua.MonitoredItemCreateResult]:
        return await self.subscriptions.create_monitored_items(
            ua.CreateMonitoredItemsParameters(
                subscription.data.SubscriptionId, timestamps, list(requests)
            )
        )


def item(
    name: str,
    handle: int = 1,
    *,
    interval: float = -1.0,
    size: int = 1,
    discard_oldest: bool = True,
    wanted: object = None,
) -> ua.MonitoredItemCreateRequest:
    """Return a request for a node's value, with the filter that is ``wanted``."""
    return ua.MonitoredItemCreateRequest(
        ua.ReadValueId(node_id(name), ua.UInt32(AttributeIds.Value)),
        ua.MonitoringMode.Reporting,
        parameters(handle, interval, size, wanted, discard_oldest=discard_oldest),
    )


def parameters(
    handle: int, interval: float, size: int, wanted: object = None, *, discard_oldest: bool = True
) -> ua.MonitoringParameters:
    return ua.MonitoringParameters(
        ua.UInt32(handle), ua.Double(interval), wanted, ua.UInt32(size), discard_oldest
    )
