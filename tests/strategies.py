"""What hypothesis needs to make messages, and states out of messages."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar

from hypothesis import strategies as st

from voxtrude import messages
from voxtrude.messages import Details, Message, Said
from voxtrude.printer import (
    Fault,
    Outcome,
    PrinterId,
    PrinterState,
    PrinterStatus,
    PrintFile,
    Status,
)
from voxtrude.reducer import evolve

PRINTER = PrinterId("prn-00000000000000aa")
BEGAN = datetime(2026, 11, 20, 12, tzinfo=UTC)
BEGAN_AT = int(BEGAN.timestamp())

M = TypeVar("M", bound=Said)

seconds = st.floats(0, 3600).map(lambda value: timedelta(seconds=round(value, 3)))
percents = st.integers(0, 100)
celsius = st.none() | st.floats(-20, 400)
files = st.sampled_from(["a.gcode", "b.gcode", "folder/c.gcode"]).map(
    lambda path: PrintFile(path.rsplit("/", 1)[-1], path, "local", 1288)
)
results = st.none() | st.sampled_from(["", "Success", "cancelled"])
statuses = st.sampled_from(Status).map(lambda status: PrinterStatus(status, status.name, "words"))
details = st.builds(
    Details,
    status=st.none() | statuses,
    file=st.none() | files,
    completion=st.none() | st.floats(0, 100),
    print_time=st.none() | seconds,
    time_left=st.none() | seconds,
    estimate=st.none() | seconds,
    height=st.none() | st.floats(0, 300),
)


@dataclass(frozen=True, slots=True)
class How:
    """How a message comes; ``honest`` is a host whose clock is right."""

    retained: bool = False
    honest: bool = False


@st.composite
def said(
    draw: st.DrawFn,
    /,
    kind: type[M],
    how: How,
    **parts: st.SearchStrategy[Any],
) -> M:
    """Make a message of ``kind``."""
    after = draw(st.integers(0, 900_000)) / 1000
    received_at = BEGAN + timedelta(seconds=after)
    host_time: int | None = BEGAN_AT + int(after)
    if not how.honest:
        queued = st.integers(0, 7200).map(lambda waited: BEGAN_AT + int(after) - waited)
        host_time = draw(st.none() | st.just(host_time) | queued | st.integers(0, (1 << 40) - 1))
    return kind(
        printer=PRINTER,
        received_at=received_at,
        host_time=host_time,
        retained=how.retained,
        **{name: draw(part) for name, part in parts.items()},
    )


def readings(*, retained: bool = False, honest: bool = False) -> st.SearchStrategy[Message]:
    """Messages of facts that have nothing to do with each other."""
    how = How(retained, honest)
    heaters = st.sampled_from(["tool0", "tool1", "bed", "chamber"])
    return st.one_of(
        said(messages.TemperatureReported, how, heater=heaters, actual=celsius, target=celsius),
        said(messages.HeightReported, how, mm=st.floats(0, 300)),
        said(messages.FirmwareReported, how, name=st.sampled_from(["Marlin", "Repetier"])),
        said(
            messages.MetadataReported,
            how,
            key=st.sampled_from(["material", "layer"]),
            value=st.none() | st.sampled_from(["PLA", "0.2"]),
        ),
        said(messages.AttentionRequested, how),
    )


def kept(*, honest: bool = False) -> st.SearchStrategy[Message]:
    """What a broker can have kept."""
    how = How(retained=True, honest=honest)
    return readings(retained=True, honest=honest) | st.one_of(
        said(messages.LinkChanged, how, connected=st.booleans()),
        said(
            messages.ProgressReported,
            how,
            path=st.just("a.gcode"),
            percent=percents,
            details=st.none() | details,
        ),
        said(messages.OctoPrintStarted, how),
    )


def live(*, honest: bool = False) -> st.SearchStrategy[Message]:
    """Everything that a printer can say, in no sensible order."""
    how = How(honest=honest)
    outcomes = st.sampled_from([Outcome.DONE, Outcome.CANCELLED, Outcome.FAILED])
    return readings(honest=honest) | st.one_of(
        said(messages.Heard, how),
        said(messages.SnapshotTaken, how, linked=st.just(False), result=results),  # noqa: FBT003  (a field's value)
        said(messages.LinkChanged, how, connected=st.booleans()),
        said(messages.OctoPrintStopped, how),
        said(messages.OctoPrintStarted, how, status=st.none() | statuses),
        said(messages.StatusReported, how, status=statuses),
        said(messages.FaultReported, how, fault=st.builds(Fault, st.sampled_from(["hot", "cold"]))),
        said(messages.FileSelected, how, file=st.none() | files),
        said(messages.FileAnalysed, how, path=st.just("a.gcode"), estimate=seconds),
        said(
            messages.ProgressReported,
            how,
            path=st.sampled_from(["", "a.gcode", "b.gcode"]),
            percent=percents,
            details=st.none() | details,
        ),
        said(messages.JobStarted, how, file=files),
        said(messages.JobPaused, how, percent=st.none() | percents.map(float)),
        said(messages.JobResumed, how),
        said(
            messages.JobEnded,
            how,
            outcome=outcomes,
            file=files,
            duration=st.none() | seconds,
            percent=st.none() | st.floats(0, 100),
            error=st.none() | st.just("broken"),
        ),
    )


def everything(*, honest: bool = False) -> st.SearchStrategy[Message]:
    """All messages."""
    how = How(honest=honest)
    ours = said(messages.TimePassed, how) | said(messages.LinkDoubted, how)
    return live(honest=honest) | kept(honest=honest) | ours


@st.composite
def states(draw: st.DrawFn, *, honest: bool = False) -> PrinterState:
    """A state that some messages led to."""
    state = PrinterState(printer=PRINTER)
    told = draw(st.lists(everything(honest=honest), max_size=25))
    if honest:
        told.sort(key=lambda message: message.received_at)
    for message in told:
        state = evolve(state, message)
    return state
