import pytest
from asyncua import ua
from asyncua.ua.status_codes import StatusCodes

from services.opcua_bridge.ranges import IndexRange, RangeError
from tests.opcua_engine import double

MATRIX = [[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]]


@pytest.mark.parametrize(
    ("text", "value", "part"),
    [
        ("1", [1.0, 2.0, 3.0], [2.0]),
        ("0:1", [1.0, 2.0, 3.0], [1.0, 2.0]),
        ("1:9", [1.0, 2.0, 3.0], [2.0, 3.0]),
        ("1,0:1", MATRIX, [[4.0, 5.0]]),
        ("1:2", "text", "ex"),
        ("0:1,0", ["one", "two", "six"], ["o", "t"]),
        ("1", b"abc", b"b"),
    ],
)
def test_parts(text: str, value: object, part: object) -> None:
    kind = ua.VariantType.ByteString if isinstance(value, bytes) else None
    variant = ua.Variant(value, kind or ua.Variant(value).VariantType)
    found = IndexRange.parsed(text).of(ua.DataValue(variant)).Value
    assert found is not None
    assert (found.Value, found.VariantType) == (part, variant.VariantType)


@pytest.mark.parametrize("text", ["3", "3:4", "0,0"])
def test_no_data(text: str) -> None:
    found = IndexRange.parsed(text).of(double([1.0, 2.0, 3.0]))
    assert found.StatusCode == ua.StatusCode(ua.UInt32(StatusCodes.BadIndexRangeNoData))


def test_a_scalar_has_no_parts() -> None:
    found = IndexRange.parsed("0").of(double(1.0))
    assert found.StatusCode == ua.StatusCode(ua.UInt32(StatusCodes.BadIndexRangeNoData))


@pytest.mark.parametrize("text", ["", "a", "2:1", "1:1", "-1", "1:", "1,,2", "1 ", "9" * 20])
def test_what_is_no_range(text: str) -> None:
    with pytest.raises(RangeError):
        IndexRange.parsed(text)
