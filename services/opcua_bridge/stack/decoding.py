"""What a stranger sends is decoded within bounds.

asyncua 2.1.0 decodes before it asks who is there, and three things end it from one message
(each tried by tests/integration/test_opcua_floods.py): a string of length -4 moves the
buffer back, so that a list of 2³¹ of them is read from four bytes; so does a variant that is
an array of Null, which has no bytes at all; and a variant's dimensions make it allocate a
million lists for a few bytes.
"""

import math
from collections.abc import Sequence
from typing import Any

from asyncua import ua
from asyncua.common.utils import Buffer, NotEnoughData
from asyncua.ua import ua_binary
from asyncua.ua.uaerrors import UaError

STANDS_ON = {
    "asyncua.common.utils:Buffer": "f7e858390ac2d2fa",
    "asyncua.ua.ua_binary:variant_from_binary": "6f5e95888458c5e3",
    "asyncua.ua.ua_binary:unpack_uatype_array": "43247120a0d9c59c",
    "asyncua.ua.ua_binary:extensionobject_from_binary": "1fd0586b9b477539",
    "asyncua.ua.ua_binary:_reshape": "5e469d79927f4b44",
}

_unpack_array = ua_binary.unpack_uatype_array


class Bounded(Buffer):
    """A buffer that is read forwards only."""

    def read(self, size: int) -> bytes:
        """Return the next bytes."""
        if size < 0:
            raise NotEnoughData(f"a length of {size}")
        return super().read(size)

    def skip(self, size: int) -> None:
        """Leave out the next bytes."""
        if size < 0:
            raise NotEnoughData(f"a length of {size}")
        super().skip(size)

    def copy(self, size: int = -1) -> "Bounded":
        """Return the next bytes as a buffer of their own, without taking them."""
        if size < 0 or size > len(self):
            size = len(self)
        return Bounded(self._data, self._cur_pos, size)


def _bounded_array(vtype: ua.VariantType, data: Buffer) -> list[Any] | None:
    """Unpack an array whose elements have at least a byte each."""
    length = int.from_bytes(data.copy(4).read(4), "little", signed=True)
    if length > len(data) or (length > 0 and vtype is ua.VariantType.Null):
        raise NotEnoughData(f"an array of {length} in {len(data)} bytes")
    return _unpack_array(vtype, data)


def _exact_reshape(flat: list[Any], dims: Sequence[int]) -> list[Any]:
    """Give an array its dimensions, which must be those of what is there (Part 6, 5.2.2.16)."""
    if not dims or min(dims) < 0 or math.prod(dims) != len(flat):
        raise UaError("a variant's dimensions are not those of its array")
    for size in reversed(dims[1:]):
        flat = [flat[start : start + size] for start in range(0, len(flat), size)] if size else flat
    return flat


def install() -> None:
    """Let asyncua decode variants this way: it has no seam for it."""
    ua_binary.unpack_uatype_array = _bounded_array  # type: ignore[assignment] # Buffer is all it gets
    ua_binary._reshape = _exact_reshape  # noqa: SLF001
