"""The OPC UA servers that are measured and their clients, each in a process of its own."""

import contextlib
import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any, Self

from benchmarks import baseline, opcua_load
from tests.integration import nodejs, servers
from tests.integration.servers import Server, free_port, wait_until

OURS, STOCK, NODE = "ours", "asyncua", "node-opcua"
INTERVAL_MS = 100.0
START = 600.0  # seconds that a server may take for its machines
SUBSCRIBE = 600.0  # seconds that clients may take to subscribe
ANSWER = 60.0
TAIL = 2_000  # characters of a log that a fault shows


class Clients:
    """A process of OPC UA clients; see ``opcua_clients``."""

    def __init__(self, order: dict[str, object]) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "benchmarks.opcua_clients", json.dumps(order)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self.subscribe_seconds, self.compared = 0.0, 0

    def __enter__(self) -> Self:
        """Return once all of them have heard from every variable."""
        try:
            ready = self._line(SUBSCRIBE)
        except BaseException:
            self.end()
            raise
        self.subscribe_seconds, self.compared = ready["ready"], ready["compared"]
        return self

    def __exit__(self, *_: object) -> None:
        """End the process."""
        self.end()

    def take(self) -> dict[str, Any]:
        """Return what has arrived since the last time."""
        if self._process.stdin is None:
            raise RuntimeError("clients without a pipe")
        self._process.stdin.write("take\n")
        self._process.stdin.flush()
        return self._line(ANSWER)

    def end(self) -> None:
        """End the process: none of the clients says goodbye."""
        self._process.kill()
        self._process.communicate()

    def _line(self, seconds: float) -> dict[str, Any]:
        if self._process.stdout is None:
            raise RuntimeError("clients without a pipe")
        late = threading.Timer(seconds, self._process.kill)
        late.start()
        said = self._process.stdout.readline()
        late.cancel()
        if not said:
            raise RuntimeError("the clients have ended before their time")
        line: dict[str, Any] = json.loads(said)
        return line


class Contenders:
    """Starts servers on one core, and all clients on another, where there are two."""

    def __init__(self, folder: Path) -> None:
        cores = sorted(os.sched_getaffinity(0))
        alone = len(cores) > 1
        self.folder = folder
        self.server_core = cores[0] if alone else None
        self.client_core = cores[1] if alone else None
        self._tree = folder / "tree.json"
        opcua_load.tree().save(self._tree)
        self._starts = 0

    @contextlib.contextmanager
    def server(self, contender: str, machines: int) -> Iterator[tuple[Server, int, dict[str, Any]]]:
        """Run a server until the block ends; return it, its port, and what it says of itself.

        Raises:
            RuntimeError: It has ended.
            TimeoutError: It does not listen.
        """
        port = free_port()
        order = opcua_load.Order(port, machines, str(self._tree), self.server_core)
        self._starts += 1
        log = self.folder / f"{self._starts}-{contender}.log"
        with servers.running(self._command(contender, json.dumps(asdict(order))), log, []) as made:
            wait_until(
                lambda: facts(made) or made.process.poll() is not None,
                START,
                f"{contender} does not listen: {log}",
            )
            said = facts(made)
            if said is None:
                raise RuntimeError(f"{contender} has ended:\n{made.said[-TAIL:]}")
            yield made, port, said

    def clients(self, port: int, machines: int, clients: int, **more: object) -> Clients:
        """Start clients that subscribe to every changing value; enter what is returned."""
        names = self.folder / f"nodes-{machines}"
        names.write_text("\n".join(opcua_load.names(machines)))
        order: dict[str, object] = {
            "url": f"opc.tcp://127.0.0.1:{port}/",
            "nodes": str(names),
            "clients": clients,
            "interval_ms": INTERVAL_MS,
            "cpu": self.client_core,
        }
        return Clients(order | more)

    def _command(self, contender: str, order: str) -> list[str]:
        if contender != NODE:
            return [sys.executable, "-m", "benchmarks.opcua_servers", contender, order]
        script = baseline.install() / "opcua_server.js"
        # node-opcua makes itself certificates in the folder of the user's settings.
        command = ["env", f"XDG_CONFIG_HOME={self.folder / 'node-opcua'}"]
        if self.server_core is not None:
            command += ["taskset", "--cpu-list", str(self.server_core)]
        return [*command, nodejs.node(), str(script), order]


def facts(server: Server) -> dict[str, Any] | None:
    """Return what a server says of itself once it listens."""
    for line in server.said.splitlines():
        if line.startswith('{"ready"') and line.endswith("}"):
            said: dict[str, Any] = json.loads(line)
            return said
    return None
