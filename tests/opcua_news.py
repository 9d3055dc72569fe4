"""Printers' documents and events, as short as a test wants them."""

from datetime import timedelta
from typing import Any

from tests.opcua_events import AT, PRINTER
from voxtrude.documents import (
    FaultDocument,
    FileDocument,
    JobDocument,
    MachineDocument,
    PastJobDocument,
    PresenceDocument,
    PrinterDocument,
    StatusDocument,
)
from voxtrude.events import Event as Told
from voxtrude.events import Happening, Level
from voxtrude.notices import EventDocument
from voxtrude.printer import Origin, Outcome, Presence, Status

LATER = AT + timedelta(minutes=5)
SEEN: dict[str, Any] = {"observed_at": AT, "origin": Origin.LIVE}
FILE = FileDocument(name="benchy.gcode", path="benchy.gcode", storage="local")


def document(status: Status = Status.IDLE, **facts: object) -> PrinterDocument:
    plate = MachineDocument(id=PRINTER, name="left", base_topic="octoPrint/")
    nothing = dict.fromkeys(set(PrinterDocument.model_fields) - {"version"})
    known = {
        "printer": plate,
        "temperatures": {},
        "metadata": {},
        "presence": PresenceDocument(state=Presence.ONLINE, **SEEN),
        "status": StatusDocument(state=status, octoprint_state="X", text="Words", **SEEN),
    }
    return PrinterDocument.model_validate(nothing | known | facts)


def job(identity: str = "one", **facts: object) -> JobDocument:
    nothing = dict.fromkeys(JobDocument.model_fields)
    known = {"id": identity, "file": FILE, "origin": Origin.LIVE, "started_at": AT}
    return JobDocument.model_validate(nothing | known | facts)


def past(outcome: Outcome, identity: str = "one", error: str | None = None) -> PastJobDocument:
    nothing = dict.fromkeys(PastJobDocument.model_fields)
    known = {"id": identity, "file": FILE, "origin": Origin.LIVE, "ended_at": LATER}
    return PastJobDocument.model_validate(nothing | known | {"outcome": outcome, "error": error})


def told(kind: Happening, level: Level = Level.JOB, *, job: str = "one") -> EventDocument:
    event = Told(printer=PRINTER, kind=kind, level=level, at=AT, subject=job)
    return EventDocument(
        id=event.id,
        printer=PRINTER,
        name="left",
        kind=kind,
        level=level,
        at=AT,
        job=job,
        file=FILE,
    )


def fault(text: str) -> FaultDocument:
    return FaultDocument(text=text, **SEEN)
