"""Printers for the tests of the OPC UA bridge: their documents, and what is read from them."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from services.opcua_bridge.mapping.nodes import Reading
from services.opcua_bridge.mapping.readings import readings
from services.opcua_bridge.mapping.situation import Pipeline, Situation
from services.opcua_bridge.mapping.stacklight import LAMPS
from services.opcua_bridge.mapping.structures import Words
from services.opcua_bridge.mapping.template import shape, template
from voxtrude.documents import PrinterDocument
from voxtrude.printer import (
    Basis,
    Fact,
    Fault,
    Host,
    Job,
    JobId,
    Link,
    Origin,
    Outcome,
    PastJob,
    Presence,
    PrinterId,
    PrinterState,
    PrinterStatus,
    PrintFile,
    Status,
    Temperature,
    TimeLeft,
    Totals,
)
from voxtrude.registration import Registration

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
BEGAN = NOW - timedelta(minutes=10)
ENDED = NOW - timedelta(minutes=20)
PRINTER = PrinterId("prn-00000000000000aa")
REGISTRATION = Registration(
    id=PRINTER,
    name="Prusa",
    base_topic=f"octoPrint/{PRINTER}/",
    created_at=BEGAN,
    alive_at=NOW,
)
ITEM_STATE = "Monitoring/MachineTool/MachineryItemState/CurrentState"
MODE = "Monitoring/MachineTool/MachineryOperationMode/CurrentState"
PROGRAM_STATE = "Production/ActiveProgram/State/CurrentState"
UNHEARD = PrinterState(printer=PRINTER)


def live(value: Any, at: datetime = NOW) -> Fact[Any]:  # noqa: ANN401  (a fact of anything)
    return Fact(value, at, Origin.LIVE)


def printer(status: Status, **facts: Any) -> PrinterState:  # noqa: ANN401  (any of its facts)
    """Return a printer that is online."""
    return replace(
        PrinterState(
            printer=PRINTER,
            seen_at=NOW,
            link=live(Link.CONNECTED),
            presence=live(Presence.ONLINE),
            octoprint=live(Host.RUNNING),
            status=live(PrinterStatus(status, status.name, "words")),
            height=live(4.2),
            firmware=live("Marlin 2.1"),
            temperatures={"tool0": Temperature(210.0, 210.0, NOW, Origin.LIVE)},
            totals=Totals(
                since=ENDED,
                jobs_ended=3,
                jobs_done=2,
                printing=timedelta(minutes=5),
                operational=timedelta(hours=2, seconds=90),
            ),
        ),
        **facts,
    )


def job(**facts: Any) -> Job:  # noqa: ANN401  (any of its facts)
    """Return a job that is a third done."""
    opened = Job(
        id=JobId(f"{PRINTER}.1"),
        file=PrintFile("part.gcode", "folder/part.gcode", "local"),
        opened_at=BEGAN,
        origin=Origin.LIVE,
        started_at=BEGAN,
        progress=live(33.0),
        time_left=TimeLeft(timedelta(minutes=20), Basis.ESTIMATED, NOW),
    )
    return replace(opened, **facts)


def past(outcome: Outcome) -> PastJob:
    """Return a job that ended."""
    return PastJob(
        id=JobId(f"{PRINTER}.0"),
        file=PrintFile("before.gcode", "before.gcode", "local"),
        outcome=outcome,
        ended_at=ENDED,
        origin=Origin.LIVE,
        started_at=ENDED - timedelta(minutes=5),
        duration=timedelta(minutes=5),
        progress=100.0 if outcome is Outcome.DONE else 50.0,
    )


def fault() -> Fact[Fault]:
    return live(Fault("too hot"))


def document(state: PrinterState, registration: Registration = REGISTRATION) -> PrinterDocument:
    return PrinterDocument.of(registration, state)


def machine(
    state: PrinterState,
    pipeline: Pipeline = Pipeline.RUNNING,
    registration: Registration = REGISTRATION,
) -> dict[str, Reading]:
    """Return all that is read of a printer."""
    told = document(state, registration)
    return readings(template(shape(told)), Situation(told, pipeline, NOW + timedelta(minutes=1)))


def words(reading: Reading) -> str:
    """Return a state's name."""
    assert isinstance(reading.value, Words)
    return reading.value.text


def lamps(read: dict[str, Reading]) -> list[str]:
    """Return the lamps that shine."""
    on = [read[f"Monitoring/Stacklight/{lamp.name}/SignalOn"].value for lamp in LAMPS]
    return [lamp.name.lower() for lamp, shines in zip(LAMPS, on, strict=True) if shines]
