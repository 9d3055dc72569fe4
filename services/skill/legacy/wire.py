"""What Octolexa's and Octovox's plugins say, and the answers that they understand. Pure.

Both send the same, seen in the sources of Octolexa 0.1 and Octovox 0.2: numbers as texts with
one decimal, or as numbers, or not at all; what they do not know they leave out. Anything else
that a number can look like is taken, too, where it can be one.
"""

import json
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from voxtrude.notices import ReportDocument
from voxtrude.printer import PrinterId

LONGEST_TEXT = 255  # characters of a state, a result or a file's name
LONGEST_NUMBER = 40  # characters
MOST = 100  # details of a report

_KEY = re.compile(r"(prn-[0-9a-f]{16}):([!-~]{1,128})")
_NUMBER = re.compile(r"[+-]?(\d+([.,]\d*)?|[.,]\d+)([eE][+-]?\d{1,3})?", re.ASCII)

COLDEST, HOTTEST = -273.15, 2000.0  # degrees Celsius
LONGEST = 10 * 365 * 86_400.0  # seconds
HIGHEST = 100_000.0  # mm

Number = Literal["tool0", "bed", "progress", "time_left", "height", "last_duration"]
Text = Literal["state", "file", "last_result"]

NUMBERS: Mapping[int, tuple[Number, float, float]] = {
    1: ("tool0", COLDEST, HOTTEST),
    2: ("bed", COLDEST, HOTTEST),
    4: ("progress", 0.0, 100.0),
    5: ("time_left", 0.0, LONGEST),
    6: ("height", -HIGHEST, HIGHEST),
    8: ("last_duration", 0.0, LONGEST),
}
TEXTS: Mapping[int, Text] = {3: "state", 7: "file", 9: "last_result"}

SUCCESS = {"apiResult": "Success"}


class UnreadableError(Exception):
    """That is nothing that a plugin sends."""


@dataclass(frozen=True, slots=True)
class Key:
    """What a plugin calls PrinterId: the printer and its secret."""

    printer: PrinterId
    secret: str


def failure(message: str) -> dict[str, str]:
    """Return the answer that tells a plugin what is wrong."""
    return {"apiResult": "Error", "apiResultMessage": message}


def read(body: bytes) -> Mapping[str, Any]:
    """Return what a plugin has sent.

    Raises:
        UnreadableError: It is no JSON object.
    """
    try:
        told = json.loads(body)
    except (ValueError, RecursionError):
        raise UnreadableError from None
    if not isinstance(told, dict):
        raise UnreadableError
    return told


def key(told: Mapping[str, Any]) -> Key | None:
    """Return the key in a message; None where there is none that can be one of ours."""
    sent = told.get("PrinterId")
    parts = _KEY.fullmatch(sent.strip()) if isinstance(sent, str) else None
    return Key(PrinterId(parts[1]), parts[2]) if parts else None


def report(printer: PrinterId, told: Mapping[str, Any], now: datetime) -> ReportDocument:
    """Return a report as it goes on; what it does not tell, or cannot mean, is null.

    Raises:
        UnreadableError: It has no list of details.
    """
    details = told.get("Details")
    if not isinstance(details, list):
        raise UnreadableError
    fields: dict[str, float | str | None] = {}
    for one in details[:MOST]:
        if not isinstance(one, dict):
            continue
        kind, value = _whole(one.get("StatusTypeId")), one.get("StatusValue")
        if kind in NUMBERS:
            name, least, most = NUMBERS[kind]
            fields[name] = _number(value, least, most)
        elif kind in TEXTS:
            fields[TEXTS[kind]] = _text(value, empty=TEXTS[kind] == "last_result")
    return ReportDocument.model_validate({**fields, "printer": printer, "reported_at": now})


def visible(text: str) -> str:
    """Return a text in one line, without what nobody can see."""
    return " ".join("".join(one for one in text if one.isprintable() or one.isspace()).split())


def _whole(value: object) -> int:
    number = _number(value, 0, 1000)
    return int(number) if number is not None and number.is_integer() else 0


def _number(value: object, least: float, most: float) -> float | None:
    if isinstance(value, str):
        text = value.strip()
        if len(text) > LONGEST_NUMBER or not _NUMBER.fullmatch(text):
            return None
        number = float(text.replace(",", "."))
    elif isinstance(value, int | float) and not isinstance(value, bool):
        # A whole number may have thousands of digits, which no float has.
        number = float(value) if abs(value) <= LONGEST else math.inf
    else:
        return None
    return number if least <= number <= most else None


def _text(value: object, *, empty: bool) -> str | None:
    """Return a text in one line; ``empty`` says something of its own where that is allowed."""
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        return None
    if not isinstance(value, str) and not abs(value) <= LONGEST:  # nor NaN
        return None
    text = visible(str(value)[:LONGEST_TEXT])
    if text in {"None", "null"}:  # Python's and JavaScript's words for nothing
        return None
    return text if text or empty else None
