"""The OPC UA bridge as its operator runs it: a real process at a real broker, and its clients.

Printers are told of as ingest tells of them: by retained states.
"""

import json
import os
import subprocess
import sys
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from asyncua import ua
from asyncua.client.client import Client
from asyncua.common.node import Node
from asyncua.ua.attribute_ids import AttributeIds
from asyncua.ua.object_ids import ObjectIds

from tests.integration.brokers import Raw, Site, site
from tests.integration.opcua_clients import Login
from tests.integration.opcua_cores import until
from tests.integration.servers import Server, free_port, wait_until
from tests.opcua_printers import REGISTRATION, document
from voxtrude import presence
from voxtrude.dynsec import BRIDGE, INGEST
from voxtrude.notices import Condition, EventDocument
from voxtrude.opcua import access
from voxtrude.opcua.check.client import Access, connected
from voxtrude.opcua.identity import Identity
from voxtrude.opcua.settings import Opcua
from voxtrude.opcua.users import Users
from voxtrude.printer import PrinterState
from voxtrude.process import utc_now
from voxtrude.registration import Registration, new_printer_id
from voxtrude.topics import events_topic, service_topic, state_topic

DEADLINE = 20.0
USER, PASSWORD = "mes", "correct horse battery"
MACHINES = "urn:voxtrude:machines"
MACHINERY = "http://opcfoundation.org/UA/Machinery/"
TOOL = "Monitoring/Process/tool0/AnalogSignal"
ITEM_STATE = "Monitoring/MachineTool/MachineryItemState/CurrentState"
WHITE = "Monitoring/Stacklight/White/SignalOn"
LEVEL = "ServiceLevel"

Facts = Any
"""A field of a registration."""


def machine(name: str = "a machine", **facts: Facts) -> Registration:
    """Register a printer that no other test has."""
    identity = new_printer_id()
    made = replace(REGISTRATION, id=identity, name=name, base_topic=f"octoPrint/{identity}/")
    return replace(made, **facts)


def node(one: Registration, path: str = "") -> str:
    """Return the NodeId of a machine, or of a node below it, for node-opcua."""
    return f"nsu={MACHINES};s={one.id}/{path}" if path else f"nsu={MACHINES};s={one.id}"


def entry(environment: dict[str, str] | None = None) -> dict[str, str]:
    """Return an environment with no settings but these."""
    bare = {k: v for k, v in os.environ.items() if not k.startswith("VOXTRUDE_")}
    return bare | (environment or {})


def named(value: ua.DataValue) -> str:
    """Return the name of a value's status code."""
    return str((value.StatusCode or ua.StatusCode()).name)


def content(value: ua.DataValue) -> Any:  # noqa: ANN401  (any value)
    """Return what a value is."""
    return value.Value.Value if value.Value else None


@dataclass
class Floor:
    """A broker, and ingest's account on it, by which a test tells of printers."""

    site: Site
    folder: Path
    broker: Server
    ingest: Raw

    @contextmanager
    def revived(self) -> Iterator["Floor"]:
        """Run the broker again after it was stopped, until the block ends."""
        with self.site.run() as broker, _ingest(self.site) as ingest:
            yield replace(self, broker=broker, ingest=ingest)

    def put(self, one: Registration, state: PrinterState) -> None:
        """Tell a printer's state, as it is kept for those that come."""
        told = document(state, one).model_dump_json()
        assert self.ingest.publish(state_topic(one.id), told.encode(), retain=True)

    def send(self, one: Registration, state: PrinterState) -> None:
        """Tell a state, and do not wait until the broker has it."""
        self.ingest.send(state_topic(one.id), document(state, one).model_dump_json().encode())

    def remove(self, one: Registration) -> None:
        """Tell that there is no such printer."""
        assert self.ingest.publish(state_topic(one.id), b"", retain=True)

    def happen(self, event: EventDocument, one: Registration) -> None:
        """Tell an event."""
        assert self.ingest.publish(events_topic(one.id), event.model_dump_json().encode())

    def is_(self, condition: Condition) -> None:
        """Tell how ingest is."""
        told = presence.document(INGEST, condition, datetime.now(UTC))
        assert self.ingest.publish(service_topic(INGEST), told, retain=True)

    @contextmanager
    def bridge(self, extra: dict[str, object] | None = None) -> Iterator["Bridge"]:
        """Run a bridge until the block ends."""
        with running_bridge(self.site, self.folder, extra) as found:
            yield found


def bridge_environment(
    place: Site, data: Path, extra: dict[str, object] | None = None
) -> dict[str, str]:
    """Return what a bridge is told; ``extra`` are settings without their common prefix."""
    username, secret = place.service(BRIDGE)
    told: dict[str, object] = {
        "MQTT_PORT": place.settings.port,
        "MQTT_USERNAME": username,
        "MQTT_PASSWORD": secret,
        "OPCUA_PORT": free_port(),
        "OPCUA_DATA": data,
        "LOG_FORMAT": "json",
    }
    return entry({f"VOXTRUDE_{k}": str(v) for k, v in (told | (extra or {})).items()})


def start(environment: dict[str, str], log: Path) -> "subprocess.Popen[bytes]":
    """Start a bridge."""
    with log.open("ab") as output:
        return subprocess.Popen(
            [sys.executable, "-m", "services.opcua_bridge"],
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
        )


def _ingest(place: Site) -> Raw:
    return Raw(place.settings.port, place.service(INGEST))


@contextmanager
def running_floor(folder: Path) -> Iterator[Floor]:
    """Run a broker with a running ingest until the block ends."""
    place = site("native", folder / "data")
    place.render()
    with place.run() as broker, _ingest(place) as ingest:
        made = Floor(place, folder, broker, ingest)
        made.is_(Condition.RUNNING)
        yield made


@contextmanager
def running_bridge(
    place: Site, folder: Path, extra: dict[str, object] | None = None
) -> Iterator["Bridge"]:
    """Run a bridge until the block ends; entered once it serves what the broker keeps.

    There is a user, and a client whose certificate is trusted.
    """
    settings = Opcua(data=folder / "opcua")
    if USER not in Users(settings.users):
        Users(settings.users).add(USER, password=PASSWORD)
    environment = bridge_environment(place, settings.data, extra)
    log = folder / "bridge.log"
    process = start(environment, log)
    made = Bridge(process, log, settings, int(environment["VOXTRUDE_OPCUA_PORT"]))
    try:
        wait_until(lambda: made.count("serving") or process.poll() is not None, DEADLINE)
        assert process.poll() is None, f"the bridge ended:\n{made.said}"
        yield made
    finally:
        if process.poll() is None:
            made.stop()
        assert "Traceback" not in made.said, made.said


@dataclass
class Bridge(Server):
    """A running bridge, and what a client needs."""

    settings: Opcua
    port: int

    @property
    def url(self) -> str:
        return self.at(self.port)

    @staticmethod
    def at(port: int) -> str:
        return f"opc.tcp://127.0.0.1:{port}"

    @property
    def client(self) -> Identity:
        """Our client, which is trusted."""
        return access.client(self.settings, utc_now())

    @property
    def login(self) -> Login:
        """How node-opcua comes in."""
        ours = self.client
        return Login(
            username=USER,
            password=PASSWORD,
            certificate=ours.certificate_path,
            key=ours.key_path,
            uri=ours.uri,
        )

    def access(self, username: str = USER, password: str = PASSWORD) -> Access:
        """Return how asyncua's client comes in."""
        ours = self.client
        return Access(
            username=username,
            password=password,
            certificate=ours.certificate_path,
            key=ours.key_path,
        )

    @asynccontextmanager
    async def connected(self, port: int | None = None) -> AsyncIterator["Guest"]:
        """Connect asyncua's client until the block ends."""
        async with connected(self.at(port or self.port), self.access()) as connection:
            index = await connection.client.get_namespace_index(MACHINES)
            yield Guest(connection.client, index)

    def lines(self) -> list[dict[str, Any]]:
        """Return what it logged; every line must be JSON."""
        return [json.loads(line) for line in self.said.splitlines()]

    def count(self, event: str) -> int:
        """Return how often something was logged."""
        return self.said.count(f'"event": "{event}"')


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
