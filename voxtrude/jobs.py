"""A print's life, as the reducer's rules for it: pure functions from state to state.

OctoPrint tells of one job in many ways and forgets some of them: one cancelled job is
told by two events, and a job whose printer is unplugged while paused by none. The table
of all cases is in docs/octoprint.md.
"""

from dataclasses import replace
from datetime import datetime, timedelta

from voxtrude import job_clock
from voxtrude.messages import JobEnded, ProgressReported
from voxtrude.printer import (
    UNKNOWN_FILE,
    WORKING,
    Fact,
    Job,
    JobId,
    Origin,
    Outcome,
    PastJob,
    PrinterState,
    PrintFile,
    Status,
)

SAME_END = timedelta(seconds=10)
"""Within this time two ends of one file are one end, told twice (PrintCancelled, PrintFailed)."""

LATE_PROGRESS = timedelta(seconds=10)
"""Progress is sampled each 5 s, so some of it follows the end (octoprint.md Q2)."""

LATE_END = timedelta(minutes=5)
"""An end may be told this long after the printer went away: OctoPrint waits 180 s for one."""

REMEMBERED = 16
"""So many starts and ends are known again when they are told again."""

ALIVE = WORKING - {Status.STARTING}
"""The states that tell of the job that runs; STARTING may tell of the next one."""


def is_told(state: PrinterState, what: str, host_time: int | None) -> bool:
    """Tell whether ``what``, a beginning or an end, was told before (rule 5)."""
    return host_time is not None and f"{what} {host_time}" in state.told


def noted(state: PrinterState, what: str, host_time: int | None) -> PrinterState:
    """Remember that ``what`` was told; without a stamp it cannot be known again."""
    if host_time is None:
        return state
    return replace(state, told=(*state.told, f"{what} {host_time}")[-REMEMBERED:])


def started(
    state: PrinterState, file: PrintFile, at: datetime, host_time: int | None
) -> PrinterState:
    """Open the job that ``file`` started, unless we know it; an open one was interrupted."""
    stamp = host_time if host_time is not None else int(at.timestamp())
    if is_told(state, "start", stamp):
        return state
    state = noted(state, "start", stamp)
    state = closed(state, Outcome.INTERRUPTED, lost_at(state, at), Origin.INFERRED)
    job = Job(
        id=JobId(f"{state.printer}.{stamp}"),
        file=file,
        opened_at=at,
        origin=Origin.LIVE,
        started_at=at,
        progress=Fact(0.0, at, Origin.LIVE, host_time),
    )
    return replace(
        state,
        job=replace(job, time_left=job_clock.time_left(state, job, None, at)),
        fault=None,
        attention=None,
        height=None,
        height_before=None,
    )


def noticed(state: PrinterState, at: datetime, path: str = "") -> PrinterState:
    """Open a job whose start we have not seen; its file is a guess, and marked so."""
    if state.job or just_ended(state, at):
        return state
    file = state.selected.value if state.selected else UNKNOWN_FILE
    if path:
        file = PrintFile(name=path.rsplit("/", 1)[-1], path=path)
    job = Job(
        id=JobId(f"{state.printer}.{int(at.timestamp())}n"),
        file=file,
        opened_at=at,
        origin=Origin.INFERRED,
    )
    return replace(state, job=job)


def progressed(state: PrinterState, message: ProgressReported, at: datetime) -> PrinterState:
    """Note how far the open job is; without one the number belongs to no job (Q3)."""
    job = state.job
    if job is None:
        return state
    details = message.details
    percent = float(message.percent)
    file, print_time, started_at = job.file, job.print_time, job.started_at
    if details:
        if details.completion is not None:
            percent = details.completion
        if details.file and (job.origin is Origin.INFERRED or not file.path):
            file = details.file
        if details.print_time is not None:
            print_time = Fact(details.print_time, at, Origin.LIVE, message.host_time)
            started_at = started_at or at - details.print_time
    job = replace(
        job,
        file=file,
        progress=Fact(percent, at, Origin.LIVE, message.host_time),
        print_time=print_time,
        started_at=started_at,
        unheard_since=None,
    )
    return replace(state, job=replace(job, time_left=job_clock.time_left(state, job, details, at)))


def paused(state: PrinterState, at: datetime, percent: float | None) -> PrinterState:
    """Stop the open job's clock: what it still takes stays as it is until it goes on."""
    job = state.job
    if job is None:
        return state
    if percent is not None and job.progress and job.progress.value < percent:
        job = replace(job, progress=Fact(percent, at, Origin.LIVE))
    if job.paused_at is None:
        job = job_clock.stopped(job, at)
    return replace(state, job=replace(job, unheard_since=None))


def resumed(state: PrinterState, at: datetime) -> PrinterState:
    """Let the open job's clock go on."""
    job = state.job
    if job is None or job.paused_at is None:
        return state
    return replace(state, job=replace(job_clock.restarted(job, at), unheard_since=None))


def ending(state: PrinterState, at: datetime) -> PrinterState:
    """Note that the open job has lost its printer; its outcome may still be told (Q14)."""
    job = state.job
    if job is None or job.ending_at:
        return state
    return replace(state, job=replace(job, ending_at=job.unheard_since or at))


def unheard(state: PrinterState, at: datetime | None = None) -> PrinterState:
    """Note that the link was lost, at ``at`` or unseen: the job may end and not be told to."""
    job = state.job
    if job is None or job.unheard_since:
        return state
    return replace(state, job=replace(job, unheard_since=at or lost_at(state, job.opened_at)))


def going_on(state: PrinterState) -> PrinterState:
    """Note that the open job did not lose its printer after all."""
    job = state.job
    if job is None or not (job.ending_at or job.unheard_since):
        return state
    return replace(state, job=replace(job, ending_at=None, unheard_since=None))


def ended(state: PrinterState, message: JobEnded, at: datetime) -> PrinterState:
    """Close the job that OctoPrint says has ended, unless that was told before."""
    if is_told(state, "end", message.host_time):
        return state
    state = noted(state, "end", message.host_time)
    job, last = state.job, state.last_job
    if job and _may_be_of(job, message.file):
        past = _told(_past(job, message.outcome, at, Origin.LIVE), message)
        return replace(state, job=None, last_job=past)
    if last and last.file.path == message.file.path:
        if last.outcome is Outcome.INTERRUPTED and at - last.ended_at <= LATE_END:
            # We gave up too early: the outcome has been told after all.
            past = replace(last, outcome=message.outcome, ended_at=at, origin=Origin.LIVE)
            return replace(state, last_job=_told(past, message))
        if abs(at - last.ended_at) <= SAME_END:
            return state
    # OctoPrint has one job at a time: if this is not the open one, that has ended unseen.
    return replace(state, job=None, last_job=_unseen(state, message, at))


def _may_be_of(job: Job, file: PrintFile) -> bool:
    """Tell whether an end of ``file`` can be the job's; a guessed file may be wrong (Q1)."""
    known = job.file.path
    return job.origin is Origin.INFERRED or not known or not file.path or known == file.path


def _told(past: PastJob, message: JobEnded) -> PastJob:
    """Put what the end itself says over what we had of the job."""
    percent = job_clock.DONE if message.outcome is Outcome.DONE else message.percent
    file = message.file if message.file.path else past.file
    # The end may say less of a file than the start did.
    size = file.size if file.size is not None else past.file.size
    return replace(
        past,
        file=replace(file, size=size),
        duration=past.duration if message.duration is None else message.duration,
        progress=past.progress if percent is None else percent,
        error=message.error,
    )


def finished(before: PrinterState, after: PrinterState) -> list[PastJob]:
    """Return the jobs that ended from ``before`` to ``after``, oldest first.

    A job whose outcome was told late is among them again, with the same id.
    """
    past: list[PastJob] = []
    job, last = before.job, after.last_job
    if job and not any(known and known.id == job.id for known in (after.job, last)):
        at = lost_at(before, job.opened_at)
        past.append(_past(job, Outcome.INTERRUPTED, at, Origin.INFERRED))
    if last and last != before.last_job:
        past.append(last)
    return past


def closed(state: PrinterState, outcome: Outcome, at: datetime, origin: Origin) -> PrinterState:
    """Close the open job, if there is one, without an event that says so."""
    if state.job is None:
        return state
    return replace(state, job=None, last_job=_past(state.job, outcome, at, origin))


def just_ended(state: PrinterState, at: datetime) -> bool:
    """Tell whether what is said at ``at`` may still be about the job that ended."""
    return state.last_job is not None and at - state.last_job.ended_at < LATE_PROGRESS


def lost_at(state: PrinterState, at: datetime) -> datetime:
    """Return when an open job was last known to run, or ``at`` where there is none."""
    job, status = state.job, state.status
    if job is None:
        return at
    if job.ending_at or job.unheard_since:
        return job.ending_at or job.unheard_since or at
    told = [job.opened_at, job.paused_at, job.progress.observed_at if job.progress else None]
    if status and status.value.status in ALIVE:
        told.append(status.observed_at)
    return max(moment for moment in told if moment is not None)


def _past(job: Job, outcome: Outcome, at: datetime, origin: Origin) -> PastJob:
    return PastJob(
        id=job.id,
        file=job.file,
        outcome=outcome,
        ended_at=at,
        origin=origin,
        started_at=job.started_at,
        duration=job_clock.elapsed(job, at),
        progress=job.progress.value if job.progress else None,
    )


def _unseen(state: PrinterState, message: JobEnded, at: datetime) -> PastJob:
    """Make a record of a job of which we have heard only the end."""
    stamp = message.host_time if message.host_time is not None else int(at.timestamp())
    return PastJob(
        id=JobId(f"{state.printer}.{stamp}e"),
        file=message.file,
        outcome=message.outcome,
        ended_at=at,
        origin=Origin.LIVE,
        started_at=None if message.duration is None else at - message.duration,
        duration=message.duration,
        progress=job_clock.DONE if message.outcome is Outcome.DONE else message.percent,
        error=message.error,
    )
