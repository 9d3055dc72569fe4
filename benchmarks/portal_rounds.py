"""Rounds of the portal's benchmark: printers talk, pages are open, and one server is measured."""

import contextlib
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks import portal_chromium
from benchmarks.ingest import introduce, quantiles
from benchmarks.portal_browsers import Order, Tally, watching
from benchmarks.portal_servers import Servers
from benchmarks.portal_traffic import Talk, Window, expected, latencies
from benchmarks.printers import connected
from benchmarks.stack import cpu_seconds, memory, running
from tests.integration.servers import Server

LATE = 2.0  # seconds: no change is to take longer
LOOK = 0.25  # seconds between two looks at the memory
BEAT = 0.5  # seconds between two messages of the product's stream to one page

OURS = "the live page"
PLAIN = "whole documents at once"
COLLECTED = "the same twice a second"
RELOADS = "reloaded once a second"
DOCUMENT, SCREEN = "Chromium: in the document", "Chromium: on the screen"


@dataclass(frozen=True, slots=True)
class Sizes:
    """How much is measured; the small ones only show that it works."""

    printers: int = 300
    browsers: int = 20
    rounds: int = 3
    warm_seconds: float = 3.0
    seconds: float = 20.0


@dataclass(frozen=True, slots=True)
class Measured:
    """One server with so many pages open.

    Latencies are milliseconds; ``late`` counts those above two seconds. ``messages`` (or pages)
    and ``bytes`` are what one page gets in a second. ``cpu`` and ``browsers_cpu`` are percent of
    a core, ``machine`` is percent of all cores, ``memory_mib`` the most while it was measured.
    """

    server: str
    browsers: int
    changes: int
    p50: float
    p99: float
    worst: float
    late: int
    lost: int
    messages: float
    bytes: float
    cpu: float
    memory_mib: float
    browsers_cpu: float
    machine: float


@dataclass(frozen=True, slots=True)
class _Load:
    """What a server took within a window."""

    window: Window
    cpu: float
    memory_mib: float
    machine: float


class Bench:
    """Printers that talk, and servers that tell of them; made by ``prepared``."""

    def __init__(self, sizes: Sizes, servers: Servers, talk: Talk) -> None:
        self._sizes = sizes
        self._servers = servers
        self._talk = talk

    def live(self, browsers: int) -> Measured:
        """Measure the product's page with so many browsers, each signed in by itself."""
        print(f"{OURS}: {browsers} browsers", flush=True)
        with self._servers.portal() as portal:
            cookies = [portal.sign_in() for _ in range(browsers)]
            order = Order(portal.port, "/live", "changes", cookies, self._talk.keys())
            return self._measured(OURS, portal.server, order)

    def stream(self, name: str, beat: float) -> Measured:
        """Measure a plain stream of documents; see baseline/portal_stream.py."""
        print(f"{name}: {self._sizes.browsers} browsers", flush=True)
        with self._servers.stream(beat) as (server, port):
            cookies = ["none"] * self._sizes.browsers
            order = Order(port, "/live", "documents", cookies, self._talk.keys())
            return self._measured(name, server, order)

    def reloads(self) -> Measured:
        """Measure the product's page loaded once a second; its latencies are those of an answer."""
        print(f"{RELOADS}: {self._sizes.browsers} browsers", flush=True)
        with self._servers.portal() as portal:
            cookies = [portal.sign_in() for _ in range(self._sizes.browsers)]
            order = Order(portal.port, "/printers", "reloads", cookies, self._talk.keys())
            return self._measured(RELOADS, portal.server, order)

    def chromium(self) -> list[Measured]:
        """Measure the product's page in one real browser: in its document, and on its screen."""
        print("Chromium: 1 browser", flush=True)
        talk = self._talk
        with self._servers.portal() as portal, contextlib.ExitStack() as talking:
            talking.enter_context(talk.going_on())
            with portal_chromium.opened(portal, talk.keys()) as page:
                load = self._loaded(portal.server)
                talking.close()
                page.wait_for(talk.reached())
                seen = page.take()
        many = expected(talk.sent, load.window)
        return [
            _row(name, 1, load, latencies(talk.sent, one, load.window), many)
            for name, one in zip((DOCUMENT, SCREEN), seen, strict=True)
        ]

    def _measured(self, name: str, server: Server, order: Order) -> Measured:
        talk, count = self._talk, len(order.cookies)
        with contextlib.ExitStack() as talking:
            talking.enter_context(talk.going_on())
            with watching(order) as browsers:
                time.sleep(self._sizes.warm_seconds)
                _, before = browsers.take()
                load = self._loaded(server)
                got, after = browsers.take()
                talking.close()
                browsers.wait_for(talk.reached())
                rest, _ = browsers.take()
        delays = [
            delay
            for tally, last in zip(got, rest, strict=True)
            for delay in latencies(talk.sent, tally.seen + last.seen, load.window)
        ]
        many = expected(talk.sent, load.window) * count
        if order.kind == "reloads":
            delays = _answers(got)
            many = len(delays)
        return _row(
            name, count, load, delays, many, got, (after - before) / load.window.seconds * 100
        )

    def _loaded(self, server: Server) -> _Load:
        """Let the time of a round pass, and look at what the server takes."""
        began, used, (busy, ticks) = time.time(), cpu_seconds(server), _ticks()
        most = memory(server)
        while time.time() < began + self._sizes.seconds:
            time.sleep(LOOK)
            most = max(most, memory(server))
        ended, used = time.time(), cpu_seconds(server) - used
        busy_now, ticks_now = _ticks()
        return _Load(
            window=Window(began, ended),
            cpu=used / (ended - began) * 100,
            memory_mib=most,
            machine=(busy_now - busy) / max(ticks_now - ticks, 1) * 100,
        )


@contextlib.contextmanager
def prepared(folder: Path, sizes: Sizes, python: str) -> Iterator[Bench]:
    """Run broker, database and ingest, with printers that print, until the block ends.

    ``python`` is the interpreter of the services.
    """
    with (
        running(folder, sizes.printers, python) as stack,
        connected(stack.port, stack.printers) as hosts,
    ):
        introduce(stack, hosts)
        stack.start_ingest()
        yield Bench(sizes, Servers(stack, python), Talk(stack.printers, hosts))


def _row(
    name: str,
    browsers: int,
    load: _Load,
    delays: list[float],
    many: int,
    got: Sequence[Tally] = (),
    browsers_cpu: float = 0.0,
) -> Measured:
    figures = quantiles(delays) if len(delays) > 1 else {"p50": 0.0, "p99": 0.0, "max": 0.0}
    each = max(len(got), 1) * load.window.seconds
    return Measured(
        server=name,
        browsers=browsers,
        changes=many,
        p50=figures["p50"],
        p99=figures["p99"],
        worst=figures["max"],
        late=sum(delay > LATE for delay in delays),
        lost=many - len(delays),
        messages=sum(tally.messages for tally in got) / each,
        bytes=sum(tally.bytes for tally in got) / each,
        cpu=load.cpu,
        memory_mib=load.memory_mib,
        browsers_cpu=browsers_cpu,
        machine=load.machine,
    )


def _answers(tallies: Sequence[Tally]) -> list[float]:
    """Return how long each answer took, in seconds."""
    return [there - asked for tally in tallies for asked, there in tally.loads]


def _ticks() -> tuple[int, int]:
    """Return how long all cores were busy, and how long they were there."""
    fields = [int(field) for field in Path("/proc/stat").read_text().split("\n", 1)[0].split()[1:9]]
    idle = fields[3] + fields[4]  # and waiting for a disk
    return sum(fields) - idle, sum(fields)
