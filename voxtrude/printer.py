"""What we know about one printer: four levels that are never mixed up.

1. ``link``       is OctoPrint's MQTT client connected to the broker?
2. ``octoprint``  does OctoPrint itself run?
3. ``status``     what does the printer do, and is it connected to OctoPrint?
4. the pipeline (our own broker, ingest and database) is no part of a printer's state;
   each service tells of itself, see ``voxtrude.topics``.

Temperatures are in degrees Celsius, progress in percent from 0 to 100, heights in mm,
times are aware and in UTC, durations are timedeltas.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Generic, NewType, TypeVar

PrinterId = NewType("PrinterId", str)
JobId = NewType("JobId", str)

T = TypeVar("T")


class Origin(StrEnum):
    """Where a fact comes from."""

    LIVE = "live"  # the printer's host has just said so
    RETAINED = "retained"  # the broker had kept it; it may be old
    INFERRED = "inferred"  # we concluded it from something else


@dataclass(frozen=True, slots=True)
class Fact(Generic[T]):
    """One thing that we know, since when, and from what.

    ``observed_at`` is on our own clock: when the printer's host said it, as far as we
    can tell. ``host_time`` is the host's own stamp (whole seconds since 1970 on a clock
    that may be wrong); it serves only to order one printer's facts.
    """

    value: T
    observed_at: datetime
    origin: Origin
    host_time: int | None = None


class Link(StrEnum):
    """Whether OctoPrint's MQTT client is connected to the broker."""

    CONNECTED = "connected"
    DISCONNECTED = "disconnected"


class Presence(StrEnum):
    """``Link`` after the flapping of a settings change has been waited out.

    A host without a link is there for as long as snapshots of its printer come.
    """

    ONLINE = "online"
    OFFLINE = "offline"


class Host(StrEnum):
    """Whether OctoPrint runs."""

    RUNNING = "running"
    STOPPED = "stopped"


class Status(StrEnum):
    """What the printer is doing, in our words rather than OctoPrint's."""

    UNKNOWN = "unknown"
    OFFLINE = "offline"
    CONNECTING = "connecting"
    IDLE = "idle"
    UPLOADING = "uploading"  # a file goes to the printer's SD card: not a job
    STARTING = "starting"
    PRINTING = "printing"
    PAUSING = "pausing"
    PAUSED = "paused"
    RESUMING = "resuming"
    CANCELLING = "cancelling"
    FINISHING = "finishing"
    ERROR = "error"


AWAY = frozenset({Status.UNKNOWN, Status.OFFLINE, Status.CONNECTING, Status.ERROR})
"""The states in which no printer is connected to OctoPrint, as far as we know."""

WORKING = frozenset(
    {Status.STARTING, Status.PRINTING, Status.PAUSING, Status.PAUSED, Status.RESUMING}
    | {Status.CANCELLING, Status.FINISHING}
)
"""The states of a printer that has a job."""


@dataclass(frozen=True, slots=True)
class PrinterStatus:
    """A status with OctoPrint's own words for it (``state_id`` and ``state_string``)."""

    status: Status
    state_id: str
    text: str


@dataclass(frozen=True, slots=True)
class Fault:
    """Why the printer stopped working."""

    text: str
    consequence: str | None = None


@dataclass(frozen=True, slots=True)
class Temperature:
    """One heater's last reading; a target of 0 means that the heater is off.

    ``current`` is false once the printer went away or the reading came from the broker's
    memory: the number is the last we heard, not what it is now.
    """

    actual: float | None
    target: float | None
    observed_at: datetime
    origin: Origin
    host_time: int | None = None
    current: bool = True


@dataclass(frozen=True, slots=True)
class PrintFile:
    """The file of a job; ``storage`` is OctoPrint's ``origin``: local, sdcard or empty."""

    name: str
    path: str
    storage: str = ""
    size: int | None = None


UNKNOWN_FILE = PrintFile(name="", path="")


class Basis(StrEnum):
    """What a time left rests on."""

    REPORTED = "reported"  # OctoPrint said so
    ESTIMATED = "estimated"  # we computed it from progress and elapsed time
    ANALYSIS = "analysis"  # OctoPrint's analysis of the file, before there is progress


@dataclass(frozen=True, slots=True)
class TimeLeft:
    """How long a job still takes, as of ``observed_at``."""

    remaining: timedelta
    basis: Basis
    observed_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """The job that is open. ``started_at`` is None where we came in the middle of it."""

    id: JobId
    file: PrintFile
    opened_at: datetime
    origin: Origin
    started_at: datetime | None = None
    progress: Fact[float] | None = None
    print_time: Fact[timedelta] | None = None
    time_left: TimeLeft | None = None
    paused_at: datetime | None = None
    paused_for: timedelta = timedelta()
    ending_at: datetime | None = None  # the printer went away, its outcome is not told yet
    unheard_since: datetime | None = None  # the link was lost, and it is not told to go on since


class Outcome(StrEnum):
    """How a job ended."""

    DONE = "done"
    CANCELLED = "cancelled"
    FAILED = "failed"
    INTERRUPTED = "interrupted"  # it ended, and nobody said how


@dataclass(frozen=True, slots=True, kw_only=True)
class PastJob:
    """A job that ended. ``duration`` is print time without pauses, where it was told."""

    id: JobId
    file: PrintFile
    outcome: Outcome
    ended_at: datetime
    origin: Origin
    started_at: datetime | None = None
    duration: timedelta | None = None
    progress: float | None = None
    error: str | None = None


@dataclass(frozen=True, slots=True)
class Analysis:
    """OctoPrint's estimate for a file, from its G-code."""

    path: str
    estimate: timedelta


@dataclass(frozen=True, slots=True)
class Clock:
    """How far our clock is ahead of the host's: the least delay seen in two windows.

    The host stamps whole seconds, and a message may have waited in a queue, so the
    least difference is the best estimate. It is forgotten after two windows, since a
    host without a battery clock jumps once it has found a time server.
    """

    since: datetime
    least: float
    least_before: float | None = None
    told: int | None = None  # the host's newest stamp: where it goes back far, its clock jumped

    @property
    def offset(self) -> float:
        """How many seconds to add to the host's stamp."""
        before = self.least_before
        return self.least if before is None else min(self.least, before)


@dataclass(frozen=True, slots=True)
class Snapshot:
    """The last one that was taken of a printer, another way than by its link.

    ``result`` is what it said of the last print: to tell what is new in the next one.
    """

    at: datetime
    result: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Totals:
    """What has added up since the first live message.

    ``printing`` is print time without pauses, where it was told; ``operational`` is the time
    in which the printer was connected to OctoPrint and we heard of it.
    """

    since: datetime | None = None
    jobs_ended: int = 0
    jobs_done: int = 0
    printing: timedelta = timedelta()
    operational: timedelta = timedelta()


@dataclass(frozen=True, slots=True, kw_only=True)
class PrinterState:
    """The latest fact of each kind that a printer has told us; None is "never heard"."""

    printer: PrinterId
    """Which printer it is."""
    seen_at: datetime | None = None
    """When its last live message came; one that the broker had kept does not count."""
    clock: Clock | None = None
    """How far our clock is ahead of its host's."""
    link: Fact[Link] | None = None
    """Whether OctoPrint's MQTT plugin is connected to the broker."""
    presence: Fact[Presence] | None = None
    """The same, after short interruptions have been waited out."""
    octoprint: Fact[Host] | None = None
    """Whether OctoPrint runs."""
    status: Fact[PrinterStatus] | None = None
    """What the printer does, with OctoPrint's own words for it."""
    fault: Fact[Fault] | None = None
    """What is wrong with it, in OctoPrint's words."""
    attention: Fact[str] | None = None
    """What it waits for somebody to do."""
    firmware: Fact[str] | None = None
    """The name of its firmware."""
    selected: Fact[PrintFile] | None = None
    """Which file is selected."""
    analysis: Fact[Analysis] | None = None
    """OctoPrint's estimate of how long that file takes."""
    height: Fact[float] | None = None
    """The height of the Z axis, in mm."""
    height_before: Fact[float] | None = None
    """Where the last move of the Z axis came from."""
    temperatures: Mapping[str, Temperature] = field(default_factory=dict)
    """Each heater's temperature and target: tools, bed, chamber."""
    metadata: tuple[tuple[str, str], ...] = ()
    """What OctoPrint's analysis says of the file."""
    job: Job | None = None
    """The print that runs: its file, progress, and time left."""
    last_job: PastJob | None = None
    """The print that ended last, with its file, duration and result."""
    totals: Totals = Totals()
    """What has added up: prints, and hours of printing."""
    snapshot: Snapshot | None = None
    """When its plugin last reported by HTTP, and the last print's result as it said it."""
    told: tuple[str, ...] = ()
    """The newest beginnings and ends of prints, to know them when they are told again."""
