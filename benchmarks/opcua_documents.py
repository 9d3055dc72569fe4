"""The whole bridge with the same load: documents on a real Mosquitto, as ingest retains them."""

import contextlib
import os
import sys
import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

from benchmarks import opcua_load
from benchmarks.opcua_load import Pace
from benchmarks.printers import Host, publish
from broker import rendering, secrets
from broker.settings import Broker
from tests.integration import servers
from tests.integration.servers import Server, free_port, wait_until
from voxtrude import __version__
from voxtrude.dynsec import BRIDGE, INGEST
from voxtrude.notices import Condition, ServiceDocument
from voxtrude.printer import PrinterId
from voxtrude.topics import service_topic, state_topic

START = 60.0  # seconds until the bridge serves all machines


_TIME = "%Y-%m-%dT%H:%M:%S.%fZ"
_VALUE, _AT = 987_654.25, datetime(2001, 2, 3, 4, 5, 6, 789_123, tzinfo=UTC)
"""What stands for what changes."""


class _Document:
    """A machine's document, written down once: making each anew would cost what is measured."""

    def __init__(self, machine: int) -> None:
        self._topic = state_topic(PrinterId(opcua_load.name(machine)))
        self._text = opcua_load.document(machine, _VALUE, _AT).model_dump_json()

    def packet(self, value: float) -> bytes:
        """Return the packet that retains it, with this value observed now."""
        now = f"{datetime.now(UTC):{_TIME}}"
        text = self._text.replace(str(_VALUE), str(value)).replace(f"{_AT:{_TIME}}", now)
        return publish(self._topic, text.encode(), retain=True)


@contextlib.contextmanager
def running(
    folder: Path, machines: int, cpu: int | None, others: int | None
) -> Iterator[tuple[Server, int]]:
    """Run a broker, and the bridge on it, with that many machines until the block ends.

    Return the bridge and its port. ``cpu`` is the bridge's core, ``others`` all the others'.
    """
    settings = Broker(data=folder / "broker", port=free_port(), tls_port=0)
    config = rendering.render(settings, "localhost", [], datetime.now(UTC))
    accounts = secrets.load(settings.secrets)
    password = folder / "bridge.secret"
    password.write_text(accounts[BRIDGE])
    port = free_port()
    command = [
        *(["taskset", "--cpu-list", str(cpu)] if cpu is not None else []),
        "env",
        f"VOXTRUDE_MQTT_PORT={settings.port}",
        f"VOXTRUDE_MQTT_USERNAME={BRIDGE}",
        f"VOXTRUDE_MQTT_PASSWORD_FILE={password}",
        f"VOXTRUDE_OPCUA_PORT={port}",
        f"VOXTRUDE_OPCUA_DATA={folder / 'opcua'}",
        # The load runs unencrypted: see README.md.
        "VOXTRUDE_OPCUA_NO_SECURITY=true",
        "VOXTRUDE_OPCUA_ANONYMOUS=true",
        "VOXTRUDE_LOG_FORMAT=json",
        *(sys.executable, "-m", "services.opcua_bridge"),
    ]
    with (
        servers.mosquitto(config) as broker,
        Host(settings.port, INGEST, accounts[INGEST]) as host,
    ):
        if others is not None:
            os.sched_setaffinity(broker.pid, {others})
        host.send(_presence())
        documents = [_Document(machine) for machine in range(machines)]
        for document in documents:
            host.send(document.packet(0.0))
        with servers.running(command, folder / "bridge.log", []) as server:
            wait_until(
                lambda: '"serving"' in server.said or server.process.poll() is not None,
                START,
                f"the bridge does not serve: {folder / 'bridge.log'}",
            )
            server.wait_for(port)
            with _publishing(host, documents, others):
                yield server, port


@contextlib.contextmanager
def _publishing(host: Host, documents: list[_Document], cpu: int | None) -> Iterator[None]:
    """Let every machine's document change once a second until the block ends."""
    over = threading.Event()

    def talk() -> None:
        if cpu is not None:
            os.sched_setaffinity(0, {cpu})  # this thread's
        pace = Pace(len(documents))
        while not over.is_set():
            for machine, value in pace.due():
                host.send(documents[machine].packet(value))
            time.sleep(opcua_load.TICK)

    thread = threading.Thread(target=talk, daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


def _presence() -> bytes:
    document = ServiceDocument(
        service=INGEST, state=Condition.RUNNING, since=datetime.now(UTC), release=__version__
    )
    return publish(service_topic(INGEST), document.model_dump_json().encode(), retain=True)
