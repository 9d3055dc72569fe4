"""When a printer's host said something, on our clock.

A host stamps its messages in whole seconds, on a clock that may be wrong and may jump. Most
messages arrive at once; some have waited in a queue of the host's or of the broker's.
"""

from datetime import UTC, datetime, timedelta

from voxtrude.messages import Said, TemperatureReported
from voxtrude.printer import Clock

LATE = 5.0
"""A message this many seconds older than its arrival waited in a queue (Q6, Q17)."""

LATEST = timedelta(days=7).total_seconds()
"""No queue keeps a message for longer: such a stamp is wrong, not old."""

JUMP = 600
"""Stamps that go back by more seconds than this are a jump, not a redelivered message."""

WINDOW = timedelta(minutes=5)


def learned(clock: Clock | None, message: Said, *, booted: bool = False) -> Clock | None:
    """Return what a live ``message`` teaches of its host's clock.

    ``booted`` tells of a new process: it may come with a new boot, and so with another
    clock. The temperatures that a host has queued tell nothing of a clock that we do not
    know yet (Q6).
    """
    stamp = message.host_time
    if stamp is None:
        return clock
    now = message.received_at
    least = now.timestamp() - stamp
    queued = isinstance(message, TemperatureReported)
    if clock is None:
        return None if queued else Clock(now, least, None, stamp)
    told = clock.told if queued else stamp
    jumped = not queued and clock.told is not None and clock.told - stamp > JUMP
    if jumped or booted:
        return Clock(now, least, None, told)
    if now - clock.since > WINDOW:
        return Clock(now, least, clock.least, told)
    if least < clock.least or told != clock.told:
        return Clock(clock.since, min(least, clock.least), clock.least_before, told)
    return clock


def observed_at(clock: Clock | None, message: Said) -> datetime:
    """Say when a live message was said: on arrival, unless it waited in a queue."""
    arrived = message.received_at
    if message.host_time is None or clock is None:
        return arrived
    waited = arrived.timestamp() - message.host_time - clock.offset
    return arrived - timedelta(seconds=waited) if LATE < waited <= LATEST else arrived


def remembered_at(clock: Clock | None, message: Said) -> datetime:
    """Say when a retained message was said; without a stamp we know only when it came."""
    if message.host_time is None:
        return message.received_at
    stamp = message.host_time + (clock.offset if clock else 0.0)
    try:
        return min(datetime.fromtimestamp(stamp, UTC), message.received_at)
    except (OverflowError, ValueError, OSError):  # a stamp outside of what a date can hold
        return message.received_at
