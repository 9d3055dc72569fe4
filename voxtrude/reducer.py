"""The one place where a printer's state changes.

Rule 1: every change to a PrinterState is made in this file, by ``evolve``.
Rule 2: ``evolve`` is total and pure: it knows no clock, no broker and no database; the
        message says when. Any message on any state gives a state of the same printer.
Rule 3: live messages count in the order in which they arrive. Host stamps have whole
        seconds and a clock that may jump, so a live message is never refused for its
        stamp.
Rule 4: a retained message never refreshes ``seen_at``, opens or closes no job, and
        replaces only what is older or unknown. Applying it again changes nothing.
Rule 5: a job's identity is its printer and the host's stamp of its start: being told
        twice of one start or one end makes no second job.
Rule 6: a job that lost its printer, or whose end was not told, waits ``GRACE`` for its
        outcome; then it was interrupted.
Rule 7: what the host says tells only of the level it belongs to: a lost link does not
        make a printer idle, and a printer that is off does not make OctoPrint silent.
"""

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TypeVar, assert_never

from voxtrude import jobs
from voxtrude.messages import (
    AttentionRequested,
    FaultReported,
    FileAnalysed,
    FileSelected,
    FirmwareReported,
    Heard,
    HeightReported,
    JobEnded,
    JobPaused,
    JobResumed,
    JobStarted,
    LinkChanged,
    LinkDoubted,
    Message,
    MetadataReported,
    OctoPrintStarted,
    OctoPrintStopped,
    ProgressReported,
    Said,
    StatusReported,
    TemperatureReported,
    TimePassed,
)
from voxtrude.printer import (
    AWAY,
    WORKING,
    Analysis,
    Clock,
    Fact,
    Fault,
    Host,
    Link,
    Origin,
    Outcome,
    Presence,
    PrinterState,
    PrinterStatus,
    Status,
    Temperature,
)

GRACE = timedelta(seconds=5)
"""How long a job's end, or a link that comes back, may follow the loss of it (Q10, Q14)."""

LATE = timedelta(seconds=5)
"""A message this much older than its arrival waited in a queue (whole-second stamps, Q6)."""

CLOCK_WINDOW = timedelta(minutes=5)
MAX_HEATERS = 32
MAX_METADATA = 64

T = TypeVar("T")

UNKNOWN_STATUS = PrinterStatus(Status.UNKNOWN, "", "")


def evolve(state: PrinterState, message: Message) -> PrinterState:
    """Return the state after ``message``; ``state`` itself is never touched."""
    if isinstance(message, TimePassed):
        return _time_passed(state, message.received_at)
    if isinstance(message, LinkDoubted):
        return _link_doubted(state)
    if message.retained:
        return _remember(state, message)
    state = _heard(state, message)
    return _tell(state, message, _observed_at(state, message))


# What every live message says --------------------------------------------------------


def _heard(state: PrinterState, message: Said) -> PrinterState:
    """Note that the sender lives, which any live message proves (Q11, Q30).

    The two words of farewell do not: the broker says the last will, and OctoPrint's
    shutdown event follows its own goodbye (Q10).
    """
    state = _set_clock(state, message)
    if isinstance(message, OctoPrintStopped) or (
        isinstance(message, LinkChanged) and not message.connected
    ):
        return state
    at = _observed_at(state, message)
    seen_at = at if state.seen_at is None else max(at, state.seen_at)
    link, presence, octoprint = state.link, state.presence, state.octoprint
    if link is None or link.value is not Link.CONNECTED or link.origin is Origin.RETAINED:
        told = isinstance(message, LinkChanged)
        link = Fact(Link.CONNECTED, at, Origin.LIVE if told else Origin.INFERRED)
    if presence is None or presence.value is not Presence.ONLINE:
        presence = Fact(Presence.ONLINE, at, Origin.LIVE)
    if octoprint is None or octoprint.value is not Host.RUNNING:
        octoprint = Fact(Host.RUNNING, at, Origin.INFERRED)
    if (seen_at, link, presence, octoprint) == (
        state.seen_at,
        state.link,
        state.presence,
        state.octoprint,
    ):
        return state
    return replace(state, seen_at=seen_at, link=link, presence=presence, octoprint=octoprint)


def _set_clock(state: PrinterState, message: Said) -> PrinterState:
    """Learn how far the host's clock is from ours; queued temperatures tell nothing (Q6)."""
    if message.host_time is None or isinstance(message, TemperatureReported):
        return state
    sample = message.received_at.timestamp() - message.host_time
    clock = state.clock
    if clock is None:
        clock = Clock(since=message.received_at, least=sample)
    elif message.received_at - clock.since > CLOCK_WINDOW:
        clock = Clock(since=message.received_at, least=sample, least_before=clock.least)
    elif sample < clock.least:
        clock = replace(clock, least=sample)
    else:
        return state
    return replace(state, clock=clock)


def _observed_at(state: PrinterState, message: Said) -> datetime:
    """Say when, on our clock, the host said this: on arrival, unless it was queued."""
    if message.host_time is None or state.clock is None:
        return message.received_at
    try:
        said_at = datetime.fromtimestamp(message.host_time, UTC) + state.clock.offset
    except (OverflowError, ValueError, OSError):  # a stamp outside of what a date can hold
        return message.received_at
    return said_at if message.received_at - said_at > LATE else message.received_at


# Live messages -------------------------------------------------------------------------


def _tell(state: PrinterState, message: Message, at: datetime) -> PrinterState:  # noqa: C901, PLR0911, PLR0912  (one row a message: this is the table)
    match message:
        case Heard():
            return state
        case LinkChanged(connected=connected):
            return _link_changed(state, at, connected=connected)
        case OctoPrintStopped():
            return replace(jobs.ending(state, at), octoprint=Fact(Host.STOPPED, at, Origin.LIVE))
        case OctoPrintStarted():
            return _octoprint_started(state, message, at)
        case StatusReported(status=status):
            return _status_reported(state, _fact(status, message, at))
        case FaultReported(fault=fault):
            return replace(state, fault=_fact(fault, message, at))
        case AttentionRequested():
            return replace(state, attention=_fact("paused for user", message, at))
        case FirmwareReported(name=name):
            return replace(state, firmware=_fact(name, message, at))
        case TemperatureReported():
            return _temperature_reported(state, message, at, current=True)
        case HeightReported(mm=mm):
            if state.status and state.status.value.status is Status.FINISHING:
                return state  # the park move, not the part's height
            return replace(state, height=_fact(mm, message, at))
        case FileSelected(file=file):
            return replace(state, selected=_fact(file, message, at) if file else None)
        case FileAnalysed(path=path, estimate=estimate):
            return replace(state, analysis=_fact(Analysis(path, estimate), message, at))
        case MetadataReported(key=key, value=value):
            return _metadata_reported(state, key, value)
        case ProgressReported():
            return _progress_reported(state, message, at)
        case JobStarted(file=file):
            return jobs.started(state, file, at, message.host_time)
        case JobPaused(percent=percent):
            return jobs.paused(state, at, percent)
        case JobResumed():
            return jobs.resumed(state, at)
        case JobEnded():
            return _job_ended(state, message, at)
        case TimePassed() | LinkDoubted():
            return state
        case _:
            assert_never(message)


def _fact(value: T, message: Said, at: datetime) -> Fact[T]:
    return Fact(value, at, Origin.LIVE, message.host_time)


def _link_changed(state: PrinterState, at: datetime, *, connected: bool) -> PrinterState:
    if connected:
        return replace(state, link=Fact(Link.CONNECTED, at, Origin.LIVE))
    if state.link and state.link.value is Link.DISCONNECTED and state.link.origin is Origin.LIVE:
        return state  # said twice at a stop: by the plugin, and by the broker for it (Q10)
    return replace(
        state,
        link=Fact(Link.DISCONNECTED, at, Origin.LIVE),
        # What we knew may have changed unseen when the link comes back (Q7, Q13).
        status=replace(state.status, origin=Origin.INFERRED) if state.status else None,
        temperatures=_not_current(state.temperatures),
    )


def _octoprint_started(state: PrinterState, message: Said, at: datetime) -> PrinterState:
    """Begin anew: a new process has no job, and its printer has not said what it does (Q3)."""
    status = state.status
    if status is None or status.value.status not in AWAY:
        status = Fact(UNKNOWN_STATUS, at, Origin.INFERRED, message.host_time)
    state = jobs.closed(state, Outcome.INTERRUPTED, jobs.lost_at(state, at), Origin.INFERRED)
    return replace(
        state,
        octoprint=Fact(Host.RUNNING, at, Origin.LIVE, message.host_time),
        status=status,
        temperatures=_not_current(state.temperatures),
    )


def _status_reported(state: PrinterState, status: Fact[PrinterStatus]) -> PrinterState:
    known, at = status.value.status, status.observed_at
    before = state.status.value.status if state.status else None
    fault, attention = state.fault, state.attention
    if known is Status.CONNECTING:
        fault = None
    elif known is Status.OFFLINE and before is Status.ERROR and fault is None:
        # An emergency stop names no error (octoprint.md section 3, M112).
        fault = Fact(Fault("The printer stopped with an error."), at, Origin.INFERRED)
    if known in {Status.PRINTING, Status.RESUMING, Status.IDLE, Status.OFFLINE}:
        attention = None
    state = replace(
        state,
        status=status,
        fault=fault,
        attention=attention,
        temperatures=_not_current(state.temperatures) if known in AWAY else state.temperatures,
    )
    if known in {Status.OFFLINE, Status.ERROR, Status.IDLE}:
        return jobs.ending(state, at)
    if known in WORKING:
        state = jobs.going_on(state)
    if known in {Status.PRINTING, Status.PAUSED}:
        state = jobs.noticed(state, at)
    if known is Status.PAUSED:
        return jobs.paused(state, at, None)
    if known in {Status.PRINTING, Status.RESUMING}:
        return jobs.resumed(state, at)
    return state


def _temperature_reported(
    state: PrinterState, message: TemperatureReported, at: datetime, *, current: bool
) -> PrinterState:
    if message.heater not in state.temperatures and len(state.temperatures) >= MAX_HEATERS:
        return state
    reading = Temperature(
        actual=message.actual,
        target=message.target,
        observed_at=at,
        origin=Origin.LIVE if current else Origin.RETAINED,
        host_time=message.host_time,
        current=current,
    )
    return replace(state, temperatures={**state.temperatures, message.heater: reading})


def _not_current(known: Mapping[str, Temperature]) -> Mapping[str, Temperature]:
    """Mark every reading as old: the retained ones are never cleared (Q5)."""
    if not any(reading.current for reading in known.values()):
        return known
    return {heater: replace(reading, current=False) for heater, reading in known.items()}


def _metadata_reported(state: PrinterState, key: str, value: str | None) -> PrinterState:
    known = dict(state.metadata)
    if value is None:
        known.pop(key, None)
    elif key in known or len(known) < MAX_METADATA:
        known[key] = value
    metadata = tuple(sorted(known.items()))
    return state if metadata == state.metadata else replace(state, metadata=metadata)


def _progress_reported(
    state: PrinterState, message: ProgressReported, at: datetime
) -> PrinterState:
    details = message.details
    if details and details.status and _is_doubtful(state.status):
        status = Fact(details.status, at, Origin.INFERRED, message.host_time)
        state = _status_reported(state, status)
    working = 0 < message.percent < 100  # noqa: PLR2004  (0 and 100 follow an end, too: Q2, Q3)
    if working and state.job is None and not jobs.just_ended(state, at):
        state = jobs.noticed(state, at, path=message.path)
        if _is_doubtful(state.status):
            printing = PrinterStatus(Status.PRINTING, "", "")
            state = replace(state, status=Fact(printing, at, Origin.INFERRED, message.host_time))
    if details and details.height is not None and state.job:
        state = replace(state, height=_fact(details.height, message, at))
    return jobs.progressed(state, message, at)


def _is_doubtful(status: Fact[PrinterStatus] | None) -> bool:
    return (
        status is None or status.origin is not Origin.LIVE or status.value.status is Status.UNKNOWN
    )


def _job_ended(state: PrinterState, message: JobEnded, at: datetime) -> PrinterState:
    if message.outcome is Outcome.FAILED and message.error and state.fault is None:
        fault = Fact(Fault(message.error), at, Origin.LIVE, message.host_time)
        state = replace(state, fault=fault)
    return jobs.ended(state, message, at)


# Retained messages, and time -----------------------------------------------------------


def _remember(state: PrinterState, message: Message) -> PrinterState:  # noqa: C901, PLR0911  (one row a message)
    """Take what the broker had kept, where it tells more than we know (Q8, Q9, Q12)."""
    at = _remembered_at(state, message)
    match message:
        case LinkChanged(connected=connected):
            value = Link.CONNECTED if connected else Link.DISCONNECTED
            if state.link and state.link.value is value:
                return state
            return replace(state, link=Fact(value, at, Origin.RETAINED))
        case FirmwareReported(name=name):
            return _replace_older(
                state, state.firmware, message, lambda fact: replace(state, firmware=fact), name
            )
        case HeightReported(mm=mm):
            return _replace_older(
                state, state.height, message, lambda fact: replace(state, height=fact), mm
            )
        case AttentionRequested():
            return state  # it stays on the broker for ever, and may be days old (Q8, Q26)
        case TemperatureReported():
            known = state.temperatures.get(message.heater)
            if known and not _is_newer(message, known.host_time):
                return state
            return _temperature_reported(state, message, at, current=False)
        case MetadataReported(key=key, value=value):
            return _metadata_reported(state, key, value)
        case ProgressReported(details=details):
            # Only a hint of what the printer did: it does not see a pause, and a retained
            # progress may be of a job long done (Q4).
            if details is None or details.status is None or state.status is not None:
                return state
            return replace(
                state, status=Fact(details.status, at, Origin.RETAINED, message.host_time)
            )
        case _:
            return state


def _remembered_at(state: PrinterState, message: Said) -> datetime:
    if message.host_time is None:
        return message.received_at
    offset = state.clock.offset if state.clock else timedelta()
    try:
        said_at = datetime.fromtimestamp(message.host_time, UTC) + offset
    except (OverflowError, ValueError, OSError):
        return message.received_at
    return min(said_at, message.received_at)


def _replace_older(
    state: PrinterState,
    known: Fact[T] | None,
    message: Said,
    taken: Callable[[Fact[T]], PrinterState],
    value: T,
) -> PrinterState:
    if known is not None and not _is_newer(message, known.host_time):
        return state
    at = _remembered_at(state, message)
    return taken(Fact(value, at, Origin.RETAINED, message.host_time))


def _is_newer(message: Said, host_time: int | None) -> bool:
    return message.host_time is not None and host_time is not None and message.host_time > host_time


def _time_passed(state: PrinterState, now: datetime) -> PrinterState:
    """Settle what only silence can tell."""
    link, job = state.link, state.job
    if (
        link
        and link.value is Link.DISCONNECTED
        and (state.presence is None or state.presence.value is Presence.ONLINE)
        and now - link.observed_at >= GRACE
    ):
        offline = Fact(Presence.OFFLINE, link.observed_at, Origin.INFERRED)
        state = replace(state, presence=offline)
    if job and job.ending_at and now - job.ending_at >= GRACE:
        state = jobs.closed(state, Outcome.INTERRUPTED, job.ending_at, Origin.INFERRED)
    return state


def _link_doubted(state: PrinterState) -> PrinterState:
    """Hold a standing connection for remembered only, until it speaks (Q12)."""
    link = state.link
    if link is None or link.value is not Link.CONNECTED:
        return state
    return replace(state, link=replace(link, origin=Origin.RETAINED))


def waits(state: PrinterState) -> bool:
    """Tell whether time alone may change this state."""
    link = state.link
    return bool(state.job and state.job.ending_at) or bool(
        link
        and link.value is Link.DISCONNECTED
        and (state.presence is None or state.presence.value is Presence.ONLINE)
    )
