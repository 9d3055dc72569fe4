"""In which country's way dates and numbers are told, and in which time zone."""

from datetime import datetime
from functools import lru_cache
from zoneinfo import ZoneInfo, available_timezones

from babel import Locale, dates, negotiate_locale

from voxtrude.accounts import Preferences

STANDARD = "en-US"
LOCALES = (
    *("en-US", "en-GB", "en-AU", "en-CA", "en-IE", "en-IN", "en-NZ", "en-ZA"),
    *("da-DK", "de-AT", "de-CH", "de-DE", "es-ES", "es-MX", "fi-FI", "fr-CA", "fr-FR", "it-IT"),
    *("ja-JP", "nb-NO", "nl-NL", "pl-PL", "pt-BR", "pt-PT", "sv-SE"),
)
_MOST_LANGUAGES = 20  # of those that a browser would like


@lru_cache(maxsize=1)
def names() -> tuple[tuple[str, str], ...]:
    """Return every locale that we offer, with its name."""
    return tuple((code, str(_locale(code).get_display_name("en"))) for code in LOCALES)


@lru_cache(maxsize=1)
def zones() -> tuple[str, ...]:
    """Return the time zones of the world's places, in order."""
    return tuple(sorted(one for one in available_timezones() if "/" in one and "Etc/" not in one))


def checked_zone(zone: str) -> str | None:
    """Return a time zone as it is stored; None where there is no such zone."""
    return zone if zone == "UTC" or zone in zones() else None


def guessed(accept_language: str, zone: str) -> Preferences:
    """Return the preferences of somebody who has just come, from what the browser says.

    Degrees are Celsius everywhere: printers, slicers and filament boxes know no others.
    """
    wanted = [one.split(";")[0].strip() for one in accept_language.split(",")[:_MOST_LANGUAGES]]
    found = negotiate_locale(wanted, LOCALES, sep="-") or STANDARD
    if found not in LOCALES:  # a language alone
        found = next((one for one in LOCALES if one.startswith(found)), STANDARD)
    return Preferences(locale=found, time_zone=checked_zone(zone))


def moment(at: datetime, preferences: Preferences) -> str:
    """Return a moment as somebody reads it; without a known time zone it says that it is UTC."""
    zone = ZoneInfo(preferences.time_zone) if preferences.time_zone else None
    locale = _locale(preferences.locale)
    text = str(dates.format_datetime(at, "medium", tzinfo=zone, locale=locale))
    return text if zone else f"{text} UTC"


def day(at: datetime, preferences: Preferences) -> str:
    """Return the date of a moment as somebody reads it."""
    zone = ZoneInfo(preferences.time_zone) if preferences.time_zone else None
    local = at.astimezone(zone) if zone else at
    return str(dates.format_date(local.date(), "long", locale=_locale(preferences.locale)))


@lru_cache(maxsize=64)
def _locale(code: str) -> Locale:
    return Locale.parse(code if code in LOCALES else STANDARD, sep="-")
