"""What the measured printers say: OctoPrint's payloads, in the order OctoPrint has."""

import random
from collections.abc import Iterator
from typing import TypeAlias

from voxtrude.simulator import payloads
from voxtrude.simulator.payloads import GcodeFile, Payload
from voxtrude.simulator.printer_data import Moment, printer_data

Saying: TypeAlias = tuple[str, Payload | str, bool]
"""A topic relative to the base topic, a payload without its stamp, and the retain flag."""

CYCLE = 3  # readings() goes round: tool, bed, progress
CANCELLED = 0.3  # of all prints


def event(name: str, payload: Payload | None = None, *, retain: bool = False) -> Saying:
    """Return an event."""
    return f"event/{name}", {**(payload or {}), payloads.EVENT: name}, retain


def state(state_id: str, text: str) -> Saying:
    """Return ``PrinterStateChanged``."""
    return event("PrinterStateChanged", {"state_id": state_id, "state_string": text})


def temperature(heater: str, actual: float, target: float) -> Saying:
    """Return a heater's reading."""
    return f"temperature/{heater}", {"actual": actual, "target": target}, True


def progress(file: GcodeFile, percent: int, details: Payload | None = None) -> Saying:
    """Return the progress of a print."""
    return "progress/printing", payloads.progress(file, percent, details), True


def file_of(number: int) -> GcodeFile:
    """Return the file of a printer's job."""
    return GcodeFile(f"part_{number:05}_0.2mm_PLA.gcode", 1_000_000 + number, 3600.0, 100)


def arrival() -> Iterator[Saying]:
    """Yield what a host and its printer say when they are switched on."""
    yield payloads.LAST_WILL, payloads.CONNECTED, True
    yield "progress/printing", payloads.progress(None, 0), True
    yield state("OPEN_SERIAL", "Opening serial connection")
    yield state("CONNECTING", "Connecting")
    yield state("OPERATIONAL", "Operational")
    firmware = {"FIRMWARE_NAME": "Virtual Marlin 1.0", "PROTOCOL_VERSION": "1.0"}
    yield event("FirmwareData", {"name": "Virtual Marlin 1.0", "data": firmware}, retain=True)


def start(file: GcodeFile) -> Iterator[Saying]:
    """Yield what is said when a print starts."""
    yield event("FileSelected", payloads.selected(file))
    yield state("STARTING", "Starting")
    yield event("PrintStarted", payloads.started(file))
    yield event("GcodeScriptBeforePrintStartedRunning", payloads.started(file))
    yield state("PRINTING", "Printing")


def done(file: GcodeFile, seconds: float) -> Iterator[Saying]:
    """Yield what is said when a print is done."""
    yield state("FINISHING", "Finishing")
    yield event("PrintDone", payloads.done(file, seconds))
    yield event("GcodeScriptAfterPrintDoneRunning", payloads.done(file, seconds))
    yield state("OPERATIONAL", "Operational")
    yield progress(file, 100)


def cancelled(file: GcodeFile, percent: int, seconds: float) -> Iterator[Saying]:
    """Yield what is said when a print is cancelled: one end, told by two events."""
    yield event("PrintCancelling", payloads.started(file))
    yield state("CANCELLING", "Cancelling")
    yield event("PrintCancelled", payloads.cancelled(file, percent, seconds))
    yield event("PrintFailed", payloads.cancelled(file, percent, seconds))
    yield state("OPERATIONAL", "Operational")
    yield progress(file, 0)


def readings(file: GcodeFile, numbers: range) -> Iterator[Saying]:
    """Yield readings, each with its number in it; the last of each kind tells all came."""
    for number in numbers:
        match number % CYCLE:
            case 0:
                yield temperature("tool0", float(number), 215.0)
            case 1:
                yield temperature("bed", float(number), 60.0)
            case _:
                yield progress(file, number // CYCLE % 100)


def whole_print(number: int) -> Iterator[Saying]:
    """Yield a bit of each thing that a host says during two prints: every fact is known."""
    yield from arrival()
    for file in (file_of(number), file_of(number + 1)):
        yield from start(file)
        yield temperature("tool0", 214.87, 215.0)
        yield temperature("bed", 59.92, 60.0)
        moment = Moment(
            text="Printing",
            height=4.2,
            completion=41.7,
            print_time=1500,
            time_left=2100,
            origin="linear",
        )
        yield progress(file, 42, printer_data(file, moment))
        yield event("ZChange", {"new": 4.4, "old": 4.2}, retain=True)
        if file.name == file_of(number).name:
            yield from done(file, 3598.4)


def life(dice: random.Random) -> Iterator[Saying]:
    """Yield what one host says, without an end: print after print, most of them done."""
    yield from arrival()
    number = 0
    while True:
        number += 1
        file = file_of(number)
        yield from start(file)
        length = dice.randint(20, 30)
        last = dice.randrange(15, length) if dice.random() < CANCELLED else None
        for step in range(length):
            yield temperature("tool0", round(dice.uniform(213, 217), 2), 215.0)
            if step % 3 == 0:
                yield temperature("bed", round(dice.uniform(59, 61), 2), 60.0)
            if step % 7 == 0:
                yield event("ZChange", {"new": step / 5, "old": None}, retain=True)
            percent = 100 * step // length
            if step % 5 == 0 and percent:
                yield progress(file, percent)
            if step == last:
                yield from cancelled(file, percent, float(step))
                break
        else:
            yield from done(file, float(length))
