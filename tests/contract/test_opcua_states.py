"""What a machine says of itself in each state of its printer, and how good its values are."""

from dataclasses import replace
from datetime import timedelta

import pytest

from services.opcua_bridge.mapping.nodes import Id, Namespace, Reading
from services.opcua_bridge.mapping.quality import Quality
from services.opcua_bridge.mapping.situation import Pipeline
from tests.opcua_printers import (
    BEGAN,
    ENDED,
    ITEM_STATE,
    MODE,
    NOW,
    PROGRAM_STATE,
    REGISTRATION,
    UNHEARD,
    document,
    fault,
    job,
    lamps,
    live,
    machine,
    past,
    printer,
    words,
)
from voxtrude.printer import Host, Origin, Outcome, Presence, PrinterState, Status, Temperature
from voxtrude.registration import Factory

OPERATION_MODE = "Monitoring/MachineTool/OperationMode"
STATES = {
    # status: MachineryItemState, lamps, MachineryOperationMode, OperationMode
    Status.UNKNOWN: ("NotAvailable", [], "None", 5),
    Status.OFFLINE: ("NotAvailable", [], "None", 5),
    Status.CONNECTING: ("NotAvailable", [], "None", 5),
    Status.IDLE: ("NotExecuting", ["white"], "None", 0),
    Status.UPLOADING: ("NotExecuting", ["white"], "None", 0),
    Status.STARTING: ("Executing", ["green"], "Setup", 1),
    Status.PRINTING: ("Executing", ["green"], "Processing", 1),
    Status.PAUSING: ("Executing", ["green"], "Processing", 1),
    Status.PAUSED: ("NotExecuting", ["yellow"], "Processing", 1),
    Status.RESUMING: ("Executing", ["green"], "Processing", 1),
    Status.CANCELLING: ("Executing", ["green"], "Processing", 1),
    Status.FINISHING: ("Executing", ["green"], "Processing", 1),
    Status.ERROR: ("OutOfService", ["red"], "None", 5),
}
NUMBERS = {
    # MachineryItemState: its node in Machinery, and its number
    "NotAvailable": (5005, 0),
    "OutOfService": (5004, 1),
    "NotExecuting": (5007, 2),
    "Executing": (5006, 3),
}
CONNECTED = sorted(set(Status) - {Status.UNKNOWN, Status.OFFLINE, Status.CONNECTING, Status.ERROR})
ALWAYS_GOOD = ("Identification/", "Monitoring/Stacklight/", "Monitoring/MachineTool/Machinery")
PARTICULARLY = {OPERATION_MODE, "Monitoring/MachineTool/IsWarmUp"}


def told(read: dict[str, Reading]) -> tuple[str, list[str], str, object]:
    return words(read[ITEM_STATE]), lamps(read), words(read[MODE]), read[OPERATION_MODE].value


def values(read: dict[str, Reading]) -> dict[str, Reading]:
    """Return what is neither identification nor a state."""
    return {
        path: reading
        for path, reading in read.items()
        if not path.startswith(ALWAYS_GOOD) and path not in PARTICULARLY
    }


def qualities(read: dict[str, Reading]) -> set[Quality]:
    return {reading.quality for reading in read.values()}


@pytest.mark.parametrize("status", Status)
def test_each_status_is_a_state(status: Status) -> None:
    read = machine(printer(status))
    assert told(read) == STATES[status]
    node, number = NUMBERS[words(read[ITEM_STATE])]
    assert read[f"{ITEM_STATE}/Id"].value == Id(Namespace.MACHINERY, node)
    assert read[f"{ITEM_STATE}/Number"].value == number


@pytest.mark.parametrize("status", Status)
def test_a_printer_that_is_offline_is_not_available_and_its_values_are_old(status: Status) -> None:
    online = printer(status, job=job())
    read = machine(replace(online, presence=live(Presence.OFFLINE), fault=fault()))
    assert told(read) == STATES[Status.UNKNOWN]
    assert values(read) == {
        path: reading._replace(quality=Quality.LAST_USABLE)
        for path, reading in values(machine(online)).items()
    }


@pytest.mark.parametrize("status", [Status.OFFLINE, Status.UNKNOWN])
def test_a_fault_outlives_the_connection_but_not_octoprint(status: Status) -> None:
    assert told(machine(printer(status, fault=fault()))) == STATES[Status.ERROR]
    stopped = printer(status, fault=fault(), octoprint=live(Host.STOPPED))
    assert told(machine(stopped)) == STATES[status]


def test_a_printer_that_waits_for_its_user_calls_with_the_yellow_lamp() -> None:
    read = machine(printer(Status.PRINTING, attention=live("paused for user"), job=job()))
    assert told(read) == ("Executing", ["yellow", "green"], "Setup", 3)
    assert read["Monitoring/Stacklight/Yellow/SignalMode"].value == 1
    assert machine(printer(Status.PAUSED))["Monitoring/Stacklight/Yellow/SignalMode"].value == 0


@pytest.mark.parametrize("pipeline", Pipeline)
def test_maintenance_is_its_owners_word(pipeline: Pipeline) -> None:
    ours = replace(REGISTRATION, factory=Factory(maintenance=True))
    read = machine(printer(Status.PRINTING), pipeline, ours)
    assert (words(read[MODE]), read[OPERATION_MODE].value) == ("Maintenance", 4)


@pytest.mark.parametrize("heater", ["tool0", "bed", "chamber"])
def test_tools_and_bed_heat_up_for_a_job(heater: str) -> None:
    cold = {heater: Temperature(30.0, 60.0, NOW, Origin.LIVE)}
    waited_for = heater != "chamber"
    read = machine(printer(Status.IDLE, temperatures=cold))
    assert words(read[MODE]) == ("Setup" if waited_for else "None")
    assert read["Monitoring/MachineTool/IsWarmUp"].value is False
    read = machine(printer(Status.PRINTING, temperatures=cold, job=job()))
    assert words(read[MODE]) == ("Setup" if waited_for else "Processing")
    assert read["Monitoring/MachineTool/IsWarmUp"].value is waited_for


@pytest.mark.parametrize("status", Status)
def test_without_the_pipeline_no_printer_is_there(status: Status) -> None:
    read = machine(printer(status, job=job(), fault=fault()), Pipeline.GONE)
    assert told(read) == STATES[Status.UNKNOWN]
    assert qualities(values(read)) == {Quality.NO_COMMUNICATION}
    rest = {path: reading for path, reading in read.items() if path not in values(read)}
    assert qualities(rest) == {Quality.GOOD}
    assert read[ITEM_STATE].at == NOW + timedelta(minutes=1)


@pytest.mark.parametrize("status", CONNECTED)
def test_what_is_heard_is_good_until_the_pipeline_stalls(status: Status) -> None:
    state = printer(status, job=job())
    now, stalled = machine(state), machine(state, Pipeline.STALLED)
    assert qualities(now) == {Quality.GOOD}
    assert told(stalled) == told(now)
    assert qualities(values(stalled)) == {Quality.LAST_USABLE}
    assert [one.value for one in stalled.values()] == [one.value for one in now.values()]


def test_an_old_reading_is_not_told_as_current() -> None:
    old = {"bed": Temperature(60.0, 65.0, NOW, Origin.RETAINED, current=False)}
    read = machine(printer(Status.IDLE, temperatures=old))
    for what, value in (("AnalogSignal", 60.0), ("ProcessValueSetpoint", 65.0)):
        assert read[f"Monitoring/Process/bed/{what}"] == Reading(value, Quality.LAST_USABLE, NOW)
    assert words(read[MODE]) == "None"


def test_what_was_never_heard_is_neutral_and_says_so() -> None:
    read = machine(UNHEARD)
    assert told(read) == STATES[Status.UNKNOWN]
    assert qualities(values(read)) == {Quality.INITIAL}
    assert read["Production/ActiveProgram/Name"].value == ""
    assert qualities(values(machine(UNHEARD, Pipeline.GONE))) == {Quality.NO_COMMUNICATION}


PROGRAMS: list[tuple[PrinterState, str, int]] = [
    (printer(Status.IDLE), "Ended", 2),
    (printer(Status.STARTING, job=job()), "Initializing", 0),
    (printer(Status.PRINTING, job=job()), "Running", 1),
    (printer(Status.FINISHING, job=job()), "Running", 1),
    (printer(Status.PAUSED, job=job(paused_at=NOW)), "Interrupted", 3),
    (printer(Status.PRINTING, job=job(), last_job=past(Outcome.FAILED)), "Running", 1),
    (printer(Status.IDLE, last_job=past(Outcome.DONE)), "Ended", 2),
    (printer(Status.IDLE, last_job=past(Outcome.CANCELLED)), "Aborted", 4),
    (printer(Status.IDLE, last_job=past(Outcome.FAILED)), "Aborted", 4),
    (printer(Status.IDLE, last_job=past(Outcome.INTERRUPTED)), "Aborted", 4),
]


@pytest.mark.parametrize(("state", "name", "number"), PROGRAMS)
def test_a_program_is_in_the_state_of_its_job(state: PrinterState, name: str, number: int) -> None:
    read = machine(state)
    assert words(read[PROGRAM_STATE]) == name
    assert read[f"{PROGRAM_STATE}/Number"].value == number
    if document(state).job or document(state).last_job:
        plan = "Production/ProductionPlan/Job"
        assert read[f"{plan}/State/CurrentState"] == read[PROGRAM_STATE]
        assert read[f"{plan}/Identifier"] == read["Production/ActiveProgram/JobIdentifier"]


def test_values_are_as_old_as_what_they_rest_on() -> None:
    read = machine(printer(Status.PRINTING, job=job(), attention=live("", NOW - timedelta(1))))
    assert read[ITEM_STATE].at == NOW
    assert read["Production/ActiveProgram/Name"].at == BEGAN
    assert read["Production/ActiveProgram/Progress"] == Reading(33.0, Quality.GOOD, NOW)
    ended = machine(printer(Status.IDLE, last_job=past(Outcome.DONE)))
    assert ended[PROGRAM_STATE].at == ENDED
    assert ended["Production/ActiveProgram/TimeLeft"] == Reading(0.0, Quality.GOOD, ENDED)


def test_a_mode_counts_the_seconds_of_the_readings_it_rests_on() -> None:
    later = NOW + timedelta(seconds=3, milliseconds=700)
    warm = {"bed": Temperature(59.0, 60.0, later, Origin.LIVE)}
    read = machine(printer(Status.IDLE, temperatures=warm))
    assert read[MODE].at == NOW + timedelta(seconds=3)
    assert read["Monitoring/Process/bed/AnalogSignal"].at == later
    assert read[ITEM_STATE].at == NOW
