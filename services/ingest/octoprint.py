"""OctoPrint-MQTT's dialect, translated into voxtrude.messages; no other module speaks it.

Topics and payloads as observed on OctoPrint 1.11.8 with OctoPrint-MQTT 0.8.16; the
recordings under tests/recordings are the proof. Names match exactly: GcodeScript events
hold the names of the job events they belong to.
"""

import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, TypeAlias, TypedDict

from pydantic import ValidationError
from pydantic_core import from_json

from services.ingest import payloads
from services.ingest.headings import Kind, heading
from services.ingest.printer_data import status_of
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
from voxtrude.printer import Fault, Outcome, PrinterId
from voxtrude.registration import Registration

MAX_PAYLOAD = 65_536
MAX_STAMP = 1 << 40  # seconds; far beyond every date that a computer can hold
HEATER = re.compile(r"[A-Za-z0-9_-]{1,32}")
MAX_KEY = 64
MAX_VALUE = 200


class Stamp(TypedDict):
    """The arguments that every message shares."""

    printer: PrinterId
    received_at: datetime
    host_time: int | None
    retained: bool


Body: TypeAlias = Mapping[str, Any]  # a JSON object, before it was validated


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
    if not payload:
        return None  # a kept message was taken off the broker
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
    said = payloads.Temperature.model_validate(body)
    return TemperatureReported(**stamp, heater=heater, actual=said.actual, target=said.target)


def _progress(_name: str, body: Body, stamp: Stamp) -> Message:
    said = payloads.Progress.model_validate(body)
    details = said.printer_data.details() if said.printer_data else None
    if not said.path and not said.progress and not (details and details.file):
        return OctoPrintStarted(**stamp, status=details.status if details else None)  # once (Q3)
    return ProgressReported(**stamp, path=said.path, percent=said.progress, details=details)


def _state(_name: str, body: Body, stamp: Stamp) -> Message:
    said = payloads.State.model_validate(body)
    return StatusReported(**stamp, status=status_of(said.state_id, said.state_string))


def _error(_name: str, body: Body, stamp: Stamp) -> Message:
    said = payloads.Error.model_validate(body)
    return FaultReported(**stamp, fault=Fault(text=said.error, consequence=said.consequence))


def _firmware(_name: str, body: Body, stamp: Stamp) -> Message:
    return FirmwareReported(**stamp, name=payloads.Firmware.model_validate(body).name)


def _height(_name: str, body: Body, stamp: Stamp) -> Message:
    new = payloads.Height.model_validate(body).new
    return Heard(**stamp) if new is None else HeightReported(**stamp, mm=new)


def _selected(_name: str, body: Body, stamp: Stamp) -> Message:
    return FileSelected(**stamp, file=payloads.File.model_validate(body).file())


def _analysed(_name: str, body: Body, stamp: Stamp) -> Message:
    said = payloads.Analysis.model_validate(body)
    seconds = said.result.get("estimatedPrintTime")
    if seconds is None:
        return Heard(**stamp)
    return FileAnalysed(**stamp, path=said.path, estimate=timedelta(seconds=seconds))


def _started(_name: str, body: Body, stamp: Stamp) -> Message:
    return JobStarted(**stamp, file=payloads.File.model_validate(body).file())


def _paused(_name: str, body: Body, stamp: Stamp) -> Message:
    return JobPaused(**stamp, percent=payloads.Paused.model_validate(body).progress)


def _ended(name: str, body: Body, stamp: Stamp) -> Message:
    said = payloads.Ended.model_validate(body)
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
