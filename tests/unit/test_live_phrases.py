"""How durations, moments and names are written."""

from datetime import UTC, datetime, timedelta

import pytest

from services.skill.live.phrases import (
    age,
    duration,
    file_name,
    natural,
    percent,
    phrases,
    span,
)
from voxtrude.accounts import Preferences, Scale

NOW = datetime(2026, 11, 20, 15, 10, tzinfo=UTC)  # a Friday


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "0 s"),
        (59.9, "59 s"),
        (60, "1 min"),
        (4200, "1 h 10 min"),
        (7200, "2 h"),
        (86400 * 3 + 7260, "3 d 2 h"),
        (-1, "\N{EN DASH}"),
        (float("nan"), "\N{EN DASH}"),
    ],
)
def test_durations(seconds: float, text: str) -> None:
    assert duration(seconds) == text


@pytest.mark.parametrize(
    ("seconds", "ago", "so_long"),
    [
        (3, "just now", "1 min"),
        (300, "5 min ago", "5 min"),
        (3 * 3600, "3 h ago", "3 h"),
        (47 * 3600, "47 h ago", "47 h"),
        (8 * 86400, "8 days ago", "8 days"),
    ],
)
def test_ages(seconds: int, ago: str, so_long: str) -> None:
    past = timedelta(seconds=seconds)
    assert (age(past), span(past)) == (ago, so_long)


@pytest.mark.parametrize(
    ("locale", "zone", "moment", "text"),
    [
        ("en-US", "Europe/Berlin", NOW, "today 4:10\u00a0PM"),
        ("de-DE", "Europe/Berlin", NOW, "today 16:10"),
        ("de-DE", None, NOW, "today 15:10 UTC"),
        ("en-GB", "Asia/Tokyo", NOW, "today 00:10"),
        ("en-GB", "Europe/London", NOW + timedelta(hours=12), "tomorrow 03:10"),
        ("en-GB", "Europe/London", NOW - timedelta(hours=24), "yesterday 15:10"),
        ("en-GB", "Europe/London", NOW + timedelta(days=3), "Monday 15:10"),
        ("en-GB", "Europe/London", NOW - timedelta(days=3), "last Tuesday 15:10"),
        ("en-GB", "Europe/London", NOW - timedelta(days=30), "21 Oct 2026 16:10"),
        ("xx-nonsense", "No/Where", NOW, "today 3:10\u00a0PM UTC"),
        ("en-GB", "../../etc/passwd", NOW, "today 15:10 UTC"),
    ],
)
def test_moments(locale: str, zone: str | None, moment: datetime, text: str) -> None:
    spoken = phrases(Preferences(locale=locale, time_zone=zone))
    assert spoken.moment(moment, NOW) == text


def test_numbers_follow_the_locale_and_the_scale() -> None:
    german = phrases(Preferences(locale="de-DE"))
    assert german.number(1234.56) == "1.234,6"
    assert german.temperature(-0.2) == "0"
    assert german.temperature(float("inf")) == "\N{EN DASH}"
    fahrenheit = phrases(Preferences(scale=Scale.FAHRENHEIT))
    assert (fahrenheit.temperature(100), fahrenheit.unit) == ("212", "°F")


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("benchy_v2.gcode", "benchy_v2"),
        ("hall/part.BGCODE", "part"),
        ("no extension", "no extension"),
        (".gcode", ".gcode"),
        ("v1.2", "v1.2"),
        ("10%22 wheel.gco", '10" wheel'),
        ("a\u202eb\u200b\nc.g", "ab c"),
        ("x" * 200, "x" * 79 + "…"),
        ("\ud800.gcode", ""),
    ],
)
def test_names_of_files(name: str, shown: str) -> None:
    assert file_name(name) == shown


def test_names_are_sorted_as_people_count() -> None:
    names = ["Ender 10", "ender 2", "Ender", "Äpfel", "Ender 2b"]
    assert sorted(names, key=natural) == ["Ender", "ender 2", "Ender 2b", "Ender 10", "Äpfel"]


@pytest.mark.parametrize(
    ("progress", "text"),
    [(0.0, "0 %"), (42.9, "42 %"), (98.99, "98 %"), (99.0, "almost done"), (-3.0, "0 %")],
)
def test_progress(progress: float, text: str) -> None:
    assert percent(progress) == text
