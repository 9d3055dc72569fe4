"""The laws of the reducer: what holds for any message on any state."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import bson
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from pydantic import TypeAdapter

from tests import strategies
from tests.strategies import BEGAN, BEGAN_AT, PRINTER
from voxtrude.events import happenings
from voxtrude.jobs import finished
from voxtrude.messages import (
    Details,
    JobEnded,
    JobStarted,
    LinkChanged,
    Message,
    ProgressReported,
    TimePassed,
)
from voxtrude.printer import (
    JobId,
    Outcome,
    PastJob,
    PrinterState,
    PrinterStatus,
    PrintFile,
    Status,
)
from voxtrude.reducer import evolve, waits

STATE = TypeAdapter(PrinterState)


def stored(state: PrinterState) -> dict[str, Any]:
    """Return the state as a store would write it: durations are seconds there."""

    def plain(value: object) -> object:
        if isinstance(value, timedelta):
            return value.total_seconds()
        if isinstance(value, dict):
            return {key: plain(inner) for key, inner in value.items()}
        if isinstance(value, list | tuple):
            return [plain(inner) for inner in value]
        return value

    document = plain(STATE.dump_python(state))
    assert isinstance(document, dict)
    return document


@given(strategies.states(), strategies.everything())
def test_any_message_on_any_state_gives_a_state_of_the_same_printer(
    state: PrinterState, message: Message
) -> None:
    after = evolve(state, message)
    assert after.printer == state.printer
    assert bson.encode(stored(after))


@given(strategies.states(), strategies.everything())
@example(
    PrinterState(printer=PRINTER),
    ProgressReported(
        printer=PRINTER,
        received_at=BEGAN,
        path="",
        percent=1,
        details=Details(status=PrinterStatus(Status.STARTING, "STARTING", "Starting")),
    ),
)
def test_a_repeated_message_changes_nothing(state: PrinterState, message: Message) -> None:
    once = evolve(state, message)
    twice = evolve(once, message)
    assert twice == once
    assert not happenings(once, twice)


@given(strategies.states(), st.lists(strategies.kept(), max_size=10))
def test_a_retained_snapshot_applied_again_changes_nothing(
    state: PrinterState, snapshot: list[Message]
) -> None:
    for message in snapshot:
        state = evolve(state, message)
    again = state
    for message in snapshot:
        again = evolve(again, message)
    assert again == state


@given(strategies.states(), strategies.kept())
def test_a_retained_message_is_no_sign_of_life_and_makes_no_job_and_no_event(
    state: PrinterState, message: Message
) -> None:
    after = evolve(state, message)
    assert after.seen_at == state.seen_at
    assert (after.presence, after.octoprint) == (state.presence, state.octoprint)
    assert (after.job, after.last_job) == (state.job, state.last_job)
    assert not happenings(state, after)


@given(
    strategies.states(honest=True),
    strategies.readings(honest=True),
    strategies.readings(honest=True),
)
def test_facts_of_different_kinds_commute(
    state: PrinterState, one: Message, other: Message
) -> None:
    now = BEGAN + timedelta(seconds=901)
    one, other = (
        replace(message, received_at=now, host_time=BEGAN_AT + 901) for message in (one, other)
    )
    same_kind = type(one) is type(other)
    same_fact = getattr(one, "heater", None) == getattr(other, "heater", None) and getattr(
        one, "key", None
    ) == getattr(other, "key", None)
    if not (same_kind and same_fact):
        assert evolve(evolve(state, one), other) == evolve(evolve(state, other), one)


@given(strategies.states(honest=True), strategies.live(honest=True))
def test_it_does_not_matter_whether_silence_was_settled_before_a_message(
    state: PrinterState, message: Message
) -> None:
    now = BEGAN + timedelta(seconds=901)
    message = replace(message, received_at=now, host_time=BEGAN_AT + 901)
    passed = evolve(state, TimePassed(printer=PRINTER, received_at=now))
    assert evolve(passed, message) == evolve(state, message)


@given(strategies.states())
def test_a_state_waits_as_long_as_time_alone_can_change_it(state: PrinterState) -> None:
    later = TimePassed(printer=PRINTER, received_at=BEGAN + timedelta(days=1))
    after = evolve(state, later)
    assert waits(state) == (after != state)
    assert not waits(after)


@given(strategies.states(), strategies.live())
def test_what_was_heard_is_never_forgotten(state: PrinterState, message: Message) -> None:
    after = evolve(state, message)
    if state.seen_at:
        assert after.seen_at
        assert after.seen_at >= state.seen_at


@given(st.lists(strategies.live(honest=True), max_size=40))
def test_no_two_events_and_no_two_jobs_have_the_same_id(told: list[Message]) -> None:
    moments = {message.received_at: message for message in told}
    state, events = PrinterState(printer=PRINTER), []
    ended: dict[JobId, PastJob] = {}
    for moment in sorted(moments):
        after = evolve(state, moments[moment])
        events += happenings(state, after)
        for job in finished(state, after):
            known = ended.setdefault(job.id, job)
            assert known == job or known.outcome is Outcome.INTERRUPTED
        state = after
    assert len({event.id for event in events}) == len(events)


OUTCOMES = st.sampled_from([None, Outcome.DONE, Outcome.CANCELLED, Outcome.FAILED])


@given(st.lists(OUTCOMES, min_size=1, max_size=7), st.integers(1, 14))
def test_there_are_as_many_jobs_as_starts_however_often_they_are_told(
    outcomes: list[Outcome | None], suffix: int
) -> None:
    told: list[Message] = []
    for number, outcome in enumerate(outcomes):
        file = PrintFile("a.gcode", "a.gcode")
        at = BEGAN + timedelta(seconds=60 * number)
        stamp = BEGAN_AT + 60 * number
        told.append(JobStarted(printer=PRINTER, received_at=at, host_time=stamp, file=file))
        if outcome:
            at += timedelta(seconds=30)
            told.append(
                JobEnded(
                    printer=PRINTER,
                    received_at=at,
                    host_time=stamp + 30,
                    outcome=outcome,
                    file=file,
                )
            )
    end = told[-1].received_at
    again = [replace(message, received_at=end) for message in told[-suffix:]]
    state, ids, events = PrinterState(printer=PRINTER), set(), []
    for message in told + again:
        after = evolve(state, message)
        events += happenings(state, after)
        ids |= {job.id for job in (after.job, after.last_job) if job}
        state = after
    assert len(ids) == len(outcomes)
    starts = [event for event in events if event.kind.value == "job_started"]
    assert len(starts) == len(outcomes)
    assert len({event.id for event in events}) == len(events)


@pytest.mark.parametrize("minutes", [1, 60, 60 * 24 * 6])
def test_what_waited_in_the_broker_is_dated_by_its_host(minutes: int) -> None:
    state = PrinterState(printer=PRINTER)
    for second in range(10):
        at = BEGAN + timedelta(seconds=second)
        state = evolve(state, started(second, at=at.timestamp()))
    # Our service was away; its session kept the rest.
    arrived = BEGAN + timedelta(minutes=minutes)
    for second in range(20, 30):
        message = started(second, at=arrived.timestamp())
        state = evolve(state, message)
        assert state.seen_at
        assert abs(state.seen_at - (BEGAN + timedelta(seconds=second))) <= timedelta(seconds=2)


@pytest.mark.parametrize("years", [-1, 1, -56])
def test_a_host_whose_clock_jumps_is_dated_by_our_clock(years: int) -> None:
    state = evolve(PrinterState(printer=PRINTER), started(0, at=BEGAN_AT))
    jump = years * 365 * 86_400
    for second in range(10, 20):
        state = evolve(state, started(second + jump, at=BEGAN_AT + second))
        assert state.seen_at == BEGAN + timedelta(seconds=second)
    state = evolve(state, started(20, at=BEGAN_AT + 20))
    assert state.seen_at == BEGAN + timedelta(seconds=20)


def started(second: int, *, at: float) -> Message:
    return JobStarted(
        printer=PRINTER,
        received_at=BEGAN + timedelta(seconds=at - BEGAN_AT),
        host_time=BEGAN_AT + second,
        file=PrintFile("a.gcode", "a.gcode"),
    )


def test_a_link_that_comes_back_in_time_was_never_away() -> None:
    state = PrinterState(printer=PRINTER)
    events = []
    for second, connected in [(0, True), (60, False), (60.1, False), (61, True), (90, True)]:
        at = BEGAN + timedelta(seconds=second)
        for message in (
            TimePassed(printer=PRINTER, received_at=at),
            LinkChanged(printer=PRINTER, received_at=at, connected=connected),
        ):
            after = evolve(state, message)
            events += happenings(state, after)
            state = after
    assert [event.kind.value for event in events] == ["online"]
