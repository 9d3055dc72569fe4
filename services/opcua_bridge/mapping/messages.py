"""Which events are messages, and how they read: what has no active and inactive state.

Errors and failed jobs are none: they are alarms, see ``alarms``.
"""

from dataclasses import dataclass
from datetime import datetime

from voxtrude.events import Happening, Level
from voxtrude.notices import EventDocument

SEVERITY = 300
"""At most 333, by which clients tell messages from warnings (OPC 40501-1, 8.6.2)."""

WORDS: dict[tuple[str, str], str] = {
    (Level.JOB, Happening.JOB_STARTED): "{file} was started",
    (Level.JOB, Happening.JOB_FINISHED): "{file} is done",
    (Level.JOB, Happening.JOB_CANCELLED): "{file} was cancelled",
    (Level.OCTOPRINT, Happening.ONLINE): "OctoPrint is online",
    (Level.OCTOPRINT, Happening.OFFLINE): "OctoPrint is offline",
    (Level.PRINTER, Happening.ONLINE): "The printer is connected",
    (Level.PRINTER, Happening.OFFLINE): "The printer is disconnected",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """A message; ``identifier`` is the kind of event."""

    event_id: str
    identifier: str
    text: str
    severity: int
    at: datetime


def message(document: EventDocument) -> Message | None:
    """Return the message that tells of an event; None where an alarm does, or nobody knows it."""
    known = WORDS.get((document.level, document.kind))
    if known is None:
        return None
    file = document.file.name if document.file else ""
    text = known.format(file=file or "A print")
    return Message(
        event_id=document.id,
        identifier=document.kind,
        text=f"{text}: {document.text}" if document.text else text,
        severity=SEVERITY,
        at=document.at,
    )
