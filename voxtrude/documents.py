"""The one public shape of a printer's state: version 1.

It is what the retained topics carry and what the command line and the API show; see
docs/topics.md. Adding a field is fine; changing or removing one needs version 2. Times are
ISO 8601 in UTC, durations are seconds, temperatures degrees Celsius, progress percent.
"""

from datetime import datetime, timedelta
from typing import Annotated, Self, TypedDict, TypeVar

from pydantic import BaseModel, ConfigDict, PlainSerializer

from voxtrude.job_clock import elapsed
from voxtrude.printer import (
    Basis,
    Fact,
    Host,
    Job,
    Link,
    Origin,
    Outcome,
    PastJob,
    Presence,
    PrinterState,
    PrinterStatus,
    PrintFile,
    Status,
)
from voxtrude.registration import Registration

VERSION = 1

T = TypeVar("T")

Seconds = Annotated[
    float, PlainSerializer(lambda seconds: round(seconds, 1), return_type=float, when_used="json")
]


class Document(BaseModel):
    """What every public document is: unchangeable, and deaf to fields of later releases."""

    model_config = ConfigDict(frozen=True, extra="ignore")


class Observed(Document):
    """When a fact was observed, on our clock, and from what."""

    observed_at: datetime
    origin: Origin


class MachineDocument(Document):
    """Who the printer is, from its registration."""

    id: str
    name: str
    base_topic: str
    manufacturer: str | None = None
    model: str | None = None
    serial_number: str | None = None
    location: str | None = None
    year_of_construction: int | None = None
    mes_ids: tuple[int, ...] = ()
    opcua_port: int | None = None
    maintenance: bool = False


class LinkDocument(Observed):
    """Whether OctoPrint's MQTT client is connected to the broker."""

    state: Link


class PresenceDocument(Observed):
    """The link, after short interruptions have been waited out."""

    state: Presence


class OctoPrintDocument(Observed):
    """Whether OctoPrint runs."""

    state: Host


class StatusDocument(Observed):
    """What the printer does; ``octoprint_state`` and ``text`` are OctoPrint's words."""

    state: Status
    octoprint_state: str
    text: str


class FaultDocument(Observed):
    """What is wrong with the printer."""

    text: str
    consequence: str | None = None


class TextDocument(Observed):
    """A fact in one line."""

    text: str


class HeightDocument(Observed):
    """The height of the Z axis, in mm."""

    mm: float


class TemperatureDocument(Observed):
    """One heater; where ``current`` is false the number is the last one we heard."""

    actual: float | None
    target: float | None
    current: bool


class FileDocument(Document):
    """A file; ``storage`` is local, sdcard or empty."""

    name: str
    path: str
    storage: str
    size: int | None = None

    @classmethod
    def of(cls, file: PrintFile) -> Self:
        """Write down a file."""
        return cls(name=file.name, path=file.path, storage=file.storage, size=file.size)


class TimeLeftDocument(Document):
    """How long the job still took at ``observed_at``, and what that rests on."""

    seconds: Seconds
    basis: Basis
    observed_at: datetime
    finish_at: datetime | None


class JobDocument(Document):
    """The open job; without ``started_at`` its start was not seen."""

    id: str
    file: FileDocument
    origin: Origin
    started_at: datetime | None
    progress: float | None
    progress_at: datetime | None
    elapsed: Seconds | None
    elapsed_at: datetime | None
    time_left: TimeLeftDocument | None
    paused_at: datetime | None


class PastJobDocument(Document):
    """The job that ended last."""

    id: str
    file: FileDocument
    outcome: Outcome
    origin: Origin
    started_at: datetime | None
    ended_at: datetime
    duration: Seconds | None
    progress: float | None
    error: str | None


class TotalsDocument(Document):
    """What has added up from ``since`` to ``observed_at``; durations are seconds."""

    since: datetime
    observed_at: datetime
    jobs_ended: int
    jobs_done: int
    printing: Seconds
    operational: Seconds


class PrinterDocument(Document):
    """One printer's whole state; a part that is null was never heard."""

    version: int = VERSION
    printer: MachineDocument
    seen_at: datetime | None
    link: LinkDocument | None
    presence: PresenceDocument | None
    octoprint: OctoPrintDocument | None
    status: StatusDocument | None
    fault: FaultDocument | None
    attention: TextDocument | None
    firmware: TextDocument | None
    temperatures: dict[str, TemperatureDocument]
    height: HeightDocument | None
    selected_file: FileDocument | None
    metadata: dict[str, str]
    job: JobDocument | None
    last_job: PastJobDocument | None
    totals: TotalsDocument | None = None

    @classmethod
    def of(cls, registration: Registration, state: PrinterState) -> Self:
        """Write down a state."""
        fault, height = state.fault, state.height
        return cls(
            printer=_machine(registration),
            seen_at=state.seen_at,
            link=state.link and LinkDocument(state=state.link.value, **_observed(state.link)),
            presence=state.presence
            and PresenceDocument(state=state.presence.value, **_observed(state.presence)),
            octoprint=state.octoprint
            and OctoPrintDocument(state=state.octoprint.value, **_observed(state.octoprint)),
            status=_status(state.status),
            fault=fault
            and FaultDocument(
                text=fault.value.text, consequence=fault.value.consequence, **_observed(fault)
            ),
            attention=_text(state.attention),
            firmware=_text(state.firmware),
            temperatures={
                heater: TemperatureDocument(
                    actual=reading.actual,
                    target=reading.target,
                    current=reading.current,
                    observed_at=reading.observed_at,
                    origin=reading.origin,
                )
                for heater, reading in sorted(state.temperatures.items())
            },
            height=height and HeightDocument(mm=height.value, **_observed(height)),
            selected_file=FileDocument.of(state.selected.value) if state.selected else None,
            metadata=dict(state.metadata),
            job=_job(state.job),
            last_job=_past_job(state.last_job),
            totals=_totals(state),
        )


class _Provenance(TypedDict):
    observed_at: datetime
    origin: Origin


def _observed(fact: Fact[T]) -> _Provenance:
    return {"observed_at": fact.observed_at, "origin": fact.origin}


def _machine(registration: Registration) -> MachineDocument:
    plate = registration.identification
    return MachineDocument(
        id=registration.id,
        name=registration.name,
        base_topic=registration.base_topic,
        manufacturer=plate.manufacturer,
        model=plate.model,
        serial_number=plate.serial_number,
        location=plate.location,
        year_of_construction=plate.year_of_construction,
        mes_ids=registration.factory.mes_ids,
        opcua_port=registration.factory.opcua_port,
        maintenance=registration.factory.maintenance,
    )


def _status(fact: Fact[PrinterStatus] | None) -> StatusDocument | None:
    if fact is None:
        return None
    return StatusDocument(
        state=fact.value.status,
        octoprint_state=fact.value.state_id,
        text=fact.value.text,
        observed_at=fact.observed_at,
        origin=fact.origin,
    )


def _text(fact: Fact[str] | None) -> TextDocument | None:
    return TextDocument(text=fact.value, **_observed(fact)) if fact else None


def _job(job: Job | None) -> JobDocument | None:
    if job is None:
        return None
    progress, left = job.progress, job.time_left
    elapsed_at = progress.observed_at if progress else job.opened_at
    spent = elapsed(job, elapsed_at)
    return JobDocument(
        id=job.id,
        file=FileDocument.of(job.file),
        origin=job.origin,
        started_at=job.started_at,
        progress=progress.value if progress else None,
        progress_at=progress.observed_at if progress else None,
        elapsed=None if spent is None else spent.total_seconds(),
        elapsed_at=None if spent is None else elapsed_at,
        time_left=left
        and TimeLeftDocument(
            seconds=left.remaining.total_seconds(),
            basis=left.basis,
            observed_at=left.observed_at,
            # A paused job has no end in sight.
            finish_at=None if job.paused_at else left.observed_at + left.remaining,
        ),
        paused_at=job.paused_at,
    )


def _past_job(job: PastJob | None) -> PastJobDocument | None:
    if job is None:
        return None
    return PastJobDocument(
        id=job.id,
        file=FileDocument.of(job.file),
        outcome=job.outcome,
        origin=job.origin,
        started_at=job.started_at,
        ended_at=job.ended_at,
        duration=_seconds(job.duration),
        progress=job.progress,
        error=job.error,
    )


def _totals(state: PrinterState) -> TotalsDocument | None:
    totals = state.totals
    if totals.since is None or state.seen_at is None:
        return None
    return TotalsDocument(
        since=totals.since,
        observed_at=state.seen_at,
        jobs_ended=totals.jobs_ended,
        jobs_done=totals.jobs_done,
        printing=totals.printing.total_seconds(),
        operational=totals.operational.total_seconds(),
    )


def _seconds(duration: timedelta | None) -> float | None:
    return None if duration is None else duration.total_seconds()
