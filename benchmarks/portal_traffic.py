"""What the measured printers say: each one message a second, and each changes its row.

A printer tells in turn the temperature of its tool, that of its bed, and its progress with the
extended information. Numbers count up, so that a page tells how far it has come.
"""

import contextlib
import itertools
import threading
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from benchmarks import traffic
from benchmarks.printers import Host, Printer, publish
from voxtrude.simulator.payloads import encoded
from voxtrude.simulator.printer_data import Moment, printer_data

SLOTS = ("heater.0.actual", "heater.1.actual", "bar@value")
"""Where on the page the numbers of a printer appear; see services/skill/live/rows.py."""

KINDS = len(SLOTS)
TOOL, BED, PROGRESS = range(KINDS)

SLOW = 2
"""So many messages of progress tell the same percentage, or prints would be over too soon."""

LAST = 98  # percent: what a page tells of the rest is no number
PACE = 36  # seconds of a print in each percent

Seen = tuple[float, int, int]
"""When somebody saw which key at which number; keys are KINDS times the printer, plus the kind."""


@dataclass(frozen=True, slots=True)
class Window:
    """The time that is measured, in seconds since 1970."""

    began: float
    ended: float

    @property
    def seconds(self) -> float:
        """How long it took."""
        return self.ended - self.began


class Talk:
    """What all printers have said: ``sent`` has for each key when it reached 1, 2, 3 and so on."""

    def __init__(self, printers: Sequence[Printer], hosts: Sequence[Host]) -> None:
        self.sent: list[list[float]] = [[] for _ in range(len(printers) * KINDS)]
        self._printers = printers
        self._hosts = hosts
        self._numbers = itertools.count()
        self._percents = [itertools.count() for _ in printers]

    def keys(self) -> dict[str, int]:
        """Return the first key of each printer."""
        return {printer.id: place * KINDS for place, printer in enumerate(self._printers)}

    def reached(self) -> list[int]:
        """Return the last number of each key; only while nobody talks."""
        return [len(times) for times in self.sent]

    @contextlib.contextmanager
    def going_on(self) -> Iterator[None]:
        """Let the printers talk until the block ends, evenly spread over each second."""
        over = threading.Event()

        def talk() -> None:
            began = time.monotonic()
            for count, number in enumerate(self._numbers):
                self._say(number)
                if over.wait(max(began + (count + 1) / len(self._hosts) - time.monotonic(), 0)):
                    return

        thread = threading.Thread(target=talk, daemon=True)
        thread.start()
        try:
            yield
        finally:
            over.set()
            thread.join()

    def _say(self, number: int) -> None:
        turn, place = divmod(number, len(self._hosts))
        kind = (turn + place) % KINDS  # each kind is said by a third of the printers at a time
        times = self.sent[place * KINDS + kind]
        reached = len(times) + 1
        if kind == PROGRESS:
            reached = min(next(self._percents[place]) // SLOW + 1, LAST)
        topic, payload, retain = _saying(kind, place, reached)
        now = time.time()
        packet = publish(
            self._printers[place].topic(topic), encoded(payload, int(now)), retain=retain
        )
        if reached > len(times):
            times.append(time.time())
        self._hosts[place].send(packet)


def _saying(kind: int, place: int, number: int) -> traffic.Saying:
    if kind == TOOL:
        return traffic.temperature("tool0", float(number), 215.0)
    if kind == BED:
        return traffic.temperature("bed", float(number), 60.0)
    file = traffic.file_of(place)
    moment = Moment(
        text="Printing",
        height=4.2,
        completion=float(number),
        print_time=number * PACE,
        time_left=(100 - number) * PACE,
        origin="linear",
    )
    return traffic.progress(file, number, printer_data(file, moment))


def latencies(sent: Sequence[Sequence[float]], seen: Sequence[Seen], window: Window) -> list[float]:
    """Return how long each number that was sent in the window took to one watcher, in seconds.

    A later number of the same key tells of the ones before; what was never seen is left out.

    Raises:
        RuntimeError: A number was seen before it was sent.
    """
    found: list[float] = []
    reached: dict[int, int] = {}
    for at, key, number in seen:
        before = reached.get(key, 0)
        if number > len(sent[key]) or at < sent[key][number - 1]:
            raise RuntimeError(f"a page tells of {number}, which no printer has said yet")
        found += [
            at - moment
            for moment in sent[key][before:number]
            if window.began <= moment <= window.ended
        ]
        reached[key] = max(before, number)
    return found


def expected(sent: Sequence[Sequence[float]], window: Window) -> int:
    """Return how many numbers were sent in the window."""
    return sum(window.began <= moment <= window.ended for times in sent for moment in times)
