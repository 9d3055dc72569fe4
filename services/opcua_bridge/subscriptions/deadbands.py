"""When a value counts as changed: the data change filter (OPC 10000-4, 7.22.2; 10000-8, 6.2).

A value is compared with the last one that was reported, not with the last one seen: a slow
drift passes the deadband as soon as it has gone far enough (asyncua compares with the last
one seen).
"""

import math
from collections.abc import Callable
from dataclasses import dataclass

from asyncua import ua
from asyncua.ua.attribute_ids import AttributeIds
from asyncua.ua.status_codes import StatusCodes
from asyncua.ua.uaprotocol_auto import DataChangeFilter  # what is decoded; ua's is a subclass

STANDS_ON = {
    "asyncua.ua.uaprotocol_hand:DataChangeFilter": "e6cf55a8a58144a8",
    "asyncua.ua.uaprotocol_auto:DataChangeFilter": "bd5803dad46b7c4d",
    "asyncua.ua.ua_binary:extensionobject_from_binary": "1fd0586b9b477539",
}

Changed = Callable[[ua.DataValue, ua.DataValue], bool]
"""Tells of the last reported value and the present one whether a client must hear."""

_NUMBERS = frozenset(
    {
        ua.VariantType.SByte,
        ua.VariantType.Byte,
        ua.VariantType.Int16,
        ua.VariantType.UInt16,
        ua.VariantType.Int32,
        ua.VariantType.UInt32,
        ua.VariantType.Int64,
        ua.VariantType.UInt64,
        ua.VariantType.Float,
        ua.VariantType.Double,
    }
)
_WHOLE = 100.0  # percent


class FilterError(ValueError):
    """The filter cannot be used; ``code`` is the status code that says why."""

    def __init__(self, code: int) -> None:
        super().__init__(code)
        self.code = code


def status_changed(last: ua.DataValue, now: ua.DataValue) -> bool:
    """Tell whether the status code is another."""
    before, after = last.StatusCode, now.StatusCode
    if before is after:
        return False
    return (before.value if before else 0) != (after.value if after else 0)


def value_changed(last: ua.DataValue, now: ua.DataValue) -> bool:
    """Tell whether the status code or the value is another: what applies without a filter."""
    before, after = last.Value, now.Value
    if before is not after:
        if before is None or after is None:
            return True
        if before.Value != after.Value and _differs(before.Value, after.Value):
            return True
        if before.VariantType is not after.VariantType:
            return True
    return status_changed(last, now)


def timestamp_changed(last: ua.DataValue, now: ua.DataValue) -> bool:
    """Tell whether the status code, the value or the source timestamp is another."""
    return last.SourceTimestamp != now.SourceTimestamp or value_changed(last, now)


def _differs(before: object, after: object) -> bool:
    """Compare what is not equal once more: NaN is not equal to itself, and yet no change."""
    if isinstance(before, float) and isinstance(after, float):
        return not (math.isnan(before) and math.isnan(after))
    if isinstance(before, list | tuple) and isinstance(after, list | tuple):
        return len(before) != len(after) or any(
            x != y and _differs(x, y) for x, y in zip(before, after, strict=True)
        )
    return True


@dataclass(frozen=True, slots=True)
class Deadband:
    """A change of the status code, or of a number by more than ``width``."""

    width: float

    def __call__(self, last: ua.DataValue, now: ua.DataValue) -> bool:
        """Tell whether a client must hear."""
        if not value_changed(last, now):
            return False
        if status_changed(last, now) or last.Value is None or now.Value is None:
            return True
        return self._exceeded(last.Value.Value, now.Value.Value)

    def _exceeded(self, before: object, after: object) -> bool:
        if isinstance(before, int | float) and isinstance(after, int | float):
            if math.isnan(before) or math.isnan(after):
                return not (math.isnan(before) and math.isnan(after))
            if before == after:  # the difference of two infinities is no number
                return False
            return abs(after - before) > self.width
        if isinstance(before, list | tuple) and isinstance(after, list | tuple):
            return len(before) != len(after) or any(
                self._exceeded(x, y) for x, y in zip(before, after, strict=True)
            )
        return True


_TRIGGERS: dict[ua.DataChangeTrigger, Changed] = {
    ua.DataChangeTrigger.Status: status_changed,
    ua.DataChangeTrigger.StatusValue: value_changed,
    ua.DataChangeTrigger.StatusValueTimestamp: timestamp_changed,
}


def compiled(
    wanted: object,
    attribute: AttributeIds | int,
    value: ua.DataValue,
    eu_range: Callable[[], tuple[float, float] | None],
) -> Changed:
    """Return the filter that ``wanted`` asks for on ``attribute``; raise FilterError.

    ``value`` is the item's present one, ``eu_range`` finds its limits where it has any.
    """
    if wanted is None or (isinstance(wanted, ua.ExtensionObject) and wanted.TypeId.is_null()):
        return value_changed
    if isinstance(wanted, ua.EventFilter) or attribute != AttributeIds.Value:
        raise FilterError(StatusCodes.BadFilterNotAllowed)
    if not isinstance(wanted, DataChangeFilter):
        raise FilterError(StatusCodes.BadMonitoredItemFilterUnsupported)
    if wanted.DeadbandType == ua.DeadbandType.None_:
        return _TRIGGERS[wanted.Trigger]
    if wanted.DeadbandType not in {ua.DeadbandType.Absolute, ua.DeadbandType.Percent}:
        raise FilterError(StatusCodes.BadMonitoredItemFilterUnsupported)
    kind = value.Value.VariantType if value.Value else ua.VariantType.Null
    if kind not in _NUMBERS and kind is not ua.VariantType.Null:
        raise FilterError(StatusCodes.BadFilterNotAllowed)
    width = wanted.DeadbandValue
    if not (math.isfinite(width) and width >= 0):
        raise FilterError(StatusCodes.BadDeadbandFilterInvalid)
    if wanted.DeadbandType == ua.DeadbandType.Percent:
        limits = eu_range()
        if width > _WHOLE or limits is None:
            raise FilterError(StatusCodes.BadDeadbandFilterInvalid)
        width *= abs(limits[1] - limits[0]) / _WHOLE
    # A deadband leaves no room for the timestamp: StatusValueTimestamp means StatusValue here.
    return status_changed if wanted.Trigger == ua.DataChangeTrigger.Status else Deadband(width)
