"""A browser's side of a stream of server-sent events, read in a thread of its own."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import httpx

from tests.integration.servers import wait_until

DEADLINE = 15.0


@dataclass
class Stream:
    """What was told so far."""

    events: list[tuple[str, Any]] = field(default_factory=list)
    text: str = ""
    status: int = 0
    ended: bool = False
    rows: dict[str, dict[str, str]] = field(default_factory=dict)
    gone: set[str] = field(default_factory=set)
    head: dict[str, str] = field(default_factory=dict)

    def read(self, answer: httpx.Response) -> None:
        """Read until it ends."""
        kind = "message"
        for line in answer.iter_lines():
            self.text += f"{line}\n"
            name, _, value = line.partition(": ")
            if name == "event":
                kind = value
            elif name == "data":
                told = json.loads(value)
                self.use(told)
                self.events.append((kind, told))
            elif not line:
                kind = "message"

    def use(self, told: dict[str, Any]) -> None:
        """Do what the page's script does."""
        for printer, slots in told.get("rows", {}).items():
            self.rows[printer] = {**self.rows.get(printer, {}), **slots}
        for printer in told.get("gone", []):
            self.gone.add(printer)
            self.rows.pop(printer, None)
        self.head |= told.get("head", {})

    def wait_for(self, printer: str, **slots: str) -> dict[str, str]:
        """Wait until a row's slots are so; return the row."""

        def holds() -> bool:
            row = self.rows.get(printer, {})
            return bool(row) and all(row.get(name) == text for name, text in slots.items())

        wait_until(holds, DEADLINE, f"no {slots} in {self.rows.get(printer)}")
        return self.rows[printer]

    def kinds(self) -> list[str]:
        """Return of which kinds the events were."""
        return [kind for kind, _ in self.events]


@contextmanager
def streaming(client: httpx.Client, path: str = "/live") -> Iterator[Stream]:
    """Follow a stream until the block ends."""
    found = Stream()
    headers = {"accept": "text/event-stream"}
    timeout = httpx.Timeout(DEADLINE, read=30)

    def follow() -> None:
        try:
            found.read(answer)
        except (httpx.HTTPError, httpx.StreamError, OSError):
            return  # it was closed here or there
        finally:
            found.ended = True

    with client.stream("GET", path, headers=headers, timeout=timeout) as answer:
        found.status = answer.status_code
        reader = threading.Thread(target=follow, daemon=True)
        reader.start()
        yield found
    reader.join(DEADLINE)
