"""The OPC UA bridge as its operator runs it: a real process at a real broker, and its clients.

Printers are told of as ingest tells of them: by retained states.
"""

import json
import os
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from tests.integration.brokers import Raw, Site, site
from tests.integration.opcua_clients import Login
from tests.integration.opcua_guests import DEADLINE, MACHINES, Guest
from tests.integration.servers import Server, free_port, wait_until
from tests.opcua_printers import REGISTRATION, document
from voxtrude import presence
from voxtrude.dynsec import BRIDGE, INGEST
from voxtrude.notices import Condition, EventDocument
from voxtrude.opcua import access
from voxtrude.opcua.check.client import Access, connected
from voxtrude.opcua.identity import Identity
from voxtrude.opcua.settings import Opcua
from voxtrude.opcua.users import Users
from voxtrude.printer import PrinterState
from voxtrude.process import utc_now
from voxtrude.registration import Registration, new_printer_id
from voxtrude.topics import events_topic, service_topic, state_topic

USER, PASSWORD = "mes", "correct horse battery"
Facts = Any
"""A field of a registration."""


def machine(name: str = "a machine", **facts: Facts) -> Registration:
    """Register a printer that no other test has."""
    identity = new_printer_id()
    made = replace(REGISTRATION, id=identity, name=name, base_topic=f"octoPrint/{identity}/")
    return replace(made, **facts)


def node(one: Registration, path: str = "") -> str:
    """Return the NodeId of a machine, or of a node below it, for node-opcua."""
    return f"nsu={MACHINES};s={one.id}/{path}" if path else f"nsu={MACHINES};s={one.id}"


@dataclass(frozen=True)
class Hall:
    """The endpoints of a bridge that show some machines only: their ports."""

    lone: Registration
    first: int  # of MES 1
    second: int
    alone: int  # of one machine

    @property
    def endpoints(self) -> str:
        """What is set."""
        return f"{self.first}=mes:1, {self.second}=mes:2, {self.alone}={self.lone.id}"


def entry(environment: dict[str, str] | None = None) -> dict[str, str]:
    """Return an environment with no settings but these."""
    bare = {k: v for k, v in os.environ.items() if not k.startswith("VOXTRUDE_")}
    return bare | (environment or {})


@dataclass
class Floor:
    """A broker, and ingest's account on it, by which a test tells of printers."""

    site: Site
    folder: Path
    broker: Server
    ingest: Raw

    @contextmanager
    def revived(self) -> Iterator["Floor"]:
        """Run the broker again after it was stopped, until the block ends."""
        with self.site.run() as broker, _ingest(self.site) as ingest:
            yield replace(self, broker=broker, ingest=ingest)

    def put(self, one: Registration, state: PrinterState) -> None:
        """Tell a printer's state, as it is kept for those that come."""
        told = document(state, one).model_dump_json()
        assert self.ingest.publish(state_topic(one.id), told.encode(), retain=True)

    def send(self, one: Registration, state: PrinterState) -> None:
        """Tell a state, and do not wait until the broker has it."""
        self.ingest.send(state_topic(one.id), document(state, one).model_dump_json().encode())

    def remove(self, one: Registration) -> None:
        """Tell that there is no such printer."""
        assert self.ingest.publish(state_topic(one.id), b"", retain=True)

    def happen(self, event: EventDocument, one: Registration) -> None:
        """Tell an event."""
        assert self.ingest.publish(events_topic(one.id), event.model_dump_json().encode())

    def is_(self, condition: Condition) -> None:
        """Tell how ingest is."""
        told = presence.document(INGEST, condition, datetime.now(UTC))
        assert self.ingest.publish(service_topic(INGEST), told, retain=True)

    @contextmanager
    def bridge(self, extra: dict[str, object] | None = None) -> Iterator["Bridge"]:
        """Run a bridge until the block ends."""
        with running_bridge(self.site, self.folder, extra) as found:
            yield found


def bridge_environment(
    place: Site, data: Path, extra: dict[str, object] | None = None
) -> dict[str, str]:
    """Return what a bridge is told; ``extra`` are settings without their common prefix."""
    username, secret = place.service(BRIDGE)
    told: dict[str, object] = {
        "MQTT_PORT": place.settings.port,
        "MQTT_USERNAME": username,
        "MQTT_PASSWORD": secret,
        "OPCUA_PORT": free_port(),
        "OPCUA_DATA": data,
        "LOG_FORMAT": "json",
    }
    return entry({f"VOXTRUDE_{k}": str(v) for k, v in (told | (extra or {})).items()})


def start(environment: dict[str, str], log: Path) -> "subprocess.Popen[bytes]":
    """Start a bridge."""
    with log.open("ab") as output:
        return subprocess.Popen(
            [sys.executable, "-m", "services.opcua_bridge"],
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
        )


def _ingest(place: Site) -> Raw:
    return Raw(place.settings.port, place.service(INGEST))


@contextmanager
def running_floor(folder: Path) -> Iterator[Floor]:
    """Run a broker with a running ingest until the block ends."""
    place = site("native", folder / "data")
    place.render()
    with place.run() as broker, _ingest(place) as ingest:
        made = Floor(place, folder, broker, ingest)
        made.is_(Condition.RUNNING)
        yield made


@contextmanager
def running_bridge(
    place: Site, folder: Path, extra: dict[str, object] | None = None
) -> Iterator["Bridge"]:
    """Run a bridge until the block ends; entered once it serves what the broker keeps.

    There is a user, and a client whose certificate is trusted.
    """
    settings = Opcua(data=folder / "opcua")
    if USER not in Users(settings.users):
        Users(settings.users).add(USER, password=PASSWORD)
    environment = bridge_environment(place, settings.data, extra)
    log = folder / "bridge.log"
    process = start(environment, log)
    made = Bridge(process, log, settings, int(environment["VOXTRUDE_OPCUA_PORT"]))
    try:
        wait_until(lambda: made.count("serving") or process.poll() is not None, DEADLINE)
        assert process.poll() is None, f"the bridge ended:\n{made.said}"
        yield made
    finally:
        if process.poll() is None:
            made.stop()
        assert "Traceback" not in made.said, made.said


@dataclass
class Bridge(Server):
    """A running bridge, and what a client needs."""

    settings: Opcua
    port: int

    @property
    def url(self) -> str:
        return self.at(self.port)

    @staticmethod
    def at(port: int) -> str:
        return f"opc.tcp://127.0.0.1:{port}"

    @property
    def client(self) -> Identity:
        """Our client, which is trusted."""
        return access.client(self.settings, utc_now())

    @property
    def login(self) -> Login:
        """How node-opcua comes in."""
        ours = self.client
        return Login(
            username=USER,
            password=PASSWORD,
            certificate=ours.certificate_path,
            key=ours.key_path,
            uri=ours.uri,
        )

    def access(self, username: str = USER, password: str = PASSWORD) -> Access:
        """Return how asyncua's client comes in."""
        ours = self.client
        return Access(
            username=username,
            password=password,
            certificate=ours.certificate_path,
            key=ours.key_path,
        )

    @asynccontextmanager
    async def connected(self, port: int | None = None) -> AsyncIterator[Guest]:
        """Connect asyncua's client until the block ends."""
        async with connected(self.at(port or self.port), self.access()) as connection:
            index = await connection.client.get_namespace_index(MACHINES)
            yield Guest(connection.client, index)

    def lines(self) -> list[dict[str, Any]]:
        """Return what it logged; every line must be JSON."""
        return [json.loads(line) for line in self.said.splitlines()]

    def count(self, event: str) -> int:
        """Return how often something was logged."""
        return self.said.count(f'"event": "{event}"')
