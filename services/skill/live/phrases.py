"""How numbers, durations, moments and names are written for people. Pure.

The words are English; dates and numbers follow the account's locale, times of day its zone.
Without a zone they are told in UTC, and say so.
"""

import math
import unicodedata
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, tzinfo
from functools import lru_cache
from zoneinfo import ZoneInfo

from babel import Locale, UnknownLocaleError
from babel.dates import format_date, format_time
from babel.numbers import format_decimal

from voxtrude.accounts import Preferences, Scale

LONGEST = 80  # characters of a file's name
LONGEST_TEXT = 200  # characters of what a firmware says
WEEK = 6  # days for which a weekday's name is enough
MINUTE, HOUR, DAY = 60, 3600, 86_400  # seconds
NONE = "\N{EN DASH}"
"""Where a number would be, and none is known."""

FAR = timedelta(days=100)
"""Nobody prints for that long: a time left beyond it is a mistake of who told it."""

_PRINTABLE = ("gcode", "bgcode", "gco", "g", "ufp", "3mf")
_UNIT = {Scale.CELSIUS: "°C", Scale.FAHRENHEIT: "°F"}


@dataclass(frozen=True, slots=True)
class Phrases:
    """What depends on who reads it."""

    locale: Locale
    zone: tzinfo
    scale: Scale
    zoned: bool

    @property
    def unit(self) -> str:
        """Return the sign of the scale."""
        return _UNIT[self.scale]

    def degrees(self, celsius: float | None) -> float | None:
        """Return a temperature in the account's scale; None where there is none."""
        if celsius is None or not math.isfinite(celsius):
            return None
        return celsius if self.scale is Scale.CELSIUS else celsius * 9 / 5 + 32

    def temperature(self, celsius: float | None) -> str:
        """Write a temperature in whole degrees, without its unit."""
        degrees = self.degrees(celsius)
        return NONE if degrees is None else str(round(degrees))

    def number(self, value: float, digits: int = 1) -> str:
        """Write a number with at most so many digits after the point."""
        if not math.isfinite(value):
            return NONE
        pattern = "#,##0." + "#" * digits if digits else "#,##0"
        return str(format_decimal(value, format=pattern, locale=self.locale))

    def day(self, moment: datetime, now: datetime) -> str:
        """Write a day as somebody says it now."""
        return _day(self.locale, moment.astimezone(self.zone).date().toordinal(), self._today(now))

    def clock(self, moment: datetime) -> str:
        """Write a time of day."""
        local = moment.astimezone(self.zone)
        return _clock(self.locale, local.hour, local.minute) + ("" if self.zoned else " UTC")

    def moment(self, moment: datetime, now: datetime) -> str:
        """Write a day and a time of day: "today 16:20"."""
        return f"{self.day(moment, now)} {self.clock(moment)}"

    def _today(self, now: datetime) -> int:
        return now.astimezone(self.zone).date().toordinal()


@lru_cache(maxsize=256)
def phrases(preferences: Preferences) -> Phrases:
    """Return how somebody wants to be told; what they set and we do not know is left aside."""
    try:
        locale = Locale.parse(preferences.locale.replace("-", "_"))
    except (UnknownLocaleError, ValueError):
        locale = Locale("en", "US")
    zone: tzinfo = UTC
    zoned = False
    if preferences.time_zone:
        with suppress(KeyError, ValueError, OSError):  # no such zone, no name at all, a folder
            zone, zoned = ZoneInfo(preferences.time_zone), True
    return Phrases(locale, zone, preferences.scale, zoned)


@lru_cache(maxsize=4096)
def _clock(locale: Locale, hour: int, minute: int) -> str:
    moment = datetime(2000, 1, 1, hour, minute, tzinfo=UTC)
    # Some locales have a narrow no-break space there, which few fonts have.
    return format_time(moment, "short", tzinfo=UTC, locale=locale).replace("\u202f", "\u00a0")


@lru_cache(maxsize=4096)
def _day(locale: Locale, day: int, today: int) -> str:
    near = {0: "today", 1: "tomorrow", -1: "yesterday"}.get(day - today)
    if near:
        return near
    date = datetime.fromordinal(day)
    if 0 < abs(day - today) <= WEEK:
        weekday = format_date(date, "EEEE", locale="en")
        return weekday if day > today else f"last {weekday}"
    return format_date(date, "medium", locale=locale)


def duration(seconds: float) -> str:
    """Write how long something takes, in two units at most: "1 h 10 min"."""
    if not math.isfinite(seconds) or seconds < 0:
        return NONE
    if seconds < MINUTE:
        return f"{int(seconds)} s"
    minutes = int(seconds // MINUTE)
    days, hours, minutes = minutes // 1440, minutes // 60 % 24, minutes % 60
    parts = [(days, "d"), (hours, "h"), (minutes, "min")]
    told = [f"{count} {unit}" for count, unit in parts if count]
    return " ".join(told[:2])


def age(past: timedelta) -> str:
    """Write how old something is, so coarsely that it stays the same for a while."""
    seconds = past.total_seconds()
    if seconds < MINUTE:
        return "just now"
    if seconds < HOUR:
        return f"{int(seconds // MINUTE)} min ago"
    if seconds < 2 * DAY:
        return f"{int(seconds // HOUR)} h ago"
    return f"{int(seconds // DAY)} days ago"


def span(past: timedelta) -> str:
    """Write for how long something has been so."""
    seconds = past.total_seconds()
    if seconds < HOUR:
        return f"{max(int(seconds // MINUTE), 1)} min"
    if seconds < 2 * DAY:
        return f"{int(seconds // HOUR)} h"
    return f"{int(seconds // DAY)} days"


def plain(text: str, longest: int = LONGEST_TEXT) -> str:
    """Return a text of somebody else on one line, without signs that nobody sees.

    Among these are the ones that turn the direction of what follows.
    """
    kept = "".join(
        " " if unicodedata.category(sign) in {"Cc", "Zl", "Zp"} else sign
        for sign in text
        if unicodedata.category(sign) not in {"Cf", "Cs", "Co", "Cn"}
    )
    kept = " ".join(kept.split())
    return kept if len(kept) <= longest else kept[: longest - 1] + "…"


def file_name(name: str) -> str:
    """Return a file's name as people say it: without its folder and its extension."""
    name = name.replace("%22", '"').rsplit("/", 1)[-1]
    stem, dot, extension = name.rpartition(".")
    if dot and stem and extension.lower() in _PRINTABLE:
        name = stem
    return plain(name, LONGEST)


def percent(progress: float) -> str:
    """Write how far a print is; what is not done is never at 100 %."""
    return "almost done" if progress >= 99 else f"{_whole(progress)} %"  # noqa: PLR2004  (percent)


def bar(progress: float) -> str:
    """Return the same as a bar's value."""
    return str(_whole(progress))


def _whole(progress: float) -> int:
    return min(max(int(progress), 0), 99) if math.isfinite(progress) else 0


def natural(name: str) -> str:
    """Return what a name is sorted by: "Ender 2" comes before "Ender 10"."""
    parts: list[str] = []
    digits = ""
    for sign in f"{name.casefold()} ":
        if sign.isdecimal():
            digits += sign
            continue
        if digits:
            parts.append(digits.zfill(8))
            digits = ""
        parts.append(sign)
    return "".join(parts).strip()
