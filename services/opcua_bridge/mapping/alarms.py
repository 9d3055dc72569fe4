"""Which alarms a machine has: what is not as it should be, for as long as that is so.

OPC 40501-1, 8.6.2 sorts what a machine has to say. Errors (severity 667 to 1000) and warnings
(334 to 666) are of AlertType, messages (up to 333) of NotificationEventType; and 9.3: what has
no active and inactive state is a message. AlertType is an AlarmConditionType (Part 9), so
an alarm is a state and follows from the printer's document, not from an event that was
once told: it becomes active, inactive, and can be asked for in between (ConditionRefresh).

* A fault is an error. It stands until the printer is heard to be well: when a link is lost,
  MachineryItemState says that nobody knows, and an alarm that ended would say too much.
* A printer that waits for a person is a warning.
* A job that failed, or of which nobody knows how it ended, is a warning until the next job.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from services.opcua_bridge.mapping import availability
from services.opcua_bridge.mapping.production import PROGRAM
from voxtrude.documents import PastJobDocument, PrinterDocument
from voxtrude.events import OF_OUTCOME, Event, Happening, Level
from voxtrude.printer import Outcome, PrinterId, Status

ERROR_SEVERITY = 700
WARNING_SEVERITY = 500

ITEM_STATE = "Monitoring/MachineTool/MachineryItemState/CurrentState"
OPERATION_MODE = "Monitoring/MachineTool/MachineryOperationMode/CurrentState"


class Condition(StrEnum):
    """What can be wrong with a machine: the conditions' names, and the ends of their ids."""

    FAULT = "Fault"
    ATTENTION = "Attention"
    JOB = "Job"


INPUT = {
    Condition.FAULT: ITEM_STATE,
    Condition.ATTENTION: OPERATION_MODE,
    Condition.JOB: f"{PROGRAM}/State/CurrentState",
}
"""The variable that shows it as well: InputNode."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Alarm:
    """A condition that is active; ``event_id`` is of the event that told so."""

    condition: Condition
    event_id: str
    code: str
    text: str
    severity: int
    since: datetime

    def repeats(self, other: "Alarm") -> bool:
        """Tell whether it says the same: a fault that is told again is the same fault."""
        same_job = self.condition is not Condition.JOB or self.event_id == other.event_id
        return (self.code, self.text) == (other.code, other.text) and same_job


@dataclass(frozen=True, slots=True)
class Change:
    """An alarm that became active, or inactive at a time."""

    alarm: Alarm
    ended_at: datetime | None = None

    @property
    def is_active(self) -> bool:
        """Whether it is so, or was."""
        return self.ended_at is None

    @property
    def event_id(self) -> str:
        """The same for the same change, however often it is told."""
        return self.alarm.event_id if self.is_active else f"{self.alarm.event_id}.inactive"


def alarms(document: PrinterDocument) -> dict[Condition, Alarm]:
    """Return the alarms that are active."""
    found = (_fault(document), _attention(document), _job(document))
    return {alarm.condition: alarm for alarm in found if alarm}


def changes(
    before: Mapping[Condition, Alarm], after: Mapping[Condition, Alarm], now: datetime
) -> list[Change]:
    """Return what became of the alarms; one that tells something else is told again."""
    ended = [Change(alarm, now) for condition, alarm in before.items() if condition not in after]
    begun = [
        Change(alarm)
        for condition, alarm in after.items()
        if condition not in before or not alarm.repeats(before[condition])
    ]
    return [*ended, *begun]


def _fault(document: PrinterDocument) -> Alarm | None:
    fault, status = document.fault, document.status
    now = availability.status(document)
    known = fault if now in availability.SILENT else (fault or status)
    if known is None or now not in {*availability.SILENT, Status.ERROR}:
        return None
    return Alarm(
        condition=Condition.FAULT,
        event_id=_event(document, Happening.ERROR, Level.PRINTER, known.observed_at).id,
        code=Happening.ERROR.value,
        text=known.text or "The printer reports an error",
        severity=ERROR_SEVERITY,
        since=known.observed_at,
    )


def _attention(document: PrinterDocument) -> Alarm | None:
    told = document.attention
    if told is None:
        return None
    at = int(told.observed_at.timestamp() * 1000)
    return Alarm(
        condition=Condition.ATTENTION,
        event_id=f"{document.printer.id}.{at}.attention",
        code="attention",
        text=told.text or "The printer waits for a person",
        severity=WARNING_SEVERITY,
        since=told.observed_at,
    )


def _job(document: PrinterDocument) -> Alarm | None:
    job = document.last_job
    if document.job or job is None or job.outcome not in {Outcome.FAILED, Outcome.INTERRUPTED}:
        return None
    kind = OF_OUTCOME[job.outcome]
    return Alarm(
        condition=Condition.JOB,
        event_id=_event(document, kind, Level.JOB, job.ended_at, job.id).id,
        code=kind.value,
        text=_ended(job),
        severity=WARNING_SEVERITY,
        since=job.ended_at,
    )


def _ended(job: PastJobDocument) -> str:
    how = "failed" if job.outcome is Outcome.FAILED else "ended, and nobody said how"
    text = f"{job.file.name or 'A print'} {how}"
    return f"{text}: {job.error}" if job.error else text


def _event(
    document: PrinterDocument, kind: Happening, level: Level, at: datetime, subject: str = ""
) -> Event:
    """Return the event by which the same was told beside OPC UA, for its id."""
    return Event(
        printer=PrinterId(document.printer.id), kind=kind, level=level, at=at, subject=subject
    )
