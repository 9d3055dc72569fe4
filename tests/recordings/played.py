"""Real traffic, folded: each recording beside an outcome that was derived by hand.

``<name>.jsonl`` is what a subscriber got, ``<name>.actions.jsonl`` what was done to the
printer meanwhile, and ``<name>.outcome.json`` what must be known at several moments and in
the end. A new recording with an outcome is a new test. In an outcome

* ``began_at`` is the recording's second 0, in seconds since 1970;
* each phase tells what must be known ``at`` a second; what it leaves out is not asked;
* numbers are met within 0.01, durations and times within a tenth or 2 s;
* ``seen`` is the second of the last live message.
"""

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from services.ingest.octoprint import decode
from voxtrude.events import Event, happenings
from voxtrude.jobs import finished
from voxtrude.messages import Message, TimePassed
from voxtrude.printer import PastJob, PrinterId, PrinterState
from voxtrude.reducer import evolve
from voxtrude.registration import Registration, Templates

RECORDINGS = Path(__file__).parent
OUTCOMES = sorted(RECORDINGS.glob("*.outcome.json"))
SNAPSHOTS = sorted(RECORDINGS.glob("h_snapshot_*.jsonl"))
AFTER = 20.0
"""So many seconds of silence follow a recording."""


class Played:
    """A recording, folded: its states by second, its history, and its events."""

    def __init__(self, outcome: Path) -> None:
        self.expected = json.loads(outcome.read_text("utf-8"))
        name = outcome.name.removesuffix(".outcome.json")
        self.lines = list(lines(RECORDINGS / f"{name}.jsonl"))
        self.registration = registration(self.expected["registration"])
        self.began_at: float = self.expected["began_at"]
        self.history: dict[str, PastJob] = {}
        self.events: list[Event] = []
        self.state = PrinterState(printer=self.registration.id)

    def moment(self, second: float) -> datetime:
        return datetime.fromtimestamp(self.began_at + second, UTC)

    def second(self, moment: datetime) -> float:
        return moment.timestamp() - self.began_at

    def said(self, line: dict[str, Any]) -> Message | None:
        return decode(
            self.registration,
            line["topic"],
            line["payload"].encode(),
            self.began_at + line["t"],
            retained=line["retain"],
        )

    def apply(self, message: Message) -> None:
        before, self.state = self.state, evolve(self.state, message)
        self.events += happenings(before, self.state)
        self.history |= {job.id: job for job in finished(before, self.state)}

    def phases(self) -> Iterator[tuple[dict[str, Any], PrinterState]]:
        phases = {phase["at"]: phase for phase in self.expected["phases"]}
        end = max(self.lines[-1]["t"] + AFTER, *phases)
        steps: list[tuple[float, int, Any]] = [(line["t"], 0, line) for line in self.lines]
        steps += [(float(second), 1, None) for second in range(int(end) + 1)]
        steps += [(at, 2, phase) for at, phase in phases.items()]
        for at, kind, what in sorted(steps, key=lambda step: step[:2]):
            if kind == 0:
                message = self.said(what)
                if message is not None:
                    self.apply(message)
                continue
            self.apply(TimePassed(printer=self.state.printer, received_at=self.moment(at)))
            if what is not None:
                yield what, self.state

    def play(self) -> "Played":
        for _ in self.phases():
            pass
        return self


def lines(path: Path) -> Iterator[dict[str, Any]]:
    with path.open(encoding="utf-8") as file:
        for line in file:
            yield json.loads(line)


def registration(told: dict[str, Any]) -> Registration:
    return Registration(
        id=PrinterId("prn-0000000000000001"),
        name="Recorded",
        base_topic=told["base_topic"],
        templates=Templates(),
        timestamp_field=told.get("timestamp_field", "_timestamp"),
        created_at=datetime(2026, 11, 20, tzinfo=UTC),
        alive_at=datetime(2026, 11, 20, tzinfo=UTC),
    )
