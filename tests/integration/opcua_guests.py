"""What asyncua's client sees of a running bridge: machines, values, notifications."""

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from asyncua import ua
from asyncua.client.client import Client
from asyncua.common.node import Node
from asyncua.ua.attribute_ids import AttributeIds
from asyncua.ua.object_ids import ObjectIds

from tests.integration.opcua_cores import until
from voxtrude.registration import Registration

DEADLINE = 20.0
MACHINES = "urn:voxtrude:machines"
MACHINERY = "http://opcfoundation.org/UA/Machinery/"
TOOL = "Monitoring/Process/tool0/AnalogSignal"
ITEM_STATE = "Monitoring/MachineTool/MachineryItemState/CurrentState"
WHITE = "Monitoring/Stacklight/White/SignalOn"
LEVEL = "ServiceLevel"


def named(value: ua.DataValue) -> str:
    """Return the name of a value's status code."""
    return str((value.StatusCode or ua.StatusCode()).name)


def content(value: ua.DataValue) -> Any:  # noqa: ANN401  (any value)
    """Return what a value is."""
    return value.Value.Value if value.Value else None


@dataclass
class Guest:
    """A session of asyncua's client."""

    client: Client
    index: int

    def id(self, one: Registration, path: str = "") -> ua.NodeId:
        text = f"{one.id}/{path}" if path else str(one.id)
        return ua.NodeId(ua.String(text), ua.Int16(self.index))

    def node(self, one: Registration, path: str = "") -> Node:
        return self.client.get_node(self.id(one, path))

    async def value(self, one: Registration, path: str) -> ua.DataValue:
        """Return a value, whatever its status."""
        return await self.node(one, path).read_data_value(raise_on_bad_status=False)

    async def holds(self, one: Registration, path: str, wanted: object) -> bool:
        """Tell whether a value is what it should be."""
        return bool(content(await self.value(one, path)) == wanted)

    async def status(self, one: Registration, path: str = "", attribute: int = 1) -> str:
        """Return the status of a read, by default of the node's own NodeId."""
        wanted = ua.ReadValueId(NodeId=self.id(one, path), AttributeId=AttributeIds(attribute))
        (answer,) = await self.client.uaclient.read(ua.ReadParameters(NodesToRead=[wanted]))
        return named(answer)

    async def folder(self) -> ua.NodeId:
        """Return the folder of machines."""
        index = await self.client.get_namespace_index(MACHINERY)
        return ua.NodeId(ua.Int32(1001), ua.Int16(index))

    async def machines(self) -> dict[str, str]:
        """Return the machines below Machines: names by printer's id."""
        folder = self.client.get_node(await self.folder())
        found = await folder.get_references(ObjectIds.Organizes)
        return {
            str(one.NodeId.Identifier): str(one.BrowseName.Name)
            for one in found
            if one.NodeId.NamespaceIndex == self.index
        }

    async def sees(self, one: Registration) -> None:
        """Wait until a machine can be browsed."""
        await self.until(lambda: self._is_there(one))

    async def misses(self, one: Registration) -> None:
        """Wait until a machine cannot be browsed."""

        async def gone() -> bool:
            return not await self._is_there(one)

        await self.until(gone)

    async def _is_there(self, one: Registration) -> bool:
        return one.id in await self.machines()

    async def until(self, condition: Callable[[], Any], seconds: float = DEADLINE) -> None:
        """Return once an asynchronous condition holds."""
        await eventually(condition, seconds)

    @asynccontextmanager
    async def panel(self, one: Registration) -> AsyncIterator["Panel"]:
        """Watch what tells whether a machine is there, until the block ends."""
        async with self.listening() as heard:
            nodes = {path: self.node(one, path) for path in (ITEM_STATE, WHITE, TOOL)}
            level = ua.NodeId(ua.Int32(ObjectIds.Server_ServiceLevel))
            nodes[LEVEL] = self.client.get_node(level)
            yield await Panel(heard, nodes).subscribe()

    @asynccontextmanager
    async def listening(self) -> AsyncIterator["Heard"]:
        """Make a subscription until the block ends."""
        heard = Heard()
        heard.subscription = await self.client.create_subscription(100, heard)
        try:
            yield heard
        finally:
            await heard.subscription.delete()


async def eventually(condition: Callable[[], Any], seconds: float = DEADLINE) -> None:
    """Return once an asynchronous condition holds."""
    end = datetime.now(UTC).timestamp() + seconds
    while not await condition():
        if datetime.now(UTC).timestamp() > end:
            raise TimeoutError(f"still not so after {seconds} s")


@dataclass
class Panel:
    """What a subscription shows of some nodes: their newest values."""

    heard: "Heard"
    nodes: dict[str, Node]

    async def subscribe(self) -> "Panel":
        for each in self.nodes.values():
            await self.heard.subscription.subscribe_data_change(each)
        return self

    def shows(self) -> dict[str, Any]:
        """Return the values; of one that is not good its status, and of states their name."""
        return {name: _shown(self.heard.of(each.nodeid)[-1:]) for name, each in self.nodes.items()}

    async def until(self, wanted: dict[str, Any], seconds: float = DEADLINE) -> None:
        """Return once it shows what is wanted."""
        try:
            await self.heard.until(lambda: self.shows() == wanted, seconds)
        except TimeoutError:
            raise TimeoutError(f"it shows {self.shows()}, not {wanted}") from None


def _shown(newest: Sequence[ua.DataValue]) -> Any:  # noqa: ANN401  (any value)
    for value in newest:
        if named(value) != "Good":
            return named(value)
        told = content(value)
        return told.Text if isinstance(told, ua.LocalizedText) else told
    return None


@dataclass
class Heard:
    """What one subscription was told."""

    values: list[tuple[ua.NodeId, ua.DataValue]] = field(default_factory=list)
    events: list[Any] = field(default_factory=list)
    states: list[Any] = field(default_factory=list)
    subscription: Any = None

    def datachange_notification(self, node: Node, _value: object, data: Any) -> None:  # noqa: ANN401  (asyncua's)
        self.values.append((node.nodeid, data.monitored_item.Value))

    def event_notification(self, event: Any) -> None:  # noqa: ANN401  (asyncua's)
        self.events.append(event)

    def status_change_notification(self, status: Any) -> None:  # noqa: ANN401  (asyncua's)
        self.states.append(status)

    def of(self, wanted: ua.NodeId) -> list[ua.DataValue]:
        """Return the values of one node."""
        return [value for node_id, value in self.values if node_id == wanted]

    def codes(self, wanted: ua.NodeId) -> list[str]:
        """Return the names of the status codes that one node had."""
        return [named(value) for value in self.of(wanted)]

    async def until(self, condition: Callable[[], object], seconds: float = DEADLINE) -> None:
        """Return once a condition of what was told holds."""
        await until(condition, seconds)
