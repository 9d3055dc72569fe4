"""How long a job has printed, and how long it still takes.

Print time does not run while a job is paused, and neither does what is left of it: of a
paused job, ``time_left`` holds as it is; of any other it is of the moment it was observed at.
"""

from dataclasses import replace
from datetime import datetime, timedelta

from voxtrude.messages import Details
from voxtrude.printer import Basis, Job, PrinterState, TimeLeft

DONE = 100.0

ENOUGH = 5.0
"""Below this percentage the heating up makes nonsense of what is computed from it."""


def elapsed(job: Job, at: datetime) -> timedelta | None:
    """Return how long a job has printed at ``at``, without its pauses."""
    until = min(at, job.paused_at) if job.paused_at else at
    if job.print_time:
        return job.print_time.value + max(until - job.print_time.observed_at, timedelta())
    if job.started_at is None:
        return None
    return max(until - job.started_at - job.paused_for, timedelta())


def stopped(job: Job, at: datetime) -> Job:
    """Stop the clock: the numbers that run with it stay as they are at ``at``."""
    spent, left = job.print_time, job.time_left
    if spent and spent.observed_at < at:
        spent = replace(spent, value=spent.value + (at - spent.observed_at), observed_at=at)
    if left and left.observed_at < at:
        remaining = max(left.remaining - (at - left.observed_at), timedelta())
        left = replace(left, remaining=remaining, observed_at=at)
    return replace(job, print_time=spent, time_left=left, paused_at=at)


def restarted(job: Job, at: datetime) -> Job:
    """Let the clock of a paused job go on."""
    if job.paused_at is None:
        return job
    spent, left = job.print_time, job.time_left
    return replace(
        job,
        paused_at=None,
        paused_for=job.paused_for + max(at - job.paused_at, timedelta()),
        print_time=replace(spent, observed_at=at) if spent else None,
        time_left=replace(left, observed_at=at) if left else None,
    )


def time_left(
    state: PrinterState, job: Job, details: Details | None, at: datetime
) -> TimeLeft | None:
    """Say how long the job still takes, from the best source there is, or None."""
    if details and details.time_left is not None:
        return TimeLeft(details.time_left, Basis.REPORTED, at)
    percent = job.progress.value if job.progress else 0.0
    spent = elapsed(job, at)
    if percent >= ENOUGH and spent is not None:
        return TimeLeft(spent * ((DONE - percent) / percent), Basis.ESTIMATED, at)
    estimate = details.estimate if details else None
    if estimate is None and state.analysis and state.analysis.value.path == job.file.path:
        estimate = state.analysis.value.estimate
    if estimate is not None and spent is not None and spent < estimate:
        return TimeLeft(estimate - spent, Basis.ANALYSIS, at)
    return None
