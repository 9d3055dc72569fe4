"""``printer_data``: what the plugin adds to progress where its extended information is on."""

from dataclasses import dataclass

from voxtrude.simulator.payloads import USER, GcodeFile, filament


@dataclass(frozen=True, slots=True, kw_only=True)
class Moment:
    """A job at one moment, as ``printer_data`` tells it; times are in seconds."""

    text: str
    height: float | None = None
    completion: float | None = None
    print_time: int | None = None
    time_left: int | None = None
    origin: str | None = None


_FLAGS = {
    "Offline": {"closedOrError"},
    "Operational": {"operational", "ready", "sdReady"},
    "Printing": {"operational", "printing", "sdReady"},
    "Pausing": {"operational", "printing", "pausing", "sdReady"},
    "Paused": {"operational", "paused", "ready", "sdReady"},
}
_FLAG_NAMES = (
    *("operational", "printing", "cancelling", "pausing", "resuming", "finishing"),
    *("closedOrError", "error", "paused", "ready", "sdReady"),
)


def printer_data(file: GcodeFile | None, moment: Moment) -> dict[str, object]:
    """``printer_data``, which the plugin adds where its extended information is on."""
    up = _FLAGS[moment.text]
    return {
        "state": {
            "text": moment.text,
            "flags": {name: name in up for name in _FLAG_NAMES},
            "error": "",
        },
        "job": _job(file),
        "currentZ": moment.height,
        "progress": {
            "completion": moment.completion,
            "filepos": int(file.size * moment.completion / 100)
            if file and moment.completion is not None
            else None,
            "printTime": moment.print_time,
            "printTimeLeft": moment.time_left,
            "printTimeLeftOrigin": moment.origin,
        },
        "offsets": {},
        "resends": {"count": 0, "transmitted": 12, "ratio": 0}
        if file
        else {"count": 0, "ratio": 0},
    }


def _job(file: GcodeFile | None) -> dict[str, object]:
    if file is None:
        return {
            "file": {"name": None, "path": None, "size": None, "origin": None, "date": None},
            "estimatedPrintTime": None,
            "lastPrintTime": None,
            "filament": {"length": None, "volume": None},
            "user": None,
        }
    return {
        "file": {
            "name": file.name,
            "path": file.name,
            "display": file.name,
            "origin": "local",
            "size": file.size,
            "date": file.uploaded_at,
        },
        "estimatedPrintTime": file.duration,
        "averagePrintTime": None,
        "lastPrintTime": None,
        "filament": filament(file),
        "user": USER,
    }
