"""OctoPrint-MQTT's dialect, translated into voxtrude.messages; no other module speaks it.

Topics and payloads as observed on OctoPrint 1.11.8 with OctoPrint-MQTT 0.8.16; the
recordings under tests/recordings are the proof. Names match exactly: GcodeScript events
hold the names of the job events they belong to.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Annotated, Any, TypeAlias

from pydantic import BaseModel, ConfigDict, Field, ValidationError
from pydantic_core import from_json
from typing_extensions import TypedDict  # pydantic needs this one before Python 3.12

from services.ingest.printer_data import PrinterData, status_of
from voxtrude.errors import PayloadError
from voxtrude.messages import (
    AttentionRequested,
    FaultReported,
    FileAnalysed,
    FileSelected,
    FirmwareReported,
    Heard,
    HeightReported,
    JobEnded,
    JobPaused,
    JobResumed,
    JobStarted,
    LinkChanged,
    Message,
    MetadataReported,
    OctoPrintStarted,
    OctoPrintStopped,
    ProgressReported,
    StatusReported,
    TemperatureReported,
)
from voxtrude.printer import Fault, Outcome, PrinterId, PrintFile
from voxtrude.registration import Registration, Templates

MAX_PAYLOAD = 65_536
MAX_TOPIC = 256  # after the base; what is longer is none of the plugin's
MAX_STAMP = 1 << 40  # seconds; far beyond every date that a computer can hold
HEATER = re.compile(r"[A-Za-z0-9_-]{1,32}")
MAX_KEY = 64
MAX_VALUE = 200


class Kind:
    """The classes of topic that the plugin has."""

    EVENT = "event"
    PROGRESS = "progress"
    TEMPERATURE = "temperature"
    METADATA = "metadata"
    LAST_WILL = "last_will"


# Payloads. Unknown keys are ignored: any plugin may add some. ------------------------------

Text = Annotated[str, Field(max_length=4096)]
Seconds = Annotated[float, Field(ge=0, le=1e9, allow_inf_nan=False)]
Celsius = Annotated[float, Field(ge=-300, le=5000, allow_inf_nan=False)]
Percent = Annotated[float, Field(ge=0, le=100, allow_inf_nan=False)]
Millimetres = Annotated[float, Field(ge=-1e6, le=1e6, allow_inf_nan=False)]
Size = Annotated[int, Field(ge=0, lt=1 << 62)]


class _Payload(BaseModel):
    model_config = ConfigDict(strict=True, extra="ignore", hide_input_in_errors=True)


class _Temperature(_Payload):
    actual: Celsius | None
    target: Celsius | None


class _Progress(_Payload):
    path: Text
    progress: Annotated[int, Field(ge=0, le=100)]
    printer_data: PrinterData | None = None


class _State(_Payload):
    state_id: Annotated[str, Field(max_length=64)]
    state_string: Annotated[str, Field(max_length=1024)]


class _Error(_Payload):
    error: Text
    consequence: Annotated[str, Field(max_length=64)] | None = None


class _Firmware(_Payload):
    name: Annotated[str, Field(max_length=256)]


class _Height(_Payload):
    new: Millimetres | None


class _File(_Payload):
    name: Text
    path: Text
    origin: Annotated[str, Field(max_length=64)] = ""
    size: Size | None = None

    def file(self) -> PrintFile:
        return PrintFile(name=self.name, path=self.path, storage=self.origin, size=self.size)


class _Paused(_File):
    progress: Percent | None = None


class _Ended(_File):
    time: Seconds | None = None
    progress: Percent | None = None
    reason: Annotated[str, Field(max_length=64)] | None = None
    error: Text | None = None


class _Result(TypedDict, total=False):
    estimatedPrintTime: Seconds | None


class _Analysis(_Payload):
    path: Text
    result: _Result


# From topic to message ----------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Heading:
    """What a topic says before its payload is read."""

    kind: str
    name: str


class Stamp(TypedDict):
    """The arguments that every message shares."""

    printer: PrinterId
    received_at: datetime
    host_time: int | None
    retained: bool


Body: TypeAlias = Mapping[str, Any]  # a JSON object, before it was validated


def heading(registration: Registration, topic: str) -> Heading | None:
    """Return what ``topic`` is to the printer, or None where it is none of the plugin's."""
    base = registration.base_topic
    if len(topic) - len(base) > MAX_TOPIC or not topic.startswith(base):
        return None
    return _heading(registration.templates, topic[len(base) :])


def decode(
    registration: Registration,
    topic: str,
    payload: bytes,
    received_at: float,
    *,
    retained: bool,
) -> Message | None:
    """Return what the printer said, or None where nothing follows from it.

    ``received_at`` is in seconds since 1970.

    Raises:
        PayloadError: The topic is the plugin's, but the payload is not what it promises.
    """
    told = heading(registration, topic)
    if told is None:
        return None
    stamp = Stamp(
        printer=registration.id,
        received_at=datetime.fromtimestamp(received_at, UTC),
        host_time=None,
        retained=retained,
    )
    if len(payload) > MAX_PAYLOAD:
        raise PayloadError(topic, "longer than 64 KiB")
    if told.kind == Kind.LAST_WILL:
        return _last_will(topic, payload, stamp)
    if told.kind == Kind.METADATA:
        return _metadata(topic, told.name, payload, stamp)
    read = _READERS.get((told.kind, told.name if told.kind == Kind.EVENT else ""))
    if read is None or (told.kind == Kind.PROGRESS and told.name != "printing"):
        return None if retained else _heard(payload, stamp, registration.timestamp_field)
    body = _object(topic, payload)
    stamp["host_time"] = _host_time(topic, body, registration.timestamp_field)
    try:
        return read(told.name, body, stamp)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False, include_context=False)[0]
        where = ".".join(str(part) for part in first["loc"]) or "payload"
        raise PayloadError(topic, f"{where}: {first['msg']}") from None
    except ValueError as error:
        raise PayloadError(topic, str(error)) from None


def _object(topic: str, payload: bytes) -> dict[str, Any]:
    try:
        body = from_json(payload, allow_inf_nan=False)
    except ValueError as error:
        # The parser's text tells a position, never what stood there.
        raise PayloadError(topic, f"no JSON: {error}") from None
    if not isinstance(body, dict):
        raise PayloadError(topic, "no JSON object")
    return body


def _host_time(topic: str, body: Body, name: str) -> int | None:
    value = body.get(name)
    if value is None or _is_stamp(value):
        return value
    raise PayloadError(topic, f"{name}: no whole number of seconds since 1970")


def _is_stamp(value: object) -> bool:
    return type(value) is int and 0 <= value < MAX_STAMP


def _heard(payload: bytes, stamp: Stamp, name: str) -> Message:
    """Read of what we do not follow only when it was said, if it says so."""
    try:
        body = from_json(payload, allow_inf_nan=False)
    except ValueError:
        return Heard(**stamp)
    value = body.get(name) if isinstance(body, dict) else None
    stamp["host_time"] = value if _is_stamp(value) else None
    return Heard(**stamp)


def _last_will(topic: str, payload: bytes, stamp: Stamp) -> Message | None:
    """Read the one topic that is plain text (Q10); an empty payload is a cleared topic."""
    match payload:
        case b"connected":
            return LinkChanged(**stamp, connected=True)
        case b"disconnected":
            return LinkChanged(**stamp, connected=False)
        case b"":
            return None
        case _:
            raise PayloadError(topic, "neither connected nor disconnected")


def _metadata(topic: str, key: str, payload: bytes, stamp: Stamp) -> Message:
    """Read raw text; an empty payload clears the key (Q21)."""
    if len(key) > MAX_KEY:
        raise PayloadError(topic, f"the key is longer than {MAX_KEY} characters")
    try:
        text = payload.decode()
    except UnicodeDecodeError:
        raise PayloadError(topic, "no UTF-8 text") from None
    return MetadataReported(**stamp, key=key, value=text[:MAX_VALUE] or None)


def _temperature(heater: str, body: Body, stamp: Stamp) -> Message:
    if not HEATER.fullmatch(heater):
        raise ValueError("no name of a heater")
    said = _Temperature.model_validate(body)
    return TemperatureReported(**stamp, heater=heater, actual=said.actual, target=said.target)


def _progress(_name: str, body: Body, stamp: Stamp) -> Message:
    said = _Progress.model_validate(body)
    details = said.printer_data.details() if said.printer_data else None
    if not said.path and not said.progress and not (details and details.file):
        return OctoPrintStarted(**stamp, status=details.status if details else None)  # once (Q3)
    return ProgressReported(**stamp, path=said.path, percent=said.progress, details=details)


def _state(_name: str, body: Body, stamp: Stamp) -> Message:
    said = _State.model_validate(body)
    return StatusReported(**stamp, status=status_of(said.state_id, said.state_string))


def _error(_name: str, body: Body, stamp: Stamp) -> Message:
    said = _Error.model_validate(body)
    return FaultReported(**stamp, fault=Fault(text=said.error, consequence=said.consequence))


def _firmware(_name: str, body: Body, stamp: Stamp) -> Message:
    return FirmwareReported(**stamp, name=_Firmware.model_validate(body).name)


def _height(_name: str, body: Body, stamp: Stamp) -> Message:
    new = _Height.model_validate(body).new
    return Heard(**stamp) if new is None else HeightReported(**stamp, mm=new)


def _selected(_name: str, body: Body, stamp: Stamp) -> Message:
    return FileSelected(**stamp, file=_File.model_validate(body).file())


def _analysed(_name: str, body: Body, stamp: Stamp) -> Message:
    said = _Analysis.model_validate(body)
    seconds = said.result.get("estimatedPrintTime")
    if seconds is None:
        return Heard(**stamp)
    return FileAnalysed(**stamp, path=said.path, estimate=timedelta(seconds=seconds))


def _started(_name: str, body: Body, stamp: Stamp) -> Message:
    return JobStarted(**stamp, file=_File.model_validate(body).file())


def _paused(_name: str, body: Body, stamp: Stamp) -> Message:
    return JobPaused(**stamp, percent=_Paused.model_validate(body).progress)


def _ended(name: str, body: Body, stamp: Stamp) -> Message:
    said = _Ended.model_validate(body)
    outcome = _OUTCOMES[name]
    percent, error = said.progress, said.error
    if name == "PrintFailed":
        if said.reason == "cancelled":
            outcome = Outcome.CANCELLED
        elif percent is not None:
            percent *= 100  # a failure tells a fraction, everything else percent (Q16)
            if percent > 100:  # noqa: PLR2004  (of percent)
                raise ValueError("progress: more than 1")
    return JobEnded(
        **stamp,
        outcome=outcome,
        file=said.file(),
        duration=None if said.time is None else timedelta(seconds=said.time),
        percent=percent,
        error=error or None,  # a user who disconnects the printer has no error to tell
    )


_OUTCOMES = {
    "PrintDone": Outcome.DONE,
    "PrintCancelled": Outcome.CANCELLED,
    "PrintFailed": Outcome.FAILED,
}

_Reader: TypeAlias = Callable[[str, Body, Stamp], Message]

_READERS: dict[tuple[str, str], _Reader] = {
    (Kind.TEMPERATURE, ""): _temperature,
    (Kind.PROGRESS, ""): _progress,
    (Kind.EVENT, "PrinterStateChanged"): _state,
    (Kind.EVENT, "Error"): _error,
    (Kind.EVENT, "FirmwareData"): _firmware,
    (Kind.EVENT, "ZChange"): _height,
    (Kind.EVENT, "PausedForUser"): lambda _n, _b, stamp: AttentionRequested(**stamp),
    (Kind.EVENT, "Shutdown"): lambda _n, _b, stamp: OctoPrintStopped(**stamp),
    (Kind.EVENT, "FileSelected"): _selected,
    (Kind.EVENT, "FileDeselected"): lambda _n, _b, stamp: FileSelected(**stamp, file=None),
    (Kind.EVENT, "MetadataAnalysisFinished"): _analysed,
    (Kind.EVENT, "PrintStarted"): _started,
    (Kind.EVENT, "PrintPaused"): _paused,
    (Kind.EVENT, "PrintResumed"): lambda _n, _b, stamp: JobResumed(**stamp),
    (Kind.EVENT, "PrintDone"): _ended,
    (Kind.EVENT, "PrintCancelled"): _ended,
    (Kind.EVENT, "PrintFailed"): _ended,
}


# Templates ------------------------------------------------------------------------------


@lru_cache(maxsize=4096)
def _heading(templates: Templates, relative: str) -> Heading | None:
    for pattern, kind in _patterns(templates):
        match = pattern.fullmatch(relative)
        if match:
            return Heading(kind, match[1] if pattern.groups else "")
    return None


@lru_cache(maxsize=256)
def _patterns(templates: Templates) -> tuple[tuple[re.Pattern[str], str], ...]:
    kinds = (
        (templates.temperature, Kind.TEMPERATURE),
        (templates.event, Kind.EVENT),
        (templates.progress, Kind.PROGRESS),
        (templates.last_will, Kind.LAST_WILL),
        (templates.metadata, Kind.METADATA),
    )
    # The most literal one first: a bare {temp} would take every topic.
    ordered = sorted(kinds, key=lambda row: -len(re.sub(r"\{[^}]*\}", "", row[0])))
    return tuple((_pattern(template), kind) for template, kind in ordered)


def _pattern(template: str) -> re.Pattern[str]:
    """Turn ``event/{event}/x`` into a pattern whose group is the placeholder."""
    parts = re.split(r"\{[^}]*\}", template, maxsplit=1)
    return re.compile("(.+)".join(re.escape(part) for part in parts))
