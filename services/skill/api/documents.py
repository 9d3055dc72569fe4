"""What the API answers with, besides the public documents of printers and events."""

from dataclasses import asdict
from datetime import datetime
from typing import Self

from pydantic import BaseModel, Field

from services.skill.onboarding import fragments
from services.skill.onboarding.diagnosis import Progress
from services.skill.onboarding.findings import Kind
from services.skill.onboarding.fragments import Json, Way
from voxtrude.accounts import Account, Login, Preferences, Role
from voxtrude.documents import FileDocument, PrinterDocument, Seconds
from voxtrude.mongo.jobs import JobRecord
from voxtrude.mongo.readings import Sample
from voxtrude.notices import Condition
from voxtrude.printer import Origin, Outcome
from voxtrude.registrar import Added
from voxtrude.registration import Registration, Standing


class PrinterPage(BaseModel):
    """Printers, in the order of their ids."""

    printers: list[PrinterDocument]
    next: str | None = Field(description="the `after` of the next page; null on the last one")


class PlateDocument(BaseModel):
    """What stands on a machine's plate."""

    manufacturer: str | None
    model: str | None
    serial_number: str | None
    location: str | None
    year_of_construction: int | None


class RegistrationDocument(BaseModel):
    """A printer as somebody registered it."""

    id: str
    name: str
    base_topic: str = Field(description="the MQTT topic under which it publishes")
    created_at: datetime
    alive_at: datetime | None = Field(description="when it was last heard of; null: it is kept")
    keep: bool = Field(description="whether it is kept although it is silent")
    standing: Standing = Field(description="whether the broker lets it in")
    is_installations: bool = Field(
        description="whether it belongs to nobody, so that administrators see it"
    )
    plate: PlateDocument

    @classmethod
    def of(cls, registration: Registration) -> Self:
        """Write down a registration, without its credential."""
        return cls(
            id=registration.id,
            name=registration.name,
            base_topic=registration.base_topic,
            created_at=registration.created_at,
            alive_at=registration.alive_at,
            keep=registration.alive_at is None,
            standing=registration.standing,
            is_installations=registration.owner is None,
            plate=PlateDocument(**asdict(registration.identification)),
        )


class WayDocument(BaseModel):
    """One way to the broker, with the settings of OctoPrint's MQTT plugin for it."""

    host: str
    port: int
    tls: bool
    certificate: str | None = Field(
        description="where the authority's certificate is, if the plugin needs it"
    )
    plugin: Json = Field(description="what `plugins.mqtt` of OctoPrint's settings must hold")
    config_yaml: str = Field(description="the same for OctoPrint's config.yaml")
    curl: str = Field(description="the same as one command")

    @classmethod
    def of(cls, added: Added, way: Way, url: str) -> Self:
        """Write down a way."""
        plugin = fragments.settings(added.registration, added.secret, way)
        return cls(
            host=way.host,
            port=way.port,
            tls=way.tls,
            certificate=f"{url}/broker-ca.crt" if way.ca else None,
            plugin=plugin,
            config_yaml=fragments.config_yaml(plugin),
            curl=fragments.curl(plugin),
        )


class KeyDocument(BaseModel):
    """A printer's new key: the only time that it is told."""

    registration: RegistrationDocument
    username: str = Field(description="the printer's name at the broker")
    key: str = Field(description="its password at the broker")
    plugin_key: str = Field(description="what the plugins Octolexa and Octovox ask for")
    ways: list[WayDocument]


class JobRecordDocument(BaseModel):
    """A print of the history; without `ended_at` it is open."""

    id: str
    printer: str
    file: FileDocument
    started_at: datetime | None
    ended_at: datetime | None
    outcome: Outcome | None
    duration: Seconds | None = Field(description="in seconds, without pauses")
    progress: float | None = Field(description="how far it came, in percent")
    error: str | None = Field(description="why it failed, in OctoPrint's words")
    origin: Origin = Field(description="whether its end was heard, or concluded")

    @classmethod
    def of(cls, record: JobRecord) -> Self:
        """Write down a job."""
        return cls(
            id=record.id,
            printer=record.printer,
            file=FileDocument.of(record.file),
            started_at=record.started_at,
            ended_at=record.ended_at,
            outcome=Outcome(record.outcome) if record.outcome else None,
            duration=None if record.duration is None else record.duration.total_seconds(),
            progress=record.progress,
            error=record.error,
            origin=record.origin,
        )


class JobPage(BaseModel):
    """Prints, newest first."""

    jobs: list[JobRecordDocument]
    next: str | None = Field(description="the `before` of the next page; null on the last one")


class ReadingDocument(BaseModel):
    """A heater in one point of time, in degrees Celsius."""

    actual: float | None
    target: float | None


class SampleDocument(BaseModel):
    """One point of a chart."""

    at: datetime
    progress: float | None = Field(description="of the print, in percent")
    temperatures: dict[str, ReadingDocument]

    @classmethod
    def of(cls, sample: Sample) -> Self:
        """Write down a sample."""
        return cls(
            at=sample.at,
            progress=sample.progress,
            temperatures={
                heater: ReadingDocument(actual=actual, target=target)
                for heater, (actual, target) in sample.heaters.items()
            },
        )


class Series(BaseModel):
    """What charts are drawn from, oldest first; a time without readings has no samples."""

    printer: str
    since: datetime
    until: datetime
    samples: list[SampleDocument]


class StepDocument(BaseModel):
    """One step of the way from the broker to a known state."""

    code: str
    progress: Progress
    sentence: str
    at: datetime | None


class FindingDocument(BaseModel):
    """One thing that is wrong or could be better, and what to do."""

    code: str
    kind: Kind
    sentence: str
    fix: str


class Connection(BaseModel):
    """How a printer is connected, and what is in its way."""

    received: bool = Field(description="whether it is heard right now")
    steps: list[StepDocument]
    findings: list[FindingDocument] = Field(description="the gravest first")
    login: Login | None = Field(description="what the broker said of its logins")


class Rejected(BaseModel):
    """A message that could not be read."""

    at: datetime
    topic: str
    reason: str
    size: int = Field(description="bytes")


class RejectedPage(BaseModel):
    """Messages that could not be read, newest first."""

    rejected: list[Rejected]


class AccountDocument(BaseModel):
    """The account whose token it is."""

    id: str
    email: str
    role: Role
    created_at: datetime
    verified_at: datetime | None = Field(description="when the address was confirmed")
    second_factor: bool = Field(description="whether a code is asked for, too")
    preferences: Preferences

    @classmethod
    def of(cls, account: Account) -> Self:
        """Write down an account, without its secrets."""
        return cls(
            id=account.id,
            email=account.email,
            role=account.role,
            created_at=account.created_at,
            verified_at=account.verified_at,
            second_factor=account.totp is not None,
            preferences=account.preferences,
        )


class Gone(BaseModel):
    """A printer that was removed, or that this account does not see any more."""

    printer: str


class Pipeline(BaseModel):
    """How the pipeline is; null where the broker is away. Then states are the last ones known."""

    state: Condition | None
