"""What all event filters of a subscription together may cost."""

from asyncua import ua
from asyncua.ua import FilterOperator as Op
from asyncua.ua.attribute_ids import AttributeIds
from asyncua.ua.status_codes import StatusCodes

from services.opcua_bridge.events.contentfilters import LIKE_WEIGHT
from services.opcua_bridge.events.eventfilters import compiled
from services.opcua_bridge.events.eventtypes import EventTypes
from services.opcua_bridge.limits import Limits
from tests.opcua_engine import AnyEvent, Engine, item
from tests.opcua_events import element, event_filter, literal, space


def listener(name: str) -> ua.MonitoredItemCreateRequest:
    request = item(name, wanted=ua.EventFilter())
    request.ItemToMonitor.AttributeId = ua.UInt32(AttributeIds.EventNotifier)
    return request


async def test_filters_have_room_until_they_are_deleted() -> None:
    engine = Engine(Limits(filters=2 * AnyEvent().weight))
    subscription = await engine.subscribe()

    async def one_more() -> int:
        (result,) = await engine.create(subscription, listener("a"))
        code: int = result.StatusCode.value
        return code

    assert [await one_more() for _ in range(3)] == [
        StatusCodes.Good,
        StatusCodes.Good,
        StatusCodes.BadTooManyMonitoredItems,
    ]
    subscription.items.delete([1])
    assert await one_more() == StatusCodes.Good
    assert await one_more() == StatusCodes.BadTooManyMonitoredItems


def test_a_pattern_weighs_more_than_other_operators() -> None:
    types = EventTypes(space())
    plain = compiled(event_filter(element(Op.Equals, literal(1), literal(1))), types)
    like = compiled(event_filter(element(Op.Like, literal("a"), literal("%"))), types)
    assert plain.status.is_good()
    assert like.weight - plain.weight == LIKE_WEIGHT - 2
