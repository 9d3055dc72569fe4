"""Virtual nodes as asyncua's own client sees them through asyncua's own services."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass

import pytest
import pytest_asyncio
from asyncua import ua
from asyncua.client.client import Client
from asyncua.common.node import Node
from asyncua.common.subscription import DataChangeNotif
from asyncua.crypto.permission_rules import User, UserRole
from asyncua.server.address_space import AttributeService, NodeManagementService
from asyncua.server.internal_server import InternalServer
from asyncua.server.internal_session import InternalSession
from asyncua.server.server import Server
from asyncua.server.subscription_service import SubscriptionService
from asyncua.ua.object_ids import ObjectIds

from services.opcua_bridge.addressspace.methods import Methods
from services.opcua_bridge.addressspace.space import Answer, MachineSpace
from services.opcua_bridge.addressspace.views import Views
from services.opcua_bridge.limits import Limits
from tests.integration.servers import free_port
from tests.opcua_machines import NODES, OURS, A, B, ours, plan, value
from voxtrude.printer import PrinterId

# Making a server takes seconds: one for all.
pytestmark = [pytest.mark.integration, pytest.mark.asyncio(loop_scope="module")]

MACHINES = ours("Machines")
C = PrinterId("prn-c")
PATIENCE = 10.0


class Core(InternalServer):
    """asyncua's, with machines in its address space."""

    def __init__(self) -> None:
        super().__init__()
        self.method_service.stop()
        self.aspace = self.space = MachineSpace()
        self.attribute_service = AttributeService(self.space)
        self.view_service = views = Views(self.space, Limits())
        self.method_service = Methods(self.space, views, Limits())
        self.node_mgt_service = NodeManagementService(self.space)
        self.subscription_service = SubscriptionService(self.space, self)
        self.isession = InternalSession(
            self, self.space, self.subscription_service, "Internal", User(UserRole.Admin)
        )
        self.current_time_node = Node(
            self.isession, ua.NodeId(ua.Int32(ObjectIds.Server_ServerStatus_CurrentTime))
        )
        self.server_status_node = Node(
            self.isession, ua.NodeId(ua.Int32(ObjectIds.Server_ServerStatus))
        )


@dataclass
class Plant:
    """A server with two machines, and a client of it."""

    space: MachineSpace
    client: Client

    def node(self, path: str = "") -> Node:
        return self.client.get_node(self.space.node_id(A, path))


class Changes:
    """What a subscription tells."""

    def __init__(self) -> None:
        self.told: asyncio.Queue[object] = asyncio.Queue()

    def datachange_notification(self, _node: Node, new: object, _data: DataChangeNotif) -> None:
        self.told.put_nowait(new)


def echo(machine: PrinterId, arguments: Sequence[ua.Variant]) -> Answer:
    return Answer((ua.Variant(f"{machine} {arguments[0].Value}", ua.VariantType.String),))


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def plant() -> AsyncIterator[Plant]:
    core = Core()
    server = Server(iserver=core)
    await server.init()
    server.set_endpoint(f"opc.tcp://127.0.0.1:{free_port()}")
    server.set_security_policy([ua.SecurityPolicyType.NoSecurity])
    await server.nodes.objects.add_folder(MACHINES, ua.QualifiedName("Machines", OURS))
    space = core.space
    space.furnish(MACHINES, OURS)
    space.set_method("Jobs/Ask", echo)
    space.add(A, "Prusa", plan(), {"Bed/Actual": value(60.0)})
    space.add(B, "Voron", plan(), {})
    async with server, Client(server.endpoint.geturl()) as client:
        yield Plant(space, client)


async def test_a_client_finds_the_machines_and_all_their_nodes(plant: Plant) -> None:
    machines = plant.client.get_node(MACHINES)
    found = await machines.get_children(ObjectIds.Organizes)
    assert [(await one.read_display_name()).Text for one in found] == ["Prusa", "Voron"]
    seen, waiting = set(), [found[0]]
    while waiting:
        node = waiting.pop()
        seen.add(node.nodeid)
        waiting += await node.get_children()
    assert seen == {plant.space.node_id(A, one.path) for one in NODES}
    assert (await plant.node("Bed").get_parent()) == found[0]
    assert (await plant.node("Bed/Tag").read_type_definition()) == ua.NodeId(ua.Int32(68))


async def test_a_client_reads_by_name(plant: Plant) -> None:
    actual = await plant.client.get_node(MACHINES).get_child(["1:Prusa", "1:Bed", "1:Actual"])
    assert actual == plant.node("Bed/Actual")
    assert await actual.read_value() == 60.0
    assert await actual.read_data_type_as_variant_type() is ua.VariantType.Double
    assert await plant.node("Jobs/Names").read_value() == ["a", "b", "c"]
    with pytest.raises(ua.uaerrors.BadWaitingForInitialData):
        await plant.node("Bed/Target").read_value()
    with pytest.raises(ua.uaerrors.BadNodeIdUnknown):
        await plant.node("Nothing").read_display_name()


async def test_a_client_calls_a_machine(plant: Plant) -> None:
    jobs = plant.node("Jobs")
    assert await jobs.call_method("1:Ask", "job-1", 0.5) == "prn-a job-1"
    with pytest.raises(ua.uaerrors.BadArgumentsMissing):
        await jobs.call_method("1:Ask", "job-1")


async def test_a_client_is_told_of_changes(plant: Plant) -> None:
    changes = Changes()
    subscription = await plant.client.create_subscription(20, changes)
    await subscription.subscribe_data_change(plant.node("Bed/Actual"))
    assert await asyncio.wait_for(changes.told.get(), PATIENCE) == 60.0
    plant.space.write(A, {"Bed/Actual": value(61.0)})
    assert await asyncio.wait_for(changes.told.get(), PATIENCE) == 61.0
    await subscription.delete()


async def test_a_client_sees_a_machine_come_and_go(plant: Plant) -> None:
    machines = plant.client.get_node(MACHINES)
    name = plant.client.get_node(plant.space.node_id(C, "Bed/Tag"))
    with pytest.raises(ua.uaerrors.BadNodeIdUnknown):
        await name.read_value()
    plant.space.add(C, "Bambu", plan(), {})
    bed = await name.get_parent()
    assert bed is not None
    assert name in await bed.get_children()
    assert len(await machines.get_children(ObjectIds.Organizes)) == 3
    plant.space.remove(C)
    assert len(await machines.get_children(ObjectIds.Organizes)) == 2
    with pytest.raises(ua.uaerrors.BadNodeIdUnknown):
        await name.read_value()
