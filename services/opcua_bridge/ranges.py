"""The part of a value that a client asks for by an index range (OPC 10000-4, 7.27)."""

import re
from dataclasses import dataclass

from asyncua import ua
from asyncua.ua.status_codes import StatusCodes

from services.opcua_bridge.values import status

_RANGE = re.compile(r"(\d{1,9})(?::(\d{1,9}))?")


class RangeError(ValueError):
    """The text is no index range."""


@dataclass(frozen=True, slots=True)
class IndexRange:
    """A slice for each dimension."""

    dimensions: tuple[slice, ...]

    @classmethod
    def parsed(cls, text: str) -> "IndexRange":
        """Return the range that ``text`` says; raise RangeError."""
        slices: list[slice] = []
        for part in text.split(","):
            found = _RANGE.fullmatch(part)
            if found is None:
                raise RangeError(part)
            first, last = int(found[1]), int(found[2] or found[1])
            if found[2] is not None and last <= first:
                raise RangeError(part)
            slices.append(slice(first, last + 1))
        return cls(tuple(slices))

    def of(self, value: ua.DataValue) -> ua.DataValue:
        """Return ``value`` with that part alone, or with BadIndexRangeNoData."""
        variant = value.Value
        if variant is None or variant.VariantType is ua.VariantType.Null:
            return value
        try:
            part = _part(variant.Value, self.dimensions)
        except (LookupError, TypeError):
            return ua.DataValue(
                StatusCode=status(StatusCodes.BadIndexRangeNoData),
                ServerTimestamp=value.ServerTimestamp,
            )
        return ua.DataValue(
            ua.Variant(part, variant.VariantType, is_array=variant.is_array),
            value.StatusCode,
            SourceTimestamp=value.SourceTimestamp,
            ServerTimestamp=value.ServerTimestamp,
        )


def _part(value: object, dimensions: tuple[slice, ...]) -> object:
    if not dimensions:
        return value
    if not isinstance(value, list | tuple | str | bytes):
        raise TypeError(type(value))
    part = value[dimensions[0]]
    if not part:
        raise LookupError
    if len(dimensions) == 1:
        return part
    if isinstance(part, str | bytes):
        raise TypeError(type(value))
    return [_part(each, dimensions[1:]) for each in part]
