"""The operators of content filters (Part 4, 7.7.3), with its three truth values.

True and False are Boolean Variants, and Null is the third: what cannot be told, as where
an event does not have the field. InView and RelatedTo are for queries, and not supported.
"""

import operator
from collections.abc import Callable, Sequence

from asyncua import ua
from asyncua.ua import FilterOperator, VariantType
from asyncua.ua.object_ids import ObjectIds

from services.opcua_bridge.events import conversions, patterns
from services.opcua_bridge.events.event import Event
from services.opcua_bridge.events.eventtypes import EventTypes

Truth = bool | None
"""One of the three truth values."""

Operation = Callable[[Event, EventTypes, Sequence[ua.Variant]], ua.Variant]

TRUE = ua.Variant(True, VariantType.Boolean)  # noqa: FBT003  (asyncua's fields, in their order)
FALSE = ua.Variant(False, VariantType.Boolean)  # noqa: FBT003  (the same)
UNKNOWN = ua.Variant()

MANY = 1_000_000
UNSUPPORTED = frozenset({FilterOperator.InView, FilterOperator.RelatedTo})


def _of(truth: Truth) -> ua.Variant:
    return UNKNOWN if truth is None else TRUE if truth else FALSE


def _truth(value: ua.Variant) -> Truth:
    return value.Value if isinstance(value.Value, bool) else None


def _equals(_event: Event, _types: EventTypes, operands: Sequence[ua.Variant]) -> ua.Variant:
    return _of(_equal(operands[0], operands[1]))


def _equal(one: ua.Variant, other: ua.Variant) -> Truth:
    if one.Value is None or other.Value is None:
        return None
    return conversions.equal(one, other)


def _is_null(_event: Event, _types: EventTypes, operands: Sequence[ua.Variant]) -> ua.Variant:
    return _of(conversions.is_null(operands[0]))


def _ordered(holds: Callable[[int], bool]) -> Operation:
    def operation(_event: Event, _types: EventTypes, operands: Sequence[ua.Variant]) -> ua.Variant:
        return _of(_holds(operands[0], operands[1], holds))

    return operation


def _holds(one: ua.Variant, other: ua.Variant, holds: Callable[[int], bool]) -> Truth:
    if one.Value is None or other.Value is None:
        return None
    order = conversions.compared(one, other)
    return order is not None and holds(order)


def _at_least(order: int) -> bool:
    return order >= 0


def _at_most(order: int) -> bool:
    return order <= 0


def _between(_event: Event, _types: EventTypes, operands: Sequence[ua.Variant]) -> ua.Variant:
    value, least, most = operands
    return _both(_holds(value, least, _at_least), _holds(value, most, _at_most))


def _like(_event: Event, _types: EventTypes, operands: Sequence[ua.Variant]) -> ua.Variant:
    if operands[0].Value is None or operands[1].Value is None:
        return UNKNOWN
    text, pattern = conversions.text(operands[0]), conversions.text(operands[1])
    return _of(text is not None and pattern is not None and patterns.like(text, pattern))


def _not(_event: Event, _types: EventTypes, operands: Sequence[ua.Variant]) -> ua.Variant:
    truth = _truth(operands[0])
    return _of(None if truth is None else not truth)


def _in_list(_event: Event, _types: EventTypes, operands: Sequence[ua.Variant]) -> ua.Variant:
    found = [_equal(operands[0], each) for each in operands[1:]]
    return _of(True if True in found else None if None in found else False)


def _and(_event: Event, _types: EventTypes, operands: Sequence[ua.Variant]) -> ua.Variant:
    return _both(_truth(operands[0]), _truth(operands[1]))


def _both(one: Truth, other: Truth) -> ua.Variant:
    if one is False or other is False:
        return FALSE
    return UNKNOWN if one is None or other is None else TRUE


def _or(_event: Event, _types: EventTypes, operands: Sequence[ua.Variant]) -> ua.Variant:
    truths = {_truth(operands[0]), _truth(operands[1])}
    return TRUE if True in truths else UNKNOWN if None in truths else FALSE


def _cast(_event: Event, _types: EventTypes, operands: Sequence[ua.Variant]) -> ua.Variant:
    value, to = operands[0], operands[1].Value
    if not isinstance(to, ua.NodeId) or to.NamespaceIndex or not isinstance(to.Identifier, int):
        return UNKNOWN
    number = VariantType.DateTime if to.Identifier == ObjectIds.UtcTime else to.Identifier
    if not VariantType.Boolean <= number <= VariantType.LocalizedText:
        return UNKNOWN
    return conversions.cast(value, VariantType(number))


def _of_type(event: Event, types: EventTypes, operands: Sequence[ua.Variant]) -> ua.Variant:
    base = operands[0].Value
    return _of(isinstance(base, ua.NodeId) and types.derives(event.type, base))


def _bitwise(operation: Callable[[int, int], int]) -> Operation:
    def of(_event: Event, _types: EventTypes, operands: Sequence[ua.Variant]) -> ua.Variant:
        return conversions.bits(operands[0], operands[1], operation)

    return of


OPERATORS: dict[FilterOperator, Operation] = {
    FilterOperator.Equals: _equals,
    FilterOperator.IsNull: _is_null,
    FilterOperator.GreaterThan: _ordered(lambda order: order > 0),
    FilterOperator.LessThan: _ordered(lambda order: order < 0),
    FilterOperator.GreaterThanOrEqual: _ordered(_at_least),
    FilterOperator.LessThanOrEqual: _ordered(_at_most),
    FilterOperator.Like: _like,
    FilterOperator.Not: _not,
    FilterOperator.Between: _between,
    FilterOperator.InList: _in_list,
    FilterOperator.And: _and,
    FilterOperator.Or: _or,
    FilterOperator.Cast: _cast,
    FilterOperator.OfType: _of_type,
    FilterOperator.BitwiseAnd: _bitwise(operator.and_),
    FilterOperator.BitwiseOr: _bitwise(operator.or_),
}

OPERANDS: dict[FilterOperator, tuple[int, int]] = {
    **dict.fromkeys(OPERATORS, (2, 2)),
    FilterOperator.IsNull: (1, 1),
    FilterOperator.Not: (1, 1),
    FilterOperator.OfType: (1, 1),
    FilterOperator.Between: (3, 3),
    FilterOperator.InList: (2, MANY),
}
"""How many operands each one takes, at least and at most."""
