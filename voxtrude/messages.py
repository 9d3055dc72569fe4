"""What a printer can tell us: the reducer's only input.

Each message is one fact, named in the past tense, about one printer at one moment.
None of them mentions MQTT or OctoPrint's payloads; that is the business of the
dialect modules in ``services.ingest``.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TypeAlias

from voxtrude.printer import Fault, Outcome, PrinterId, PrinterStatus, PrintFile


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """What every message carries.

    ``received_at`` is our clock, ``host_time`` the host's stamp in whole seconds (None
    where the message had none), ``retained`` tells that the broker had kept it. What is not
    ``linked`` came another way than the host's link to the broker, and tells nothing of it.
    """

    printer: PrinterId
    received_at: datetime
    host_time: int | None = None
    retained: bool = False
    linked: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Heard(Said):
    """The printer's host said something that we do not follow; it lives."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SnapshotTaken(Said):
    """The host told all at once how its printer is; ``result`` as it stands in the snapshot.

    The messages that follow from it come right behind; see services.ingest.snapshots.
    """

    result: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class LinkChanged(Said):
    """The host's MQTT client came or went (its last will says so, too)."""

    connected: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class LinkDoubted(Said):
    """The broker was restarted: a connection that we knew of cannot stand any more."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OctoPrintStopped(Said):
    """OctoPrint shuts down on purpose."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OctoPrintStarted(Said):
    """OctoPrint is a new process: it has no job, and ``status`` is known only if it says so."""

    status: PrinterStatus | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class StatusReported(Said):
    """The printer said what it is doing."""

    status: PrinterStatus


@dataclass(frozen=True, slots=True, kw_only=True)
class FaultReported(Said):
    """The printer said what is wrong with it."""

    fault: Fault


@dataclass(frozen=True, slots=True, kw_only=True)
class AttentionRequested(Said):
    """The firmware waits for a person."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FirmwareReported(Said):
    """The printer's firmware said its name."""

    name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class TemperatureReported(Said):
    """One heater was read."""

    heater: str
    actual: float | None
    target: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class HeightReported(Said):
    """The Z axis moved."""

    mm: float


@dataclass(frozen=True, slots=True, kw_only=True)
class FileSelected(Said):
    """A file was chosen, or none (``file`` is None); that starts no job."""

    file: PrintFile | None


@dataclass(frozen=True, slots=True, kw_only=True)
class FileAnalysed(Said):
    """OctoPrint estimated how long a file takes."""

    path: str
    estimate: timedelta


@dataclass(frozen=True, slots=True, kw_only=True)
class MetadataReported(Said):
    """A value of the file's metadata; None clears it."""

    key: str
    value: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Details:
    """The job as OctoPrint sees it at one moment (``printer_data`` and ``/api/job``)."""

    status: PrinterStatus | None = None
    file: PrintFile | None = None
    completion: float | None = None
    print_time: timedelta | None = None
    time_left: timedelta | None = None
    estimate: timedelta | None = None
    height: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ProgressReported(Said):
    """The current job moved on. ``path`` may be the previous job's: do not trust it."""

    path: str
    percent: int
    details: Details | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class JobStarted(Said):
    """A print began."""

    file: PrintFile


@dataclass(frozen=True, slots=True, kw_only=True)
class JobPaused(Said):
    """The print waits."""

    percent: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class JobResumed(Said):
    """The print goes on."""


@dataclass(frozen=True, slots=True, kw_only=True)
class JobEnded(Said):
    """A print ended, and OctoPrint said how."""

    outcome: Outcome
    file: PrintFile
    duration: timedelta | None = None
    percent: float | None = None
    error: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class TimePassed(Said):
    """Nothing was said; our own clock reached ``received_at``."""


Message: TypeAlias = (
    Heard
    | SnapshotTaken
    | LinkChanged
    | LinkDoubted
    | OctoPrintStopped
    | OctoPrintStarted
    | StatusReported
    | FaultReported
    | AttentionRequested
    | FirmwareReported
    | TemperatureReported
    | HeightReported
    | FileSelected
    | FileAnalysed
    | MetadataReported
    | ProgressReported
    | JobStarted
    | JobPaused
    | JobResumed
    | JobEnded
    | TimePassed
)
