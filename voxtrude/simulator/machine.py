"""One simulated host with its printer: what it does, and what it says while doing it.

Time stands still but for ``pass_time``. The order of messages is OctoPrint's: the
temperatures come from a poll each 2 s (1 s while heating) and only where they changed
by 0.1 or more, progress comes from a timer each 5 s and only where it changed.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import TypeAlias

from voxtrude.simulator import payloads
from voxtrude.simulator.heater import Heater
from voxtrude.simulator.payloads import Drop, GcodeFile, Line, Payload, Step
from voxtrude.simulator.printer_data import Moment, printer_data

Dice: TypeAlias = Callable[[int, int], int]
"""Returns a whole number between two, both included."""

TOOL, BED = 200.0, 60.0
PARKED = 10.0  # mm above the part
RUNAWAY = "Thermal Runaway, system stopped! Heater_ID: bed - Printer halted. kill() called!"
ENOUGH = 0.02  # of a print's data, before the extruder moves


@dataclass(slots=True)
class Machine:
    """A host; ``extended`` is the plugin's setting that adds ``printer_data``."""

    dice: Dice
    extended: bool = True
    _since: float = 0.0
    _clock: int = 0
    _heaters: dict[str, Heater] = field(
        default_factory=lambda: {"tool0": Heater(5.0), "bed": Heater(2.0)}
    )
    _file: GcodeFile | None = None
    _text: str = "Offline"
    _printed: float = 0.0  # fraction of the file
    _print_time: int = 0
    _layer: int = 0
    _height: float | None = None
    _timer: int | None = None
    _told_progress: tuple[str, int] = ("", 0)

    # The host and its printer ------------------------------------------------------------

    def appear(self) -> Iterator[Step]:
        """Connect OctoPrint to the broker."""
        yield self._line(payloads.LAST_WILL, payloads.CONNECTED, qos=1, retain=True)
        yield self._line("progress/printing", self._progress(0), retain=True)
        yield self._line("progress/slicing", payloads.slicing(), retain=True)

    def connect(self) -> Iterator[Step]:
        """Connect the printer to OctoPrint."""
        yield from self.pass_time(2)
        yield self._event("Connecting")
        yield self._state("OPEN_SERIAL", "Opening serial connection")
        yield self._state("CONNECTING", "Connecting")
        yield self._state("OPERATIONAL", "Operational")
        yield self._event("Connected", {"port": "/dev/ttyACM0", "baudrate": 115200})
        firmware = {"FIRMWARE_NAME": "Virtual Marlin 1.0", "PROTOCOL_VERSION": "1.0"}
        yield self._event(
            "FirmwareData", {"name": "Virtual Marlin 1.0", "data": firmware}, retain=True
        )
        yield self._event("UpdatedFiles", {"type": "printables"})
        self._text = "Operational"
        yield from self.pass_time(2)

    def leave(self) -> Iterator[Step]:
        """Stop OctoPrint on purpose; the broker says the last will besides."""
        yield self._line(payloads.LAST_WILL, payloads.DISCONNECTED, qos=1, retain=True)
        yield self._event("Shutdown")
        yield self.drop()

    def drop(self) -> Drop:
        """Break the connection to the broker."""
        after, self._since = self._since, 0.0
        return Drop(after)

    # Jobs ----------------------------------------------------------------------------------

    def upload(self, file: GcodeFile) -> Iterator[Step]:
        """Receive a file."""
        for delay, name, payload in payloads.uploaded(file):
            self._since += delay
            yield self._event(name, payload)

    def start(self, file: GcodeFile) -> Iterator[Step]:
        """Start to print ``file`` and heat up."""
        self._file, self._printed, self._print_time, self._layer = file, 0.0, 0, 0
        self._height = None
        body = payloads.started(file)
        yield self._event("FileSelected", payloads.selected(file))
        yield self._state("STARTING", "Starting")
        yield from self._heat(TOOL, BED)
        yield self._event("PrintStarted", body)
        yield self._event("ChartMarked", {"type": "print", "label": "Start"})
        yield from self._script("BeforePrintStarted", body)
        yield self._state("PRINTING", "Printing")
        self._text = "Printing"
        self._timer = self._clock
        self._printed = ENOUGH
        while any(heater.is_heating for heater in self._heaters.values()):
            yield from self.pass_time(1)
        yield self._event("Home")

    def print_to(self, fraction: float) -> Iterator[Step]:
        """Print until ``fraction`` of the file is done; 1.0 ends the job."""
        file = self._job()
        while self._printed < fraction:
            self._printed = min(self._printed + 1 / file.duration, fraction)
            layer = min(1 + int(self._printed * file.layers), file.layers)
            if layer != self._layer:
                self._layer = layer
                yield self._move_to(round(layer * 0.2, 2))
            yield from self.pass_time(1)
        if fraction >= 1.0:
            yield from self._finish(file)

    def pause(self) -> Iterator[Step]:
        """Pause the job; some moves are still in the printer's buffer."""
        file = self._job()
        yield self._state("PAUSING", "Pausing")
        self._text = "Pausing"
        yield from self.pass_time(2)
        body = payloads.paused(file, self._percent, self._height or 0.0)
        yield self._event("PrintPaused", body)
        yield self._event("ChartMarked", {"type": "pause", "label": "Pause"})
        yield from self._script("AfterPrintPaused", body)
        yield self._event(
            "PositionUpdate", {"reason": "pause", **payloads.position(self._height or 0.0)}
        )
        yield self._state("PAUSED", "Paused")
        self._text = "Paused"

    def resume(self) -> Iterator[Step]:
        """Go on after a pause."""
        body = payloads.started(self._job())
        yield self._state("RESUMING", "Resuming")
        yield self._event("PrintResumed", body)
        yield self._event("ChartMarked", {"type": "resume", "label": "Resume"})
        yield from self._script("BeforePrintResumed", body)
        yield self._state("PRINTING", "Printing")
        self._text = "Printing"

    def cancel(self) -> Iterator[Step]:
        """Cancel the job: one end, told by two events."""
        file = self._job()
        body = payloads.cancelled(file, self._percent, float(self._print_time))
        yield self._event("PrintCancelling", payloads.started(file))
        yield self._state("CANCELLING", "Cancelling")
        yield self._event("PrintCancelled", body)
        yield self._event("ChartMarked", {"type": "cancel", "label": "Cancel"})
        yield from self._script("AfterPrintCancelled", body)
        yield self._event("MetadataStatisticsUpdated", {"storage": "local", "path": file.name})
        yield self._event("PrintFailed", body)
        yield self._state("OPERATIONAL", "Operational")
        yield from self._end("Operational", 0.0)
        yield from self._heat(0.0, 0.0)

    def fail(self) -> Iterator[Step]:
        """Let the firmware stop the printer: it is offline afterwards, in error."""
        file = self._job()
        body = payloads.failed(file, self._printed, float(self._print_time), RUNAWAY)
        yield self._state("ERROR", "Error")
        yield self._event("Error", payloads.halted(RUNAWAY))
        yield self._event("EStop")
        yield self._event("UpdatedFiles", {"type": "printables"})
        yield self._event("FileDeselected")
        yield self._event("Disconnected")
        yield self._state("OFFLINE", "Offline")
        yield self._event("MetadataStatisticsUpdated", {"storage": "local", "path": file.name})
        yield self._event("PrintFailed", body)
        yield from self._end("Offline", 0.0)

    def pass_time(self, seconds: int) -> Iterator[Step]:
        """Let whole seconds pass, and tell what they change."""
        for _ in range(seconds):
            self._clock += 1
            self._since += 1
            heating = self._warm()
            if self._text in {"Printing", "Pausing"}:
                self._print_time += 1
            if self._text != "Offline" and (heating or self._clock % 2 == 0):
                yield from self._tell_temperatures()
            yield from self._tell_progress()

    # Within ----------------------------------------------------------------------------------

    def _finish(self, file: GcodeFile) -> Iterator[Step]:
        yield self._move_to(round(file.height + PARKED, 2))
        yield self._event("Home")
        body = payloads.done(file, float(self._print_time))
        yield self._state("FINISHING", "Finishing")
        yield self._event("ChartMarked", {"type": "done", "label": "Done"})
        yield self._event("PrintDone", body)
        yield from self._script("AfterPrintDone", body)
        yield self._event("MetadataStatisticsUpdated", {"storage": "local", "path": file.name})
        yield from self.pass_time(2)
        yield self._state("OPERATIONAL", "Operational")
        yield from self._end("Operational", 1.0)
        yield from self._heat(0.0, 0.0)

    def _end(self, text: str, printed: float) -> Iterator[Step]:
        """Let the timer tell the last progress, up to 5 s after the end."""
        self._text, self._printed = text, printed
        yield from self.pass_time(5)
        self._timer = None

    def _heat(self, tool: float, bed: float) -> Iterator[Step]:
        """Set the targets; each is told at once."""
        for name, target in (("bed", bed), ("tool0", tool)):
            self._heaters[name].target = target
            yield self._temperature(name)

    def _warm(self) -> bool:
        """Let each heater go on for a second; tell whether one is still on its way up."""
        for heater in self._heaters.values():
            heater.go_on(self.dice(-15, 15) / 100)
        return any(heater.is_heating for heater in self._heaters.values())

    def _tell_temperatures(self) -> Iterator[Step]:
        for name, heater in self._heaters.items():
            if heater.has_changed:
                yield self._temperature(name)

    def _temperature(self, name: str) -> Line:
        heater = self._heaters[name]
        heater.told = (heater.actual, heater.target)
        return self._line(
            f"temperature/{name}", {"actual": heater.actual, "target": heater.target}, retain=True
        )

    def _tell_progress(self) -> Iterator[Step]:
        if self._timer is None or self._file is None or (self._clock - self._timer) % 5:
            return
        now = (self._file.name, self._percent)
        if now != self._told_progress:
            self._told_progress = now
            yield self._line("progress/printing", self._progress(self._percent), retain=True)

    @property
    def _percent(self) -> int:
        return round(self._printed * 100)

    def _progress(self, percent: int) -> Payload:
        details = printer_data(self._file, self._moment()) if self.extended else None
        return payloads.progress(self._file, percent, details)

    def _moment(self) -> Moment:
        file = self._file
        if file is None:
            return Moment(text=self._text)
        if self._text in {"Operational", "Offline"} and self._printed == 0:
            return Moment(text=self._text, height=self._height)
        left = max(int(file.duration * (1 - self._printed)), 0)
        return Moment(
            text=self._text,
            height=self._height,
            completion=self._printed * 100,
            print_time=self._print_time,
            time_left=left,
            origin="linear" if left else None,
        )

    def _move_to(self, height: float) -> Line:
        before, self._height = self._height, height
        return self._event("ZChange", {"new": height, "old": before}, retain=True)

    def _script(self, name: str, body: Payload) -> Iterator[Step]:
        for moment in ("Running", "Finished"):
            yield self._event(f"GcodeScript{name}{moment}", body)

    def _state(self, state_id: str, text: str) -> Line:
        return self._event("PrinterStateChanged", {"state_id": state_id, "state_string": text})

    def _event(self, name: str, payload: Payload | None = None, *, retain: bool = False) -> Line:
        return self._line(f"event/{name}", {**(payload or {}), payloads.EVENT: name}, retain=retain)

    def _line(
        self, topic: str, payload: Payload | str, *, qos: int = 0, retain: bool = False
    ) -> Line:
        after, self._since = self._since, 0.0
        return Line(after, topic, payload, qos, retain)

    def _job(self) -> GcodeFile:
        assert self._file is not None, "a story pauses or ends only what it started"  # noqa: S101  (a bug in a story, not in its data)
        return self._file
