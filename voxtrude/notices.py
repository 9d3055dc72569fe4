"""What is told besides states, in its public shape: events, and whether a service runs."""

from datetime import datetime
from enum import StrEnum
from typing import Self

from voxtrude.documents import VERSION, Document, FileDocument
from voxtrude.events import Event
from voxtrude.registration import Registration


class EventDocument(Document):
    """One thing that happened; told twice it has the same ``id``."""

    version: int = VERSION
    id: str
    printer: str
    name: str
    kind: str
    level: str
    at: datetime
    job: str | None = None
    file: FileDocument | None = None
    text: str | None = None

    @classmethod
    def of(cls, registration: Registration, event: Event) -> Self:
        """Write down an event."""
        return cls(
            id=event.id,
            printer=event.printer,
            name=registration.name,
            kind=event.kind.value,
            level=event.level.value,
            at=event.at,
            job=event.subject or None,
            file=FileDocument.of(event.file) if event.file else None,
            text=event.text,
        )


class ReportDocument(Document):
    """What a printer's plugin reported by HTTP, in one moment; what is null was not told.

    It reaches ingest on a topic of our own. Temperatures are degrees Celsius, durations
    seconds, progress percent, heights mm; ``state`` is OctoPrint's own text, ``last_result``
    empty, ``Success``, or why the last print failed.
    """

    version: int = VERSION
    printer: str
    reported_at: datetime
    tool0: float | None = None
    bed: float | None = None
    state: str | None = None
    progress: float | None = None
    time_left: float | None = None
    height: float | None = None
    file: str | None = None
    last_duration: float | None = None
    last_result: str | None = None


class Condition(StrEnum):
    """How one of our own services is."""

    RUNNING = "running"
    STALLED = "stalled"  # the database is away: printers are heard, and nothing is stored
    STOPPED = "stopped"


class ServiceDocument(Document):
    """Whether one of our own services runs: retained, and its last will."""

    version: int = VERSION
    service: str
    state: Condition
    since: datetime
    release: str
