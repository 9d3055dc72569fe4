"""What adds up: each job once, however often and however late its end is told."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from voxtrude.messages import JobEnded, JobStarted, LinkChanged, Message, StatusReported, TimePassed
from voxtrude.printer import Outcome, PrinterId, PrinterState, PrinterStatus, PrintFile, Status
from voxtrude.reducer import evolve

START = datetime(2026, 3, 1, 12, tzinfo=UTC)
FILE = PrintFile(name="a.gcode", path="a.gcode")


def fold(*told: tuple[float, type[Message], dict[str, object]]) -> PrinterState:
    state = PrinterState(printer=PrinterId("prn-0123456789abcdef"))
    for second, kind, fields in told:
        at = START + timedelta(seconds=second)
        said = {"printer": state.printer, "received_at": at, "host_time": int(at.timestamp())}
        state = evolve(state, kind(**(said | fields)))  # type: ignore[arg-type]  # each message has fields of its own
    return state


def status(second: float, word: Status) -> tuple[float, type[Message], dict[str, object]]:
    return second, StatusReported, {"status": PrinterStatus(word, word.name, word.name)}


def began(second: float) -> tuple[float, type[Message], dict[str, object]]:
    return second, JobStarted, {"file": FILE}


def ended(
    second: float, outcome: Outcome, took: float
) -> tuple[float, type[Message], dict[str, object]]:
    duration = timedelta(seconds=took)
    return second, JobEnded, {"file": FILE, "outcome": outcome, "duration": duration}


def test_each_job_counts_once_and_its_print_time_with_it() -> None:
    told = [began(10), ended(70, Outcome.DONE, 55), began(100), ended(130, Outcome.FAILED, 25)]
    totals = fold(*told).totals
    assert (totals.jobs_ended, totals.jobs_done) == (2, 1)
    assert totals.printing == timedelta(seconds=80)
    again = fold(*told, told[-1]).totals
    assert again == totals


def test_an_outcome_that_is_told_late_replaces_the_interruption() -> None:
    lost = [began(10), status(60, Status.OFFLINE), (70.0, TimePassed, {})]
    before = fold(*lost).totals
    assert (before.jobs_ended, before.jobs_done) == (1, 0)
    after = fold(*lost, ended(75, Outcome.DONE, 50)).totals
    assert (after.jobs_ended, after.jobs_done) == (1, 1)
    assert after.printing == timedelta(seconds=50)


def test_the_time_of_a_connected_printer_counts_and_no_other() -> None:
    on = [status(0, Status.IDLE), status(100, Status.IDLE)]
    assert fold(*on).totals.operational == timedelta(seconds=100)
    off = [*on, status(110, Status.OFFLINE), status(500, Status.OFFLINE)]
    assert fold(*off).totals.operational == timedelta(seconds=110)
    lost: list[tuple[float, type[Message], dict[str, object]]] = [
        *on,
        (110.0, LinkChanged, {"connected": False}),
        (900.0, LinkChanged, {"connected": True}),
    ]
    assert fold(*lost).totals.operational == timedelta(seconds=100)


def test_counting_begins_with_the_first_live_message() -> None:
    state = fold(status(5, Status.IDLE))
    assert state.totals.since == START + timedelta(seconds=5)
    assert replace(state.totals, since=None) == PrinterState(printer=state.printer).totals
