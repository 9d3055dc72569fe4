"""Who may see a machine, as that changes: the bridge in this process, its sessions, and no wire."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, field, replace
from typing import Any

import pytest
import pytest_asyncio
from asyncua import ua
from asyncua.common.utils import Buffer
from asyncua.server.uaprocessor import PublishRequestData
from asyncua.ua.attribute_ids import AttributeIds
from asyncua.ua.object_ids import ObjectIds
from asyncua.ua.status_codes import StatusCodes
from asyncua.ua.ua_binary import struct_from_binary, struct_to_binary

from services.opcua_bridge.server import Bridge, opened
from services.opcua_bridge.settings import BridgeSettings
from services.opcua_bridge.stack.endpoints import Endpoint
from services.opcua_bridge.stack.sessions import Session
from tests.integration.opcua_bridges import machine
from tests.integration.opcua_cores import until
from tests.opcua_printers import document, printer
from voxtrude.feed import News
from voxtrude.opcua.scope import Scope
from voxtrude.opcua.settings import Opcua
from voxtrude.printer import PrinterId, Status
from voxtrude.registration import Factory, Registration

pytestmark = [pytest.mark.integration, pytest.mark.asyncio(loop_scope="module")]

NAME = "Identification/ComponentName"
IDLE = printer(Status.IDLE)


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def bridge(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Bridge]:
    data = tmp_path_factory.mktemp("scopes") / "opcua"
    async with opened(BridgeSettings(opcua=Opcua(data=data))) as found:
        yield found


async def put(bridge: Bridge, *machines: Registration) -> None:
    states = {PrinterId(one.id): document(IDLE, one) for one in machines}
    await bridge.machines.use(News(states=dict(states)))


@dataclass
class Listener:
    """A session that has subscribed to the name of a machine; ``told`` is what came."""

    session: Session
    told: list[Any] = field(default_factory=list)

    @classmethod
    async def of(cls, bridge: Bridge, scope: Scope, one: Registration) -> "Listener":
        session = Session(bridge.core, Endpoint("", 0, bridge.machines.admission(scope)), "")
        session.begin(60_000)
        made = cls(session)
        subscription = await session.create_subscription(
            ua.CreateSubscriptionParameters(ua.Double(100), ua.UInt32(1000), ua.UInt32(100)),
            made._answer,
            lambda _: PublishRequestData(),
        )
        node_id = bridge.core.space.node_id(PrinterId(one.id), NAME)
        wanted = ua.ReadValueId(node_id, ua.UInt32(AttributeIds.Value))
        parameters = ua.MonitoringParameters(SamplingInterval=ua.Double(0), QueueSize=ua.UInt32(10))
        request = ua.MonitoredItemCreateRequest(wanted, RequestedParameters=parameters)
        request.MonitoringMode = ua.MonitoringMode.Reporting
        await session.create_monitored_items(
            ua.CreateMonitoredItemsParameters(
                subscription.SubscriptionId, ua.TimestampsToReturn.Both, [request]
            )
        )
        return made

    async def _answer(self, result: ua.PublishResult, _request: PublishRequestData) -> None:
        decoded = struct_from_binary(ua.PublishResult, Buffer(struct_to_binary(result)))
        for body in decoded.NotificationMessage.NotificationData:
            for each in body.MonitoredItems:
                value = each.Value
                good = value.StatusCode.is_good()
                self.told.append(value.Value.Value.Text if good else value.StatusCode.value)


async def test_a_machine_that_moves_is_gone_for_the_one_mes_and_there_for_the_other(
    bridge: Bridge,
) -> None:
    one = machine("first", factory=Factory(mes_ids=(1,)))
    await put(bridge, one)
    all_, theirs = [await Listener.of(bridge, scope, one) for scope in (Scope(), Scope(mes_id=1))]
    for name, mes in (("moved", 2), ("renamed", 2), ("back", 1), ("last", 1)):
        await until(lambda: bool(all_.told) and all_.told[-1] != name)  # noqa: B023  (awaited here)
        await put(bridge, replace(one, name=name, factory=Factory(mes_ids=(mes,))))
        await until(lambda: all_.told[-1] == name)  # noqa: B023  (the same)
    await until(lambda: theirs.told[-1] == "last")
    assert theirs.told == ["first", StatusCodes.BadNodeIdUnknown, "back", "last"]
    for listener in (all_, theirs):
        listener.session.end()


async def test_others_have_their_turn_while_many_machines_go(bridge: Bridge) -> None:
    await put(bridge, *(machine() for _ in range(100)))
    counts: list[int] = []

    async def look() -> None:
        while bridge.machines.count:
            counts.append(bridge.machines.count)
            await asyncio.sleep(0)

    bridge.machines.begin()
    looking = asyncio.create_task(look())
    await asyncio.sleep(0)
    await bridge.machines.use(News(complete=True))
    await looking
    assert len(set(counts)) > 2  # not all at once


async def test_the_service_level_is_low_while_nobody_tells_of_printers(bridge: Bridge) -> None:
    level = bridge.core.space.read_attribute_value(
        ua.NodeId(ua.Int32(ObjectIds.Server_ServiceLevel)), AttributeIds.Value
    )
    assert level.Value is not None
    assert level.Value.Value == 1
