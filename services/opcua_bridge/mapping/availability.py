"""Whether a printer is there, as its document tells."""

from voxtrude.documents import PrinterDocument
from voxtrude.printer import Host, Presence, Status

SILENT = frozenset({Status.UNKNOWN, Status.OFFLINE})
"""The states in which a fault that was told still stands."""


def status(document: PrinterDocument) -> Status:
    """Return what the printer does; UNKNOWN where nobody hears of it."""
    told, presence = document.status, document.presence
    if told is None or presence is None or presence.state is not Presence.ONLINE:
        return Status.UNKNOWN
    return told.state


def is_faulty(document: PrinterDocument) -> bool:
    """Tell whether an error stopped the printer, which OctoPrint may follow with "offline"."""
    now = status(document)
    if document.fault is None or now not in SILENT:
        return now is Status.ERROR
    presence, octoprint = document.presence, document.octoprint
    return (
        presence is not None
        and presence.state is Presence.ONLINE
        and (octoprint is None or octoprint.state is Host.RUNNING)
    )
