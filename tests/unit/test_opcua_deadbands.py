import math

import pytest
from asyncua import ua
from asyncua.ua.attribute_ids import AttributeIds
from asyncua.ua.status_codes import StatusCodes

from services.opcua_bridge.subscriptions.deadbands import (
    Deadband,
    FilterError,
    compiled,
    status_changed,
    timestamp_changed,
    value_changed,
)
from services.opcua_bridge.values import SharedValue
from tests.opcua_engine import NOW, double

NAN = math.nan
LATER = NOW.replace(year=2027)
ABSOLUTE, PERCENT = int(ua.DeadbandType.Absolute), int(ua.DeadbandType.Percent)


def change_filter(
    trigger: ua.DataChangeTrigger = ua.DataChangeTrigger.StatusValue,
    kind: int = 0,
    width: float = 0.0,
) -> ua.DataChangeFilter:
    return ua.DataChangeFilter(trigger, ua.UInt32(kind), ua.Double(width))


@pytest.mark.parametrize(
    ("last", "now", "changed"),
    [
        (1.0, 1.0, False),
        (1.0, 2.0, True),
        (NAN, NAN, False),
        (1.0, NAN, True),
        (NAN, 1.0, True),
        ([1.0, NAN], [1.0, NAN], False),
        ([1.0, NAN], [2.0, NAN], True),
        ([1.0], [1.0, 1.0], True),
        ([[1.0, NAN]], [[1.0, NAN]], False),
    ],
)
def test_a_value_has_changed(last: object, now: object, changed: bool) -> None:  # noqa: FBT001
    assert value_changed(double(last), double(now)) is changed


def test_a_value_of_another_type_has_changed() -> None:
    assert value_changed(double(1.0), SharedValue(ua.Variant(1.0, ua.VariantType.Float)))


def test_triggers() -> None:
    value, other, bad = double(1.0), double(2.0), double(1.0, StatusCodes.BadNoCommunication)
    later = SharedValue(value.Value, value.StatusCode, LATER, NOW)
    for trigger, on_value, on_time in (
        (status_changed, False, False),
        (value_changed, True, False),
        (timestamp_changed, True, True),
    ):
        assert trigger(value, bad)
        assert trigger(value, other) is on_value
        assert trigger(value, later) is on_time
        assert not trigger(value, double(1.0))


@pytest.mark.parametrize(
    ("last", "now", "changed"),
    [
        (1.0, 2.0, False),
        (1.0, 2.1, True),
        (2.1, 1.0, True),
        (1.0, NAN, True),
        (NAN, 1.0, True),
        (NAN, NAN, False),
        (math.inf, math.inf, False),
        (math.inf, -math.inf, True),
        ([0.0, 0.0], [1.0, 1.0], False),
        ([0.0, 0.0], [1.0, 1.1], True),
        ([0.0, 0.0], [0.0], True),
    ],
)
def test_a_deadband_is_exceeded(last: object, now: object, changed: bool) -> None:  # noqa: FBT001
    assert Deadband(1.0)(double(last), double(now)) is changed


def test_a_status_passes_any_deadband() -> None:
    assert Deadband(1.0)(double(1.0), double(1.0, StatusCodes.UncertainLastUsableValue))


def test_percent_is_of_the_range() -> None:
    changed = compiled(
        change_filter(kind=PERCENT, width=10.0), AttributeIds.Value, double(0.0), lambda: (-50, 50)
    )
    assert not changed(double(0.0), double(10.0))
    assert changed(double(0.0), double(10.1))


def test_no_filter_is_the_default_one() -> None:
    for nothing in (None, ua.ExtensionObject()):
        assert compiled(nothing, AttributeIds.DisplayName, double(0.0), lambda: None) is (
            value_changed
        )


def test_a_deadband_leaves_the_timestamp_out() -> None:
    trigger = ua.DataChangeTrigger.StatusValueTimestamp
    value = double(1.0)
    later = SharedValue(value.Value, value.StatusCode, LATER, NOW)
    changed = compiled(
        change_filter(trigger, ABSOLUTE, 1.0), AttributeIds.Value, value, lambda: None
    )
    assert not changed(value, later)


TEXT = SharedValue(ua.Variant("text", ua.VariantType.String))


@pytest.mark.parametrize(
    ("asked", "attribute", "value", "code"),
    [
        (change_filter(), AttributeIds.DisplayName, TEXT, StatusCodes.BadFilterNotAllowed),
        (ua.EventFilter(), AttributeIds.Value, double(0.0), StatusCodes.BadFilterNotAllowed),
        (
            ua.AggregateFilter(),
            AttributeIds.Value,
            double(0.0),
            StatusCodes.BadMonitoredItemFilterUnsupported,
        ),
        (
            change_filter(kind=3),
            AttributeIds.Value,
            double(0.0),
            StatusCodes.BadMonitoredItemFilterUnsupported,
        ),
        (
            change_filter(kind=ABSOLUTE),
            AttributeIds.Value,
            TEXT,
            StatusCodes.BadFilterNotAllowed,
        ),
        (
            change_filter(kind=ABSOLUTE, width=-1.0),
            AttributeIds.Value,
            double(0.0),
            StatusCodes.BadDeadbandFilterInvalid,
        ),
        (
            change_filter(kind=ABSOLUTE, width=NAN),
            AttributeIds.Value,
            double(0.0),
            StatusCodes.BadDeadbandFilterInvalid,
        ),
        (
            change_filter(kind=PERCENT, width=100.1),
            AttributeIds.Value,
            double(0.0),
            StatusCodes.BadDeadbandFilterInvalid,
        ),
        (
            change_filter(kind=PERCENT, width=10.0),
            AttributeIds.Value,
            double(0.0),
            StatusCodes.BadDeadbandFilterInvalid,
        ),
    ],
)
def test_filters_that_are_refused(
    asked: object, attribute: AttributeIds, value: SharedValue, code: int
) -> None:
    with pytest.raises(FilterError) as refused:
        compiled(asked, attribute, value, lambda: None)
    assert refused.value.code == code
