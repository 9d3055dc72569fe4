"""The one place where a printer's state changes.

Rule 1: every change to a PrinterState is made in this file, by ``evolve``.
Rule 2: ``evolve`` is total and pure: it knows no clock, no broker and no database; the
        message says when. Any message on any state gives a state of the same printer.
Rule 3: live messages count in the order in which they arrive. Host stamps have whole
        seconds and a clock that may jump, so a live message is never refused for its
        stamp; a stamp only tells when a message that waited in a queue was said.
Rule 4: (retained.py) a retained message never refreshes ``seen_at``, opens or closes no job, and
        replaces only what is older or unknown. Applying it again changes nothing.
Rule 5: a job's identity is its printer and the host's stamp of its start: being told
        twice of one start or one end makes no second job.
Rule 6: a job that lost its printer, or whose end was not told, waits ``GRACE`` for its
        outcome; then it was interrupted. What silence tells is settled with each
        message, so it does not matter how often TimePassed is told.
Rule 7: what the host says tells only of the level it belongs to: a lost link does not
        make a printer idle, and a printer that is off does not make OctoPrint silent.
Rule 8: a snapshot that came another way tells nothing of the link. It shows that the host is
        there, for ``SILENCE``; a link shows it for as long as it stands.
"""

from collections.abc import Set as AbstractSet
from dataclasses import replace
from datetime import datetime, timedelta
from typing import TypeVar, assert_never

from voxtrude import jobs, readings, retained, totals
from voxtrude.clock import learned, observed_at
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
    SnapshotTaken,
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
    Snapshot,
    Status,
)

GRACE = timedelta(seconds=5)
"""How long a job's end, or a link that comes back, may follow the loss of it (Q10, Q14)."""

WAITING = timedelta(seconds=30)
"""A print that moves on after this time does not wait for a person any more (Q26)."""

BUSY = WORKING - {Status.CANCELLING, Status.FINISHING}
"""The states in which progress is a job's; after them it may be of the one that ended (Q2)."""

SILENCE = timedelta(minutes=15)
"""For so long a snapshot tells that the host is there: plugins report every 300 s at least."""

T = TypeVar("T")

UNKNOWN_STATUS = PrinterStatus(Status.UNKNOWN, "", "")


def evolve(state: PrinterState, message: Message) -> PrinterState:
    """Return the state after ``message``; ``state`` itself is never touched."""
    return totals.counted(state, _evolved(state, message))


def _evolved(state: PrinterState, message: Message) -> PrinterState:
    if isinstance(message, TimePassed):
        return _settled(state, message.received_at)
    if isinstance(message, LinkDoubted):
        return _link_doubted(state)
    if message.retained:
        return retained.remember(state, message)
    clock = learned(state.clock, message, booted=_is_boot(state, message))
    at = observed_at(clock, message)
    if waits(state):
        state = _settled(state, at)
    state = _tell(_heard(state, message, at, clock), message, at)
    return _settled(state, at) if waits(state) else state


# Time ----------------------------------------------------------------------------------


def waits(state: PrinterState) -> bool:
    """Tell whether time alone may change this state."""
    return wakes_at(state) is not None


def wakes_at(state: PrinterState) -> datetime | None:
    """Return when time alone may change this state, or None where it cannot."""
    job = state.job
    ends_at = job.ending_at + GRACE if job and job.ending_at else None
    moments = [moment for moment in (ends_at, _gone_at(state)) if moment]
    return min(moments) if moments else None


def _gone_at(state: PrinterState) -> datetime | None:
    """Return from when on the host is away if nothing is heard; None where that is settled."""
    link, presence, snapshot = state.link, state.presence, state.snapshot
    if presence and presence.value is Presence.OFFLINE:
        return None
    if link and link.value is Link.CONNECTED:
        return None
    lost_at = link.observed_at + GRACE if link else None
    told_until = snapshot.at + SILENCE if snapshot else None
    return max((moment for moment in (lost_at, told_until) if moment), default=None)


def _settled(state: PrinterState, now: datetime) -> PrinterState:
    """Settle what only silence can tell."""
    job, gone_at = state.job, _gone_at(state)
    if gone_at and now >= gone_at:
        state = _gone(state)
        job = state.job
    if job and job.ending_at and now - job.ending_at >= GRACE:
        state = jobs.closed(state, Outcome.INTERRUPTED, job.ending_at, Origin.INFERRED)
    return state


def _gone(state: PrinterState) -> PrinterState:
    """Note that the host is away, since its link was lost or its last snapshot was taken."""
    link, snapshot = state.link, state.snapshot
    since = max(one for one in (link and link.observed_at, snapshot and snapshot.at) if one)
    if snapshot and snapshot.at == since:
        state = _doubted(jobs.unheard(state, since))  # as where a link is lost
    return replace(
        state,
        presence=Fact(Presence.OFFLINE, since, Origin.INFERRED),
        # While a link is lost for a moment the host queues its readings (Q6).
        temperatures=readings.not_current(state.temperatures),
    )


# What every live message says ----------------------------------------------------------


def _heard(state: PrinterState, message: Said, at: datetime, clock: Clock | None) -> PrinterState:
    """Note that the sender lives, which any live message proves (Q11, Q30).

    The two words of farewell do not: the broker says the last will, and OctoPrint's
    shutdown event follows its own goodbye (Q10).
    """
    if isinstance(message, OctoPrintStopped) or (
        isinstance(message, LinkChanged) and not message.connected
    ):
        return state if clock == state.clock else replace(state, clock=clock)
    seen_at = at if state.seen_at is None else max(at, state.seen_at)
    link, presence, octoprint = state.link, state.presence, state.octoprint
    lost = link is None or link.value is not Link.CONNECTED or link.origin is Origin.RETAINED
    if lost and message.linked and not isinstance(message, LinkChanged):
        link = Fact(Link.CONNECTED, at, Origin.INFERRED)
    if presence is None or presence.value is not Presence.ONLINE:
        presence = Fact(Presence.ONLINE, at, Origin.LIVE)
    if not _is_running(octoprint) and not _is_stopping(octoprint, message, at):
        octoprint = Fact(Host.RUNNING, at, Origin.INFERRED)
    return replace(
        state,
        seen_at=seen_at,
        clock=clock,
        link=link,
        presence=presence,
        octoprint=octoprint,
        totals=totals.heard(state, seen_at),
    )


def _is_running(octoprint: Fact[Host] | None) -> bool:
    return octoprint is not None and octoprint.value is Host.RUNNING


def _is_stopping(octoprint: Fact[Host] | None, message: Said, at: datetime) -> bool:
    """Tell whether this is one of the last words of a process that stops (Q10)."""
    if octoprint is None or isinstance(message, LinkChanged):
        return False
    return octoprint.value is Host.STOPPED and at - octoprint.observed_at < GRACE


# Live messages -------------------------------------------------------------------------


def _tell(state: PrinterState, message: Message, at: datetime) -> PrinterState:  # noqa: C901, PLR0911, PLR0912  (one row a message: this is the table)
    match message:
        case Heard():
            return state
        case SnapshotTaken(result=result):
            known_at = state.snapshot.at if state.snapshot else at
            return replace(state, snapshot=Snapshot(max(at, known_at), result))
        case TemperatureReported():
            return _temperature_reported(state, message, at)
        case HeightReported(mm=mm):
            return readings.height(state, mm, message, at)
        case ProgressReported():
            return _progress_reported(state, message, at)
        case StatusReported(status=status):
            return _status_reported(state, _fact(status, message, at))
        case LinkChanged(connected=connected):
            return _link_changed(state, at, connected=connected)
        case OctoPrintStarted():
            return _octoprint_started(state, message, at)
        case OctoPrintStopped():
            return _octoprint_stopped(state, at)
        case FaultReported(fault=fault):
            return replace(state, fault=_fact(fault, message, at))
        case AttentionRequested():
            return replace(state, attention=_fact("paused for user", message, at))
        case FirmwareReported(name=name):
            return replace(state, firmware=_fact(name, message, at))
        case FileSelected(file=file):
            return replace(state, selected=_fact(file, message, at) if file else None)
        case FileAnalysed(path=path, estimate=estimate):
            return replace(state, analysis=_fact(Analysis(path, estimate), message, at))
        case MetadataReported(key=key, value=value):
            return readings.metadata(state, key, value)
        case JobStarted(file=file):
            after = jobs.started(state, file, at, message.host_time)
            return state if after is state else _concluded(after, Status.PRINTING, at)
        case JobPaused(percent=percent):
            return _concluded(jobs.paused(state, at, percent), Status.PAUSED, at)
        case JobResumed():
            return _concluded(jobs.resumed(state, at), Status.PRINTING, at)
        case JobEnded():
            return _job_ended(state, message, at)
        case TimePassed() | LinkDoubted():
            return state
        case _:
            assert_never(message)


def _fact(value: T, message: Said, at: datetime) -> Fact[T]:
    return Fact(value, at, Origin.LIVE, message.host_time)


def _concluded(state: PrinterState, status: Status, at: datetime) -> PrinterState:
    """Conclude the status from what else was said, where the printer itself has not said it.

    Each class of event can be switched off in the plugin, the states as well.
    """
    known = state.status
    if not _is_doubtful(known) or (known and known.value.status is status):
        return state
    return replace(state, status=Fact(PrinterStatus(status, "", ""), at, Origin.INFERRED))


def _is_doubtful(status: Fact[PrinterStatus] | None) -> bool:
    return (
        status is None or status.origin is not Origin.LIVE or status.value.status is Status.UNKNOWN
    )


def _doubted(state: PrinterState) -> PrinterState:
    """Mark what may have changed unseen when the link comes back (Q7, Q13)."""
    return replace(
        jobs.unheard(state),
        status=state.status and replace(state.status, origin=Origin.INFERRED),
        octoprint=state.octoprint and replace(state.octoprint, origin=Origin.INFERRED),
    )


def _link_changed(state: PrinterState, at: datetime, *, connected: bool) -> PrinterState:
    known = state.link
    if connected:
        state = replace(state, link=Fact(Link.CONNECTED, at, Origin.LIVE))
        again = known and known.value is Link.CONNECTED and known.origin is Origin.LIVE
        if not known or not again or known.observed_at == at:
            return state
        # The link was lost without a word: it was the broker that had gone (Q12).
        return replace(_doubted(state), temperatures=readings.not_current(state.temperatures))
    if known and known.value is Link.DISCONNECTED and known.origin is Origin.LIVE:
        return state  # said twice at a stop: by the plugin, and by the broker for it (Q10)
    return replace(_doubted(jobs.unheard(state, at)), link=Fact(Link.DISCONNECTED, at, Origin.LIVE))


def _link_doubted(state: PrinterState) -> PrinterState:
    """Hold a standing connection for remembered only, until it speaks (Q12)."""
    link = state.link
    if link is None or link.value is not Link.CONNECTED:
        return state
    return replace(
        _doubted(state),
        link=replace(link, origin=Origin.RETAINED),
        temperatures=readings.not_current(state.temperatures),
    )


def _is_boot(state: PrinterState, message: Said) -> bool:
    """Tell whether this is a new process, and not the same one told of again."""
    return isinstance(message, OctoPrintStarted) and not jobs.is_told(
        state, "process", message.host_time
    )


def _octoprint_started(
    state: PrinterState, message: OctoPrintStarted, at: datetime
) -> PrinterState:
    """Begin anew: a new process has no job, and its printer has not said what it does (Q3).

    It may have connected to the printer before it came to the broker, so even a printer
    that was off is not known to be off now.
    """
    if not _is_boot(state, message):
        return state
    state = jobs.noted(state, "process", message.host_time)
    state = jobs.closed(state, Outcome.INTERRUPTED, jobs.lost_at(state, at), Origin.INFERRED)
    return replace(
        state,
        octoprint=_fact(Host.RUNNING, message, at),
        status=Fact(message.status or UNKNOWN_STATUS, at, Origin.INFERRED, message.host_time),
        fault=None,
        attention=None,
        selected=None,
        metadata=(),
        temperatures=readings.not_current(state.temperatures),
    )


def _octoprint_stopped(state: PrinterState, at: datetime) -> PrinterState:
    """Note that nobody watches the printer any more."""
    return replace(
        jobs.ending(state, at),
        octoprint=Fact(Host.STOPPED, at, Origin.LIVE),
        status=Fact(UNKNOWN_STATUS, at, Origin.INFERRED),
        temperatures=readings.not_current(state.temperatures),
    )


def _status_reported(state: PrinterState, status: Fact[PrinterStatus]) -> PrinterState:
    known, at = status.value.status, status.observed_at
    before = state.status.value.status if state.status else Status.UNKNOWN
    if known is Status.FINISHING and before is not Status.FINISHING:
        state = readings.unparked(state, at)
    over = known in {Status.CONNECTING, Status.STARTING} or (
        known is Status.IDLE and before in AWAY
    )
    calm = known in {Status.PRINTING, Status.RESUMING, Status.IDLE, Status.OFFLINE}
    state = replace(
        state,
        status=status,
        fault=None if over else state.fault,
        attention=None if calm else state.attention,
        temperatures=(
            readings.not_current(state.temperatures) if known in AWAY else state.temperatures
        ),
    )
    if known in {Status.OFFLINE, Status.ERROR, Status.CONNECTING, Status.IDLE}:
        return jobs.ending(state, at)
    # The next job, so an open one is over; told again, it is still the same one.
    if known is Status.STARTING and before is not Status.STARTING:
        return jobs.ending(state, jobs.lost_at(state, at))
    if known in WORKING:
        state = jobs.going_on(state)
    if known is Status.PAUSED or (known is Status.PRINTING and before is not Status.STARTING):
        state = jobs.noticed(state, at)  # its start would have been told after STARTING
    if known is Status.PAUSED:
        return jobs.paused(state, at, None)
    if known in {Status.PRINTING, Status.RESUMING}:
        return jobs.resumed(state, at)
    return state


def _temperature_reported(
    state: PrinterState, message: TemperatureReported, at: datetime
) -> PrinterState:
    status = state.status
    if (
        status
        and _is_running(state.octoprint)
        and status.origin is Origin.INFERRED
        and status.value.status in AWAY
        and at > status.observed_at
    ):
        # It is read, so it is there; and had it a job, that would have been told.
        state = _concluded(state, Status.IDLE, at)
    return readings.temperature(state, message, at)


def _progress_reported(
    state: PrinterState, message: ProgressReported, at: datetime
) -> PrinterState:
    details = message.details
    told = details.status if details else None
    if told and _is_doubtful(state.status):
        status = Fact(told, at, Origin.INFERRED, message.host_time)
        state = _status_reported(state, status)
    working = 0 < message.percent < 100  # noqa: PLR2004  (0 and 100 follow an end, too: Q2, Q3)
    if working and state.job is None and not jobs.just_ended(state, at):
        if told is None and not _is_in(state, BUSY):
            state = _concluded(state, Status.PRINTING, at)
        if _is_in(state, BUSY):
            state = jobs.noticed(state, at, path=message.path)
    if details and details.height is not None and state.job:
        state = readings.height(state, details.height, message, at)
    if state.attention and at - state.attention.observed_at >= WAITING:
        state = replace(state, attention=None)
    return jobs.progressed(state, message, at)


def _job_ended(state: PrinterState, message: JobEnded, at: datetime) -> PrinterState:
    after = jobs.ended(state, message, at)
    if after is state:
        return state
    failed = message.outcome is Outcome.FAILED
    if failed and message.error and after.fault is None:
        after = replace(after, fault=_fact(Fault(message.error), message, at))
    if _is_in(after, WORKING):
        return _concluded(after, Status.UNKNOWN if failed else Status.IDLE, at)
    return after


def _is_in(state: PrinterState, statuses: AbstractSet[Status]) -> bool:
    return state.status is not None and state.status.value.status in statuses
