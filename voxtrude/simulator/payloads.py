"""OctoPrint-MQTT 0.8.16's payloads, field by field, as OctoPrint 1.11.8 publishes them.

Nothing here has a time stamp: ``encoded`` adds it last, as the plugin does.
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TypeAlias

Payload: TypeAlias = Mapping[str, object]

CONNECTED = "connected"
DISCONNECTED = "disconnected"
LAST_WILL = "mqtt"
STAMP = "_timestamp"
EVENT = "_event"
USER = "demo"
NOWHERE = {"e": None, "x": None, "z": None, "t": None, "f": None, "y": None}


@dataclass(frozen=True, slots=True)
class Line:
    """One message; ``after`` is in seconds since the one before.

    ``topic`` is relative to the base topic. A payload that is text is sent as it is, and
    one that is an object gets its time stamp when it is sent.
    """

    after: float
    topic: str
    payload: Payload | str
    qos: int = 0
    retain: bool = False


@dataclass(frozen=True, slots=True)
class Drop:
    """The host's connection breaks without a goodbye: its last will follows."""

    after: float


Step: TypeAlias = Line | Drop


@dataclass(frozen=True, slots=True)
class GcodeFile:
    """A file to print; times are in seconds, ``layers`` are 0.2 mm each."""

    name: str
    size: int
    duration: float
    layers: int
    uploaded_at: int = 1_795_197_249

    @property
    def height(self) -> float:
        """The part's height in mm."""
        return round(self.layers * 0.2, 2)


def encoded(payload: Payload | str, stamp: int) -> bytes:
    """Return the bytes on the wire; ``stamp`` is the host's clock in whole seconds."""
    if isinstance(payload, str):
        return payload.encode()
    return json.dumps({**payload, STAMP: stamp}).encode()


# What OctoPrint says of a file, a job and itself ---------------------------------------


def selected(file: GcodeFile) -> dict[str, object]:
    """``FileSelected``: the size is null."""
    return {**started(file), "size": None}


def started(file: GcodeFile) -> dict[str, object]:
    """``PrintStarted``, ``PrintResumed``, ``PrintCancelling`` and their scripts."""
    return {**_file(file), "owner": USER, "user": USER}


def paused(file: GcodeFile, percent: int, height: float) -> dict[str, object]:
    """``PrintPaused``: progress in whole percent."""
    return {
        **_file(file),
        "position": position(height),
        "fileposition": file.size * percent // 100,
        "progress": percent,
        "owner": USER,
        "user": USER,
    }


def done(file: GcodeFile, seconds: float) -> dict[str, object]:
    """``PrintDone``; it has no ``user``."""
    return {**_file(file), "owner": USER, "time": seconds}


def cancelled(file: GcodeFile, percent: int, seconds: float) -> dict[str, object]:
    """``PrintCancelled``, and the ``PrintFailed`` that follows it."""
    return {
        **_file(file),
        "position": NOWHERE,
        "fileposition": file.size * percent // 100,
        "progress": percent,
        "owner": USER,
        "user": USER,
        "time": seconds,
        "reason": "cancelled",
    }


def failed(file: GcodeFile, fraction: float, seconds: float, error: str) -> dict[str, object]:
    """``PrintFailed`` after an error: progress is a fraction, not percent."""
    return {
        **_file(file),
        "owner": USER,
        "time": seconds,
        "reason": "error",
        "error": error,
        "progress": fraction,
    }


def halted(error: str) -> dict[str, object]:
    """``Error``, as the firmware's emergency stop tells it."""
    return {
        "error": error,
        "reason": "firmware",
        "consequence": "emergency",
        "logs": [
            "Send: N23 G1 X20 Y20 E6.5000 F360.0*45",
            "Recv: ok",
            f"Recv: Error:{error}",
            'Changing monitoring state from "Printing" to "Error"',
        ],
        "faq": "firmware-thermal-runaway",
    }


def position(height: float) -> dict[str, object]:
    """Where the head stands, within other payloads."""
    return {"e": 22.0, "x": 80.0, "z": height, "t": 0, "f": 360.0, "y": 20.0}


def uploaded(file: GcodeFile) -> Iterator[tuple[float, str, dict[str, object]]]:
    """Yield (delay, event, payload) of an upload and its analysis."""
    name = {"name": file.name, "path": file.name, "origin": "local"}
    yield (
        0.0,
        "FileAdded",
        {
            "storage": "local",
            "path": file.name,
            "name": file.name,
            "type": ["machinecode", "gcode"],
            "operation": "add",
        },
    )
    yield 0.0, "UpdatedFiles", {"type": "printables"}
    yield 0.0, "MetadataAnalysisStarted", {**name, "type": "gcode"}
    yield (
        0.0,
        "Upload",
        {
            "name": file.name,
            "path": file.name,
            "target": "local",
            "select": False,
            "print": False,
            "effective_select": False,
            "effective_print": False,
        },
    )
    yield 0.4, "MetadataAnalysisFinished", {**name, "result": _analysis(file)}


def slicing() -> dict[str, object]:
    """``progress/slicing``, told once a process."""
    return {
        "slicer": "",
        "source_location": "",
        "source_path": "",
        "destination_location": "",
        "destination_path": "",
        "progress": 0,
    }


def progress(
    file: GcodeFile | None, percent: int, details: Payload | None = None
) -> dict[str, object]:
    """``progress/printing``; before the first job it has no path."""
    where = {"location": "local", "path": file.name} if file else {"location": "", "path": ""}
    return {**where, "progress": percent} | ({"printer_data": details} if details else {})


def _file(file: GcodeFile) -> dict[str, object]:
    return {"name": file.name, "path": file.name, "origin": "local", "size": file.size}


def filament(file: GcodeFile) -> dict[str, object]:
    """How much a file needs of it, within other payloads."""
    return {"tool0": {"length": float(file.layers * 10), "volume": 0.0}}


def _analysis(file: GcodeFile) -> dict[str, object]:
    def area(height: float) -> dict[str, float]:
        return {
            "maxX": 80.0,
            "maxY": 20.0,
            "maxZ": height,
            "minX": 0.0,
            "minY": 0.0,
            "minZ": 0.0,
        }

    def box(height: float) -> dict[str, float]:
        return {"depth": 20.0, "height": height, "width": 80.0}

    return {
        "printingArea": area(file.height),
        "dimensions": box(file.height),
        "travelArea": area(file.height + 10),
        "travelDimensions": box(file.height + 10),
        "estimatedPrintTime": file.duration,
        "filament": filament(file),
    }
