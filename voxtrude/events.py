"""What happened between two states of one printer: for people who wait for news.

Events are derived from states, so they can tell nothing that a state does not know. An
event's id is made of what happened, so one event told twice is one event.
"""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from voxtrude.jobs import finished
from voxtrude.printer import (
    AWAY,
    Fact,
    JobId,
    Origin,
    Outcome,
    Presence,
    PrinterId,
    PrinterState,
    PrinterStatus,
    PrintFile,
    Status,
)


class Happening(StrEnum):
    """The kinds of event."""

    JOB_STARTED = "job_started"
    JOB_FINISHED = "job_finished"
    JOB_FAILED = "job_failed"
    JOB_CANCELLED = "job_cancelled"
    JOB_INTERRUPTED = "job_interrupted"
    ONLINE = "online"
    OFFLINE = "offline"
    ERROR = "error"


class Level(StrEnum):
    """Which of a printer's levels an event is about."""

    OCTOPRINT = "octoprint"  # OctoPrint came to the broker, or left it
    PRINTER = "printer"  # the printer came to OctoPrint, or left it
    JOB = "job"


OF_OUTCOME = {
    Outcome.DONE: Happening.JOB_FINISHED,
    Outcome.FAILED: Happening.JOB_FAILED,
    Outcome.CANCELLED: Happening.JOB_CANCELLED,
    Outcome.INTERRUPTED: Happening.JOB_INTERRUPTED,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """One thing that happened, and when, on our clock."""

    printer: PrinterId
    kind: Happening
    level: Level
    at: datetime
    subject: str = ""  # a job's id, where there is one
    file: PrintFile | None = None
    text: str | None = None

    @property
    def id(self) -> str:
        """The same for the same event, however often it is told."""
        subject = self.subject or f"{self.printer}.{self.level}.{int(self.at.timestamp() * 1000)}"
        return f"{subject}.{self.kind}"


def happenings(before: PrinterState, after: PrinterState) -> list[Event]:
    """Return what happened from ``before`` to ``after``, in order."""
    if before is after:
        return []
    return [*_presence(before, after), *_printer(before, after), *_jobs(before, after)]


def _presence(before: PrinterState, after: PrinterState) -> list[Event]:
    fact = after.presence
    known = before.presence.value if before.presence else None
    if fact is None or fact.value is known or (known is None and fact.value is Presence.OFFLINE):
        return []  # who was never there has not gone
    kind = Happening.ONLINE if fact.value is Presence.ONLINE else Happening.OFFLINE
    return [Event(printer=after.printer, kind=kind, level=Level.OCTOPRINT, at=fact.observed_at)]


def _printer(before: PrinterState, after: PrinterState) -> list[Event]:
    events: list[Event] = []
    fact = after.status
    if fact and _at_hand(before.status) is not _at_hand(fact) and _at_hand(fact) is not None:
        kind = Happening.ONLINE if _at_hand(fact) else Happening.OFFLINE
        events.append(
            Event(printer=after.printer, kind=kind, level=Level.PRINTER, at=fact.observed_at)
        )
    if after.fault and (before.fault is None or before.fault.value.text != after.fault.value.text):
        events.append(
            Event(
                printer=after.printer,
                kind=Happening.ERROR,
                level=Level.PRINTER,
                at=after.fault.observed_at,
                text=after.fault.value.text,
            )
        )
    return events


def _at_hand(status: Fact[PrinterStatus] | None) -> bool | None:
    """Tell whether OctoPrint holds a printer; None where it is on its way or not known."""
    if status is None or status.origin is Origin.RETAINED:
        return None
    if status.value.status in {Status.UNKNOWN, Status.CONNECTING}:
        return None
    return status.value.status not in AWAY


def _jobs(before: PrinterState, after: PrinterState) -> list[Event]:
    events: list[Event] = []
    known = before.last_job
    for past in finished(before, after):
        if known is None or (past.id, past.outcome) != (known.id, known.outcome):
            kind = OF_OUTCOME[past.outcome]
            events.append(_job_event(after, kind, past.ended_at, past.id, past.file, past.error))
    job = after.job
    if job and (before.job is None or before.job.id != job.id):
        events.append(
            _job_event(after, Happening.JOB_STARTED, job.opened_at, job.id, job.file, None)
        )
    return events


def _job_event(
    state: PrinterState,
    kind: Happening,
    at: datetime,
    job: JobId,
    file: PrintFile,
    text: str | None,
) -> Event:
    return Event(
        printer=state.printer,
        kind=kind,
        level=Level.JOB,
        at=at,
        subject=job,
        file=file,
        text=text or None,
    )
