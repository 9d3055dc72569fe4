"""Real traffic, folded: each recording against its outcome (see tests/recordings/played.py)."""

from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.recordings.played import AFTER, OUTCOMES, RECORDINGS, SNAPSHOTS, Played, lines
from voxtrude.events import Level
from voxtrude.printer import Fact, Job, Origin, PastJob, PrinterState


def about(seconds: float) -> Any:  # noqa: ANN401  (pytest's approx has no public type)
    return pytest.approx(seconds, rel=0.1, abs=2)


def known(played: Played, state: PrinterState, asked: dict[str, Any]) -> dict[str, Any]:
    """Return what the state says of what a phase asks, in the phase's own form."""
    facts: dict[str, Any] = {
        "at": asked["at"],
        "why": asked["why"],
        "link": word(state.link),
        "presence": word(state.presence),
        "octoprint": word(state.octoprint),
        "status": state.status.value.status.value if state.status else None,
        "status_from": state.status.origin.value if state.status else None,
        "fault": state.fault.value.text if state.fault else None,
        "attention": state.attention is not None,
        "selected": state.selected.value.path if state.selected else None,
        "height": state.height.value if state.height else None,
        "metadata": dict(state.metadata),
        "seen": about(played.second(state.seen_at)) if state.seen_at else None,
        "temperatures": {
            heater: [reading.actual, reading.target, reading.current]
            for heater, reading in state.temperatures.items()
        },
        "job": open_job(state.job, asked.get("job")),
        "last_job": past_job(state.last_job) if state.last_job else None,
    }
    return {name: facts[name] for name in asked}


def word(fact: Fact[Any] | None) -> str | None:
    return fact.value.value if fact else None


def open_job(job: Job | None, asked: dict[str, Any] | None) -> dict[str, Any] | None:
    if job is None:
        return None
    left = job.time_left
    told: dict[str, Any] = {
        "file": job.file.path,
        "origin": job.origin.value,
        "progress": pytest.approx(job.progress.value, abs=0.01) if job.progress else None,
        "paused": job.paused_at is not None,
        "left": [left.basis.value, about(left.remaining.total_seconds())] if left else None,
    }
    return {name: told[name] for name in (asked or told)}


def past_job(job: PastJob) -> dict[str, Any]:
    return {
        "file": job.file.path,
        "outcome": job.outcome.value,
        "origin": job.origin.value,
        "duration": about(job.duration.total_seconds()) if job.duration is not None else None,
        "progress": pytest.approx(job.progress, abs=0.01) if job.progress is not None else None,
        "error": job.error,
    }


@pytest.mark.parametrize("outcome", OUTCOMES, ids=lambda path: path.name.split(".")[0])
def test_a_recording_folds_to_its_outcome(outcome: Path) -> None:
    played = Played(outcome)
    for phase, state in played.phases():
        assert known(played, state, phase) == phase
    assert [past_job(job) for job in played.history.values()] == played.expected["jobs"]
    told = [
        [event.kind.value, event.level.value, *([event.file.path] if event.file else [])]
        for event in played.events
    ]
    assert told == played.expected["events"]
    assert len({event.id for event in played.events}) == len(played.events)


def test_every_recording_has_an_outcome() -> None:
    recordings = {path.name.split(".")[0] for path in RECORDINGS.glob("*.actions.jsonl")}
    assert recordings == {path.name.split(".")[0] for path in OUTCOMES}


@pytest.mark.parametrize("outcome", OUTCOMES, ids=lambda path: path.name.split(".")[0])
def test_a_suffix_delivered_again_makes_no_second_job(outcome: Path) -> None:
    played = Played(outcome).play()
    history = dict(played.history)
    told = [event for event in played.events if event.level is Level.JOB]
    for line in played.lines[-200:]:
        message = played.said(line)
        if message is not None:
            played.apply(replace(message, received_at=played.moment(played.lines[-1]["t"] + AFTER)))
    assert list(played.history) == list(history)
    assert [event for event in played.events if event.level is Level.JOB] == told


@pytest.mark.parametrize("snapshot", SNAPSHOTS, ids=lambda path: path.stem)
def test_a_retained_snapshot_replayed_after_its_recording_changes_nothing(snapshot: Path) -> None:
    letter = snapshot.stem.removeprefix("h_snapshot_")[0]
    (outcome,) = RECORDINGS.glob(f"{letter}_*.outcome.json")
    played = Played(outcome).play()
    before, told = played.state, list(played.events)
    for line in lines(snapshot):
        message = played.said(line | {"t": played.lines[-1]["t"] + AFTER})
        if message is not None:
            assert message.retained
            played.apply(message)
    assert played.state == before
    assert played.events == told


@pytest.mark.parametrize("snapshot", SNAPSHOTS, ids=lambda path: path.stem)
def test_a_retained_snapshot_alone_claims_nothing_live(snapshot: Path) -> None:
    letter = snapshot.stem.removeprefix("h_snapshot_")[0]
    (outcome,) = RECORDINGS.glob(f"{letter}_*.outcome.json")
    played = Played(outcome)
    arrived_at = played.moment(86_400)
    for line in lines(snapshot):
        message = played.said(line)
        if message is not None:
            played.apply(replace(message, received_at=arrived_at))
    state = played.state
    assert state.seen_at is None
    assert (state.presence, state.octoprint, state.job, state.last_job) == (None,) * 4
    assert not played.events
    assert state.link
    assert state.link.origin is Origin.RETAINED
    assert state.temperatures
    for reading in state.temperatures.values():
        assert not reading.current
        assert reading.observed_at < arrived_at - timedelta(hours=23)
