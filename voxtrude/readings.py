"""The rules for what is read off a printer: temperatures, height, and a file's metadata."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta

from voxtrude.messages import Said, TemperatureReported
from voxtrude.printer import Fact, Host, Origin, PrinterState, Status, Temperature

MAX_HEATERS = 32
MAX_METADATA = 64

PARK = timedelta(seconds=5)
LIFT = 2.0
"""A lift by more than this many mm in the last seconds of a print parks the head."""

NOT_HEATED = frozenset({Status.OFFLINE, Status.ERROR, Status.CONNECTING})


def temperature(state: PrinterState, message: TemperatureReported, at: datetime) -> PrinterState:
    """Take a reading; more heaters than a printer can have are not taken.

    A live one is current unless the printer has just said that it is away: readings come
    from another thread of the host than its states, and may follow them (Q17).
    """
    known = state.temperatures
    if message.heater not in known and len(known) >= MAX_HEATERS:
        return state
    status, octoprint = state.status, state.octoprint
    stopped = octoprint is not None and octoprint.value is Host.STOPPED
    away = status and status.origin is Origin.LIVE and status.value.status in NOT_HEATED
    reading = Temperature(
        message.actual,
        message.target,
        at,
        Origin.RETAINED if message.retained else Origin.LIVE,
        message.host_time,
        current=not (message.retained or stopped or away),
    )
    return replace(state, temperatures={**known, message.heater: reading})


def not_current(known: Mapping[str, Temperature]) -> Mapping[str, Temperature]:
    """Mark every reading as old: the printer's host never takes one back (Q5)."""
    if not any(reading.current for reading in known.values()):
        return known
    return {heater: replace(reading, current=False) for heater, reading in known.items()}


def height(state: PrinterState, mm: float, message: Said, at: datetime) -> PrinterState:
    """Take the height of the head; at the end of a print it no longer tells of the part."""
    known = state.height
    if state.status and state.status.value.status is Status.FINISHING:
        # Only the stamp, so that the broker's copy of this move is not newer than what we know.
        return (
            replace(state, height=replace(known, host_time=message.host_time)) if known else state
        )
    fact = Fact(mm, at, Origin.LIVE, message.host_time)
    before = state.height_before if known and known.value == mm else known
    return replace(state, height=fact, height_before=before)


def unparked(state: PrinterState, at: datetime) -> PrinterState:
    """Take back the move that parked the head right before the print was told to finish."""
    last, before = state.height, state.height_before
    if not last or not before or last.value - before.value <= LIFT:
        return state
    if at - last.observed_at > PARK:
        return state
    return replace(state, height=replace(before, host_time=last.host_time), height_before=None)


def metadata(state: PrinterState, key: str, value: str | None) -> PrinterState:
    """Keep ``value`` under ``key``; None clears it (Q21)."""
    known = dict(state.metadata)
    if value is None:
        known.pop(key, None)
    elif key in known or len(known) < MAX_METADATA:
        known[key] = value
    kept = tuple(sorted(known.items()))
    return state if kept == state.metadata else replace(state, metadata=kept)
