"""What programs may send: the shapes of bodies and queries. An unknown field is a mistake."""

import re
from datetime import UTC, datetime
from typing import Annotated, Any

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    StringConstraints,
    WithJsonSchema,
)

from services.skill.api.ownership import PATTERN
from voxtrude.registration import FIRST_YEAR, LAST_YEAR, MAX_BASE, MAX_NAME, MAX_PLATE

LETTERS = (
    "0-9A-Za-z\u00c0-\u00d6\u00d8-\u00f6\u00f8-\u02af"  # Latin
    "\u0391-\u03a1\u03a3-\u03ff\u0400-\u0481\u05d0-\u05ea"  # Greek, Cyrillic, Hebrew
    "\u0621-\u063a\u0905-\u0939\u0e01-\u0e2e"  # Arabic, Devanagari, Thai
    "\u3041-\u3096\u30a1-\u30fa\u4e00-\u9ffc\uac00-\ud7a3"  # Kana, Han, Hangul
    "\U0001f300-\U0001f3fa\U0001f600-\U0001f64f"  # emoji
)
"""A name has one of these. What is not visible is left out of a text, so that without such a
letter there might be nothing left of it. All are printable."""

NAME = f"[{LETTERS}]"
BASE = r'^[ -"&-*,-.0-z|~][ -"&-*,-z|~]*/$'
JOB = r"^[0-9]{1,14}\.[!-~]{1,100}$"

_RFC3339 = re.compile(
    r"(?P<date>\d{4}-\d\d-\d\d)[Tt ](?P<minute>\d\d:\d\d):(?P<seconds>[0-5]\d|60)"
    r"(?:\.(?P<fraction>\d+))?(?P<zone>[Zz]|[+ -]\d\d:\d\d)",
    re.ASCII,
)

_FIRST, _LAST = datetime.min.replace(tzinfo=UTC), datetime.max.replace(tzinfo=UTC)

LONGEST_HOURS = 168
MOST_POINTS = 1000


def visible(text: str) -> str:
    """Return a text in one line, without what nobody can see."""
    return " ".join("".join(one for one in text if one.isprintable() or one.isspace()).split())


def _whole(number: Any) -> Any:  # noqa: ANN401  (whatever was sent)
    """Return a number that JSON calls an integer, 2024.0 too, as one."""
    return int(number) if isinstance(number, float) and number.is_integer() else number


def _listed(text: str | None) -> str | None:
    return None if text is None else visible(text) or None


def read(text: Any) -> datetime:  # noqa: ANN401  (whatever was sent)
    """Return a moment of RFC 3339 in UTC; one before or after all calendars is the first or last.

    Raises:
        ValueError: It is none.
    """
    parts = _RFC3339.fullmatch(text) if isinstance(text, str) else None
    if parts is None:
        raise ValueError("not a moment with its time zone, such as 2026-01-31T12:00:00Z")
    # A plus that was not escaped in a query is a blank; a leap second is the end of its minute.
    zone = parts["zone"].upper().replace(" ", "+")
    seconds = min(int(parts["seconds"]), 59)
    if parts["date"].startswith("0000"):
        return _FIRST
    fraction = (parts["fraction"] or "0")[:6].ljust(6, "0")
    at = datetime.fromisoformat(f"{parts['date']}T{parts['minute']}:{seconds:02}.{fraction}{zone}")
    try:
        return at.astimezone(UTC)
    except OverflowError:
        return _FIRST if at.year == 1 else _LAST


Moment = Annotated[
    datetime, BeforeValidator(read), WithJsonSchema({"type": "string", "format": "date-time"})
]

Name = Annotated[
    str,
    StringConstraints(min_length=1, max_length=MAX_NAME, pattern=NAME),
    AfterValidator(visible),
    Field(
        description="what its owner calls it; one letter, digit or emoji at least, and what is "
        "not visible is left out",
        examples=["Prusa"],
    ),
]
Line = Annotated[str | None, Field(max_length=MAX_PLATE), AfterValidator(_listed)]


Year = Annotated[int, Field(ge=FIRST_YEAR, le=LAST_YEAR, strict=True), BeforeValidator(_whole)]


class Sent(BaseModel):
    """What every body and query is."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class NewPrinter(Sent):
    """A printer to be added."""

    name: Name
    base_topic: (
        Annotated[str, StringConstraints(min_length=2, max_length=MAX_BASE, pattern=BASE)] | None
    ) = Field(
        None,
        description="the plugin's base topic, with the slash at its end, where it must be another "
        "than the standard one (`octoPrint/<printer id>/`)",
        examples=["hall 1/prusa/"],
    )


class PlateChange(Sent):
    """What changes on a machine's plate; what is null becomes empty."""

    manufacturer: Line = Field(None, description="who built it")
    model: Line = Field(None, description="which model it is")
    serial_number: Line = Field(None, description="its serial number")
    location: Line = Field(None, description="where it stands")
    year_of_construction: Year | None = Field(None, description="when it was built")


class PrinterChange(Sent):
    """What changes of a printer; what is null or left out stays."""

    name: Name | None = None
    plate: PlateChange | None = Field(None, description="what changes on its plate")
    keep: bool | None = Field(
        None, strict=True, description="whether it is kept although it is silent"
    )


class Listing(Sent):
    """Which part of a list; ids are its order."""

    after: str | None = Field(None, pattern=PATTERN, description="the `next` of the page before")
    limit: int = Field(100, ge=1, le=500, description="how many, at the most")
    id: list[Annotated[str, StringConstraints(pattern=PATTERN)]] | None = Field(
        None, max_length=100, description="only these printers; it may be given several times"
    )


class JobListing(Sent):
    """Which part of the print history, newest first."""

    before: str | None = Field(None, pattern=JOB, description="the `next` of the page before")
    limit: int = Field(25, ge=1, le=200, description="how many, at the most")


class JobSearch(JobListing):
    """Which part of the print history of all printers, newest first.

    A print stands at its end, an open one at its start.
    """

    since: Moment | None = Field(None, description="not earlier than that")
    until: Moment | None = Field(None, description="earlier than that")


class Period(Sent):
    """Of which time, and how finely."""

    hours: int = Field(6, ge=1, le=LONGEST_HOURS, description="so many hours until now")
    points: int = Field(360, ge=1, le=MOST_POINTS, description="so many points, at the most")


class Newest(Sent):
    """How many of the newest."""

    limit: int = Field(50, ge=1, le=500, description="how many, at the most")


class Watch(Sent):
    """What to watch."""

    printer: str | None = Field(None, pattern=PATTERN, description="only this printer")


def moment(at: datetime) -> int:
    """Return a moment in milliseconds since 1970, as a cursor has it."""
    return round(at.timestamp() * 1000)
