import pytest
from asyncua import ua
from asyncua.ua.status_codes import StatusCodes

from services.opcua_bridge.values import status
from tests.opcua_engine import Engine, double, item

OVERFLOW = 0x480


def vanished() -> ua.DataValue:
    return ua.DataValue(StatusCode=status(StatusCodes.BadNodeIdUnknown))


@pytest.fixture
def engine() -> Engine:
    engine = Engine()
    engine.space.values["node"] = double(0.0)
    return engine


async def sent(engine: Engine, ms: float = 100.0) -> list[object]:
    return [value for message in await engine.pass_(ms) for value in message.values]


@pytest.mark.parametrize(
    ("asked", "revised"),
    [(0.0, 0.0), (-1.0, 100.0), (-7.0, 100.0), (30.0, 30.0), (5000.0, 5000.0)],
)
async def test_the_sampling_interval_is_what_was_asked_for(
    engine: Engine, asked: float, revised: float
) -> None:
    subscription = await engine.subscribe()
    (result,) = await engine.create(subscription, item("node", interval=asked))
    assert result.RevisedSamplingInterval == revised


@pytest.mark.parametrize("interval", [-1.0, 0.0, 30.0, 100.0, 1000.0])
async def test_the_first_value_is_reported_and_the_last_one_too(
    engine: Engine, interval: float
) -> None:
    subscription = await engine.subscribe()
    await engine.create(subscription, item("node", interval=interval))
    assert await sent(engine) == [0.0]
    for number in range(1, 4):
        engine.space.write("node", double(float(number)))
    found = await sent(engine, 2000.0)
    assert found[-1] == 3.0
    assert await sent(engine, 2000.0) == []


async def test_every_change_is_a_sample_without_an_interval(engine: Engine) -> None:
    subscription = await engine.subscribe()
    await engine.create(subscription, item("node", interval=0.0, size=10))
    for number in (1.0, 2.0, 2.0, 0.0):
        engine.space.write("node", double(number))
    assert await sent(engine) == [0.0, 1.0, 2.0, 0.0]


async def test_changes_within_an_interval_are_one_sample(engine: Engine) -> None:
    subscription = await engine.subscribe()
    await engine.create(subscription, item("node", interval=30.0, size=100))
    for number in range(1, 11):  # one each 10 ms
        engine.space.write("node", double(float(number)))
        await engine.pass_(10.0, asking=False)
    assert await sent(engine) == [0.0, 3.0, 6.0, 9.0, 10.0]


async def test_what_comes_back_within_a_sampling_interval_has_not_changed(engine: Engine) -> None:
    subscription = await engine.subscribe()
    await engine.create(subscription, item("node", size=10))
    await sent(engine)
    engine.space.write("node", double(1.0))
    engine.space.write("node", double(0.0))
    assert await sent(engine) == []


async def test_an_interval_above_the_publishing_interval(engine: Engine) -> None:
    subscription = await engine.subscribe()
    await engine.create(subscription, item("node", interval=300.0))
    times = []
    for cycle in range(10):
        engine.space.write("node", double(float(cycle + 1)))
        if await sent(engine):
            times.append(cycle)
    assert times == [0, 3, 6, 9]


async def test_the_sampling_interval_stays_when_the_publishing_interval_changes(
    engine: Engine,
) -> None:
    subscription = await engine.subscribe()
    await engine.create(subscription, item("node", size=100))
    await sent(engine)
    engine.subscriptions.modify_subscription(
        ua.ModifySubscriptionParameters(
            subscription.data.SubscriptionId, ua.Double(1000.0), ua.UInt32(100), ua.UInt32(10)
        )
    )
    for number in range(1, 11):
        engine.space.write("node", double(float(number)))
        await engine.pass_(100.0, asking=False)
    assert len(await sent(engine, 1000.0)) == 10


async def test_a_slow_drift_passes_the_deadband(engine: Engine) -> None:
    wanted = ua.DataChangeFilter(
        ua.DataChangeTrigger.StatusValue, ua.UInt32(ua.DeadbandType.Absolute), ua.Double(1.0)
    )
    subscription = await engine.subscribe()
    await engine.create(subscription, item("node", interval=0.0, size=100, wanted=wanted))
    for step in range(1, 11):
        engine.space.write("node", double(step / 4))
    assert await sent(engine) == [0.0, 1.25, 2.5]


async def test_a_deadband_in_percent_of_the_range(engine: Engine) -> None:
    engine.space.ranges["node"] = (0.0, 300.0)
    wanted = ua.DataChangeFilter(
        ua.DataChangeTrigger.StatusValue, ua.UInt32(ua.DeadbandType.Percent), ua.Double(1.0)
    )
    subscription = await engine.subscribe()
    (result,) = await engine.create(
        subscription, item("node", interval=0.0, size=100, wanted=wanted)
    )
    assert result.StatusCode.is_good()
    for value in (3.0, 3.1, 6.0):
        engine.space.write("node", double(value))
    assert await sent(engine) == [0.0, 3.1]


@pytest.mark.parametrize("interval", [-1.0, 0.0, 30.0, 60_000.0])
async def test_a_node_that_vanishes_is_told_past_filter_and_interval(
    engine: Engine, interval: float
) -> None:
    wanted = ua.DataChangeFilter(
        ua.DataChangeTrigger.StatusValue, ua.UInt32(ua.DeadbandType.Absolute), ua.Double(1e9)
    )
    subscription = await engine.subscribe()
    await engine.create(subscription, item("node", interval=interval, wanted=wanted))
    await engine.pass_()
    engine.space.write("node", vanished())
    (message,) = await engine.pass_()
    assert message.codes == [StatusCodes.BadNodeIdUnknown]
    assert not await sent(engine, 500.0)
    assert len(subscription.items) == 1


async def test_a_queue_that_is_too_short_says_so(engine: Engine) -> None:
    subscription = await engine.subscribe()
    await engine.create(
        subscription,
        item("node", 1, interval=0.0, size=2),
        item("node", 2, interval=0.0, size=2, discard_oldest=False),
    )
    for number in (1.0, 2.0, 3.0):
        engine.space.write("node", double(number))
    (message,) = await engine.pass_()
    assert message.values == [2.0, 3.0, 0.0, 3.0]
    assert message.codes == [OVERFLOW, 0, 0, OVERFLOW]


async def test_modes(engine: Engine) -> None:
    subscription = await engine.subscribe()
    request = item("node", interval=0.0, size=10)
    request.MonitoringMode = ua.MonitoringMode.Disabled
    (result,) = await engine.create(subscription, request)
    assert not engine.space.watchers
    assert await sent(engine) == []

    async def switch(mode: ua.MonitoringMode) -> None:
        (code,) = await engine.subscriptions.set_monitoring_mode(
            ua.SetMonitoringModeParameters(
                subscription.data.SubscriptionId, mode, [result.MonitoredItemId]
            )
        )
        assert code.is_good()

    await switch(ua.MonitoringMode.Sampling)
    engine.space.write("node", double(1.0))
    assert await sent(engine) == []
    await switch(ua.MonitoringMode.Reporting)
    assert await sent(engine) == [0.0, 1.0]
    engine.space.write("node", double(2.0))
    await switch(ua.MonitoringMode.Disabled)
    engine.space.write("node", double(3.0))
    assert await sent(engine) == []
    await switch(ua.MonitoringMode.Reporting)
    assert await sent(engine) == [3.0]
