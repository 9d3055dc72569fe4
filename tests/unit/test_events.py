"""What is told of a change, and what is not."""

from collections.abc import Iterable
from datetime import timedelta
from typing import Any

import pytest

from tests.strategies import BEGAN, BEGAN_AT, PRINTER
from voxtrude import messages
from voxtrude.events import Event, happenings
from voxtrude.messages import Details, Message, Said
from voxtrude.printer import (
    Fault,
    Outcome,
    PrinterState,
    PrinterStatus,
    PrintFile,
    Status,
)
from voxtrude.reducer import evolve

FILE = PrintFile("a.gcode", "a.gcode")


def at(second: float, kind: type[Said], **parts: Any) -> Any:  # noqa: ANN401  (any message)
    how = {"host_time": BEGAN_AT + int(second)} | parts
    return kind(printer=PRINTER, received_at=BEGAN + timedelta(seconds=second), **how)


def status(second: float, known: Status) -> Message:
    told = PrinterStatus(known, known.name, known.value)
    message: Message = at(second, messages.StatusReported, status=told)
    return message


def told(said: Iterable[Message]) -> list[Event]:
    state, events = PrinterState(printer=PRINTER), []
    for message in said:
        before, state = state, evolve(state, message)
        events += happenings(before, state)
    return events


def kinds(said: Iterable[Message]) -> list[str]:
    return [f"{event.level} {event.kind}" for event in told(said)]


def link(second: float, *, connected: bool, retained: bool = False) -> Message:
    message: Message = at(
        second, messages.LinkChanged, connected=connected, host_time=None, retained=retained
    )
    return message


def test_a_printer_comes_and_goes_on_two_levels() -> None:
    said = [
        link(0, connected=True),
        status(1, Status.CONNECTING),
        status(2, Status.IDLE),
        status(3, Status.OFFLINE),
        link(4, connected=False),
        at(10, messages.TimePassed),
    ]
    assert kinds(said) == [
        "octoprint online",
        "printer online",
        "printer offline",
        "octoprint offline",
    ]


def test_a_retained_message_is_no_news() -> None:
    details = Details(status=PrinterStatus(Status.PRINTING, "", "Printing"))
    said = [
        link(0, connected=False, retained=True),
        at(0, messages.ProgressReported, path="a", percent=9, details=details, retained=True),
        at(60, messages.TimePassed),
    ]
    assert kinds(said) == []


def test_an_event_has_the_same_id_however_it_was_learned() -> None:
    start = at(0, messages.JobStarted, file=FILE)
    later = at(0.4, messages.JobStarted, file=FILE)
    one, other = ([event for event in told([message]) if event.file] for message in (start, later))
    assert (
        [event.id for event in one]
        == [event.id for event in other]
        == [f"{PRINTER}.{BEGAN_AT}.job_started"]
    )


@pytest.mark.parametrize(
    ("outcome", "kind"),
    [
        (Outcome.DONE, "job job_finished"),
        (Outcome.FAILED, "job job_failed"),
        (Outcome.CANCELLED, "job job_cancelled"),
    ],
)
def test_each_outcome_is_an_event(outcome: Outcome, kind: str) -> None:
    said = [
        at(0, messages.JobStarted, file=FILE),
        at(60, messages.JobEnded, outcome=outcome, file=FILE),
    ]
    assert kinds(said)[-1] == kind


def test_an_outcome_that_is_told_late_is_told_beside_the_interruption() -> None:
    said = [
        at(0, messages.JobStarted, file=FILE),
        status(60, Status.OFFLINE),
        at(66, messages.TimePassed),
        at(70, messages.JobEnded, outcome=Outcome.FAILED, file=FILE, error="too hot"),
    ]
    events = [event for event in told(said) if event.file]
    assert [event.kind.value for event in events] == [
        "job_started",
        "job_interrupted",
        "job_failed",
    ]
    assert len({event.subject for event in events}) == 1
    assert events[-1].text == "too hot"


def test_a_job_that_vanished_behind_another_is_told_of() -> None:
    said = [
        at(0, messages.JobStarted, file=FILE),
        at(
            600,
            messages.JobEnded,
            outcome=Outcome.DONE,
            file=PrintFile("b.gcode", "b.gcode"),
            duration=timedelta(seconds=60),
        ),
    ]
    events = [(event.kind.value, event.file.path) for event in told(said) if event.file]
    assert events == [
        ("job_started", "a.gcode"),
        ("job_interrupted", "a.gcode"),
        ("job_finished", "b.gcode"),
    ]


def test_the_same_error_told_twice_is_one_event_and_another_one_is_a_second() -> None:
    fault, other = Fault("too hot"), Fault("too cold")
    said = [
        at(0, messages.FaultReported, fault=fault),
        at(1, messages.FaultReported, fault=fault),
        at(2, messages.FaultReported, fault=other),
    ]
    events = [event for event in told(said) if event.kind.value == "error"]
    assert [event.text for event in events] == ["too hot", "too cold"]
