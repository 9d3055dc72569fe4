"""What follows from reports by HTTP: states, jobs and history as if the printer had said it."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.ingest import reports
from services.ingest.folding import Changes, Fleet
from services.ingest.inbox import Inbox
from services.ingest.registry import Registry, stranger_base
from voxtrude.errors import PayloadError
from voxtrude.events import Happening
from voxtrude.notices import ReportDocument
from voxtrude.printer import (
    Fault,
    Link,
    Outcome,
    PastJob,
    Presence,
    PrinterId,
    PrinterState,
    Status,
)
from voxtrude.reducer import GRACE, SILENCE
from voxtrude.registration import Registration, Standing, standard_base
from voxtrude.topics import report_topic

NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)
ID = PrinterId("prn-00000000000000aa")
ONE = Registration(
    id=ID,
    name="a printer",
    base_topic=standard_base(ID),
    created_at=NOON,
    alive_at=None,
    standing=Standing.ACTIVE,
)


@dataclass(frozen=True)
class Delivery:
    """A message as it comes from the broker."""

    topic: str
    payload: bytes
    received_at: float
    retained: bool = False
    duplicate: bool = False
    mid: int = 1


class House:
    """A fleet with one printer that reports, or says something over MQTT, second by second."""

    def __init__(self, registration: Registration = ONE) -> None:
        self.fleet = Fleet(Registry([registration]), Inbox())
        self.events: list[str] = []
        self.past: list[PastJob] = []
        self._mid = 0

    def reports(self, second: float, **told: object) -> Changes:
        at = NOON + timedelta(seconds=second)
        document = ReportDocument.model_validate({"printer": ID, "reported_at": at, **told})
        return self.hears(second, report_topic(ID), document.model_dump_json().encode())

    def says(self, second: float, topic: str, payload: object) -> Changes:
        body = payload if isinstance(payload, bytes) else json.dumps(payload).encode()
        return self.hears(second, f"{ONE.base_topic}{topic}", body)

    def hears(self, second: float, topic: str, payload: bytes, **how: Any) -> Changes:  # noqa: ANN401  (any field)
        self._mid += 1
        at = (NOON + timedelta(seconds=second)).timestamp()
        return self._took([self.fleet.fold([Delivery(topic, payload, at, mid=self._mid, **how)])])

    def waits_until(self, second: float) -> None:
        self._took(list(self.fleet.pass_time(NOON + timedelta(seconds=second))))

    def _took(self, parts: Sequence[Changes]) -> Changes:
        for changes in parts:
            self.events += [event.kind for event in changes.events]
            self.past += [job for _, job in changes.jobs.values() if isinstance(job, PastJob)]
        return parts[-1] if parts else Changes(0)

    @property
    def state(self) -> PrinterState:
        return self.fleet.states[ID]

    @property
    def status(self) -> Status | None:
        return self.state.status.value.status if self.state.status else None

    @property
    def presence(self) -> str | None:
        return self.state.presence.value if self.state.presence else None


IDLE = {"state": "Operational", "tool0": 25.0, "bed": 24.5, "last_result": ""}
PRINTING = {"state": "Printing", "tool0": 210.0, "bed": 60.0, "file": "a.gcode", "last_result": ""}


def test_a_report_is_a_state_and_no_link() -> None:
    house = House()
    house.reports(0, **PRINTING, progress=12.5, time_left=600, height=3.2)
    state = house.state
    assert state.link is None
    assert (house.presence, house.status) == (Presence.ONLINE, Status.PRINTING)
    assert {name: one.actual for name, one in state.temperatures.items()} == {
        "tool0": 210.0,
        "bed": 60.0,
    }
    assert all(one.current for one in state.temperatures.values())
    assert state.height is not None
    assert state.height.value == 3.2
    job = state.job
    assert job is not None
    assert job.file.name == "a.gcode"
    assert job.progress is not None
    assert job.progress.value == 12.5
    assert job.time_left is not None
    assert job.time_left.remaining == timedelta(seconds=600)
    assert job.started_at is None  # we came in the middle of it
    assert state.seen_at == NOON


def test_a_print_from_start_to_end() -> None:
    house = House()
    house.reports(0, **IDLE)
    house.reports(120, **PRINTING, progress=0.4)
    assert house.state.job is not None
    assert house.state.job.started_at == NOON + timedelta(seconds=120)
    for second in range(240, 3600, 120):
        house.reports(second, **PRINTING, progress=second / 36)
    opened = house.state.job
    house.reports(3600, **IDLE | {"last_result": "Success"}, progress=100, last_duration=3511)
    house.waits_until(4000)
    assert house.state.job is None
    assert len(house.past) == 1
    past = house.past[0]
    assert opened is not None
    assert (past.id, past.outcome) == (opened.id, Outcome.DONE)
    assert (past.duration, past.progress) == (timedelta(seconds=3511), 100.0)
    assert house.events == [
        Happening.ONLINE,
        Happening.ONLINE,
        Happening.JOB_STARTED,
        Happening.JOB_FINISHED,
    ]
    house.reports(4100, **IDLE | {"last_result": "Success"}, progress=100, last_duration=3511)
    assert len(house.past) == 1


@pytest.mark.parametrize(
    ("state", "result", "outcome", "error"),
    [
        ("Operational", "Success", Outcome.DONE, None),
        ("Operational", "cancelled", Outcome.CANCELLED, None),
        ("Operational", "error", Outcome.FAILED, None),
        ("Operational", "thermal runaway", Outcome.FAILED, "thermal runaway"),
        ("Operational", "", Outcome.INTERRUPTED, None),
        ("Operational", None, Outcome.INTERRUPTED, None),
        ("Offline after error: no answer", "error", Outcome.FAILED, "no answer"),
        ("Error: heater", "error", Outcome.FAILED, "heater"),
        ("Offline", "", Outcome.INTERRUPTED, None),
        ("Cancelling", "cancelled", Outcome.CANCELLED, None),
        ("Finishing", "Success", Outcome.DONE, None),
    ],
)
def test_how_a_print_ended(
    state: str, result: str | None, outcome: Outcome, error: str | None
) -> None:
    house = House()
    house.reports(0, **PRINTING, progress=50)
    house.reports(60, state=state, last_result=result, last_duration=777, file="a.gcode")
    house.waits_until(60 + GRACE.total_seconds())
    assert house.state.job is None
    (past,) = house.past
    assert (past.outcome, past.error, past.file.name) == (outcome, error, "a.gcode")
    # OctoPrint keeps the time of prints that were done.
    assert (past.duration == timedelta(seconds=777)) == (outcome is Outcome.DONE)


@pytest.mark.parametrize("state", ["Printing", "Pausing", "Paused", "Resuming", "Printing from SD"])
def test_a_result_that_is_told_while_it_prints_is_the_last_prints(state: str) -> None:
    house = House()
    house.reports(0, **PRINTING, progress=50)
    house.reports(60, **PRINTING | {"state": state, "last_result": "Success"}, progress=51)
    assert house.past == []
    assert house.state.job is not None


def test_a_pause_stops_the_clock() -> None:
    house = House()
    house.reports(0, **PRINTING, progress=50, time_left=100)
    house.reports(30, **PRINTING | {"state": "Paused"}, progress=50, time_left=100)
    assert house.state.job is not None
    assert house.state.job.paused_at == NOON + timedelta(seconds=30)
    house.reports(60, **PRINTING, progress=51, time_left=99)
    assert house.state.job is not None
    assert house.state.job.paused_at is None
    assert house.state.job.paused_for == timedelta(seconds=30)


@pytest.mark.parametrize("told", [{"progress": 1.0}, {"progress": 51.0, "file": "b.gcode"}])
def test_one_print_follows_another_between_two_reports(told: dict[str, Any]) -> None:
    house = House()
    house.reports(0, **PRINTING, progress=50)
    first = house.state.job
    house.reports(120, **PRINTING | told)
    assert house.state.job is not None
    assert first is not None
    assert house.state.job.id != first.id
    assert house.state.job.file.name == told.get("file", "a.gcode")
    assert [(past.id, past.outcome) for past in house.past] == [(first.id, Outcome.INTERRUPTED)]


def test_a_print_that_was_between_two_reports() -> None:
    house = House()
    house.reports(0, **IDLE)
    house.reports(300, **IDLE | {"last_result": "cancelled", "file": "short.gcode"})
    assert [(past.outcome, past.file.name) for past in house.past] == [
        (Outcome.CANCELLED, "short.gcode")
    ]
    house.reports(600, **IDLE | {"last_result": "cancelled", "file": "short.gcode"})
    assert len(house.past) == 1


@pytest.mark.parametrize("after", [0, SILENCE.total_seconds()])
def test_an_old_result_is_no_print(after: float) -> None:
    house = House()
    if after:
        house.reports(0, **IDLE)
    house.reports(after, **IDLE | {"last_result": "Success"}, last_duration=60)
    assert house.past == []


def test_a_result_that_comes_late_replaces_the_interruption() -> None:
    house = House()
    house.reports(0, **PRINTING, progress=99)
    house.reports(30, **IDLE)
    house.waits_until(40)
    house.reports(60, **IDLE | {"last_result": "Success"}, last_duration=1000)
    assert [past.outcome for past in house.past] == [Outcome.INTERRUPTED, Outcome.DONE]
    assert house.past[0].id == house.past[1].id


def test_silence_makes_it_unreachable_and_the_next_report_brings_it_back() -> None:
    house = House()
    house.reports(0, **PRINTING, progress=50)
    house.waits_until(SILENCE.total_seconds() - 1)
    assert house.presence == Presence.ONLINE
    house.waits_until(SILENCE.total_seconds())
    fact = house.state.presence
    assert fact is not None
    assert (fact.value, fact.observed_at) == (Presence.OFFLINE, NOON)
    assert not any(one.current for one in house.state.temperatures.values())
    assert house.state.link is None
    assert not house.fleet.waiting
    house.reports(2000, **PRINTING, progress=70)
    assert house.presence == Presence.ONLINE
    assert house.state.job is not None
    assert house.past == []
    assert all(one.current for one in house.state.temperatures.values())
    assert house.events[-2:] == [Happening.OFFLINE, Happening.ONLINE]


def test_a_report_that_waited_is_as_old_as_it_is() -> None:
    house = House()
    at = NOON - timedelta(hours=2)
    document = ReportDocument(printer=ID, reported_at=at, state="Operational", tool0=20.0)
    house.hears(0, report_topic(ID), document.model_dump_json().encode())
    assert house.state.seen_at == at
    house.waits_until(0)
    assert house.presence == Presence.OFFLINE


def test_a_linked_printer_says_everything_itself() -> None:
    house = House()
    house.says(0, "mqtt", b"connected")
    house.says(
        1, "event/PrinterStateChanged", {"state_id": "OPERATIONAL", "state_string": "Operational"}
    )
    house.reports(2, **PRINTING, progress=50)
    assert house.status is Status.IDLE
    assert house.state.job is None
    assert house.state.temperatures == {}
    house.waits_until(2 + SILENCE.total_seconds())
    assert house.presence == Presence.ONLINE
    house.says(2000, "mqtt", b"disconnected")
    house.waits_until(2010)
    assert house.presence == Presence.OFFLINE


def test_reports_go_on_where_the_link_is_lost() -> None:
    house = House()
    house.says(0, "mqtt", b"connected")
    house.reports(5, **PRINTING, progress=50)
    house.says(10, "mqtt", b"disconnected")
    house.waits_until(20)
    assert house.presence == Presence.ONLINE
    house.reports(60, **PRINTING, progress=51)
    assert house.status is Status.PRINTING
    link = house.state.link
    assert link is not None
    assert link.value is Link.DISCONNECTED
    house.waits_until(60 + SILENCE.total_seconds())
    assert house.presence == Presence.OFFLINE


def test_an_error_is_told_once_with_its_reason() -> None:
    house = House()
    for second in (0, 30, 60):
        house.reports(second, state="Offline after error: Printer halted. kill() called!")
    assert house.state.fault is not None
    assert house.state.fault.value == Fault("Printer halted. kill() called!")
    assert house.events.count(Happening.ERROR) == 1
    assert house.status is Status.OFFLINE


def test_an_unknown_state_is_told_as_such() -> None:
    house = House()
    house.reports(0, state="Dancing")
    assert house.status is Status.UNKNOWN
    assert house.state.status is not None
    assert house.state.status.value.text == "Dancing"


def test_a_state_that_stays_is_as_old_as_it_is() -> None:
    house = House()
    for second in (0, 30, 60):
        house.reports(second, **IDLE)
    assert house.state.status is not None
    assert house.state.status.observed_at == NOON


GOOD: dict[str, Any] = {"version": 1, "printer": ID, "reported_at": "2026-11-20T12:00:00Z"}

BAD: dict[str, bytes] = {
    "empty": b"",
    "no JSON": b"{",
    "no object": b"[]",
    "a number": b"1",
    "nothing": b"{}",
    "no version": json.dumps({**GOOD, "version": None}).encode(),
    "another version": json.dumps({**GOOD, "version": 2}).encode(),
    "no moment": json.dumps({**GOOD, "reported_at": "noon"}).encode(),
    "a naive moment": json.dumps({**GOOD, "reported_at": "2026-11-20T12:00:00"}).encode(),
    "an old moment": json.dumps({**GOOD, "reported_at": "2026-11-01T12:00:00Z"}).encode(),
    "a first moment": json.dumps({**GOOD, "reported_at": "0001-01-01T00:00:00Z"}).encode(),
    "a coming moment": json.dumps({**GOOD, "reported_at": "2026-11-20T12:06:00Z"}).encode(),
    "no number": b'{"tool0": NaN, ' + json.dumps(GOOD).encode()[1:],
    "a huge number": b'{"tool0": 1e999, ' + json.dumps(GOOD).encode()[1:],
    "a hot tool": json.dumps({**GOOD, "tool0": 1e6}).encode(),
    "a number in quotes": json.dumps({**GOOD, "tool0": "200"}).encode(),
    "more than all": json.dumps({**GOOD, "progress": 100.1}).encode(),
    "less than nothing": json.dumps({**GOOD, "progress": -0.1}).encode(),
    "time before": json.dumps({**GOOD, "time_left": -1}).encode(),
    "a long time": json.dumps({**GOOD, "last_duration": 1e10}).encode(),
    "a high head": json.dumps({**GOOD, "height": 1e7}).encode(),
    "a long name": json.dumps({**GOOD, "file": "x" * 4097}).encode(),
    "half a character": b'{"file": "\\ud800", ' + json.dumps(GOOD).encode()[1:],
    "no text": b'{"file": "\xff", ' + json.dumps(GOOD).encode()[1:],
    "too much": json.dumps({**GOOD, "state": "x" * 65_536}).encode(),
    "deep": b"[" * 30_000,
}


@pytest.mark.parametrize("payload", BAD.values(), ids=list(BAD))
def test_what_is_no_report_goes_to_quarantine(payload: bytes) -> None:
    house = House()
    changes = house.hears(0, report_topic(ID), payload)
    (specimen,) = changes.specimens
    assert specimen.printer == ID
    assert changes.states == {}
    assert "kill" not in specimen.reason


def test_the_topic_tells_whose_it_is() -> None:
    house = House()
    house.reports(0, **IDLE | {"printer": "prn-00000000000000bb"})
    assert house.state.printer == ID


def test_reports_of_nobody_of_revoked_ones_and_kept_ones_are_dropped() -> None:
    house = House()
    body = json.dumps(GOOD).encode()
    assert house.hears(0, report_topic(PrinterId("prn-00000000000000bb")), body).states == {}
    assert house.hears(0, report_topic(ID), body, retained=True).states == {}
    assert house.hears(0, report_topic(ID), body).states != {}
    revoked = House(Registration(**{**_fields(ONE), "standing": Standing.REVOKED}))
    changes = revoked.hears(0, report_topic(ID), body)
    assert (changes.states, changes.specimens, changes.strangers) == ({}, [], {})


def _fields(registration: Registration) -> dict[str, Any]:
    return {name: getattr(registration, name) for name in registration.__dataclass_fields__}


texts = st.sampled_from(
    ["Operational", "Printing", "Paused", "Cancelling", "Finishing", "Offline", "Starting", "x: y"]
)
told = st.fixed_dictionaries(
    {},
    optional={
        "state": texts,
        "progress": st.floats(0, 100),
        "time_left": st.floats(0, 1e9),
        "height": st.floats(-1e6, 1e6),
        "file": st.sampled_from(["a.gcode", "dir/b.gcode", "b.gcode", ""]),
        "last_result": st.sampled_from(["", "Success", "cancelled", "error"]),
        "last_duration": st.floats(0, 1e9),
        "tool0": st.floats(-300, 5000),
    },
)


@given(st.lists(st.tuples(st.integers(0, 2000), told), max_size=12))
def test_any_reports_leave_a_state_that_tells_of_no_link(
    said: list[tuple[int, dict[str, object]]],
) -> None:
    house, second = House(), 0
    for wait, one in said:
        second += wait
        house.waits_until(second)
        assert house.reports(second, **one).specimens == []
        assert house.state.link is None
        assert house.presence == Presence.ONLINE
    ids = [past.id for past in house.past if past.outcome is not Outcome.INTERRUPTED]
    assert len(ids) == len(set(ids))


def test_reading_says_no_payload() -> None:
    with pytest.raises(PayloadError) as found:
        reports.read(ID, "t", b'{"tool0": "secret"}', NOON.timestamp())
    assert "secret" not in str(found.value)


@pytest.mark.parametrize(
    ("topic", "base"),
    [
        (f"octoPrint/{ID}mqtt", f"octoPrint/{ID}"),
        (f"octoPrint/{ID}event/PrintStarted", f"octoPrint/{ID}"),
        (f"octoPrint/{ID}/mqtt", f"octoPrint/{ID}/"),
        (f"octoPrint/{ID}0mqtt", None),
        (f"octoPrint/{ID}mqtt/x", None),
        (f"octoPrint/{ID}status", None),
        (f"octoPrint/{ID}mqtt/event/x", f"octoPrint/{ID}mqtt/"),
        ("octoPrint/mqtt", "octoPrint/"),
    ],
)
def test_a_base_without_its_slash_is_seen(topic: str, base: str | None) -> None:
    assert stranger_base(topic) == base
