"""How long ago something was, as people say it. Pure."""

from datetime import datetime, timedelta

from babel.dates import format_timedelta

LANGUAGE = "en"  # the pages' own
NOW = timedelta(minutes=1)
"""What is younger is "just now": a text that changed each second would never be read."""


def age(moment: datetime, now: datetime) -> str:
    """Return the age of a moment; what lies ahead of us is just now."""
    passed = now - moment
    if passed < NOW:
        return "just now"
    return format_timedelta(-passed, add_direction=True, threshold=1.5, locale=LANGUAGE)
