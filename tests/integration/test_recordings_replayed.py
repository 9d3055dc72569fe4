"""The recordings, played through a real broker into a real database, end as the pure fold does."""

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from services.ingest.octoprint import decode
from tests.integration.brokers import Printer, printer, site
from tests.integration.conftest import Database
from tests.integration.servers import wait_until
from tests.integration.stacks import Stack
from voxtrude import topics
from voxtrude.jobs import finished
from voxtrude.messages import TimePassed
from voxtrude.mongo import schema
from voxtrude.printer import Origin, PastJob, PrinterState
from voxtrude.reducer import evolve

pytestmark = pytest.mark.integration

RECORDINGS = Path(__file__).parents[1] / "recordings"
OUTCOMES = sorted(RECORDINGS.glob("*.outcome.json"))
LATER = timedelta(hours=1)


class Recording:
    """One recording, to be played by a printer of its own."""

    def __init__(self, outcome: Path) -> None:
        name = outcome.name.removesuffix(".outcome.json")
        told = json.loads(outcome.read_text("utf-8"))["registration"]
        base: str = told["base_topic"]
        lines = (RECORDINGS / f"{name}.jsonl").read_text("utf-8").splitlines()
        self.name = name
        # A base that ends in no slash stays one: the plugin glues it to its templates.
        self.printer = printer(None if base.endswith("/") else base)
        self.printer = Printer(
            replace(
                self.printer.registration, timestamp_field=told.get("timestamp_field", "_timestamp")
            ),
            self.printer.secret,
        )
        self.said = [
            (self.printer.base + row["topic"].removeprefix(base), row["payload"].encode())
            for row in map(json.loads, lines)
            if not row["retain"]
        ]

    def folded(self) -> tuple[PrinterState, dict[str, str]]:
        """Return the state and the history that the messages make without any server."""
        now = datetime.now(UTC)
        state = PrinterState(printer=self.printer.registration.id)
        history: dict[str, str] = {}

        def apply(after: PrinterState) -> PrinterState:
            history.update({job.id: job.outcome.value for job in finished(state, after)})
            return after

        for topic, payload in self.said:
            message = decode(
                self.printer.registration, topic, payload, now.timestamp(), retained=False
            )
            if message:
                state = apply(evolve(state, message))
        state = apply(evolve(state, TimePassed(printer=state.printer, received_at=now + LATER)))
        return state, history


def essence(state: PrinterState) -> dict[str, Any]:
    """Return what a state says, without when: the clocks of two runs differ."""
    return {
        "link": state.link and state.link.value,
        "presence": state.presence and state.presence.value,
        "octoprint": state.octoprint and state.octoprint.value,
        "status": state.status and state.status.value,
        "fault": state.fault and state.fault.value,
        "attention": state.attention and state.attention.value,
        "firmware": state.firmware and state.firmware.value,
        "selected": state.selected and state.selected.value,
        "height": state.height and state.height.value,
        "metadata": state.metadata,
        "temperatures": {
            name: (reading.actual, reading.target, reading.current, reading.host_time)
            for name, reading in state.temperatures.items()
        },
        "job": state.job and (state.job.id, state.job.file, state.job.progress),
        "last_job": state.last_job and past(state.last_job),
    }


def past(job: PastJob) -> tuple[object, ...]:
    told = job.duration if job.origin is Origin.LIVE else None
    return (job.id, job.file, job.outcome, job.origin, job.error, job.progress, told)


@pytest.fixture
def recordings() -> list[Recording]:
    found = [Recording(outcome) for outcome in OUTCOMES]
    assert len(found) >= 12
    return found


@pytest.fixture
def stage(mongo: Database, tmp_path: Path, recordings: list[Recording]) -> Iterator[Stack]:
    place = site("native", tmp_path / "data", *(one.printer for one in recordings))
    place.render()
    name = f"test_recordings_{tmp_path.name[-8:].strip('_')}"
    with place.run() as broker:
        yield Stack(place, mongo.url, name, tmp_path, mongo.client, broker)
    mongo.client.drop_database(name)


async def test_every_recording_ends_as_the_pure_fold_does(
    stage: Stack, recordings: list[Recording]
) -> None:
    await stage.prepare()
    with stage.ingest(), stage.observer() as observer:
        assert observer.subscribe(topics.EVENTS)
        for one in recordings:
            with stage.publisher(one.printer) as octoprint:
                *said, (last_topic, last_payload) = one.said
                for topic, payload in said:
                    octoprint.send(topic, payload)
                octoprint.publish(last_topic, last_payload)  # returns when the broker has all
        for one in recordings:
            state, history = one.folded()
            wanted = essence(state)

            def stored(one: Recording = one) -> dict[str, Any] | None:
                state = stage.state(one.printer)
                return essence(state) if state else None

            def same(wanted: dict[str, Any] = wanted, one: Recording = one) -> bool:
                return stored(one) == wanted

            wait_until(same, 30, f"{one.name}:\n{stored()}\nis not\n{wanted}")
            kept = {
                job["_id"]: job["outcome"]
                for job in stage.collection(schema.JOBS).find({"printer": one.printer.id})
            }
            assert kept == history, one.name
        events = [json.loads(payload) for _, payload in observer.messages]
        jobs = [event["id"] for event in events if event["level"] == "job"]
        assert len(jobs) == len(set(jobs))
        assert len(jobs) >= 2 * 20  # as many prints, each with its start and its end
