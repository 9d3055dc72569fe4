"""The servers that are measured: Mosquitto as the product renders it, mongod, ingest."""

import asyncio
import contextlib
import itertools
import shutil
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pymongo

from benchmarks.printers import Host, Printer
from broker import rendering, secrets
from broker.settings import Broker
from tests.integration import servers
from tests.integration.servers import Server, free_port, wait_until
from voxtrude.credentials import hashed, new_secret
from voxtrude.mongo import client, schema
from voxtrude.mongo.printers import Printers
from voxtrude.registration import Registration, Standing, new_printer_id, standard_base
from voxtrude.retention import Retention
from voxtrude.settings import Mongo

AT_ONCE = 200
START = 60.0  # seconds that ingest may take to listen


class Stack:
    """One broker, one database and their printers; made by ``running``."""

    def __init__(
        self, folder: Path, printers: list[Printer], cleanup: contextlib.ExitStack, python: str
    ) -> None:
        self.folder = folder
        self._python = python
        self.printers = printers
        self.broker_settings = Broker(data=folder / "data", port=free_port(), tls_port=0)
        self.mongo_port = free_port()
        self.mongo_url = f"mongodb://127.0.0.1:{self.mongo_port}/?replicaSet=rs0"
        self._cleanup = cleanup
        self._numbers = itertools.count(1)
        self._config = rendering.render(
            self.broker_settings,
            "localhost",
            [printer.registration for printer in printers],
            datetime.now(UTC),
        )
        self._secrets = secrets.load(self.broker_settings.secrets)
        (folder / "mongod").mkdir()
        self.mongod = self.start_mongod()
        asyncio.run(self._register())
        self.broker = self.start_broker()

    async def _register(self) -> None:
        async with client.connect(Mongo.model_validate({"url": self.mongo_url})) as database:
            await schema.migrate(database, Retention())
            collection = Printers(database)
            for start in range(0, len(self.printers), AT_ONCE):
                some = self.printers[start : start + AT_ONCE]
                await asyncio.gather(*(collection.add(one.registration) for one in some))

    # Servers ------------------------------------------------------------------------------

    def start_mongod(self) -> Server:
        """Start the database; again on the same data after it was killed."""
        self.mongod = self._cleanup.enter_context(
            servers.mongod(self.folder / "mongod", self.mongo_port)
        )
        return self.mongod

    def start_broker(self) -> Server:
        """Start the broker; again on the same data after it was stopped."""
        self.broker = self._cleanup.enter_context(servers.mosquitto(self._config))
        return self.broker

    def start_ingest(self, *, wait: bool = True) -> Server:
        """Start ingest, and with ``wait`` return once it listens."""
        username, secret = self.login("ingest")
        password = self.folder / "ingest.secret"
        password.write_text(secret)
        command = [
            "env",
            f"VOXTRUDE_MONGO_URL={self.mongo_url}",
            f"VOXTRUDE_MQTT_PORT={self.port}",
            f"VOXTRUDE_MQTT_USERNAME={username}",
            f"VOXTRUDE_MQTT_PASSWORD_FILE={password}",
            "VOXTRUDE_LOG_FORMAT=json",
            *(self._python, "-m", "services.ingest"),
        ]
        log = self.folder / f"ingest-{next(self._numbers)}.log"
        server = self._cleanup.enter_context(servers.running(command, log, []))
        if wait:
            wait_until(
                lambda: '"listening"' in server.said or server.process.poll() is not None,
                START,
                f"ingest does not listen: {log}",
            )
            if server.process.poll() is not None:
                raise RuntimeError(f"ingest has ended:\n{server.said}")
        return server

    # Ways in ------------------------------------------------------------------------------

    @property
    def port(self) -> int:
        """The broker's port."""
        return self.broker_settings.port

    def login(self, service: str) -> tuple[str, str]:
        """Return a service's user name and secret at the broker."""
        return service, self._secrets[service]

    def client_options(self, service: str) -> list[str]:
        """Return what Mosquitto's own clients need to log in as a service."""
        username, secret = self.login(service)
        return ["-h", "127.0.0.1", "-p", str(self.port), "-u", username, "-P", secret]

    def forget_session(self, service: str) -> None:
        """Let the broker drop a service's session with all that waits in it."""
        with Host(self.port, *self.login(service)):
            pass

    @contextlib.contextmanager
    def database(self) -> Iterator[pymongo.database.Database[dict[str, Any]]]:
        """Open the database with the plain driver."""
        with pymongo.MongoClient[dict[str, Any]](
            "127.0.0.1", self.mongo_port, directConnection=True
        ) as opened:
            yield opened["voxtrude"]


@contextlib.contextmanager
def running(folder: Path, printers: int, python: str = sys.executable) -> Iterator[Stack]:
    """Run broker and database in ``folder``, with that many registered printers.

    ``python`` is the interpreter that runs ingest.
    """
    now = datetime.now(UTC)
    made = [_printer(number, now) for number in range(printers)]
    with contextlib.ExitStack() as cleanup:
        yield Stack(folder, made, cleanup, python)


def _printer(number: int, now: datetime) -> Printer:
    identifier, secret = new_printer_id(), new_secret()
    registration = Registration(
        id=identifier,
        name=f"Printer {number}",
        base_topic=standard_base(identifier),
        created_at=now,
        alive_at=now,
        standing=Standing.ACTIVE,
        credential=hashed(secret),
    )
    return Printer(registration, secret)


def memory(server: Server, what: str = "VmRSS") -> float:
    """Return a process's resident memory in MiB; ``VmHWM`` is the most it ever had."""
    for line in Path(f"/proc/{server.pid}/status").read_text().splitlines():
        if line.startswith(f"{what}:"):
            return int(line.split()[1]) / 1024
    raise RuntimeError(f"the system does not tell {what}")


def cpu_seconds(server: Server) -> float:
    """Return how much processor time a process has used."""
    fields = Path(f"/proc/{server.pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / 100


def program(name: str) -> str:
    """Return the path of a program.

    Raises:
        RuntimeError: It is not on this machine.
    """
    path = shutil.which(name)
    if path is None:
        raise RuntimeError(f"there is no {name} on this machine: apt install mosquitto-clients")
    return path
