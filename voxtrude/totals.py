"""What adds up over a printer's life, as far as we have heard it."""

from dataclasses import replace
from datetime import datetime, timedelta

from voxtrude.jobs import finished
from voxtrude.printer import AWAY, Link, Outcome, PastJob, Presence, PrinterState, Totals


def heard(state: PrinterState, seen_at: datetime) -> Totals:
    """Return the totals of ``state`` once a live message of ``seen_at`` was heard."""
    totals = state.totals
    if totals.since is None:
        return replace(totals, since=seen_at)
    if state.seen_at is None or seen_at == state.seen_at or not _is_operational(state):
        return totals
    return replace(totals, operational=totals.operational + (seen_at - state.seen_at))


def counted(before: PrinterState, after: PrinterState) -> PrinterState:
    """Count the jobs that ended from ``before`` to ``after``."""
    if before.last_job is after.last_job and before.job is after.job:
        return after
    totals = after.totals
    for past in finished(before, after):
        # A job whose outcome is told late was counted as an interrupted one.
        again = before.last_job if before.last_job and before.last_job.id == past.id else None
        totals = replace(
            totals,
            jobs_ended=totals.jobs_ended + (again is None),
            jobs_done=totals.jobs_done + _is_done(past) - _is_done(again),
            printing=totals.printing + _duration(past) - _duration(again),
        )
    return after if totals is after.totals else replace(after, totals=totals)


def _is_operational(state: PrinterState) -> bool:
    status, link, presence = state.status, state.link, state.presence
    linked = link is not None and link.value is Link.CONNECTED
    online = presence is not None and presence.value is Presence.ONLINE
    return (
        status is not None
        and status.value.status not in AWAY
        and (linked or (online and state.snapshot is not None))
    )


def _is_done(past: PastJob | None) -> bool:
    return past is not None and past.outcome is Outcome.DONE


def _duration(past: PastJob | None) -> timedelta:
    return (past.duration if past else None) or timedelta()
