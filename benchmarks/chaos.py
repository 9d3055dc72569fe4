"""Kills and stops servers while printers talk, and checks that nothing was lost.

``python -m benchmarks.chaos`` runs every scenario at full size, ``--small`` in seconds.
What is stored in the end must equal the pure fold of what was published; only times may
differ, since a message that waited is observed later.
"""

import argparse
import random
import signal
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import bson

from benchmarks import observers, traffic
from benchmarks.printers import Host, Printer, allow_connections, publish
from benchmarks.stack import Stack, running
from services.ingest.folding import Changes, Fleet
from services.ingest.inbox import Inbox
from services.ingest.registry import Registry
from voxtrude.mongo.client import CODEC
from voxtrude.mongo.states import Kept, to_document
from voxtrude.mqtt import Delivery
from voxtrude.printer import PrinterState
from voxtrude.simulator.payloads import CONNECTED, LAST_WILL, encoded

CONVERGE = 120.0  # seconds for what is under way at the end
LINGER = 1.5  # seconds for the last announcements
LOOK = 0.25  # seconds between two looks at the database
SETTLE = 1.0  # seconds at both ends of a run without a kill

TIMES = frozenset(
    {"observed_at", "seen_at", "since", "opened_at", "started_at", "ended_at", "paused_at"}
    | {"paused_for", "ending_at", "unheard_since", "time_left", "clock", "alive_at"}
    | {"operational"}
)
"""What depends on when a message reached ingest."""

SAID_ANEW = ("status", "temperatures", "height", "selected", "job", "last_job")
"""What a printer tells again while it prints, whatever was lost before."""


@dataclass(frozen=True, slots=True)
class Size:
    """How much happens."""

    printers: int = 100
    rate: int = 2000  # messages a second
    seconds: float = 60.0
    ingest_kills: int = 10
    mongod_kills: int = 5
    outage: float = 30.0
    calm: float = 15.0  # seconds of talk before, and after, a restart of the broker


FULL = Size()
SMALL = Size(20, 300, 6.0, 3, 2, 2.0, 8.0)


@dataclass(slots=True)
class Report:
    """What came out of a scenario; it went well when there are no faults."""

    scenario: str
    messages: int = 0
    jobs: int = 0
    events: int = 0
    events_missed: int = 0
    seconds: float = 0.0
    faults: list[str] = field(default_factory=list)

    def __str__(self) -> str:
        """Return one line."""
        verdict = "ok" if not self.faults else "FAILED: " + "; ".join(self.faults[:3])
        return (
            f"{self.scenario:32} {self.messages:>7,} messages  {self.jobs:>5,} jobs  "
            f"{self.events:>5,} events, {self.events_missed} missed  "
            f"{self.seconds:5.1f} s  {verdict}"
        )


# The printers -------------------------------------------------------------------------------


class Talk:
    """One printer's host: what it says next, and what it has said."""

    def __init__(self, stack: Stack, printer: Printer, seed: int) -> None:
        # The dice of a scenario guard no secret: a run can be repeated.
        self._life = traffic.life(random.Random(seed))  # noqa: S311
        self._host = Host(stack.port, printer.id, printer.secret)
        self._printer = printer
        self.said: list[tuple[float, str, bytes]] = []

    def say(self) -> None:
        """Say the next thing; after a lost connection come back first, as OctoPrint does."""
        topic, payload, retain = next(self._life)
        try:
            self._send(topic, encoded(payload, int(time.time())), retain=retain)
        except OSError:
            self._come_back()

    def _send(self, topic: str, payload: bytes, *, retain: bool) -> None:
        name = self._printer.topic(topic)
        self.said.append((time.time(), name, payload))
        self._host.send(publish(name, payload, retain=retain))

    def _come_back(self) -> None:
        """Log in again, once: the next word is the next chance."""
        try:
            self.connect()
            self._send(LAST_WILL, CONNECTED.encode(), retain=True)
        except OSError:
            return

    def connect(self) -> None:
        """Log in."""
        self._host.connect()

    def close(self) -> None:
        """Say goodbye."""
        self._host.close()


class Conversation:
    """All printers talking in turn at a steady rate."""

    def __init__(self, stack: Stack, size: Size, seed: int) -> None:
        self._size = size
        self.talks = [
            Talk(stack, printer, seed + number) for number, printer in enumerate(stack.printers)
        ]
        for talk in self.talks:
            talk.connect()

    def go_on(self, seconds: float) -> None:
        """Talk for so long."""
        began = time.monotonic()
        for number in range(int(seconds * self._size.rate)):
            rest = began + number / self._size.rate - time.monotonic()
            if rest > 0:
                time.sleep(rest)
            self.talks[number % len(self.talks)].say()

    def said(self) -> Iterator[tuple[float, str, bytes]]:
        """Yield everything said, each printer's in its order."""
        for talk in self.talks:
            yield from talk.said

    def forget(self) -> None:
        """Forget what was said until now."""
        for talk in self.talks:
            talk.said.clear()

    def close(self) -> None:
        """End it."""
        for talk in self.talks:
            talk.close()


# What happens -------------------------------------------------------------------------------


class Fate:
    """Does things at their time, beside the talk."""

    def __init__(self, plan: Iterable[tuple[float, Callable[[], object]]]) -> None:
        self._plan = sorted(plan, key=lambda step: step[0])
        self._failure: BaseException | None = None
        self._thread = threading.Thread(target=self._run, name="fate")
        self._thread.start()

    def _run(self) -> None:
        began = time.monotonic()
        try:
            for at, action in self._plan:
                time.sleep(max(began + at - time.monotonic(), 0))
                action()
        except Exception as error:  # noqa: BLE001  (it is raised where the talk ends)
            self._failure = error

    def fulfil(self) -> None:
        """Return when everything has happened; raise what went wrong."""
        self._thread.join()
        if self._failure:
            raise self._failure


def moments(size: Size, count: int, dice: random.Random) -> list[float]:
    """Return when to strike: at random, one in each equal part of the run."""
    part = (size.seconds - 2 * SETTLE) / count
    return [SETTLE + (number + dice.random()) * part for number in range(count)]


def kill_ingest(stack: Stack, size: Size, seed: int) -> list[tuple[float, Callable[[], object]]]:
    """Kill ingest again and again; each time it is started again at once."""
    ingest = stack.start_ingest()

    def strike() -> None:
        nonlocal ingest
        ingest.kill()
        ingest = stack.start_ingest(wait=False)

    dice = random.Random(seed)  # noqa: S311  (of a scenario)
    return [(at, strike) for at in moments(size, size.ingest_kills, dice)]


def kill_mongod(stack: Stack, size: Size, seed: int) -> list[tuple[float, Callable[[], object]]]:
    """Kill the database again and again; ingest goes on."""
    stack.start_ingest()

    def strike() -> None:
        stack.mongod.kill()
        stack.start_mongod()

    dice = random.Random(seed)  # noqa: S311  (of a scenario)
    return [(at, strike) for at in moments(size, size.mongod_kills, dice)]


def stop_mongod(stack: Stack, size: Size, _seed: int) -> list[tuple[float, Callable[[], object]]]:
    """Take the database away for a while."""
    stack.start_ingest()
    begin = min(SETTLE, size.seconds / 4)
    return [
        (begin, lambda: stack.mongod.stop(30)),
        (begin + size.outage, stack.start_mongod),
    ]


LOSSLESS: dict[str, Callable[[Stack, Size, int], list[tuple[float, Callable[[], object]]]]] = {
    "ingest killed": kill_ingest,
    "mongod killed": kill_mongod,
    "mongod stopped": stop_mongod,
}
BROKER = "broker restarted"
SCENARIOS = (*LOSSLESS, BROKER)


def run(scenario: str, size: Size, folder: Path, seed: int = 1) -> Report:
    """Run one scenario in an empty ``folder``."""
    report = Report(scenario)
    began = time.monotonic()
    with ExitStack() as cleanup:
        stack = cleanup.enter_context(running(folder, size.printers))
        heard = cleanup.enter_context(
            observers.announcements(stack, "voxtrude/v1/printers/+/events")
        )
        if scenario == BROKER:
            talk = restart_broker(stack, size, seed, cleanup)
            facts: tuple[str, ...] | None = SAID_ANEW
        else:
            plan = LOSSLESS[scenario](stack, size, seed)
            talk = Conversation(stack, size, seed)
            cleanup.callback(talk.close)
            fate = Fate(plan)
            cleanup.callback(fate.fulfil)
            talk.go_on(size.seconds)
            fate.fulfil()
            facts = None
        expected = folded(stack, talk.said())
        report.messages = sum(len(one.said) for one in talk.talks)
        converge(stack, expected, facts, report)
        if facts is None:
            check_jobs(stack, expected, report)
            check_events(heard, expected, report)
    report.seconds = time.monotonic() - began
    return report


def restart_broker(stack: Stack, size: Size, seed: int, cleanup: ExitStack) -> Conversation:
    """Stop the broker and start it again: what is said meanwhile is lost, as it is QoS 0."""
    stack.start_ingest()
    talk = Conversation(stack, size, seed)
    cleanup.callback(talk.close)
    talk.go_on(size.calm / 4)

    def strike() -> None:
        stack.broker.stop()
        stack.start_broker()

    fate = Fate([(0.5, strike)])
    cleanup.callback(fate.fulfil)
    talk.go_on(size.calm / 4)
    fate.fulfil()
    for one in talk.talks:
        one.close()
        one.connect()
    talk.forget()
    talk.go_on(size.calm)
    return talk


# What must be there -------------------------------------------------------------------------


@dataclass(slots=True)
class Expected:
    """The pure fold of what was said."""

    states: dict[str, Any]
    changes: Changes


def folded(stack: Stack, said: Iterable[tuple[float, str, bytes]]) -> Expected:
    """Fold with the same rules, without a broker, a database or a crash."""
    fleet = Fleet(Registry(printer.registration for printer in stack.printers), Inbox())
    changes = fleet.fold(
        Delivery(
            topic=topic,
            payload=payload,
            retained=False,
            duplicate=False,
            qos=1,
            mid=1,
            received_at=at,
        )
        for at, topic, payload in said
    )
    states = {
        str(printer): timeless(bson.decode(_encoded(state))["state"])
        for printer, state in fleet.states.items()
    }
    return Expected(states, changes)


def _encoded(state: PrinterState) -> bytes:
    return bson.encode(to_document(Kept(state)), codec_options=CODEC)


def timeless(value: Any) -> Any:  # noqa: ANN401  (a document's value)
    """Return the same without what depends on when it was heard."""
    if isinstance(value, dict):
        return {key: timeless(item) for key, item in value.items() if key not in TIMES}
    if isinstance(value, list | tuple):
        return [timeless(item) for item in value]
    return value


def converge(
    stack: Stack, expected: Expected, facts: tuple[str, ...] | None, report: Report
) -> None:
    """Wait until the stored states are the expected ones."""
    deadline = time.monotonic() + CONVERGE
    while differing := differences(stack, expected, facts):
        if time.monotonic() > deadline:
            printer, fact, found, wanted = differing[0]
            report.faults.append(
                f"{len(differing)} facts differ, such as {printer} {fact}: {found} != {wanted}"
            )
            return
        time.sleep(LOOK)


def differences(
    stack: Stack, expected: Expected, facts: tuple[str, ...] | None
) -> list[tuple[str, str, Any, Any]]:
    """Return (printer, fact, found, wanted) of everything that is not as it should be."""
    with stack.database() as database:
        stored = {one["_id"]: timeless(one["state"]) for one in database["states"].find()}
    return [
        (printer, fact, state.get(fact), wanted.get(fact))
        for printer, wanted in expected.states.items()
        for state in (stored.get(printer, {}),)
        for fact in facts or sorted({*wanted, *state})
        if state.get(fact) != wanted.get(fact)
    ]


def check_jobs(stack: Stack, expected: Expected, report: Report) -> None:
    """Compare the print history, job by job, and see that nothing was taken for poison."""
    wanted = {
        str(job.id): (getattr(job, "outcome", None), job.file.path)
        for _, job in expected.changes.jobs.values()
    }
    with stack.database() as database:
        found = {
            str(one["_id"]): (one.get("outcome"), one["file"]["path"])
            for one in database["jobs"].find()
        }
        poison = database["quarantine"].count_documents({})
    report.jobs = len(found)
    lost, more = wanted.keys() - found.keys(), found.keys() - wanted.keys()
    differing = [job for job in wanted.keys() & found.keys() if wanted[job] != found[job]]
    for what, jobs in (("lost", lost), ("too many", more), ("different", differing)):
        if jobs:
            report.faults.append(f"{len(jobs)} jobs {what}, such as {min(jobs)}")
    if poison:
        report.faults.append(f"{poison} messages in quarantine")


def check_events(heard: observers.Announcements, expected: Expected, report: Report) -> None:
    """See that no event was told twice; some may have been missed, as they are not kept."""
    wanted = {event.id for event in expected.changes.events if event.subject}
    deadline = time.monotonic() + LINGER
    while heard.lacks(wanted) and time.monotonic() < deadline:
        time.sleep(LOOK)
    lines = heard.lines()
    told = Counter(document["id"] for _, _, document in lines)
    report.events = sum(told.values())
    report.events_missed = len(wanted - told.keys())
    twice = [name for name, times in told.items() if times > 1]
    if twice:
        report.faults.append(f"{len(twice)} events told twice, such as {min(twice)}")
    invented = [
        document["id"]
        for _, _, document in lines
        if document.get("job") and document["id"] not in wanted
    ]
    if invented:
        report.faults.append(f"{len(invented)} events of no job, such as {min(invented)}")


def main() -> int:
    """Run the scenarios; return the exit code."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--small", action="store_true", help="seconds instead of minutes")
    arguments.add_argument("--seed", type=int, default=1)
    arguments.add_argument("--only", choices=SCENARIOS)
    chosen = arguments.parse_args()
    # Servers are ended by context managers, which a signal that just kills would skip.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    size = SMALL if chosen.small else FULL
    allow_connections(size.printers)
    failed = False
    for scenario in SCENARIOS:
        if chosen.only in (None, scenario):
            with tempfile.TemporaryDirectory() as folder:
                report = run(scenario, size, Path(folder), chosen.seed)
            print(report, flush=True)
            failed |= bool(report.faults)
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())
