"""Each thing that can be wrong is told while it lasts, and not once it is healed."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.skill.onboarding.diagnosis import (
    RECENT,
    Progress,
    findings,
    is_received,
    steps,
)
from services.skill.onboarding.evidence import CLASHING, Evidence
from services.skill.onboarding.findings import TEXTS, Kind
from tests.strategies import states
from voxtrude.accounts import Login
from voxtrude.notices import Condition
from voxtrude.printer import (
    Basis,
    Fact,
    Job,
    JobId,
    Link,
    Origin,
    PrinterId,
    PrinterState,
    PrinterStatus,
    PrintFile,
    Status,
    TimeLeft,
)
from voxtrude.registration import Registration, Standing

PRINTER = PrinterId("prn-0123456789abcdef")
NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
BASE = f"octoPrint/{PRINTER}/"


def ago(seconds: float) -> datetime:
    return NOW - timedelta(seconds=seconds)


REGISTRATION = Registration(
    id=PRINTER,
    name="Prusa",
    base_topic=BASE,
    created_at=ago(600),
    alive_at=ago(600),
    standing=Standing.ACTIVE,
)
REVOKED = replace(REGISTRATION, standing=Standing.REVOKED)
PENDING = replace(REGISTRATION, standing=Standing.PENDING)


def login(**fields: Any) -> Login:  # noqa: ANN401  (the model's own)
    return Login(printer=PRINTER, updated_at=NOW, **fields)


def state(
    seen: float | None = 10,
    status: Status | None = None,
    **fields: Any,  # noqa: ANN401  (the model's own)
) -> PrinterState:
    """Return the state of a printer that was heard ``seen`` seconds ago."""
    at = None if seen is None else ago(seen)
    told = at and status and Fact(PrinterStatus(status, status.name, ""), at, Origin.LIVE)
    link = at and Fact(Link.CONNECTED, at, Origin.LIVE)
    return PrinterState(
        **{"printer": PRINTER, "seen_at": at, "status": told, "link": link, **fields}
    )


def left(state: PrinterState, seconds: float) -> PrinterState:
    return replace(state, link=Fact(Link.DISCONNECTED, ago(seconds), Origin.LIVE))


def printing(basis: Basis, *, told: bool) -> Job:
    """Return an open job; ``told`` is whether its print time was."""
    return Job(
        id=JobId("job"),
        file=PrintFile("a.gcode", "a.gcode"),
        opened_at=ago(60),
        origin=Origin.LIVE,
        progress=Fact(10.0, ago(5), Origin.LIVE),
        print_time=Fact(timedelta(seconds=50), ago(5), Origin.LIVE) if told else None,
        time_left=TimeLeft(timedelta(minutes=9), basis, ago(5)),
    )


CONNECTED = login(connected_at=ago(20), protocol="3.1.1")
IDLE = state(10, Status.IDLE)


def evidence(**fields: Any) -> Evidence:  # noqa: ANN401  (the model's own)
    return Evidence(**{"registration": REGISTRATION, **fields})


def codes(evidence: Evidence, now: datetime = NOW) -> set[str]:
    return {one.code for one in findings(evidence, now)}


def progress(evidence: Evidence) -> list[Progress]:
    return [one.progress for one in steps(evidence)]


def test_a_printer_that_works_has_nothing_wrong() -> None:
    good = evidence(login=CONNECTED, state=IDLE)
    assert codes(good) == set()
    assert is_received(good)
    assert progress(good) == [Progress.DONE] * 4


# Each finding: what tells it, and what heals it ------------------------------------------

TOLD: dict[str, list[Evidence]] = {
    "broker-away": [evidence(login=CONNECTED, state=IDLE, pipeline=None), evidence(pipeline=None)],
    "ingest-away": [evidence(login=CONNECTED, state=IDLE, pipeline=Condition.STOPPED)],
    "database-away": [evidence(login=CONNECTED, state=IDLE, pipeline=Condition.STALLED)],
    "revoked": [evidence(registration=REVOKED), evidence(registration=REVOKED, login=CONNECTED)],
    "pending": [evidence(registration=PENDING)],
    "wrong-key": [
        evidence(login=login(refused_at=ago(3), refusals=2)),
        # It was in, was cut off by a new key, and tries the old one.
        evidence(
            login=login(
                connected_at=ago(300), disconnected_at=ago(60), refused_at=ago(50), refusals=1
            ),
            state=left(state(70, Status.IDLE), 60),
        ),
    ],
    "some-key": [
        evidence(unnamed_at=ago(5)),
        evidence(
            login=login(connected_at=ago(300), disconnected_at=ago(60)),
            state=left(state(70, Status.IDLE), 60),
            unnamed_at=ago(50),
        ),
    ],
    "another-key": [
        evidence(login=login(connected_at=ago(20), refused_at=ago(5), refusals=9), state=IDLE)
    ],
    "clash": [
        evidence(
            login=login(connected_at=ago(1), evicted_at=(ago(9), ago(5), ago(1))),
            state=IDLE,
        )
    ],
    "mqtt-3.1": [evidence(login=login(connected_at=ago(20), protocol="3.1"), state=IDLE)],
    "silent": [evidence(), evidence(state=state(None))],
    "gone": [
        evidence(
            login=login(connected_at=ago(300), disconnected_at=ago(60)),
            state=left(state(70, Status.IDLE), 60),
        )
    ],
    "slash": [
        evidence(login=CONNECTED, slashless_at=ago(3)),
        evidence(login=CONNECTED, state=state(30, Status.IDLE), slashless_at=ago(3)),
    ],
    "base-topic": [
        evidence(login=CONNECTED),
        # The base topic was right before it was changed: nothing was heard since.
        evidence(login=CONNECTED, state=left(state(22, Status.IDLE), 21)),
        evidence(login=CONNECTED, state=state(300, Status.IDLE)),
    ],
    "unreadable": [evidence(login=CONNECTED, state=IDLE, unreadable_at=ago(60))],
    "idle": [
        evidence(login=CONNECTED, state=state(18)),
        evidence(login=CONNECTED, state=state(18, Status.UNKNOWN)),
    ],
    "printer-off": [evidence(login=CONNECTED, state=state(10, Status.OFFLINE))],
    "extended": [
        evidence(
            login=CONNECTED,
            state=state(5, Status.PRINTING, job=printing(Basis.ESTIMATED, told=False)),
        )
    ],
}

HEALED: dict[str, list[Evidence]] = {
    "broker-away": [evidence(login=CONNECTED, state=IDLE)],
    "ingest-away": [evidence(login=CONNECTED, state=IDLE)],
    "database-away": [evidence(login=CONNECTED, state=IDLE)],
    "revoked": [evidence(login=CONNECTED, state=IDLE)],
    "pending": [evidence(), evidence(registration=replace(PENDING, created_at=ago(1)))],
    "wrong-key": [
        evidence(login=login(connected_at=ago(20), refused_at=ago(30), refusals=2), state=IDLE)
    ],
    "some-key": [
        evidence(login=CONNECTED, state=IDLE, unnamed_at=ago(5)),
        # It is named, and was another's before this printer was added or logged in.
        evidence(login=login(refused_at=ago(5), refusals=1), unnamed_at=ago(5)),
        evidence(unnamed_at=ago(601)),
        evidence(
            login=login(connected_at=ago(300), disconnected_at=ago(60)),
            state=left(state(70, Status.IDLE), 60),
            unnamed_at=ago(301),
        ),
        evidence(registration=replace(REGISTRATION, created_at=ago(9000)), unnamed_at=ago(601)),
    ],
    "another-key": [
        evidence(login=login(connected_at=ago(20), refused_at=ago(30), refusals=2), state=IDLE)
    ],
    "clash": [
        # One take-over is a reconnect after a lost network, and so are three in a day.
        evidence(login=login(connected_at=ago(1), evicted_at=(ago(1),)), state=IDLE),
        evidence(
            login=login(connected_at=ago(1), evicted_at=(ago(40000), ago(20000), ago(1))),
            state=IDLE,
        ),
        evidence(
            login=login(
                connected_at=ago(1),
                evicted_at=tuple(ago(CLASHING.total_seconds() + more) for more in (9, 5, 1)),
            ),
            state=IDLE,
        ),
    ],
    "mqtt-3.1": [
        evidence(login=CONNECTED, state=IDLE),
        evidence(login=login(connected_at=ago(20), disconnected_at=ago(1), protocol="3.1")),
    ],
    "silent": [
        evidence(login=CONNECTED),
        evidence(login=login(refused_at=ago(3), refusals=1)),
        evidence(unnamed_at=ago(5)),
        evidence(state=IDLE),
        # Its key has just been shown.
        evidence(registration=replace(REGISTRATION, created_at=ago(10))),
    ],
    "gone": [
        evidence(login=CONNECTED, state=IDLE),
        # What the broker said a week ago is not kept; the printer is heard all the same.
        evidence(state=state(3600 * 24 * 8, Status.IDLE)),
    ],
    "slash": [
        evidence(login=CONNECTED, state=state(1, Status.IDLE), slashless_at=ago(3)),
        evidence(
            registration=replace(REGISTRATION, base_topic="hall/unit-1"),
            login=CONNECTED,
            slashless_at=ago(3),
        ),
    ],
    "base-topic": [
        evidence(login=CONNECTED, state=IDLE),
        # Clocks that differ a little: it said "connected" at once.
        evidence(login=CONNECTED, state=state(21, Status.IDLE)),
        # Ingest came later, and the broker had kept the word.
        evidence(
            login=CONNECTED,
            state=replace(state(None), link=Fact(Link.CONNECTED, ago(3), Origin.RETAINED)),
        ),
        evidence(login=login(connected_at=ago(2))),  # it has not had the time
        evidence(login=CONNECTED, pipeline=Condition.STOPPED),  # we would not know
        evidence(login=CONNECTED, pipeline=None),
        evidence(login=login(connected_at=ago(20), disconnected_at=ago(10))),
        evidence(login=CONNECTED, slashless_at=ago(3)),  # that says it better
    ],
    "unreadable": [
        evidence(login=CONNECTED, state=IDLE),
        evidence(login=CONNECTED, state=IDLE, unreadable_at=NOW - RECENT - timedelta(seconds=1)),
    ],
    "idle": [evidence(login=CONNECTED, state=IDLE), evidence(state=left(state(18), 5))],
    "printer-off": [
        evidence(login=CONNECTED, state=IDLE),
        evidence(
            login=login(connected_at=ago(300), disconnected_at=ago(60)),
            state=left(state(70, Status.OFFLINE), 60),
        ),
    ],
    "extended": [
        evidence(
            login=CONNECTED,
            state=state(5, Status.PRINTING, job=printing(Basis.REPORTED, told=True)),
        ),
        # OctoPrint itself does not know it yet.
        evidence(
            login=CONNECTED,
            state=state(5, Status.PRINTING, job=printing(Basis.ESTIMATED, told=True)),
        ),
        evidence(login=CONNECTED, state=IDLE),
    ],
}


def cases(table: dict[str, list[Evidence]]) -> list[Any]:
    return [
        pytest.param(code, one, id=f"{code}-{number}")
        for code, found in table.items()
        for number, one in enumerate(found)
    ]


@pytest.mark.parametrize(("code", "found"), cases(TOLD))
def test_it_is_told(code: str, found: Evidence) -> None:
    assert code in codes(found)


@pytest.mark.parametrize(("code", "found"), cases(HEALED))
def test_it_is_not_told_once_it_is_healed(code: str, found: Evidence) -> None:
    assert code not in codes(found)


def test_every_finding_is_tested() -> None:
    assert set(TOLD) == set(HEALED) == set(TEXTS)


def test_a_finding_heals_with_time_alone_where_nothing_else_can_tell() -> None:
    clashed = TOLD["clash"][0]
    assert "clash" not in codes(clashed, NOW + 2 * CLASHING)
    unreadable = TOLD["unreadable"][0]
    assert "unreadable" not in codes(unreadable, NOW + RECENT)


def test_the_gravest_comes_first() -> None:
    found = findings(
        evidence(
            login=login(connected_at=ago(20), protocol="3.1"),
            slashless_at=ago(1),
            unreadable_at=ago(1),
        ),
        NOW,
    )
    assert [one.kind for one in found] == [Kind.BAD, Kind.WARN, Kind.INFO]


def test_the_words_name_what_to_enter() -> None:
    (slash,) = findings(evidence(login=CONNECTED, slashless_at=ago(3)), NOW)
    assert BASE.rstrip("/") in slash.sentence
    assert BASE in slash.fix
    (base,) = findings(evidence(login=CONNECTED), NOW)
    assert BASE in base.fix


# The steps -------------------------------------------------------------------------------


def test_a_new_printer_waits_for_its_login() -> None:
    assert progress(evidence()) == [Progress.DONE] + [Progress.WAITING] * 3


def test_a_wrong_key_is_where_it_stops() -> None:
    wrong = evidence(login=login(refused_at=ago(3), refusals=2))
    assert progress(wrong)[:2] == [Progress.DONE, Progress.WRONG]
    assert not is_received(wrong)


def test_logged_in_is_not_yet_received() -> None:
    silent = evidence(login=CONNECTED)
    assert progress(silent) == [Progress.DONE] * 2 + [Progress.WAITING] * 2
    assert "3.1.1" in steps(silent)[1].sentence
    assert not is_received(silent)


def test_what_was_heard_before_a_new_login_is_not_received() -> None:
    old = evidence(login=CONNECTED, state=state(300, Status.IDLE))
    assert not is_received(old)
    assert progress(old)[2:] == [Progress.WAITING, Progress.WAITING]


def test_a_revoked_key_is_the_first_step_that_is_wrong() -> None:
    revoked = evidence(registration=REVOKED, login=CONNECTED, state=IDLE)
    assert progress(revoked)[0] is Progress.WRONG
    assert not is_received(revoked)


# Whatever was told -----------------------------------------------------------------------

moments = st.none() | st.integers(-10, 5000).map(ago)


@st.composite
def anything(draw: st.DrawFn) -> Evidence:
    told = st.none() | st.builds(
        Login,
        printer=st.just(PRINTER),
        connected_at=moments,
        protocol=st.sampled_from([None, "3.1", "3.1.1", "5"]),
        disconnected_at=moments,
        refused_at=moments,
        refusals=st.integers(0, 10**9),
        evicted_at=st.lists(moments.filter(bool), max_size=6).map(tuple),
        updated_at=st.just(NOW),
    )
    return Evidence(
        registration=replace(
            REGISTRATION,
            standing=draw(st.sampled_from(Standing)),
            base_topic=draw(st.sampled_from([BASE, "hall/{0}/", "hall/unit"])),
        ),
        login=draw(told),
        state=draw(st.none() | states()),
        slashless_at=draw(moments),
        unreadable_at=draw(moments),
        unnamed_at=draw(moments),
        pipeline=draw(st.none() | st.sampled_from(Condition)),
    )


@given(anything(), st.integers(-100, 10**7))
def test_whatever_was_told_there_are_four_steps_and_words(found: Evidence, later: int) -> None:
    told = findings(found, NOW + timedelta(seconds=later))
    assert len({one.code for one in told}) == len(told)
    assert all(one.sentence and one.fix for one in told)
    assert [one.code for one in steps(found)] == ["known", "login", "message", "state"]
    if is_received(found):
        assert steps(found)[2].progress is Progress.DONE
