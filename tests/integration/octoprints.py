"""A stand-in OctoPrint: a real HTTP server that answers as OctoPrint 1.11 was recorded to."""

import gzip
import json
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from copy import deepcopy
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Literal

REST = Path(__file__).parents[1] / "recordings" / "rest"

KEY = "Q1Zr9zq0GkJ1yHc2v1cF5b0xkWq3cG7T"
STATUS_ONLY = "status-only-key"
READER = "settings-read-only-key"
WRITER = "settings-write-only-key"

Plugin = Literal["here", "missing", "disabled", "pending"]
Trouble = Literal[
    "none",
    "hangs",
    "drips",
    "redirects",
    "garbage",
    "lists",
    "html",
    "huge",
    "packed",
    "not-running",
    "basic-auth",
    "fails",
    "not-found",
    "deep",
    "cut",
]


def recorded(name: str) -> Any:  # noqa: ANN401  (whatever JSON holds)
    """Return a recorded answer's body."""
    found = json.loads((REST / f"{name}.json").read_text())
    return found.get("body", found)


@dataclass
class OctoPrint:
    """What it has and what it does wrong; ``asked`` is what it was asked."""

    host: str = "127.0.0.1"
    port: int = 0
    scheme: str = "http"
    prefix: str = ""
    trouble: Trouble = "none"
    troubled: tuple[str, ...] = ()
    """The methods and paths that it does wrong; all of them where there is none."""
    plugin: Plugin = "here"
    save_status: int = 200
    keeps: bool = True
    shows_secrets: bool = True
    asked: list[str] = field(default_factory=list)
    heads: list[dict[str, str]] = field(default_factory=list)
    settings: dict[str, Any] = field(default_factory=lambda: recorded("settings_full"))
    ended: threading.Event = field(default_factory=threading.Event)

    @property
    def url(self) -> str:
        return f"{self.scheme}://{self.host}:{self.port}{self.prefix}"

    @property
    def mqtt(self) -> dict[str, Any]:
        """The plugin's settings as they are now."""
        found: dict[str, Any] = self.settings["plugins"]["mqtt"]
        return found

    def answer(self, method: str, path: str, key: str | None, body: bytes) -> tuple[int, Any]:
        """Return the status and the body of an answer."""
        path = path.removeprefix(self.prefix) if path.startswith(self.prefix) else ""
        if path == "/api/currentuser":
            return 200, self._user(key)
        if method == "POST" and path == "/api/settings":
            return self._save(key, body)
        if path == "/api/settings":
            allowed = key in {KEY, READER}
            return (200, self._shown()) if allowed else (403, {"error": "forbidden"})
        if path == "/plugin/pluginmanager/plugins/mqtt":
            return self._managed(key)
        if path == "/plugin/pluginmanager/plugins/versions":
            versions = recorded("pluginmanager_versions")
            if self.plugin in {"missing", "disabled"}:
                del versions["mqtt"]
            return (200, versions) if key in {KEY, WRITER} else (403, {"error": "forbidden"})
        return 404, {"error": "The requested URL was not found on the server."}

    def _user(self, key: str | None) -> Any:  # noqa: ANN401  (whatever JSON holds)
        if key == KEY:
            return recorded("currentuser_admin")
        user = recorded("currentuser_statusonly")
        if key == STATUS_ONLY:
            return user
        if key == READER:
            return {**user, "permissions": ["STATUS", "SETTINGS_READ"]}
        if key == WRITER:
            return {**user, "permissions": ["STATUS", "SETTINGS"]}
        return {"groups": ["guests"], "name": None, "permissions": []}

    def _shown(self) -> dict[str, Any]:
        shown = deepcopy(self.settings)
        if self.plugin != "here":
            del shown["plugins"]["mqtt"]
        elif not self.shows_secrets:
            shown["plugins"]["mqtt"]["broker"]["password"] = None
        return shown

    def _managed(self, key: str | None) -> tuple[int, Any]:
        if key != KEY:
            return 403, {"error": "forbidden"}
        if self.plugin == "missing":
            return 404, {"error": "The requested URL was not found on the server."}
        found = recorded("pluginmanager_plugin_mqtt")
        found["plugin"]["enabled"] = self.plugin == "here"
        found["plugin"]["pending_enable"] = self.plugin == "pending"
        return 200, found

    def _save(self, key: str | None, body: bytes) -> tuple[int, Any]:
        if key not in {KEY, READER, WRITER, STATUS_ONLY}:
            return 400, {"error": "CSRF validation failed"}
        if key not in {KEY, WRITER}:
            return 403, {"error": "forbidden"}
        if self.save_status != 200:
            return self.save_status, {"error": "no"}
        if self.keeps:
            _merge(self.settings, json.loads(body))
        return 200, self._shown()


def _merge(into: dict[str, Any], new: dict[str, Any]) -> None:
    for key, value in new.items():
        if isinstance(value, dict) and isinstance(into.get(key), dict):
            _merge(into[key], value)
        else:
            into[key] = value


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    octoprint: OctoPrint


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: _Server

    def do_GET(self) -> None:
        self._serve("GET")

    def do_POST(self) -> None:
        self._serve("POST")

    def _serve(self, method: str) -> None:
        one = self.server.octoprint
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        call = f"{method} {self.path}"
        one.asked.append(call)
        one.heads.append(dict(self.headers))
        if one.trouble != "none" and (not one.troubled or call in one.troubled):
            self._go_wrong(one)
            return
        status, answer = one.answer(method, self.path, self.headers.get("X-Api-Key"), body)
        self._send(status, json.dumps(answer).encode())

    def _go_wrong(self, one: OctoPrint) -> None:  # noqa: C901, PLR0912  (one row a trouble)
        self.close_connection = True
        match one.trouble:
            case "hangs":
                one.ended.wait()
            case "drips":
                self._head(200, 1000)
                while not one.ended.wait(0.2):
                    self.wfile.write(b" ")
                    self.wfile.flush()
            case "redirects":
                self._send(302, b"", {"Location": f"{one.url}/elsewhere"})
            case "garbage":
                self._send(200, b'{"name": NaN, \xff')
            case "lists":
                self._send(200, b"[1, 2]")
            case "deep":
                self._send(200, b"[" * 200_000)
            case "html":
                self._send(200, b"<html>a router</html>", {"Content-Type": "text/html"})
            case "huge":
                self._send(200, b" " * 3_000_000)
            case "packed":
                bomb = gzip.compress(b" " * 30_000_000)
                self._send(200, bomb, {"Content-Encoding": "gzip"})
            case "not-running":
                self._send(503, b"<html>haproxy</html>")
            case "basic-auth":
                self._send(401, b"", {"WWW-Authenticate": "Basic"})
            case "fails":
                self._send(500, b'{"error": "no"}')
            case "not-found":
                self._send(404, b"{}")
            case "cut":
                self._head(200, 1000)

    def _head(self, status: int, length: int, extra: dict[str, str] | None = None) -> None:
        self.send_response(status)
        for name, value in {"Content-Type": "application/json", **(extra or {})}.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(length))
        self.end_headers()

    def _send(self, status: int, body: bytes, extra: dict[str, str] | None = None) -> None:
        try:
            self._head(status, len(body), extra)
            self.wfile.write(body)
        except OSError:  # whoever asked has heard enough
            self.close_connection = True

    def handle(self) -> None:
        try:
            super().handle()
        except OSError:  # it went away while we were silent
            self.close_connection = True

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002  (the library's name)
        """Say nothing."""


@contextmanager
def octoprint(
    tls: ssl.SSLContext | None = None, prefix: str = "", host: str = "127.0.0.1"
) -> Iterator[OctoPrint]:
    """Run one on a free port of loopback until the block ends."""
    with _Server((host, 0), _Handler) as server:
        one = OctoPrint(host, server.server_port, "https" if tls else "http", prefix)
        server.octoprint = one
        if tls:
            server.socket = tls.wrap_socket(server.socket, server_side=True)
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        try:
            yield one
        finally:
            one.ended.set()
            server.shutdown()
            thread.join()
