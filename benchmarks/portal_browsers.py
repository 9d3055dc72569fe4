"""Many open pages in one process of their own: what they are sent, read as a browser reads it.

A page keeps one connection, with the cookie of a session of its own. It follows an event
stream, or loads the whole page once a second.
"""

import asyncio
import codecs
import contextlib
import json
import multiprocessing
import re
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from multiprocessing.connection import Connection
from typing import Any, Literal

import httptools

from benchmarks.portal_traffic import BED, KINDS, PROGRESS, SLOTS, TOOL, Seen
from tests.integration.servers import wait_until

START = 30.0  # seconds until every page has all printers
SETTLE = 10.0  # seconds that the last changes get
SECOND = 1.0
OK = 200

Kind = Literal["changes", "documents", "reloads"]
"""The product's stream, a stream of whole documents, and the whole page again and again."""

_LINE_END = re.compile("\r\n|\n|\r")


class EventStream:
    """Reads ``text/event-stream`` as HTML's standard says (9.2.6), without ids and retries."""

    def __init__(self) -> None:
        self._decoder = codecs.getincrementaldecoder("utf-8-sig")("replace")
        self._rest = ""
        self._data: list[str] = []
        self._event = ""

    def feed(self, chunk: bytes) -> Iterator[tuple[str, str]]:
        """Yield the events that are complete: type and data."""
        text = self._rest + self._decoder.decode(chunk)
        # A CR at the end may be the first half of a CRLF.
        half = "\r" if text.endswith("\r") else ""
        *lines, self._rest = _LINE_END.split(text.removesuffix("\r"))
        self._rest += half
        for line in lines:
            if line:
                name, _, value = line.partition(":")
                self._take(name, value.removeprefix(" "))
                continue
            if self._data:
                yield self._event or "message", "\n".join(self._data)
            self._data, self._event = [], ""

    def _take(self, name: str, value: str) -> None:
        if name == "data":
            self._data.append(value)
        elif name == "event":
            self._event = value


@dataclass(slots=True)
class Tally:
    """What arrived at one page since the last time: bytes are those of the answers' bodies."""

    bytes: int = 0
    messages: int = 0
    seen: list[Seen] = field(default_factory=list)
    loads: list[tuple[float, float]] = field(default_factory=list)
    """When a page was asked for, and when all of it was there."""


@dataclass(frozen=True, slots=True)
class Order:
    """What the pages are to do; a page for each cookie, ``keys`` are the printers' first ones."""

    port: int
    path: str
    kind: Kind
    cookies: Sequence[str]
    keys: Mapping[str, int]


class Page(asyncio.Protocol):
    """One page's connection."""

    def __init__(self, order: Order, cookie: str) -> None:
        self.tally = Tally()
        self.reached: dict[int, int] = {}
        self.fault: str | None = None
        self._order = order
        self._parser = httptools.HttpResponseParser(self)
        self._stream = EventStream()
        self._read = _changes if order.kind == "changes" else _documents
        self._asked = 0.0
        self._transport: asyncio.WriteTransport | None = None
        accepted = "text/html" if order.kind == "reloads" else "text/event-stream"
        self._request = (
            f"GET {order.path} HTTP/1.1\r\nHost: 127.0.0.1:{order.port}\r\n"
            f"Accept: {accepted}\r\nCache-Control: no-cache\r\nCookie: {cookie}\r\n\r\n"
        ).encode()

    def ask(self) -> None:
        """Ask for the stream, or for the page once more."""
        self._asked = time.time()
        if self._transport and not self._transport.is_closing():
            self._transport.write(self._request)

    def take(self) -> Tally:
        """Return what has arrived since the last time."""
        taken, self.tally = self.tally, Tally()
        return taken

    # asyncio's side, then the parser's.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin."""
        self._transport = transport  # type: ignore[assignment]  # a socket's can be written to
        self.ask()

    def data_received(self, data: bytes) -> None:
        """Read on."""
        self._parser.feed_data(data)

    def connection_lost(self, exc: Exception | None) -> None:
        """Note that the server has closed it: no page should come to that."""
        self.fault = self.fault or f"the connection was closed: {exc or 'no reason'}"

    def on_headers_complete(self) -> None:
        """Look at the status."""
        status = self._parser.get_status_code()
        if status != OK:
            self.fault = f"the answer is {status}"

    def on_body(self, body: bytes) -> None:
        """Count, and note the numbers that have arrived."""
        self.tally.bytes += len(body)
        if self._order.kind == "reloads":
            return
        for event, data in self._stream.feed(body):
            if event != "message":
                continue
            found = self._read(json.loads(data), self._order.keys)
            now = time.time()  # only now has a page something to show
            self.tally.messages += 1
            for key, number in found:
                self.reached[key] = max(number, self.reached.get(key, 0))
                self.tally.seen.append((now, key, number))

    def on_message_complete(self) -> None:
        """Ask again, a second after the last time; a stream has no end."""
        now = time.time()
        self.tally.loads.append((self._asked, now))
        self.tally.messages += 1
        rest = max(self._asked + SECOND - now, 0)
        asyncio.get_running_loop().call_later(rest, self.ask)


def _changes(message: Mapping[str, Any], keys: Mapping[str, int]) -> list[tuple[int, int]]:
    """Read a message of the product's stream; see services/skill/live/board.py."""
    return [
        (keys[printer] + kind, int(slots[slot].partition(" ")[0]))
        for printer, slots in message.get("rows", {}).items()
        for kind, slot in enumerate(SLOTS)
        if slots.get(slot, "")[:1].isdecimal()
    ]


def _documents(document: Mapping[str, Any], keys: Mapping[str, int]) -> list[tuple[int, int]]:
    """Read a whole document; see docs/topics.md."""
    first = keys[document["printer"]["id"]]
    temperatures, job = document["temperatures"], document["job"] or {}
    told = {
        TOOL: temperatures.get("tool0", {}).get("actual"),
        BED: temperatures.get("bed", {}).get("actual"),
        PROGRESS: job.get("progress"),
    }
    return [(first + kind, int(number)) for kind, number in told.items() if number is not None]


# The process ---------------------------------------------------------------------------------


async def _follow(order: Order, pipe: "Connection[Any, Any]") -> None:
    """Open all pages, then answer what is asked over the pipe until it ends."""
    loop = asyncio.get_running_loop()
    pages = []
    for number, cookie in enumerate(order.cookies):
        # People do not all open their pages in the same moment.
        await asyncio.sleep(SECOND / len(order.cookies) if number else 0)
        _, page = await loop.create_connection(
            lambda cookie=cookie: Page(order, cookie),  # type: ignore[misc]  # a default has no type
            "127.0.0.1",
            order.port,
        )
        pages.append(page)
    over = loop.create_future()

    def answer() -> None:
        try:
            asked, argument = pipe.recv()
        except EOFError:
            over.cancel()
            return
        answers: dict[str, Callable[[Any], Any]] = {
            "take": lambda _: ([page.take() for page in pages], time.process_time()),
            "fault": lambda _: next((page.fault for page in pages if page.fault), None),
            "lack": lambda numbers: sum(
                page.reached.get(key, 0) < number
                for page in pages
                for key, number in enumerate(numbers)
            ),
        }
        pipe.send(answers[asked](argument))

    loop.add_reader(pipe.fileno(), answer)
    with contextlib.suppress(asyncio.CancelledError):
        await over


def _run(order: Order, pipe: "Connection[Any, Any]") -> None:
    asyncio.run(_follow(order, pipe))


class Browsers:
    """The process, asked from outside; made by ``watching``."""

    def __init__(self, order: Order, pipe: "Connection[Any, Any]") -> None:
        self._order = order
        self._pipe = pipe

    def take(self) -> tuple[list[Tally], float]:
        """Return what each page got since the last time, and the processor time until now."""
        taken: tuple[list[Tally], float] = self._ask("take")
        return taken

    def lacking(self, numbers: Sequence[int]) -> int:
        """Return how many numbers, of all pages together, have not been reached."""
        if self._order.kind == "reloads":
            return 0
        lacking: int = self._ask("lack", list(numbers))
        return lacking

    def wait_for(self, numbers: Sequence[int], seconds: float = SETTLE) -> int:
        """Wait until every page has reached these numbers; return how many it still lacks."""
        with contextlib.suppress(TimeoutError):
            wait_until(lambda: self.lacking(numbers) == 0, seconds)
        return self.lacking(numbers)

    def check(self) -> None:
        """Tell of a page that is broken.

        Raises:
            RuntimeError: It is.
        """
        if fault := self._ask("fault"):
            raise RuntimeError(f"a page is broken: {fault}")

    def _ask(self, what: str, argument: object = None) -> Any:  # noqa: ANN401  (as told)
        self._pipe.send((what, argument))
        return self._pipe.recv()


@contextlib.contextmanager
def watching(order: Order) -> Iterator[Browsers]:
    """Open the pages until the block ends; enter it once each has seen every printer."""
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    process = context.Process(target=_run, args=(order, theirs), daemon=True)
    process.start()
    theirs.close()
    try:
        browsers = Browsers(order, ours)
        lacking = browsers.wait_for([1] * len(order.keys) * KINDS, START) if order.cookies else 0
        browsers.check()
        if lacking:
            raise TimeoutError(f"{lacking} numbers are not on the pages")
        yield browsers
        browsers.check()
    finally:
        process.kill()
        process.join()
