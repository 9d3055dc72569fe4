"""Readings of the last hours, as a chart and as a table have them. Pure.

Times are seconds since 1970, temperatures are in the account's scale. A stretch without
readings is a gap, not a line across it.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

from services.skill.live.phrases import Phrases
from services.skill.live.standing import heater_label, heater_place
from voxtrude.mongo.readings import Sample

HOURS = (1, 6, 24)
"""The ranges that can be asked for."""

POINTS = 360
"""So many bins; a screen has not many more points to show them."""

GAP = timedelta(minutes=2)
"""No reading for that long, and for three bins, is a gap."""


@dataclass(frozen=True, slots=True)
class Line:
    """One line of a chart; None where nothing is known."""

    name: str
    kind: str  # of the chart: temperature or progress
    values: list[float | None]
    is_target: bool = False


@dataclass(frozen=True, slots=True)
class Extremes:
    """What a table tells of a line."""

    name: str
    least: str
    most: str
    last: str
    target: str


@dataclass(frozen=True, slots=True)
class Chart:
    """The lines over the same moments."""

    at: list[float]
    lines: list[Line]


def chart(samples: Sequence[Sample], spoken: Phrases, hours: int) -> Chart:
    """Return the samples, oldest first, as lines."""
    gap = max(GAP, timedelta(hours=hours) / POINTS * 3)
    moments: list[Sample | None] = []
    at: list[float] = []
    for sample in samples:
        if at and sample.at.timestamp() - at[-1] > gap.total_seconds():
            at.append(at[-1] + 1)
            moments.append(None)
        at.append(sample.at.timestamp())
        moments.append(sample)
    names = sorted({name for one in samples for name in one.heaters}, key=heater_place)
    tools = sum(name.startswith("tool") for name in names)
    lines = [
        Line("Progress", "progress", [_rounded(one.progress) if one else None for one in moments])
    ]
    for heater in names:
        label = heater_label(heater, tools)
        for is_target in (False, True):
            values = [_degrees(one, heater, spoken, is_target=is_target) for one in moments]
            lines.append(Line(label, "temperature", values, is_target))
    return Chart(at, [line for line in lines if any(one is not None for one in line.values)])


def table(chart: Chart, spoken: Phrases) -> list[Extremes]:
    """Return what a table tells of the lines; a target is told with what it is for."""
    targets = {line.name: _last(line) for line in chart.lines if line.is_target}
    found: list[Extremes] = []
    for line in chart.lines:
        known = [value for value in line.values if value is not None]
        unit = "%" if line.kind == "progress" else spoken.unit
        if not line.is_target:
            told = (min(known), max(known), known[-1], targets.get(line.name))
            least, most, last, target = (
                "" if value is None else f"{spoken.number(value)} {unit}" for value in told
            )
            found.append(Extremes(line.name, least, most, last, target))
    return found


def _last(line: Line) -> float | None:
    return next((value for value in reversed(line.values) if value is not None), None)


def _degrees(
    sample: Sample | None, heater: str, spoken: Phrases, *, is_target: bool
) -> float | None:
    """Return a reading, or a target; a heater that is off has none."""
    if sample is None or heater not in sample.heaters:
        return None
    actual, target = sample.heaters[heater]
    return _rounded(spoken.degrees(target or None if is_target else actual))


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 1)
