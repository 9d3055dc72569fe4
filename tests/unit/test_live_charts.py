"""What charts are drawn from, and the table that tells the same."""

from datetime import UTC, datetime, timedelta

from services.skill.live.charts import chart, table
from services.skill.live.phrases import phrases
from voxtrude.accounts import Preferences, Scale
from voxtrude.mongo.readings import Sample
from voxtrude.printer import PrinterId

PRINTER = PrinterId("prn-00000000000000aa")
BEGAN = datetime(2026, 11, 20, 12, tzinfo=UTC)
ENGLISH = phrases(Preferences())


def sample(minute: float, actual: float, target: float, progress: float | None = None) -> Sample:
    at = BEGAN + timedelta(minutes=minute)
    return Sample(PRINTER, at, progress, {"bed": (actual, target)})


def test_lines_go_over_the_same_moments() -> None:
    told = chart([sample(0, 20, 60, 1.0), sample(1, 30.04, 60, 2.0)], ENGLISH, 1)
    assert told.at == [BEGAN.timestamp(), BEGAN.timestamp() + 60]
    assert [(one.name, one.is_target, one.values) for one in told.lines] == [
        ("Progress", False, [1.0, 2.0]),
        ("Bed", False, [20.0, 30.0]),
        ("Bed", True, [60.0, 60.0]),
    ]


def test_a_stretch_without_readings_is_a_gap() -> None:
    told = chart([sample(0, 20, 60), sample(30, 30, 60)], ENGLISH, 1)
    assert len(told.at) == 3
    assert told.at == sorted(told.at)
    assert told.lines[0].values == [20.0, None, 30.0]


def test_the_wider_bins_of_a_day_are_no_gaps() -> None:
    told = chart([sample(4 * index, 20, 60) for index in range(360)], ENGLISH, 24)
    assert len(told.at) == 360


def test_a_heater_that_is_off_has_no_target_and_an_unknown_one_no_line() -> None:
    told = chart(
        [sample(0, 20, 0), Sample(PRINTER, BEGAN, None, {"tool0": (None, None)})], ENGLISH, 1
    )
    assert [(one.name, one.is_target) for one in told.lines] == [("Bed", False)]
    assert chart([], ENGLISH, 6).lines == []


def test_the_table_tells_the_extremes_in_the_accounts_scale() -> None:
    fahrenheit = phrases(Preferences(scale=Scale.FAHRENHEIT))
    told = chart([sample(0, 20, 60, 99.5), sample(1, 60, 0), sample(2, 50, 60)], fahrenheit, 1)
    progress, bed = table(told, fahrenheit)
    assert (progress.least, progress.last, progress.target) == ("99.5 %", "99.5 %", "")
    assert (bed.least, bed.most, bed.last, bed.target) == ("68 °F", "140 °F", "122 °F", "140 °F")
