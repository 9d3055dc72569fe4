import gc
import weakref

import pytest
from asyncua import ua
from asyncua.common.utils import ServiceError
from asyncua.server.uaprocessor import PublishRequestData
from asyncua.ua.status_codes import StatusCodes

from services.opcua_bridge.limits import Limits
from services.opcua_bridge.subscriptions.retransmission import Retransmission
from services.opcua_bridge.subscriptions.subscription import Subscription
from services.opcua_bridge.subscriptions.terms import Terms
from tests.opcua_engine import SESSION, Engine, double, item

OTHER = ua.NodeId(ua.String("other session"), ua.Int16(1))


@pytest.fixture
def engine() -> Engine:
    engine = Engine()
    for number in range(5):
        engine.space.values[f"node {number}"] = double(float(number))
    return engine


def number_of(subscription: Subscription) -> int:
    number: int = subscription.data.SubscriptionId
    return number


async def monitored(
    engine: Engine, *, lifetime: int = 100, keep_alive: int = 10, most: int = 0
) -> Subscription:
    subscription = await engine.subscribe(lifetime=lifetime, keep_alive=keep_alive, most=most)
    await engine.create(subscription, *(item(f"node {each}", each, size=10) for each in range(5)))
    return subscription


@pytest.mark.parametrize(
    ("asked", "revised"),
    [
        ((500.0, 300, 10, 7), Terms(500.0, 300, 10, 7)),
        ((0.0, 0, 0, 0), Terms(100.0, 3, 1, 10_000)),
        ((-1.0, 2, 10, 20_000), Terms(100.0, 30, 10, 10_000)),
        ((float("nan"), 30, 10, 1), Terms(100.0, 30, 10, 1)),
        ((float("inf"), 2**32 - 1, 2**32 - 1, 1), Terms(60_000.0, 3_000, 300, 1)),
    ],
)
def test_terms(asked: tuple[float, int, int, int], revised: Terms) -> None:
    interval, lifetime, keep_alive, most = asked
    parameters = ua.CreateSubscriptionParameters(
        ua.Double(interval), ua.UInt32(lifetime), ua.UInt32(keep_alive), ua.UInt32(most)
    )
    assert Terms.revised(parameters, Limits()) == revised


async def test_the_first_message_comes_at_the_end_of_the_first_cycle(engine: Engine) -> None:
    await engine.subscribe()
    assert not await engine.pass_(99.0)
    (message,) = await engine.pass_(1.0)
    assert (message.number, message.bodies) == (1, [])


async def test_a_keep_alive_after_so_many_silent_cycles(engine: Engine) -> None:
    subscription = await monitored(engine, keep_alive=3)
    (first,) = await engine.pass_()
    assert (first.number, len(first.data)) == (1, 5)
    counts = [len(await engine.pass_()) for _ in range(6)]
    assert counts == [0, 0, 1, 0, 0, 1]
    assert [message.number for message in engine.messages] == [1, 2, 2]
    engine.space.write("node 0", double(9.0))
    (message,) = await engine.pass_()
    assert (message.number, message.values) == (2, [9.0])
    assert number_of(subscription) in engine.subscriptions.subscriptions


async def test_nothing_but_keep_alives_while_publishing_is_off(engine: Engine) -> None:
    subscription = await monitored(engine, keep_alive=2)
    for enabled in (False, True):
        params = ua.SetPublishingModeParameters(enabled, [number_of(subscription), 4_711])
        codes = await engine.subscriptions.set_publishing_mode(params)
        assert [code.value for code in codes] == [
            StatusCodes.Good,
            StatusCodes.BadSubscriptionIdInvalid,
        ]
        messages = await engine.pass_(500.0)
        assert any(message.data for message in messages) is enabled


async def test_a_long_message_comes_in_parts(engine: Engine) -> None:
    await monitored(engine, most=2)
    messages = await engine.pass_()
    assert [len(message.data) for message in messages] == [2, 2, 1]
    assert [message.more for message in messages] == [True, True, False]
    assert [message.number for message in messages] == [1, 2, 3]


async def test_one_item_with_more_than_a_message_holds(engine: Engine) -> None:
    subscription = await engine.subscribe(most=2)
    await engine.create(subscription, item("node 0", interval=0.0, size=10))
    for value in (1.0, 2.0):
        engine.space.write("node 0", double(value))
    assert [message.values for message in await engine.pass_()] == [[0.0, 1.0], [2.0]]


async def test_large_values_come_in_messages_of_a_bounded_size() -> None:
    engine = Engine(Limits(notification_bytes=1_000))
    for name in ("one", "another", "last"):
        engine.space.values[name] = ua.DataValue(ua.Variant(name * 500))
    subscription = await engine.subscribe()
    await engine.create(subscription, *(item(name) for name in engine.space.values))
    messages = await engine.pass_()
    assert [(len(message.data), message.more) for message in messages] == [
        (1, True),
        (1, True),
        (1, False),
    ]


async def test_what_is_late_is_sent_when_the_client_asks(engine: Engine) -> None:
    subscription = await monitored(engine, most=3)
    engine.request()
    (message,) = await engine.pass_(asking=False)
    assert len(message.data) == 3
    assert not await engine.pass_(asking=False)
    assert await subscription.publish_results(PublishRequestData())
    assert len(engine.messages[-1].data) == 2
    assert not await subscription.publish_results(PublishRequestData())


async def test_messages_keep_their_order(engine: Engine) -> None:
    subscription = await monitored(engine, most=1)
    engine.request(2)
    engine.clock.pass_(100.0)  # two messages are to be sent, and not sent yet
    await subscription.publish_results(PublishRequestData())
    await engine.pass_(0.0, asking=False)
    assert [message.number for message in engine.messages] == [1, 2, 3]


async def test_a_connection_that_is_lost_stops_nothing(engine: Engine) -> None:
    subscription = await monitored(engine)
    answer = subscription.pub_result_callback

    async def lost(_result: ua.PublishResult, _request: PublishRequestData) -> None:
        raise ConnectionResetError

    subscription.pub_result_callback = lost
    assert not await engine.pass_()
    subscription.pub_result_callback = answer
    engine.space.write("node 0", double(9.0))
    (message,) = await engine.pass_()
    assert message.number == 2
    assert subscription.republish(1).SequenceNumber == 1


async def test_a_client_that_does_not_ask_loses_its_subscription(engine: Engine) -> None:
    subscription = await monitored(engine, lifetime=30, keep_alive=10)
    await engine.pass_(3_000.0, asking=False)
    assert not subscription.expired
    await engine.pass_(100.0, asking=False)
    assert subscription.expired
    assert not engine.space.watchers
    assert engine.subscriptions.items == 0
    with pytest.raises(ServiceError) as refused:
        await engine.create(subscription, item("node 0"))
    assert refused.value.code == StatusCodes.BadSubscriptionIdInvalid
    (message,) = await engine.pass_()
    assert message.statuses == [StatusCodes.BadTimeout]
    assert not engine.subscriptions.subscriptions
    assert not await engine.pass_(10_000.0)


async def test_nobody_waits_forever_to_say_so(engine: Engine) -> None:
    await engine.subscribe(lifetime=3, keep_alive=1)
    await engine.pass_(400.0, asking=False)
    assert engine.subscriptions.subscriptions
    await engine.pass_(Limits().longest_session * 1000 + 100, asking=False)
    assert not engine.subscriptions.subscriptions
    assert not await engine.pass_()


async def test_any_service_keeps_a_subscription(engine: Engine) -> None:
    subscription = await engine.subscribe(lifetime=3, keep_alive=1)
    for _ in range(10):
        await engine.pass_(200.0, asking=False)
        params = ua.SetPublishingModeParameters(
            PublishingEnabled=True, SubscriptionIds=[number_of(subscription)]
        )
        await engine.subscriptions.set_publishing_mode(params)
    assert not subscription.expired


async def test_modified_terms_apply(engine: Engine) -> None:
    subscription = await monitored(engine)
    await engine.pass_()
    asked = ua.ModifySubscriptionParameters(
        number_of(subscription), ua.Double(1000.0), ua.UInt32(6), ua.UInt32(2), ua.UInt32(1)
    )
    result = engine.subscriptions.modify_subscription(asked)
    assert result == ua.ModifySubscriptionResult(1000.0, 6, 2)
    for number in range(2):
        engine.space.write(f"node {number}", double(9.0))
    assert not await engine.pass_(999.0)
    assert [len(message.data) for message in await engine.pass_(1.0)] == [1, 1]
    assert len(await engine.pass_(2_000.0)) == 1
    await engine.pass_(7_000.0, asking=False)
    assert subscription.expired
    asked.SubscriptionId = ua.UInt32(4_711)
    with pytest.raises(ServiceError) as refused:
        engine.subscriptions.modify_subscription(asked)
    assert refused.value.code == StatusCodes.BadSubscriptionIdInvalid


async def test_acknowledging_and_republishing(engine: Engine) -> None:
    subscription = await monitored(engine)
    await engine.pass_()
    number = number_of(subscription)
    again = ua.RepublishParameters(ua.UInt32(number), ua.UInt32(1))
    for _ in range(2):
        assert engine.subscriptions.republish(again).SequenceNumber == 1
    acks = [
        ua.SubscriptionAcknowledgement(ua.UInt32(each), ua.UInt32(1))
        for each in (number, number, 4_711)
    ]
    count, codes = engine.subscriptions.publish(acks, SESSION)
    assert count == 1
    assert [code.value for code in codes] == [
        StatusCodes.Good,
        StatusCodes.BadSequenceNumberUnknown,
        StatusCodes.BadSubscriptionIdInvalid,
    ]
    with pytest.raises(ServiceError) as refused:
        engine.subscriptions.republish(again)
    assert refused.value.code == StatusCodes.BadMessageNotAvailable
    with pytest.raises(ServiceError) as refused:
        engine.subscriptions.publish([], OTHER)
    assert refused.value.code == StatusCodes.BadNoSubscription


def test_sequence_numbers_begin_again_with_one() -> None:
    kept = Retransmission(Limits())
    kept.next_number = 0xFFFFFFFF
    for _ in range(2):
        kept.keep(ua.NotificationMessage(), 1)
    assert kept.numbers == [0xFFFFFFFF, 1]


def test_not_too_much_is_kept() -> None:
    for limits in (Limits(unacknowledged=2), Limits(unacknowledged_bytes=20)):
        kept = Retransmission(limits)
        for _ in range(5):
            kept.keep(ua.NotificationMessage(), 10)
        assert kept.numbers == [4, 5]
        kept.keep(ua.NotificationMessage(), 1_000)
        assert kept.get(6) is not None


async def test_limits_of_subscriptions() -> None:
    engine = Engine(Limits(subscriptions_each=2, subscriptions=3))
    for _ in range(2):
        await engine.subscribe()
    for session, fits in ((SESSION, False), (OTHER, True), (OTHER, False)):
        if fits:
            await engine.subscribe(session=session)
            continue
        with pytest.raises(ServiceError) as refused:
            await engine.subscribe(session=session)
        assert refused.value.code == StatusCodes.BadTooManySubscriptions


async def test_a_deleted_subscription_leaves_nothing(engine: Engine) -> None:
    subscription = await monitored(engine)
    await engine.pass_()
    engine.space.write("node 0", double(9.0))
    gone = weakref.ref(subscription)
    codes = await engine.subscriptions.delete_subscriptions([number_of(subscription), 4_711])
    assert [code.value for code in codes] == [
        StatusCodes.Good,
        StatusCodes.BadSubscriptionIdInvalid,
    ]
    assert not engine.space.watchers
    assert engine.subscriptions.items == 0
    assert not await engine.pass_()
    del subscription
    gc.collect()
    assert gone() is None
