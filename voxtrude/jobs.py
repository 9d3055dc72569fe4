"""A print's life, as the reducer's rules for it: pure functions from state to state.

OctoPrint tells of one job in many ways and forgets some of them: one cancelled job is
told by two events, and a job whose printer is unplugged while paused by none. The table
of all cases is in docs/topics.md.
"""

from dataclasses import replace
from datetime import datetime, timedelta

from voxtrude.messages import Details, JobEnded, ProgressReported
from voxtrude.printer import (
    UNKNOWN_FILE,
    Basis,
    Fact,
    Job,
    JobId,
    Origin,
    Outcome,
    PastJob,
    PrinterState,
    PrintFile,
    TimeLeft,
)

SAME_END = timedelta(seconds=10)
"""Within this time two ends of one file are one end, told twice (PrintCancelled, PrintFailed)."""

LATE_PROGRESS = timedelta(seconds=10)
"""Progress is sampled each 5 s, so some of it follows the end (octoprint.md Q2)."""

LATE_END = timedelta(minutes=5)
"""An end may be told this long after the printer went away: OctoPrint waits 180 s for one."""

DONE = 100.0


def started(
    state: PrinterState, file: PrintFile, at: datetime, host_time: int | None
) -> PrinterState:
    """Open the job that ``file`` started, unless we know it; an open one was interrupted."""
    stamp = host_time if host_time is not None else int(at.timestamp())
    job_id = JobId(f"{state.printer}.{stamp}")
    if (state.job and state.job.id == job_id) or (state.last_job and state.last_job.id == job_id):
        return state
    state = closed(state, Outcome.INTERRUPTED, lost_at(state, at), Origin.INFERRED)
    job = Job(
        id=job_id,
        file=file,
        opened_at=at,
        origin=Origin.LIVE,
        started_at=at,
        progress=Fact(0.0, at, Origin.LIVE, host_time),
    )
    return replace(
        state,
        job=replace(job, time_left=_time_left(state, job, None, at)),
        height=None,
        attention=None,
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
    file = job.file
    if details:
        if details.completion is not None:
            percent = details.completion
        if details.file and (job.origin is Origin.INFERRED or not file.path):
            file = details.file
    job = replace(job, file=file, progress=Fact(percent, at, Origin.LIVE, message.host_time))
    if details and details.print_time is not None:
        print_time = Fact(details.print_time, at, Origin.LIVE, message.host_time)
        started_at = job.started_at or at - details.print_time
        job = replace(job, print_time=print_time, started_at=started_at)
    return replace(state, job=replace(job, time_left=_time_left(state, job, details, at)))


def paused(state: PrinterState, at: datetime, percent: float | None) -> PrinterState:
    """Stop the open job's clock."""
    job = state.job
    if job is None:
        return state
    if percent is not None and job.progress and job.progress.value < percent:
        job = replace(job, progress=Fact(percent, at, Origin.LIVE))
    return replace(state, job=replace(job, paused_at=job.paused_at or at))


def resumed(state: PrinterState, at: datetime) -> PrinterState:
    """Let the open job's clock go on."""
    job = state.job
    if job is None or job.paused_at is None:
        return state
    pause = max(at - job.paused_at, timedelta())
    return replace(state, job=replace(job, paused_at=None, paused_for=job.paused_for + pause))


def ending(state: PrinterState, at: datetime) -> PrinterState:
    """Note that the open job has lost its printer; its outcome may still be told (Q14)."""
    if state.job is None or state.job.ending_at:
        return state
    return replace(state, job=replace(state.job, ending_at=at))


def going_on(state: PrinterState) -> PrinterState:
    """Note that the open job did not lose its printer after all."""
    if state.job is None or state.job.ending_at is None:
        return state
    return replace(state, job=replace(state.job, ending_at=None))


def ended(state: PrinterState, message: JobEnded, at: datetime) -> PrinterState:
    """Close the job that OctoPrint says has ended."""
    job, last = state.job, state.last_job
    if job:
        progress = DONE if message.outcome is Outcome.DONE else message.percent
        file = message.file if message.file.path else job.file
        # The end says less about a file than the start: it has no size on an SD card.
        size = file.size if file.size is not None else job.file.size
        past = replace(
            _past(job, message.outcome, at, Origin.LIVE),
            file=replace(file, size=size),
            duration=message.duration if message.duration is not None else elapsed(job, at),
            error=message.error,
        )
        if progress is not None:
            past = replace(past, progress=progress)
        return replace(state, job=None, last_job=past)
    if last and last.file.path == message.file.path:
        if last.outcome is Outcome.INTERRUPTED and at - last.ended_at <= LATE_END:
            # We gave up too early: the outcome has been told after all.
            told = replace(
                last,
                outcome=message.outcome,
                ended_at=at,
                origin=Origin.LIVE,
                duration=message.duration or last.duration,
                error=message.error,
            )
            return replace(state, last_job=told)
        if abs(at - last.ended_at) <= SAME_END:
            return state
    return replace(state, last_job=_unseen(state, message, at))


def closed(state: PrinterState, outcome: Outcome, at: datetime, origin: Origin) -> PrinterState:
    """Close the open job, if there is one, without an event that says so."""
    job = state.job
    if job is None:
        return state
    past = replace(_past(job, outcome, at, origin), duration=elapsed(job, at))
    return replace(state, job=None, last_job=past)


def just_ended(state: PrinterState, at: datetime) -> bool:
    """Tell whether what is said at ``at`` may still be about the job that ended."""
    return state.last_job is not None and at - state.last_job.ended_at < LATE_PROGRESS


def lost_at(state: PrinterState, at: datetime) -> datetime:
    """Return when an open job was last known to run, where the next one has begun at ``at``."""
    job = state.job
    if job is None:
        return at
    if job.ending_at:
        return job.ending_at
    told = [job.opened_at, job.paused_at, job.progress.observed_at if job.progress else None]
    if state.status:
        told.append(state.status.observed_at)
    # The newest sign of life of this job that is older than what ended it.
    return max(moment for moment in told if moment is not None and moment <= at)


def elapsed(job: Job, at: datetime) -> timedelta | None:
    """Return how long a job has printed at ``at``, without its pauses."""
    if job.print_time:
        since = timedelta() if job.paused_at else max(at - job.print_time.observed_at, timedelta())
        return job.print_time.value + since
    if job.started_at is None:
        return None
    pause = max(at - job.paused_at, timedelta()) if job.paused_at else timedelta()
    return max(at - job.started_at - job.paused_for - pause, timedelta())


def _past(job: Job, outcome: Outcome, at: datetime, origin: Origin) -> PastJob:
    return PastJob(
        id=job.id,
        file=job.file,
        outcome=outcome,
        ended_at=at,
        origin=origin,
        started_at=job.started_at,
        progress=job.progress.value if job.progress else None,
    )


def _unseen(state: PrinterState, message: JobEnded, at: datetime) -> PastJob:
    """Make a record of a job of which we have heard only the end."""
    duration = message.duration or timedelta()
    stamp = message.host_time if message.host_time is not None else int(at.timestamp())
    return PastJob(
        id=JobId(f"{state.printer}.{stamp - int(duration.total_seconds())}e"),
        file=message.file,
        outcome=message.outcome,
        ended_at=at,
        origin=Origin.LIVE,
        started_at=at - duration if message.duration is not None else None,
        duration=message.duration,
        progress=DONE if message.outcome is Outcome.DONE else message.percent,
        error=message.error,
    )


def _time_left(
    state: PrinterState, job: Job, details: Details | None, at: datetime
) -> TimeLeft | None:
    """Say how long the job still takes, from the best source there is, or None."""
    if details and details.time_left is not None:
        return TimeLeft(details.time_left, Basis.REPORTED, at)
    percent = job.progress.value if job.progress else 0.0
    spent = elapsed(job, at)
    if percent >= 1 and spent is not None:
        return TimeLeft(spent * ((DONE - percent) / percent), Basis.ESTIMATED, at)
    estimate = details.estimate if details else None
    if estimate is None and state.analysis and state.analysis.value.path == job.file.path:
        estimate = state.analysis.value.estimate
    if estimate is not None and spent is not None:
        return TimeLeft(max(estimate - spent, timedelta()), Basis.ANALYSIS, at)
    return None
