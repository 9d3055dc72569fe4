"""Values of different types compared and converted, as filters do it (Part 4, 7.7.3).

A value is a Variant; nothing here raises, whatever a client has put into one.
"""

import math
import uuid
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from asyncua import ua
from asyncua.ua import VariantType
from asyncua.ua.uaerrors import UaError

INTEGERS = {
    VariantType.SByte: (8, True),
    VariantType.Byte: (8, False),
    VariantType.Int16: (16, True),
    VariantType.UInt16: (16, False),
    VariantType.Int32: (32, True),
    VariantType.UInt32: (32, False),
    VariantType.Int64: (64, True),
    VariantType.UInt64: (64, False),
}
"""The integer types: how many bits, and whether signed."""

NUMBERS = {*INTEGERS, VariantType.Float, VariantType.Double, VariantType.Boolean}
ORDERED = {*NUMBERS, VariantType.String, VariantType.DateTime, VariantType.StatusCode}
IDS = {VariantType.NodeId, VariantType.ExpandedNodeId}
TEXTS = {VariantType.String, VariantType.LocalizedText, VariantType.QualifiedName}

LONGEST_NUMBER = 64
"""Characters of a text that is read as a number: converting more is costly."""


def is_null(value: ua.Variant) -> bool:
    """Tell whether there is no value; a status stands for one that is not there (IsNull)."""
    found = value.Value
    if found is None or value.VariantType in {VariantType.Null, VariantType.StatusCode}:
        return True
    if isinstance(found, ua.NodeId):
        return bool(found.is_null())
    return value.VariantType in TEXTS and not value.is_array and text(value) is None


def equal(one: ua.Variant, other: ua.Variant) -> bool:
    """Tell whether two values are equal, converted to a common type if need be."""
    if one.is_array or other.is_array:
        return bool(one.VariantType == other.VariantType and one.Value == other.Value)
    pair = _alike(one, other)
    return pair is not None and bool(pair[0] == pair[1])


def compared(one: ua.Variant, other: ua.Variant) -> int | None:
    """Return -1, 0 or 1 as the first is less, equal or greater; None where there is no order."""
    if one.is_array or other.is_array:
        return None
    if one.VariantType not in ORDERED and one.VariantType not in TEXTS:
        return None
    pair = _alike(one, other)
    if pair is None:
        return None
    try:
        return 0 if pair[0] == pair[1] else -1 if pair[0] < pair[1] else 1
    except TypeError:
        return None


def text(value: ua.Variant) -> str | None:
    """Return what ``value`` is as a text, where it is one or is implicitly converted to one."""
    if value.is_array or value.VariantType not in TEXTS:
        return None
    found = value.Value
    if isinstance(found, ua.LocalizedText):
        found = found.Text
    elif isinstance(found, ua.QualifiedName):
        found = found.Name
    return found if isinstance(found, str) else None


def cast(value: ua.Variant, type_: VariantType) -> ua.Variant:
    """Return ``value`` as a value of the built-in type ``type_``; null where that fails."""
    convert = _CASTS.get(type_)
    if value.is_array or is_null(value) or convert is None:
        return ua.Variant()
    if value.VariantType == type_:
        return value
    try:
        converted = convert(value)
    except (ValueError, TypeError, OverflowError, ArithmeticError, UaError):
        converted = None
    return ua.Variant() if converted is None else ua.Variant(converted, type_)


def bits(one: ua.Variant, other: ua.Variant, operation: Callable[[int, int], int]) -> ua.Variant:
    """Return ``operation`` of two integers, in the size of the larger; null for others."""
    if one.is_array or other.is_array:
        return ua.Variant()
    types = {one.VariantType, other.VariantType}
    if not types <= INTEGERS.keys() or not isinstance(one.Value, int):
        return ua.Variant()
    if not isinstance(other.Value, int):
        return ua.Variant()
    larger = max(types, key=lambda type_: (INTEGERS[type_][0], not INTEGERS[type_][1]))
    return ua.Variant(_wrapped(operation(one.Value, other.Value), larger), larger)


def _alike(one: ua.Variant, other: ua.Variant) -> tuple[Any, Any] | None:
    """Return both as values that Python can compare; None where no conversion is implicit."""
    types = {one.VariantType, other.VariantType}
    if len(types) == 1 and not types & (TEXTS | NUMBERS):
        return one.Value, other.Value
    for covered, convert in _COMMON:
        if types <= covered:
            return _pair(one, other, convert)
    return None


def _pair(
    one: ua.Variant, other: ua.Variant, convert: Callable[[ua.Variant], Any]
) -> tuple[Any, Any] | None:
    try:
        pair = convert(one), convert(other)
    except (ValueError, TypeError, OverflowError, UaError):
        return None
    return None if pair[0] is None or pair[1] is None else pair


def _number(value: ua.Variant) -> int | float | None:
    found = value.Value
    if isinstance(found, ua.StatusCode):
        return found.value
    if isinstance(found, (bool, int)):
        return int(found)
    if isinstance(found, float):
        return None if math.isnan(found) else found
    written = text(value)
    if written is None or len(written) > LONGEST_NUMBER:
        return None
    try:
        return int(written)
    except ValueError:
        number = float(written)
        return None if math.isnan(number) else number


def _boolean(value: ua.Variant) -> bool | None:
    written = text(value)
    if written is not None:
        return {"true": True, "1": True, "false": False, "0": False}.get(written.strip().lower())
    number = _number(value)
    return None if number is None else number != 0


def _guid(value: ua.Variant) -> uuid.UUID | None:
    if isinstance(value.Value, uuid.UUID):
        return value.Value
    written = text(value)
    return None if written is None else uuid.UUID(written)


def _node_id(value: ua.Variant) -> ua.NodeId | None:
    if isinstance(value.Value, ua.NodeId):
        return value.Value
    written = text(value)
    return None if written is None else ua.NodeId.from_string(written)


def _written(value: ua.Variant) -> str | None:
    """Return ``value`` as XML would write it."""
    found = value.Value
    if (as_text := text(value)) is not None:
        return as_text
    if isinstance(found, bool):
        return "true" if found else "false"
    if isinstance(found, ua.NodeId):
        return found.to_string()
    if isinstance(found, datetime):
        aware = found if found.tzinfo else found.replace(tzinfo=UTC)
        return aware.astimezone(UTC).isoformat().replace("+00:00", "Z")
    if isinstance(found, (int, float, uuid.UUID)):
        return str(found)
    return None


def _moment(value: ua.Variant) -> datetime | None:
    written = text(value)
    if written is None:
        return None
    moment = datetime.fromisoformat(written)
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _status(value: ua.Variant) -> ua.StatusCode | None:
    number = _number(value)
    if number is None or not 0 <= (whole := round(number)) < 1 << 32:
        return None
    return ua.StatusCode(ua.UInt32(whole))


def _integer(type_: VariantType) -> Callable[[ua.Variant], int | None]:
    width, signed = INTEGERS[type_]
    least = -(1 << (width - 1)) if signed else 0
    most = (1 << (width - 1 if signed else width)) - 1

    def convert(value: ua.Variant) -> int | None:
        number = _number(value)
        if number is None:
            return None
        whole = number if isinstance(number, int) else _rounded(number)
        return whole if least <= whole <= most else None

    return convert


def _rounded(number: float) -> int:
    """Round half away from zero, as Part 4 wants it."""
    return math.floor(number + 0.5) if number >= 0 else math.ceil(number - 0.5)


def _wrapped(number: int, type_: VariantType) -> int:
    width, signed = INTEGERS[type_]
    number &= (1 << width) - 1
    return number - (1 << width) if signed and number >> (width - 1) else number


def _float(value: ua.Variant) -> float | None:
    number = _number(value)
    return None if number is None else float(number)


def _localized(value: ua.Variant) -> ua.LocalizedText | None:
    written = text(value)
    return None if written is None else ua.LocalizedText(written)


def _qualified(value: ua.Variant) -> ua.QualifiedName | None:
    written = text(value)
    return None if written is None else ua.QualifiedName(written)


_COMMON: tuple[tuple[set[VariantType], Callable[[ua.Variant], Any]], ...] = (
    (NUMBERS, _number),
    (IDS, _node_id),
    (TEXTS, text),
    ({VariantType.Boolean} | TEXTS, _boolean),
    (NUMBERS | TEXTS, _number),
    (NUMBERS | {VariantType.StatusCode}, _number),
    ({VariantType.Guid, VariantType.String}, _guid),
    (IDS | {VariantType.String}, _written),
)
"""What types become for a comparison: the first line that covers both (Tables 125 and 126)."""

_CASTS: dict[VariantType, Callable[[ua.Variant], Any]] = {
    **{type_: _integer(type_) for type_ in INTEGERS},
    VariantType.Boolean: _boolean,
    VariantType.Float: _float,
    VariantType.Double: _float,
    VariantType.String: _written,
    VariantType.DateTime: _moment,
    VariantType.Guid: _guid,
    VariantType.NodeId: _node_id,
    VariantType.ExpandedNodeId: _node_id,
    VariantType.StatusCode: _status,
    VariantType.LocalizedText: _localized,
    VariantType.QualifiedName: _qualified,
}
