"""What a message that the broker had kept may tell: at most what we do not know better.

The broker hands its kept messages out at each new subscription, so all of them may be old,
and all of them come again (octoprint.md Q8, Q9, Q12).
"""

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from typing import TypeVar

from voxtrude import readings
from voxtrude.clock import remembered_at
from voxtrude.messages import (
    FirmwareReported,
    HeightReported,
    LinkChanged,
    Message,
    MetadataReported,
    ProgressReported,
    Said,
    TemperatureReported,
)
from voxtrude.printer import Fact, Link, Origin, PrinterState

RECENT = timedelta(minutes=2)
"""What we heard ourselves within this time is newer than what the broker remembers (Q12, Q13)."""

T = TypeVar("T")


def remember(state: PrinterState, message: Message) -> PrinterState:  # noqa: PLR0911  (one row a message)
    """Take what the broker had kept, where it tells more than we know."""
    match message:
        case LinkChanged(connected=connected):
            return _link(state, message.received_at, connected=connected)
        case FirmwareReported(name=name):
            return _newer(
                state, state.firmware, message, name, lambda fact: replace(state, firmware=fact)
            )
        case HeightReported(mm=mm):
            if _is_of_an_earlier_print(state, remembered_at(state.clock, message)):
                return state
            return _newer(
                state, state.height, message, mm, lambda fact: replace(state, height=fact)
            )
        case TemperatureReported(heater=heater):
            known = state.temperatures.get(heater)
            if known and not _is_newer(message, known.host_time):
                return state
            return readings.temperature(state, message, remembered_at(state.clock, message))
        case MetadataReported(key=key, value=value):
            return state if key in dict(state.metadata) else readings.metadata(state, key, value)
        case ProgressReported(details=details) if details and details.status:
            # Only a hint of what the printer did: it does not see a pause, and a retained
            # progress may be of a job long done (Q4).
            status = details.status
            return (
                state
                if state.status
                else _newer(state, None, message, status, lambda fact: replace(state, status=fact))
            )
        case _:
            # Everything else is never kept, or says nothing once it is old: above all, a
            # request for attention stays on the broker for ever (Q8, Q26).
            return state


def _is_of_an_earlier_print(state: PrinterState, at: datetime) -> bool:
    job, last = state.job, state.last_job
    began_at = job.opened_at if job else last.started_at if last else None
    return began_at is not None and at < began_at


def _link(state: PrinterState, now: datetime, *, connected: bool) -> PrinterState:
    """Take a kept last will, which has no stamp, unless we heard of the link ourselves."""
    value = Link.CONNECTED if connected else Link.DISCONNECTED
    link, seen_at = state.link, state.seen_at
    if link:
        heard_at = max(link.observed_at, seen_at) if seen_at else link.observed_at
        known = link.origin is not Origin.RETAINED and now - heard_at <= RECENT
        if known or link.value is value:
            return state
    return replace(state, link=Fact(value, now, Origin.RETAINED))


def _newer(
    state: PrinterState,
    known: Fact[T] | None,
    message: Said,
    value: T,
    taken: Callable[[Fact[T]], PrinterState],
) -> PrinterState:
    if known is not None and not _is_newer(message, known.host_time):
        return state
    at = remembered_at(state.clock, message)
    return taken(Fact(value, at, Origin.RETAINED, message.host_time))


def _is_newer(message: Said, host_time: int | None) -> bool:
    return message.host_time is not None and host_time is not None and message.host_time > host_time
