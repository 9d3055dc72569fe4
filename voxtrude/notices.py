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
