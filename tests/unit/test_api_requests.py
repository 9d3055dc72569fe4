"""What programs may send: names of which something is left, and moments of all calendars."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from services.skill.api.requests import BASE, LETTERS, JobSearch, Name, NewPrinter, PlateChange
from voxtrude.registration import checked_name

NAMES: TypeAdapter[str] = TypeAdapter(Name)


def ranges() -> list[tuple[int, int]]:
    """Return the ranges of characters of which a name must have one."""
    marks = LETTERS.replace("-", "")
    return [(ord(marks[at]), ord(marks[at + 1])) for at in range(0, len(marks), 2)]


def test_each_letter_can_be_seen() -> None:
    for first, last in ranges():
        for code in range(first, last + 1):
            one = chr(code)
            assert one.isprintable(), hex(code)
            assert not one.isspace(), hex(code)


@given(st.from_regex(f"[{LETTERS}]").filter(lambda name: 1 <= len(name) <= 64))
def test_a_name_with_a_letter_can_be_stored(name: str) -> None:
    read = NAMES.validate_python(name)
    assert checked_name(read) == read


@pytest.mark.parametrize("name", ["", " ", "\u200b", "\x00", "—", "\ud800", "x" * 65, 5, None, []])
def test_a_name_without_one_cannot(name: object) -> None:
    with pytest.raises(ValidationError):
        NAMES.validate_python(name)


def test_what_cannot_be_seen_is_left_out() -> None:
    assert NAMES.validate_python("\ufeffPrusa\u200b  MK4\n") == "Prusa MK4"
    assert PlateChange(manufacturer=" \u200b ").manufacturer is None


@pytest.mark.parametrize(
    ("text", "at"),
    [
        ("2026-01-31T12:00:00Z", datetime(2026, 1, 31, 12, tzinfo=UTC)),
        ("2026-01-31t12:00:00.123456789z", datetime(2026, 1, 31, 12, 0, 0, 123456, UTC)),
        ("2026-01-31T12:00:00+01:00", datetime(2026, 1, 31, 11, tzinfo=UTC)),
        ("2026-01-31T12:00:00 01:00", datetime(2026, 1, 31, 11, tzinfo=UTC)),
        ("2016-12-31T23:59:60Z", datetime(2016, 12, 31, 23, 59, 59, tzinfo=UTC)),
        ("0001-01-01T00:00:00+23:59", datetime.min.replace(tzinfo=UTC)),
        ("0000-01-01T00:00:00Z", datetime.min.replace(tzinfo=UTC)),
        ("9999-12-31T23:59:59-23:59", datetime.max.replace(tzinfo=UTC)),
    ],
)
def test_moments(text: str, at: datetime) -> None:
    assert JobSearch.model_validate({"since": text}).since == at


@pytest.mark.parametrize(
    "text",
    ["", "now", "1700000000", "2026-01-31", "2026-01-31T12:00:00", "2026-02-30T12:00:00Z"],
)
def test_what_is_no_moment(text: str) -> None:
    with pytest.raises(ValidationError):
        JobSearch.model_validate({"until": text})


@pytest.mark.parametrize("base", ["a", "/a/", "a/#/", "a+/", "$SYS/", "{x}/", "a/\n", "é/", "%c/"])
def test_base_topics_that_cannot_be(base: str) -> None:
    with pytest.raises(ValidationError):
        NewPrinter(name="Prusa", base_topic=base)
    assert BASE.endswith("$")


@pytest.mark.parametrize("year", ["2024", 2024.5, True, 1979, 2101, 1e300, float("nan"), []])
def test_years_that_cannot_be(year: object) -> None:
    with pytest.raises(ValidationError):
        PlateChange.model_validate({"year_of_construction": year})
    assert PlateChange.model_validate({"year_of_construction": 2024.0}).year_of_construction == 2024


def test_the_schema_tells_every_limit_of_a_year() -> None:
    told = PlateChange.model_json_schema()["properties"]["year_of_construction"]["anyOf"][0]
    assert told == {"type": "integer", "minimum": 1980, "maximum": 2100}
