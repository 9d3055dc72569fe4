"""Our subscription engine in a real asyncua server, asked by a real asyncua client."""

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field

import pytest
import pytest_asyncio
from asyncua import ua
from asyncua.client.client import Client
from asyncua.common.node import Node
from asyncua.common.subscription import DataChangeNotif
from asyncua.crypto.permission_rules import User, UserRole
from asyncua.server.address_space import (
    AttributeService,
    MethodService,
    NodeManagementService,
    ViewService,
)
from asyncua.server.internal_server import InternalServer
from asyncua.server.internal_session import InternalSession
from asyncua.server.server import Server
from asyncua.server.uaprocessor import PublishRequestData
from asyncua.ua.attribute_ids import AttributeIds
from asyncua.ua.status_codes import StatusCodes
from asyncua.ua.uaerrors import UaStatusCodeError

from services.opcua_bridge.addressspace.space import MachineSpace
from services.opcua_bridge.limits import Limits
from services.opcua_bridge.subscriptions.service import Subscriptions
from services.opcua_bridge.values import status
from tests.integration.servers import free_port

pytestmark = pytest.mark.asyncio(loop_scope="module")

PATIENCE = 10.0  # seconds
LIMITS = Limits(shortest_publishing=20.0, items_each=2_000, items_per_call=1_500)


class Core(InternalServer):
    """asyncua's internal server with our address space and our engine."""

    def __init__(self) -> None:
        super().__init__()
        self.space = self.aspace = MachineSpace()
        self.attribute_service = AttributeService(self.space)
        self.view_service = ViewService(self.space)
        self.method_service = MethodService(self.space)
        self.node_mgt_service = NodeManagementService(self.space)
        self.engine = self.subscription_service = Subscriptions(self.space, LIMITS)
        self.isession = InternalSession(
            self, self.space, self.engine, "Internal", user=User(role=UserRole.Admin)
        )


@dataclass
class Served:
    core: Core
    url: str
    nodes: list[Node]

    async def write(self, value: object, node: int = 0) -> None:
        written = await self.core.space.write_attribute_value(
            self.nodes[node].nodeid,
            AttributeIds.Value,
            ua.DataValue(ua.Variant(value, ua.VariantType.Double)),
        )
        written.check()


@dataclass
class Heard:
    """What a client's subscription is told."""

    values: list[object] = field(default_factory=list)
    data: list[ua.DataValue] = field(default_factory=list)
    statuses: list[ua.StatusChangeNotification] = field(default_factory=list)
    news: asyncio.Event = field(default_factory=asyncio.Event)

    def datachange_notification(self, _node: Node, value: object, data: DataChangeNotif) -> None:
        self.values.append(value)
        self.data.append(data.monitored_item.Value)
        self.news.set()

    def status_change_notification(self, status: ua.StatusChangeNotification) -> None:
        self.statuses.append(status)
        self.news.set()

    async def until(self, condition: Callable[["Heard"], object]) -> None:
        async with asyncio.timeout(PATIENCE):
            while not condition(self):
                self.news.clear()
                await self.news.wait()


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def served() -> AsyncIterator[Served]:
    core = Core()
    server = Server(iserver=core)
    await server.init()
    url = f"opc.tcp://127.0.0.1:{free_port()}"
    server.set_endpoint(url)
    index = await server.register_namespace("urn:test")
    nodes = [
        await server.nodes.objects.add_variable(
            ua.NodeId(ua.String(f"v{number}"), ua.Int16(index)),
            f"v{number}",
            0.0,
            ua.VariantType.Double,
        )
        for number in range(3)
    ]
    async with server:
        yield Served(core, url, nodes)
    assert core.engine.items == 0


@pytest_asyncio.fixture(loop_scope="module")
async def client(served: Served) -> AsyncIterator[Client]:
    async with Client(served.url) as client:
        yield client
    assert not served.core.engine.subscriptions


async def test_a_client_hears_the_first_value_and_each_change(
    served: Served, client: Client
) -> None:
    heard = Heard()
    subscription = await client.create_subscription(20, heard)
    await subscription.subscribe_data_change(client.get_node(served.nodes[0].nodeid))
    await heard.until(lambda heard: heard.values == [0.0])
    await served.write(1.5)
    await heard.until(lambda heard: heard.values == [0.0, 1.5])
    assert heard.data[-1].ServerTimestamp is not None


async def test_a_slow_drift_passes_the_deadband_once_it_is_far_enough(
    served: Served, client: Client
) -> None:
    heard = Heard()
    subscription = await client.create_subscription(20, heard)
    await served.write(0.0)
    await subscription.deadband_monitor(
        client.get_node(served.nodes[0].nodeid), ua.Double(1.0), queuesize=50
    )
    await heard.until(lambda heard: heard.values)
    for step in range(1, 26):
        await served.write(step / 10)
        await asyncio.sleep(0)
    await served.write(100.0)
    await heard.until(lambda heard: heard.values[-1] == 100.0)
    assert heard.values == [0.0, pytest.approx(1.1), pytest.approx(2.2), 100.0]


async def test_a_node_that_vanishes_is_told(served: Served, client: Client) -> None:
    node = await served.nodes[0].add_variable(
        ua.NodeId(ua.String("gone"), served.nodes[0].nodeid.NamespaceIndex), "gone", 1.0
    )
    heard = Heard()
    subscription = await client.create_subscription(20, heard)
    await subscription.subscribe_data_change(client.get_node(node.nodeid))
    await heard.until(lambda heard: heard.values == [1.0])
    await node.delete()
    await heard.until(lambda heard: len(heard.data) == 2)
    assert heard.data[-1].StatusCode == status(StatusCodes.BadNodeIdUnknown)


async def test_one_value_of_the_wrong_kind_stops_no_other(served: Served, client: Client) -> None:
    heard = Heard()
    subscription = await client.create_subscription(20, heard)
    await subscription.subscribe_data_change([client.get_node(n.nodeid) for n in served.nodes])
    await heard.until(lambda heard: len(heard.values) == 3)
    await served.write("no number")
    await served.write(7.0, 1)
    await heard.until(lambda heard: 7.0 in heard.values)
    codes = {each.StatusCode.value for each in heard.data if each.StatusCode}
    assert codes == {StatusCodes.Good, StatusCodes.BadEncodingError}
    await served.write(0.0)


async def test_a_message_is_there_until_it_is_acknowledged(served: Served, client: Client) -> None:
    heard = Heard()
    subscription = await client.create_subscription(20, heard)
    number = subscription.subscription_id or 0
    engine = served.core.engine.subscriptions[number]
    answer, sent = engine.pub_result_callback, asyncio.Event()

    async def lose(_result: ua.PublishResult, request: PublishRequestData) -> None:
        engine.pub_result_callback = answer
        await answer(ua.PublishResult(number, MoreNotifications=False), request)
        sent.set()

    engine.pub_result_callback = lose
    await subscription.subscribe_data_change(client.get_node(served.nodes[0].nodeid))
    await asyncio.wait_for(sent.wait(), PATIENCE)
    for _ in range(2):
        message = await client.uaclient.session.republish(number, 1)
        (body,) = message.NotificationData
        assert body.MonitoredItems[0].Value.Value.Value == 0.0
    acknowledgement = ua.SubscriptionAcknowledgement(number, 1)
    _, results = served.core.engine.publish([acknowledgement, acknowledgement])
    assert [result.value for result in results] == [
        StatusCodes.Good,
        StatusCodes.BadSequenceNumberUnknown,
    ]
    with pytest.raises(UaStatusCodeError) as refused:
        await client.uaclient.session.republish(number, 1)
    assert refused.value.code == StatusCodes.BadMessageNotAvailable


async def test_an_expired_subscription_says_so(served: Served, client: Client) -> None:
    heard = Heard()
    asked = ua.CreateSubscriptionParameters(20, 3, 1)
    subscription = await client.create_subscription(asked, heard)
    await subscription.subscribe_data_change(client.get_node(served.nodes[0].nodeid))
    await heard.until(lambda heard: heard.values)
    engine = served.core.engine.subscriptions[subscription.subscription_id or 0]
    ask = engine.pub_request_callback
    expired = asyncio.Event()

    def no_request(_subscription: int) -> None:
        if engine.expired:
            expired.set()

    engine.pub_request_callback = no_request
    await asyncio.wait_for(expired.wait(), PATIENCE)
    assert served.core.engine.items == 0
    engine.pub_request_callback = ask
    await heard.until(lambda heard: heard.statuses)
    assert heard.statuses[0].Status == status(StatusCodes.BadTimeout)
    assert not served.core.engine.subscriptions


async def test_more_items_than_one_call_may_have(served: Served, client: Client) -> None:
    subscription = await client.create_subscription(20, Heard())
    node = client.get_node(served.nodes[0].nodeid)
    with pytest.raises(UaStatusCodeError) as refused:
        await subscription.subscribe_data_change([node] * 1_501)
    assert refused.value.code == StatusCodes.BadTooManyOperations


async def test_more_items_than_a_subscription_may_have(served: Served, client: Client) -> None:
    subscription = await client.create_subscription(20, Heard())
    node = client.get_node(served.nodes[0].nodeid)
    answers = [
        answer
        for _ in range(2)
        for answer in await subscription.subscribe_data_change([node] * 1_200)
    ]
    refused = [answer for answer in answers if isinstance(answer, ua.StatusCode)]
    assert refused == [status(StatusCodes.BadTooManyMonitoredItems)] * 400
    assert served.core.engine.items == 2_000
