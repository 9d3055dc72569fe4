"""A database, a broker with printers and an ingest, for tests of the whole way."""

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pymongo

from tests.integration.brokers import V311, Printer, Raw, Site
from tests.integration.servers import Server, wait_until
from voxtrude.mongo import schema
from voxtrude.mongo.client import connect
from voxtrude.mongo.printers import Printers
from voxtrude.mongo.states import from_document
from voxtrude.printer import PrinterState
from voxtrude.retention import Retention
from voxtrude.settings import Mongo

DEADLINE = 20.0

Stored = dict[str, Any]


@dataclass
class Stack:
    """What one test works with; ``database`` is its own."""

    site: Site
    url: str
    database: str
    folder: Path
    client: "pymongo.MongoClient[Stored]"
    broker: Server

    @property
    def mongo(self) -> Mongo:
        return Mongo.model_validate({"url": self.url, "database": self.database})

    def collection(self, name: str) -> "pymongo.collection.Collection[Stored]":
        return self.client.get_database(self.database).get_collection(name)

    async def prepare(self, retention: Retention | None = None) -> None:
        """Migrate the database and register the printers."""
        async with connect(self.mongo) as database:
            await schema.migrate(database, retention or Retention())
            for one in self.site.printers:
                await Printers(database).add(one.registration)

    def environment(self, extra: Mapping[str, str] | None = None) -> dict[str, str]:
        """Return what ingest is told."""
        username, secret = self.site.service("ingest")
        bare = {k: v for k, v in os.environ.items() if not k.startswith("VOXTRUDE_")}
        return bare | {
            "VOXTRUDE_MONGO_URL": self.url,
            "VOXTRUDE_MONGO_DATABASE": self.database,
            "VOXTRUDE_MQTT_PORT": str(self.site.settings.port),
            "VOXTRUDE_MQTT_USERNAME": username,
            "VOXTRUDE_MQTT_PASSWORD": secret,
            "VOXTRUDE_LOG_FORMAT": "json",
            **(extra or {}),
        }

    @contextmanager
    def ingest(self, extra: Mapping[str, str] | None = None) -> Iterator["Ingest"]:
        """Run ingest until the block ends; enter it once it listens."""
        log = self.folder / "ingest.log"
        with log.open("ab") as output:
            process = subprocess.Popen(
                [sys.executable, "-m", "services.ingest"],
                env=self.environment(extra),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
            )
        one = Ingest(process, log)
        seen = one.count("listening")
        try:
            wait_until(
                lambda: one.count("listening") > seen or process.poll() is not None, DEADLINE
            )
            assert process.poll() is None, f"ingest ended:\n{one.said}"
            yield one
        finally:
            if process.poll() is None:
                one.stop()

    def publisher(self, printer: Printer) -> Raw:
        """Return the client of a printer, as OctoPrint's plugin is."""
        return Raw(self.site.settings.port, (printer.id, printer.secret), protocol=V311)

    def observer(self) -> Raw:
        """Return a client that may listen to what is announced."""
        return Raw(self.site.settings.port, self.site.service("observer"))

    def state(self, printer: Printer) -> PrinterState | None:
        """Return what is stored of a printer."""
        document = self.collection(schema.STATES).find_one({"_id": printer.id})
        kept = from_document(document) if document else None
        return kept.state if kept else None

    def wait_for_state(
        self, printer: Printer, condition: Callable[[PrinterState], object]
    ) -> PrinterState:
        """Wait until what is stored fulfils a condition; return it."""

        def holds() -> bool:
            state = self.state(printer)
            return state is not None and bool(condition(state))

        wait_until(holds, DEADLINE, f"the state is {self.state(printer)}")
        state = self.state(printer)
        assert state is not None
        return state


class Ingest(Server):
    """A running ingest and its log."""

    def lines(self) -> list[dict[str, Any]]:
        """Return what it logged; every line must be JSON."""
        return [json.loads(line) for line in self.said.splitlines()]

    def count(self, event: str) -> int:
        """Return how often something was logged."""
        return self.said.count(f'"event": "{event}"')


def heater(printer: Printer, name: str = "tool0") -> str:
    """Return a temperature topic."""
    return f"{printer.base}temperature/{name}"


def temperature(actual: float, target: float = 0.0, at: int | None = None) -> bytes:
    """Return a temperature payload."""
    stamp = int(datetime.now(UTC).timestamp()) if at is None else at
    return json.dumps({"actual": actual, "target": target, "_timestamp": stamp}).encode()


def event(kind: str, /, **fields: object) -> bytes:
    """Return an event payload."""
    stamp = int(datetime.now(UTC).timestamp())
    return json.dumps({**fields, "_event": kind, "_timestamp": stamp}).encode()
