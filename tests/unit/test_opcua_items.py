import asyncio
from collections.abc import Callable
from dataclasses import replace

import pytest
from asyncua import ua
from asyncua.common.utils import ServiceError
from asyncua.ua.attribute_ids import AttributeIds
from asyncua.ua.status_codes import StatusCodes

from services.opcua_bridge.events.event import Event
from services.opcua_bridge.limits import Limits
from services.opcua_bridge.subscriptions.subscription import Subscription
from services.opcua_bridge.values import SharedValue
from tests.opcua_engine import NOW, Engine, double, item, node_id, parameters
from voxtrude.printer import PrinterId


@pytest.fixture
def engine() -> Engine:
    engine = Engine(Limits(items_per_call=600, queue=5))
    engine.space.values["node"] = double(0.0)
    return engine


def listening(
    name: str, *, size: int = 1, discard_oldest: bool = True
) -> ua.MonitoredItemCreateRequest:
    request = item(name, wanted=ua.EventFilter(), size=size, discard_oldest=discard_oldest)
    request.ItemToMonitor.AttributeId = ua.UInt32(AttributeIds.EventNotifier)
    return request


def event(name: str, machine: str | None = None, severity: int = 1) -> Event:
    return Event(
        id=b"",
        type=ua.NodeId(),
        machine=None if machine is None else PrinterId(machine),
        source=ua.NodeId(),
        source_name=name,
        at=NOW,
        received_at=NOW,
        message="",
        severity=severity,
    )


def modification(
    subscription: Subscription,
    result: ua.MonitoredItemCreateResult,
    asked: ua.MonitoringParameters,
    timestamps: ua.TimestampsToReturn = ua.TimestampsToReturn.Both,
) -> ua.ModifyMonitoredItemsParameters:
    request = ua.MonitoredItemModifyRequest(result.MonitoredItemId, asked)
    return ua.ModifyMonitoredItemsParameters(
        subscription.data.SubscriptionId, timestamps, [request]
    )


@pytest.mark.parametrize(("asked", "revised"), [(0, 1), (1, 1), (3, 3), (1_000, 5)])
async def test_queue_sizes(engine: Engine, asked: int, revised: int) -> None:
    (result,) = await engine.create(await engine.subscribe(), item("node", size=asked))
    assert result.RevisedQueueSize == revised


@pytest.mark.parametrize(
    ("timestamps", "source", "server"),
    [
        (ua.TimestampsToReturn.Source, NOW, None),
        (ua.TimestampsToReturn.Server, None, NOW),
        (ua.TimestampsToReturn.Both, NOW, NOW),
        (ua.TimestampsToReturn.Neither, None, None),
    ],
)
async def test_timestamps(
    engine: Engine, timestamps: ua.TimestampsToReturn, source: object, server: object
) -> None:
    subscription = await engine.subscribe()
    await engine.create(subscription, item("node"), timestamps=timestamps)
    ((_, value),) = (await engine.pass_())[0].data
    assert (value.SourceTimestamp, value.ServerTimestamp) == (source, server)


async def test_no_timestamps_that_there_are_none_of(engine: Engine) -> None:
    subscription = await engine.subscribe()
    with pytest.raises(ServiceError) as refused:
        await engine.create(subscription, item("node"), timestamps=ua.TimestampsToReturn.Invalid)
    assert refused.value.code == StatusCodes.BadTimestampsToReturnInvalid


def encoded(name: str, namespace: int = 0) -> Callable[[ua.ReadValueId], None]:
    def change(wanted: ua.ReadValueId) -> None:
        wanted.DataEncoding = ua.QualifiedName(name, namespace)

    return change


def of_range(text: str) -> Callable[[ua.ReadValueId], None]:
    def change(wanted: ua.ReadValueId) -> None:
        wanted.IndexRange = ua.String(text)

    return change


def of_attribute(number: int) -> Callable[[ua.ReadValueId], None]:
    def change(wanted: ua.ReadValueId) -> None:
        wanted.AttributeId = ua.UInt32(number)

    return change


@pytest.mark.parametrize(
    ("name", "change", "code"),
    [
        ("node", of_range("0"), StatusCodes.Good),
        ("node", of_range("x"), StatusCodes.BadIndexRangeInvalid),
        ("structure", encoded("Default Binary"), StatusCodes.Good),
        ("structure", encoded("Default XML"), StatusCodes.BadDataEncodingUnsupported),
        ("structure", encoded("Default Binary", 1), StatusCodes.BadDataEncodingUnsupported),
        ("node", encoded("Default Binary"), StatusCodes.BadDataEncodingInvalid),
        ("node", of_attribute(99), StatusCodes.BadAttributeIdInvalid),
        ("nowhere", of_attribute(13), StatusCodes.BadNodeIdUnknown),
        ("hidden/node", of_attribute(13), StatusCodes.BadNodeIdUnknown),
        ("node", of_attribute(AttributeIds.EventNotifier), StatusCodes.BadEventFilterInvalid),
    ],
)
async def test_what_can_be_monitored(
    engine: Engine, name: str, change: Callable[[ua.ReadValueId], None], code: int
) -> None:
    engine.space.values["hidden/node"] = double(0.0)
    engine.space.values["structure"] = SharedValue(ua.Variant(ua.EUInformation()))
    subscription = await engine.subscribe()
    subscription.admits = lambda machine: machine != "hidden"
    request = item(name)
    change(request.ItemToMonitor)
    (result,) = await engine.create(subscription, request)
    assert result.StatusCode.value == code
    assert len(engine.space.watchers) == len(subscription.items) == int(code == StatusCodes.Good)


async def test_a_part_of_a_value(engine: Engine) -> None:
    engine.space.values["node"] = double([1.0, 2.0, 3.0])
    subscription = await engine.subscribe()
    request = item("node", interval=0.0, size=5)
    request.ItemToMonitor.IndexRange = ua.String("1:2")
    await engine.create(subscription, request)
    engine.space.write("node", double([9.0, 2.0, 3.0]))
    engine.space.write("node", double([9.0, 2.0, 4.0]))
    engine.space.write("node", double([9.0]))
    (message,) = await engine.pass_()
    assert message.values == [[2.0, 3.0], [2.0, 4.0], None]
    assert message.codes[-1] == StatusCodes.BadIndexRangeNoData


async def test_a_modified_item_is_another_one(engine: Engine) -> None:
    subscription = await engine.subscribe()
    (result,) = await engine.create(subscription, item("node", interval=0.0, size=5))
    for number in (1.0, 2.0, 3.0):
        engine.space.write("node", double(number))
    wanted = ua.DataChangeFilter(
        ua.DataChangeTrigger.StatusValue, ua.UInt32(ua.DeadbandType.Absolute), ua.Double(5.0)
    )
    asked = parameters(7, 30.0, 3, wanted, discard_oldest=False)
    (modified,) = engine.subscriptions.modify_monitored_items(
        modification(subscription, result, asked, ua.TimestampsToReturn.Neither)
    )
    assert modified.StatusCode.is_good()
    assert (modified.RevisedSamplingInterval, modified.RevisedQueueSize) == (30.0, 3)
    (message,) = await engine.pass_()
    assert [handle for handle, _ in message.data] == [7, 7, 7]
    assert message.values == [0.0, 1.0, 3.0]
    assert message.data[0][1].SourceTimestamp is None
    engine.space.write("node", double(4.0))
    assert not await engine.pass_()


async def test_an_item_that_cannot_be_modified_stays_as_it_was(engine: Engine) -> None:
    subscription = await engine.subscribe()
    (result,) = await engine.create(subscription, item("node", interval=0.0))
    for asked, number, code in (
        (parameters(7, 0.0, 1, ua.EventFilter()), result.MonitoredItemId, "BadFilterNotAllowed"),
        (parameters(7, 0.0, 1), 4_711, "BadMonitoredItemIdInvalid"),
    ):
        params = modification(subscription, replace(result, MonitoredItemId=number), asked)
        (modified,) = engine.subscriptions.modify_monitored_items(params)
        assert modified.StatusCode.name == code
    (message,) = await engine.pass_()
    assert [handle for handle, _ in message.data] == [1]


async def test_deleted_items_are_silent(engine: Engine) -> None:
    subscription = await engine.subscribe()
    results = await engine.create(subscription, item("node", 1), item("node", 2))
    codes = engine.subscriptions.delete_monitored_items(
        ua.DeleteMonitoredItemsParameters(
            subscription.data.SubscriptionId, [results[0].MonitoredItemId, ua.UInt32(4_711)]
        )
    )
    assert [code.name for code in codes] == ["Good", "BadMonitoredItemIdInvalid"]
    engine.space.write("node", double(1.0))
    (message,) = await engine.pass_()
    assert {handle for handle, _ in message.data} == {2}
    assert len(engine.space.watchers) == engine.subscriptions.items == 1


async def test_calls_have_limits(engine: Engine) -> None:
    subscription = await engine.subscribe()
    for count, code in (
        (0, StatusCodes.BadNothingToDo),
        (601, StatusCodes.BadTooManyOperations),
    ):
        with pytest.raises(ServiceError) as refused:
            await engine.create(subscription, *[item("node")] * count)
        assert refused.value.code == code


@pytest.mark.parametrize("limits", [Limits(items=3), Limits(items_each=3)])
async def test_items_have_limits(limits: Limits) -> None:
    engine = Engine(limits)
    engine.space.values["node"] = double(0.0)
    results = await engine.create(await engine.subscribe(), *[item("node")] * 4)
    assert [result.StatusCode.name for result in results] == [
        *["Good"] * 3,
        "BadTooManyMonitoredItems",
    ]


async def test_many_items_let_others_have_their_turn(engine: Engine) -> None:
    subscription = await engine.subscribe()
    creating = asyncio.ensure_future(engine.create(subscription, *[item("node")] * 600))
    await asyncio.sleep(0)
    assert 0 < len(subscription.items) < 600
    await engine.subscriptions.delete_subscriptions([subscription.data.SubscriptionId])
    with pytest.raises(ServiceError) as refused:
        await creating
    assert refused.value.code == StatusCodes.BadSubscriptionIdInvalid
    assert not engine.space.watchers
    assert engine.subscriptions.items == 0


async def test_events_reach_who_listens_and_may_know(engine: Engine) -> None:
    subscription = await engine.subscribe()
    subscription.admits = lambda machine: machine == "mine"
    (result,) = await engine.create(subscription, listening("server", size=0))
    assert result.RevisedQueueSize == 5
    server = {node_id("server")}
    for told, notifiers in (
        (event("for all"), server),
        (event("of mine", "mine"), server),
        (event("of another", "other"), server),
        (event("filtered", severity=0), server),
        (event("elsewhere"), {node_id("elsewhere")}),
    ):
        engine.subscriptions.report(told, notifiers)
    (message,) = await engine.pass_()
    assert message.events == [["for all"], ["of mine"]]


async def test_an_event_tells_of_lost_events(engine: Engine) -> None:
    subscription = await engine.subscribe(most=2)
    await engine.create(
        subscription, listening("a", size=2), listening("b", size=2, discard_oldest=False)
    )
    for name in ("1", "2", "3"):
        engine.subscriptions.report(event(name), [node_id("a"), node_id("b")])
    lost = ["Internal/EventQueueOverflow"]
    assert [message.events for message in await engine.pass_()] == [
        [lost, ["2"], ["3"]],
        [["1"], ["3"], lost],
    ]
    assert not await engine.pass_()


async def test_events_stay_unheard_while_disabled(engine: Engine) -> None:
    subscription = await engine.subscribe()
    (result,) = await engine.create(subscription, listening("a", size=5))
    for name, mode in (
        ("sampled", ua.MonitoringMode.Sampling),
        ("lost", ua.MonitoringMode.Disabled),
        ("sampled again", ua.MonitoringMode.Sampling),
    ):
        await engine.subscriptions.set_monitoring_mode(
            ua.SetMonitoringModeParameters(
                subscription.data.SubscriptionId, mode, [result.MonitoredItemId]
            )
        )
        engine.subscriptions.report(event(name), [node_id("a")])
        assert not any(message.events for message in await engine.pass_())
    await engine.subscriptions.set_monitoring_mode(
        ua.SetMonitoringModeParameters(
            subscription.data.SubscriptionId,
            ua.MonitoringMode.Reporting,
            [result.MonitoredItemId],
        )
    )
    (message,) = await engine.pass_()
    assert message.events == [["sampled again"]]
