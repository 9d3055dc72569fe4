"""An OPC UA client on another stack than the server's, for tests: tests/node, run here."""

import fcntl
import json
import re
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from services.opcua_bridge.model import additive
from tests.integration import nodejs
from tests.integration.servers import wait_until

HERE = Path(__file__).parents[1] / "node"
FILES = ("package.json", "package-lock.json", ".npmrc", "client.mjs", "types.mjs")
FOLDER = Path(sys.prefix) / "share" / "voxtrude-tests" / "node-opcua"
PATIENCE = 60.0  # seconds for one answer; the NodeSets alone take three

_NODESET = "http://opcfoundation.org/UA/2011/03/UANodeSet.xsd"

Said = dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Login:
    """How the client introduces itself; ``uri`` is what its certificate names."""

    username: str = ""
    password: str = ""
    certificate: Path | None = None
    key: Path | None = None
    uri: str = "urn:voxtrude:tests:client"

    def fields(self) -> Said:
        files = {"certificate": self.certificate, "key": self.key}
        named = {name: str(path) for name, path in files.items() if path is not None}
        return {"username": self.username, "password": self.password, "uri": self.uri, **named}


ANONYMOUS = Login()


def install() -> Path:
    """Install the client and its packages, once; return the folder."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    with (FOLDER / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # two test runs may begin at once
        for name in FILES:
            content = (HERE / name).read_bytes()
            if not (FOLDER / name).exists() or (FOLDER / name).read_bytes() != content:
                (FOLDER / name).write_bytes(content)
        nodejs.install(FOLDER)
    return FOLDER


def _command(name: str, url: str, login: Login, **fields: object) -> list[str]:
    folder = install()
    command = {"command": name, "url": url, "pki": str(folder / "pki")}
    return [
        nodejs.node(),
        str(folder / "client.mjs"),
        json.dumps({**command, **login.fields(), **fields}),
    ]


def _asked(name: str, url: str, login: Login, **fields: object) -> Any:  # noqa: ANN401  (JSON)
    done = subprocess.run(
        _command(name, url, login, **fields),
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
        stdin=subprocess.DEVNULL,
    )
    if not done.stdout:
        raise RuntimeError(f"the client said nothing: {done.stderr[-2000:]}")
    answer = json.loads(done.stdout)
    if isinstance(answer, dict) and "error" in answer:
        raise ConnectionError(answer["error"])
    return answer


def endpoints(url: str, login: Login = ANONYMOUS) -> list[Said]:
    """Return what a server offers: url, mode, policy, tokens, uri."""
    found: list[Said] = _asked("endpoints", url, login)
    return found


def machines(url: str, login: Login = ANONYMOUS, *, files: Sequence[Path] = ()) -> Said:
    """Hold a server's types and machines against the published NodeSets and ``files``.

    Returns ``namespaces``; ``types`` with ``compared`` and ``findings``; and ``machines``,
    each with ``node``, ``name``, ``types`` (its lineage), ``nodes`` and ``findings``.

    Raises:
        ConnectionError: There was no session.
    """
    found: Said = _asked("machines", url, login, files=[str(path) for path in files])
    return found


def additive_types(folder: Path) -> Path:
    """Write our Additive Manufacturing types where the client can read them."""
    file = folder / "additive.xml"
    file.write_text(plain(additive.nodeset()))
    return file


def plain(nodeset: str) -> str:
    """Return a NodeSet without namespace prefixes: node-opcua's parser takes names literally."""
    unprefixed = re.sub(r"(</?)\w+:", r"\1", nodeset)
    return re.sub(r"<UANodeSet[^>]*>", f'<UANodeSet xmlns="{_NODESET}">', unprefixed, count=1)


def read(url: str, nodes: Sequence[str], login: Login = ANONYMOUS) -> dict[str, Said]:
    """Read values: each with type, value, status, source and server (timestamps)."""
    found: dict[str, Said] = _asked("read", url, login, nodes=list(nodes))
    return found


@dataclass(slots=True)
class Watching:
    """A running subscription, and all that it has said so far."""

    process: subprocess.Popen[str]
    lines: list[Said] = field(default_factory=list)

    @property
    def ready(self) -> Said:
        """What was created: publishing, items; empty until then."""
        return next((line for line in self.lines if "ready" in line), {})

    @property
    def notifications(self) -> list[Said]:
        """Data: node, type, value, status, source, server."""
        return [line for line in self.lines if "node" in line]

    @property
    def events(self) -> list[Said]:
        """Events: each a value for every field that was asked for."""
        return [line["event"] for line in self.lines if "event" in line]

    def values(self, node: str) -> list[Any]:
        """Return the values that one node has had."""
        return [line["value"] for line in self.notifications if line["node"] == node]

    def wait_for(
        self, condition: Callable[["Watching"], object], seconds: float = 20, what: str = ""
    ) -> None:
        """Return once the condition holds.

        Raises:
            ConnectionError: There is no session, or no longer.
            TimeoutError: It does not hold in time.
        """

        def holds() -> object:
            failed = next((line["error"] for line in self.lines if "error" in line), None)
            if failed is not None:
                raise ConnectionError(failed)
            return condition(self)

        wait_until(holds, seconds, what or f"only this was heard: {self.lines[-5:]}")

    def listen(self) -> None:
        """Take down what the client says, until it ends."""
        for line in self.process.stdout or ():
            self.lines.append(json.loads(line))


@contextmanager
def _listening(command: list[str]) -> Iterator[Watching]:
    with subprocess.Popen(
        command,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    ) as process:
        watching = Watching(process)
        listener = threading.Thread(target=watching.listen)
        listener.start()
        try:
            watching.wait_for(lambda heard: heard.ready)
            yield watching
        finally:
            if process.stdin is not None:
                process.stdin.close()
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()
            listener.join()


@contextmanager
def watching(
    url: str,
    nodes: Sequence[str | Said],
    login: Login = ANONYMOUS,
    *,
    publishing: float = 100,
) -> Iterator[Watching]:
    """Subscribe to data until the block ends; entered once all items are created.

    A node is its NodeId (``nsu=URI;s=…``), or a dict with ``node`` and any of ``attribute``,
    ``sampling``, ``queue``, ``discardOldest``, ``trigger`` (``StatusValueTimestamp``) and
    ``deadband`` (``{"type": "Absolute", "value": 1}``).
    """
    wanted = [{"node": node} if isinstance(node, str) else node for node in nodes]
    with _listening(_command("watch", url, login, nodes=wanted, publishing=publishing)) as heard:
        yield heard


@contextmanager
def hearing(
    url: str,
    node: str,
    fields: Sequence[str],
    login: Login = ANONYMOUS,
    *,
    of_type: str = "",
    publishing: float = 100,
) -> Iterator[Watching]:
    """Subscribe to a node's events until the block ends.

    A field is a browse path such as ``Message``, or ``nsu=URI;Name`` for one of another
    namespace than OPC UA's.
    """
    command = _command(
        "events",
        url,
        login,
        node=node,
        fields=list(fields),
        type=of_type,
        publishing=publishing,
    )
    with _listening(command) as heard:
        yield heard
