"""Who watches while ingest works: the commits in the database, what is announced.

Each observer is a process of its own, so that it does not take the publisher's time.
Times are seconds since 1970 on this machine's one clock.
"""

import contextlib
import json
import multiprocessing
import subprocess
import time
from collections.abc import Iterable, Iterator
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import pymongo

from benchmarks.stack import Stack, program
from tests.integration.servers import wait_until
from voxtrude.topics import BROKER_UPTIME

CALIBRATION = "calibration"
PROBES = 200
DROPPED = "$SYS/broker/publish/messages/dropped"
TOLD = 30.0
READING = "temperatures.tool0.actual"

Observation = tuple[float, str, float]
"""When, which printer, which number it had reached."""


class Commits:
    """Follows the database's change stream, which tells of a write once it is committed."""

    def __init__(self, stack: Stack, pipe: "Connection[object, Any]") -> None:
        self._stack = stack
        self._pipe = pipe

    def delay(self) -> list[float]:
        """Return by how much the stream follows the confirmation of a write, many times."""
        confirmed: list[float] = []
        with self._stack.database() as database:
            collection = database.get_collection(
                CALIBRATION, write_concern=pymongo.WriteConcern(w="majority", j=True)
            )
            for number in range(PROBES):
                collection.replace_one(
                    {"_id": "probe"},
                    {"state": {"temperatures": {"tool0": {"actual": float(number)}}}},
                    upsert=True,
                )
                confirmed.append(time.time())
                time.sleep(0.003)
        return [
            at - confirmed[int(number)] for at, name, number in self._collect() if name == "probe"
        ]

    def seen(self) -> list[Observation]:
        """Return what was seen since the last call."""
        return [one for one in self._collect() if one[1].startswith("prn-")]

    def _collect(self) -> list[Observation]:
        with self._stack.database() as database:
            database[CALIBRATION].replace_one({"_id": "end"}, {}, upsert=True)
            database[CALIBRATION].delete_one({"_id": "end"})
        collected: list[Observation] = self._pipe.recv()
        return collected


def _follow(port: int, pipe: "Connection[Any, object]") -> None:
    """Follow the change stream for ever; hand over what was seen at each end mark."""
    client = pymongo.MongoClient[dict[str, Any]]("127.0.0.1", port, directConnection=True)
    project = {"documentKey": 1, "operationType": 1, f"fullDocument.state.{READING}": 1}
    seen: list[Observation] = []
    with (
        client,
        client["voxtrude"].watch(
            [{"$match": {"ns.coll": {"$in": ["states", CALIBRATION]}}}, {"$project": project}]
        ) as stream,
    ):
        pipe.send([])
        for change in stream:
            at = time.time()
            name = change["documentKey"]["_id"]
            if name == "end":
                if change["operationType"] == "delete":
                    pipe.send(seen)
                    seen = []
                continue
            try:
                number = change["fullDocument"]["state"]["temperatures"]["tool0"]["actual"]
            except KeyError:
                continue
            seen.append((at, name, number))


@contextlib.contextmanager
def commits(stack: Stack) -> Iterator[Commits]:
    """Follow what is committed until the block ends."""
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    process = context.Process(target=_follow, args=(stack.mongo_port, theirs), daemon=True)
    process.start()
    try:
        ours.recv()
        yield Commits(stack, ours)
    finally:
        process.kill()
        process.join()


class Announcements:
    """Collects with the C client what is published on our own topics."""

    def __init__(self, process: "subprocess.Popen[bytes]", file: Path) -> None:
        self._process = process
        self._file = file

    def reached(self, number: float) -> int:
        """Return how many printers were announced with this number so far."""
        sign = f'"actual":{number},'
        lines = self._file.read_text().splitlines()
        return len({line.split(" ", 2)[1] for line in lines if sign in line})

    def lacks(self, ids: Iterable[str]) -> bool:
        """Tell whether the document of one of these ids has not come yet."""
        text = self._file.read_text()
        return any(f'"id":"{one}"' not in text for one in ids)

    def lines(self) -> list[tuple[float, str, dict[str, Any]]]:
        """End the collection; return (when, topic, document) of each message."""
        self._process.terminate()
        self._process.wait()
        found = []
        for line in self._file.read_text().splitlines():
            at, topic, payload = line.split(" ", 2)
            found.append((float(at), topic, json.loads(payload)))
        return found

    def readings(self) -> list[Observation]:
        """Return which number of each printer was announced when."""
        return [
            (at, topic.split("/")[3], document["temperatures"]["tool0"]["actual"])
            for at, topic, document in self.lines()
            if "tool0" in document["temperatures"]
        ]


@contextlib.contextmanager
def announcements(stack: Stack, topic: str) -> Iterator[Announcements]:
    """Collect what is published on ``topic``, but not what the broker had kept."""
    file = stack.folder / "announcements.txt"
    command = [program("mosquitto_sub"), *stack.client_options("observer"), "-R", "-q", "1"]
    # A session of its own that stays, so that it misses nothing when the broker restarts.
    command += ["-c", "-i", "observer", "-V", "mqttv311", "-t", topic, "-F", "%U %t %p"]
    with file.open("wb") as output:
        process = subprocess.Popen(command, stdout=output)
    try:
        yield Announcements(process, file)
    finally:
        process.kill()
        process.wait()


class Drops:
    """Follows what the broker says of messages that it has dropped.

    It must listen from the start: what does not change expires after a minute.
    """

    def __init__(self, file: Path) -> None:
        self._file = file

    def _told(self, topic: str) -> list[str]:
        lines = (line.split(" ", 1) for line in self._file.read_text().splitlines())
        return [said for name, said in lines if name == topic]

    def count(self) -> int:
        """Return how many were dropped until now: the broker tells it each ten seconds."""
        before = len(self._told(BROKER_UPTIME))
        wait_until(lambda: len(self._told(BROKER_UPTIME)) > before, TOLD, "no uptime is told")
        return int(self._told(DROPPED)[-1])


@contextlib.contextmanager
def drops(stack: Stack) -> Iterator[Drops]:
    """Follow the broker's count of dropped messages until the block ends."""
    file = stack.folder / "dropped.txt"
    command = [program("mosquitto_sub"), *stack.client_options("keeper"), "-F", "%t %p"]
    command += ["-t", DROPPED, "-t", BROKER_UPTIME]
    with file.open("wb") as output:
        process = subprocess.Popen(command, stdout=output)
    try:
        yield Drops(file)
    finally:
        process.kill()
        process.wait()


def latencies(sent: dict[str, list[float]], seen: list[Observation]) -> list[float]:
    """Return for each message how long it took until it, or a later one, was seen.

    ``sent`` holds the times of each printer's messages; the first carries number 0.5,
    the next 1.5: whole numbers are none of these messages.
    """
    found: list[float] = []
    reached = dict.fromkeys(sent, 0)
    for at, printer, number in sorted(seen):
        times = sent.get(printer)
        if times is None or number.is_integer():
            continue
        upto = min(int(number) + 1, len(times))
        found += [at - moment for moment in times[reached[printer] : upto]]
        reached[printer] = max(reached[printer], upto)
    missing = sum(len(times) - reached[printer] for printer, times in sent.items())
    if missing:
        raise RuntimeError(f"{missing} messages were never seen")
    return found
