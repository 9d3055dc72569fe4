"""The subscription engine over the address space of machines."""

import pytest
from asyncua import ua
from asyncua.ua.attribute_ids import AttributeIds
from asyncua.ua.status_codes import StatusCodes

from services.opcua_bridge.addressspace.space import MachineSpace
from tests.opcua_engine import Engine, item
from tests.opcua_machines import A, B, furnished, plan, value
from voxtrude.printer import PrinterId

NONE = PrinterId("prn-none")


@pytest.fixture
def space() -> MachineSpace:
    space = furnished()
    for machine in (A, B):
        space.add(machine, machine, plan(), {"Bed/Actual": value(20.0)})
    return space


def of(space: MachineSpace, machine: PrinterId, path: str) -> ua.MonitoredItemCreateRequest:
    request = item("")
    request.ItemToMonitor.NodeId = space.node_id(machine, path)
    return request


async def test_a_machine_goes_and_comes_back(space: MachineSpace) -> None:
    engine = Engine(space=space)
    subscription = await engine.subscribe()
    (result,) = await engine.create(subscription, of(space, A, "Bed/Actual"))
    assert result.StatusCode.is_good()
    told = []
    for step in (
        lambda: None,
        lambda: space.write(A, {"Bed/Actual": value(21.0)}),
        lambda: space.write(B, {"Bed/Actual": value(99.0)}),
        lambda: space.remove(A),
        lambda: space.remove(B),
        lambda: space.add(A, A, plan(), {"Bed/Actual": value(22.0)}),
    ):
        step()
        for message in await engine.pass_():
            told += [(*message.values, *message.codes)]
    assert told == [
        (20.0, 0),
        (21.0, 0),
        (None, StatusCodes.BadNodeIdUnknown),
        (22.0, 0),
    ]


async def test_all_attributes_of_a_machine_can_be_monitored(space: MachineSpace) -> None:
    engine = Engine(space=space)
    subscription = await engine.subscribe()
    request = of(space, A, "")
    request.ItemToMonitor.AttributeId = ua.UInt32(AttributeIds.DisplayName)
    await engine.create(subscription, request)
    (message,) = await engine.pass_()
    space.change(A, name="another name")
    (renamed,) = await engine.pass_()
    assert message.values == [ua.LocalizedText(A)]
    assert renamed.values == [ua.LocalizedText("another name")]


async def test_a_machine_that_the_session_may_not_see_is_none(space: MachineSpace) -> None:
    engine = Engine(space=space)
    subscription = await engine.subscribe()
    subscription.admits = lambda machine: machine == A
    results = await engine.create(
        subscription, *(of(space, machine, "Bed/Actual") for machine in (A, B, NONE))
    )
    assert [result.StatusCode.value for result in results] == [
        StatusCodes.Good,
        StatusCodes.BadNodeIdUnknown,
        StatusCodes.BadNodeIdUnknown,
    ]


async def test_nobody_watches_for_a_deleted_subscription(space: MachineSpace) -> None:
    engine = Engine(space=space)
    subscription = await engine.subscribe()
    await engine.create(subscription, *[of(space, A, "Bed/Actual")] * 100)
    space.remove(A)
    number = subscription.data.SubscriptionId
    await engine.subscriptions.delete_subscriptions([number])
    assert not space._watched  # noqa: SLF001 - there is no other way to see it
    assert not space._watchers.get(A)  # noqa: SLF001


async def test_who_may_see_a_machine_no_longer_is_told_that_it_went_and_no_more(
    space: MachineSpace,
) -> None:
    allowed = {A, B}
    engine = Engine(space=space)
    subscription = await engine.subscribe()
    subscription.admits = allowed.__contains__
    await engine.create(subscription, of(space, A, "Bed/Actual"), of(space, B, "Bed/Actual"))
    await engine.pass_()

    def come(actual: float) -> None:
        engine.subscriptions.review(A)
        space.add(A, A, plan(), {"Bed/Actual": value(actual)})
        engine.subscriptions.review(A)

    told = []
    for step in (
        lambda: space.remove(A),
        lambda: allowed.discard(A),
        lambda: come(21.0),
        lambda: space.write(A, {"Bed/Actual": value(22.0)}),
        lambda: space.remove(A),
        lambda: allowed.add(A),
        lambda: come(23.0),
        lambda: space.write(A, {"Bed/Actual": value(24.0)}),
    ):
        step()
        for message in await engine.pass_():
            told += [(*message.values, *message.codes)]
    assert told == [(None, StatusCodes.BadNodeIdUnknown), (23.0, 0), (24.0, 0)]
