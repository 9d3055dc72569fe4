"""What the simulator says is what OctoPrint says, and means what its scenario promises."""

import json
import random
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import takewhile
from pathlib import Path

import pytest

from services.ingest.octoprint import decode
from voxtrude.errors import SetupError
from voxtrude.events import Happening, happenings
from voxtrude.messages import TimePassed
from voxtrude.printer import Link, Outcome, PrinterId, PrinterState, Status
from voxtrude.reducer import evolve
from voxtrude.registration import Registration
from voxtrude.simulator import replay
from voxtrude.simulator.machine import Dice
from voxtrude.simulator.payloads import Drop, Line, Step, encoded
from voxtrude.simulator.scenario import FLEET, Scenario, farewell, scenario_of, told

RECORDINGS = Path(__file__).parents[1] / "recordings"
BEGAN = 1_795_200_000
PRINTER = PrinterId("prn-00000000000000aa")
BASE = f"octoPrint/{PRINTER}/"
REGISTRATION = Registration(
    id=PRINTER,
    name="Simulated",
    base_topic=BASE,
    created_at=datetime.fromtimestamp(BEGAN, UTC),
    alive_at=None,
)


def timed(steps: Iterator[Step], seconds: float) -> Iterator[tuple[float, Step]]:
    now = 0.0
    for step in steps:
        now += step.after
        if now > seconds:
            return
        yield now, step


def dice(seed: int) -> Dice:
    return random.Random(seed).randint  # noqa: S311  (nobody has to be unable to guess it)


def story(scenario: Scenario, seconds: float, seed: int = 1) -> list[tuple[float, Step]]:
    return list(timed(told(scenario, dice(seed)), seconds))


def folded(steps: list[tuple[float, Step]], until: float) -> tuple[PrinterState, set[Happening]]:
    """Fold what was said, each message through ingest's own decoder."""
    state = PrinterState(printer=PRINTER)
    seen: set[Happening] = set()
    now = float(BEGAN)
    for at, step in steps:
        now = BEGAN + at
        line = Line(0, "mqtt", "disconnected", 1, retain=True) if isinstance(step, Drop) else step
        message = decode(
            REGISTRATION,
            BASE + line.topic,
            encoded(line.payload, int(now)),
            now,
            retained=False,
        )
        if message:
            after = evolve(state, message)
            seen.update(event.kind for event in happenings(state, after))
            state = after
    end = datetime.fromtimestamp(BEGAN + until, UTC)
    after = evolve(state, TimePassed(printer=PRINTER, received_at=end))
    seen.update(event.kind for event in happenings(state, after))
    return after, seen


def test_printing_prints_with_time_left_and_temperatures() -> None:
    state, _ = folded(story(Scenario.PRINTING, 300), 300)
    assert state.status is not None
    assert state.status.value.status is Status.PRINTING
    job = state.job
    assert job is not None
    assert job.file.name == "bracket.gcode"
    assert job.progress is not None
    assert 20 < job.progress.value < 60
    assert job.time_left is not None
    assert timedelta(minutes=3) < job.time_left.remaining < timedelta(minutes=8)
    assert state.temperatures["tool0"].target == 200
    assert state.height is not None
    assert state.height.value > 1


def test_printing_ends_and_prints_again() -> None:
    _, seen = folded(story(Scenario.PRINTING, 1500), 1500)
    assert {Happening.JOB_STARTED, Happening.JOB_FINISHED} <= seen
    assert not seen & {Happening.JOB_FAILED, Happening.JOB_INTERRUPTED}


def test_paused_stays_paused() -> None:
    state, seen = folded(story(Scenario.PAUSED, 4000), 4000)
    assert state.status is not None
    assert state.status.value.status is Status.PAUSED
    assert state.job is not None
    assert state.job.paused_at is not None
    assert Happening.JOB_INTERRUPTED not in seen


def test_offline_loses_its_host() -> None:
    steps = story(Scenario.OFFLINE, 600)
    assert isinstance(steps[-1][1], Drop)
    state, seen = folded(steps, 600)
    assert state.link is not None
    assert state.link.value is Link.DISCONNECTED
    assert Happening.OFFLINE in seen


def test_error_stands_in_error_with_a_failed_job() -> None:
    state, seen = folded(story(Scenario.ERROR, 600), 600)
    assert state.status is not None
    assert state.status.value.status is Status.OFFLINE
    assert state.fault is not None
    assert "Thermal Runaway" in state.fault.value.text
    assert state.job is None
    assert state.last_job is not None
    assert state.last_job.outcome is Outcome.FAILED
    assert state.link is not None
    assert state.link.value is Link.CONNECTED
    assert Happening.ERROR in seen


def test_idle_has_no_job_and_current_temperatures() -> None:
    state, _ = folded(story(Scenario.IDLE, 600), 600)
    assert state.status is not None
    assert state.status.value.status is Status.IDLE
    assert state.job is None
    assert state.temperatures["bed"].current


def test_finishing_finishes_within_minutes() -> None:
    steps = story(Scenario.FINISHING, 240)
    states = [
        line.payload.get("state_id")
        for _, line in steps
        if isinstance(line, Line) and not isinstance(line.payload, str)
    ]
    assert "FINISHING" in states
    state, seen = folded(steps, 240)
    assert Happening.JOB_FINISHED in seen
    assert state.last_job is not None
    assert state.last_job.outcome is Outcome.DONE
    assert state.last_job.duration is not None


@pytest.mark.parametrize("seed", range(6))
def test_random_days_leave_no_job_without_an_outcome(seed: int) -> None:
    _, seen = folded(story(Scenario.RANDOM, 7200, seed), 7200)
    assert Happening.JOB_FINISHED in seen or Happening.JOB_CANCELLED in seen
    assert Happening.JOB_INTERRUPTED not in seen


def test_random_is_the_same_for_the_same_seed() -> None:
    assert story(Scenario.RANDOM, 1000, 7) == story(Scenario.RANDOM, 1000, 7)
    assert story(Scenario.RANDOM, 1000, 7) != story(Scenario.RANDOM, 1000, 8)


def test_a_farewell_is_octoprints_own() -> None:
    first, second, last = farewell(dice(1))
    assert isinstance(first, Line)
    assert isinstance(second, Line)
    assert (first.topic, first.payload, first.qos, first.retain) == (
        "mqtt",
        "disconnected",
        1,
        True,
    )
    assert second.topic == "event/Shutdown"
    assert isinstance(last, Drop)


def test_a_fleet_shows_each_scenario_once_then_lives_at_random() -> None:
    assert tuple(scenario_of(place) for place in range(len(FLEET))) == FLEET
    assert FLEET[:4] == (Scenario.PRINTING, Scenario.PAUSED, Scenario.OFFLINE, Scenario.ERROR)
    assert scenario_of(1000) is Scenario.RANDOM


# Against the recordings --------------------------------------------------------------------


def recorded_fields() -> dict[str, set[frozenset[str]]]:
    """Return which sets of fields each topic of the recordings had."""
    fields: dict[str, set[frozenset[str]]] = {}
    for path in sorted(RECORDINGS.glob("*.jsonl")):
        for line in path.read_text(encoding="utf-8").splitlines():
            row = json.loads(line)
            if "octoPrint/printer-a/" not in row.get("topic", ""):
                continue
            topic = row["topic"].removeprefix("octoPrint/printer-a/")
            if row["payload"].startswith("{"):
                fields.setdefault(topic, set()).add(frozenset(json.loads(row["payload"])))
            else:
                fields.setdefault(topic, set()).add(frozenset([row["payload"]]))
    return fields


@pytest.mark.parametrize("scenario", list(Scenario))
def test_topics_and_fields_are_those_of_the_recordings(scenario: Scenario) -> None:
    known = recorded_fields()
    assert known, f"no recordings in {RECORDINGS}"
    lines = [step for _, step in story(scenario, 3000) if isinstance(step, Line)]
    for line in lines:
        text = line.payload if isinstance(line.payload, str) else None
        body = frozenset([text] if text else json.loads(encoded(line.payload, BEGAN)))
        assert body in known[line.topic], f"{line.topic}: {sorted(body)}"


def test_a_print_is_told_in_the_order_of_the_recording() -> None:
    """The events of one print, from PrintStarted to the last script, repeats left out."""

    def events(topics: Iterator[str]) -> list[str]:
        told_events = [topic for topic in topics if topic.startswith("event/")]
        begin = told_events.index("event/PrintStarted")
        end = told_events.index("event/GcodeScriptAfterPrintDoneFinished")
        kept = [
            topic
            for topic in told_events[begin : end + 1]
            if "plugin_" not in topic and topic != "event/PositionUpdate"
        ]
        return [topic for place, topic in enumerate(kept) if kept[place - 1] != topic]

    rows = (RECORDINGS / "b_print_printerdata.jsonl").read_text(encoding="utf-8").splitlines()
    recorded = (str(json.loads(row)["topic"]).removeprefix("octoPrint/printer-a/") for row in rows)
    simulated = (step.topic for _, step in story(Scenario.FINISHING, 400) if isinstance(step, Line))
    assert events(simulated) == events(recorded)


# Replay --------------------------------------------------------------------------------------


def test_a_recording_is_read_relative_to_its_base(tmp_path: Path) -> None:
    path = tmp_path / "one.jsonl"
    rows = [
        {"t": 0.5, "topic": "hall/a/mqtt", "payload": "connected", "qos": 1, "retain": False},
        {"t": 1.0, "topic": "hall/a/event/Home", "payload": "{}", "qos": 0, "retain": False},
        {"t": 1.5, "topic": "other/b/event/Home", "payload": "{}", "qos": 0, "retain": False},
    ]
    path.write_text("\n".join(json.dumps(row) for row in rows), encoding="utf-8")
    said = replay.read(path)
    assert [(one.topic, one.retain) for one in said] == [("mqtt", True), ("event/Home", False)]


@pytest.mark.parametrize("text", ["", "{}", "nothing", '{"t": -1, "topic": "a", "payload": ""}'])
def test_what_is_no_recording_is_refused_in_one_line(tmp_path: Path, text: str) -> None:
    path = tmp_path / "bad.jsonl"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(SetupError) as caught:
        replay.read(path)
    assert "\n" not in str(caught.value)


def test_every_recording_can_be_replayed() -> None:
    paths = sorted(takewhile(lambda path: path.name < "f", sorted(RECORDINGS.glob("*.jsonl"))))
    assert paths
    for path in paths:
        if ".actions." not in path.name and ".rap." not in path.name:
            assert replay.read(path)
