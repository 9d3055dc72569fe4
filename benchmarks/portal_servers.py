"""The servers that pages are open at: the product's skill, and a plain stream beside it."""

import contextlib
import json
import secrets
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from benchmarks import baseline
from benchmarks.stack import Stack
from services.skill.web.static import INSTALLED
from tests.integration import servers
from tests.integration.portals import ADMIN, PASSWORD, SETUP_CODE, Visitor
from tests.integration.servers import Server, free_port, wait_until
from voxtrude.dynsec import PORTAL, SKILL
from voxtrude.mongo import schema

START = 60.0  # seconds until it has heard of all printers
TAIL = 2_000  # characters of a log that a fault shows
OBSERVER = "observer"


@dataclass(frozen=True, slots=True)
class Portal:
    """A running skill; its only account administrates it, so that it sees all printers."""

    server: Server
    port: int

    @property
    def url(self) -> str:
        """Where people find it."""
        return f"http://127.0.0.1:{self.port}"

    def sign_in(self) -> str:
        """Sign in with one more browser, through the page; return its cookie."""
        with Visitor(self.url) as visitor:
            visitor.submit("/sign-in", email=ADMIN, password=PASSWORD)
            if visitor.get("/printers").url.path != "/printers":
                raise RuntimeError("nobody can sign in")
            return "; ".join(f"{name}={value}" for name, value in visitor.cookies.items())


class Servers:
    """Starts them on a stack, each in a fresh process; ``python`` is their interpreter."""

    def __init__(self, stack: Stack, python: str) -> None:
        self._stack = stack
        self._python = python
        self._key = secrets.token_hex(32)
        self._starts = 0

    @contextlib.contextmanager
    def portal(self) -> Iterator[Portal]:
        """Run the skill until the block ends; nobody is signed in."""
        stack, port = self._stack, free_port()
        with stack.database() as database:
            database[schema.SESSIONS].delete_many({})
            is_new = not database[schema.ACCOUNTS].count_documents({})
        told = {
            "MONGO_URL": stack.mongo_url,
            "MQTT_PORT": stack.port,
            "MQTT_USERNAME": SKILL,
            "MQTT_PASSWORD_FILE": self._secret(SKILL, stack.login(SKILL)[1]),
            "PORTAL_PASSWORD_FILE": self._secret(PORTAL, stack.login(PORTAL)[1]),
            "PUBLIC_HOST": "127.0.0.1",
            "WEB_PORT": port,
            "WEB_SECRET_FILE": self._secret("web", self._key),
            "WEB_ASSETS": INSTALLED,
            "PLUGIN_PORT": stack.port,
            "PLUGIN_TLS_PORT": 0,
            "LOG_FORMAT": "json",
        }
        command = ["env", *(f"VOXTRUDE_{name}={value}" for name, value in told.items())]
        with self._running("skill", [*command, self._python, "-m", "services.skill"]) as server:
            self._wait_until_said(server, '"serving"')
            server.wait_for(port)
            portal = Portal(server, port)
            if is_new:
                self._wait_until_said(server, '"code"')
                _set_up(portal)
            yield portal

    @contextlib.contextmanager
    def stream(self, beat: float) -> Iterator[tuple[Server, int]]:
        """Run the plain stream until the block ends; return it and its port."""
        port = free_port()
        order = {
            "port": port,
            "broker": self._stack.port,
            "username": OBSERVER,
            "password_file": str(self._secret(OBSERVER, self._stack.login(OBSERVER)[1])),
            "beat": beat,
        }
        script = baseline.HERE / "portal_stream.py"
        with self._running("stream", [self._python, str(script), json.dumps(order)]) as server:
            server.wait_for(port)
            yield server, port

    @contextlib.contextmanager
    def _running(self, name: str, command: list[str]) -> Iterator[Server]:
        self._starts += 1
        log = self._stack.folder / f"{name}-{self._starts}.log"
        with servers.running(command, log, []) as server:
            try:
                yield server
            except Exception:
                sys.stderr.write(f"{log.name} says:\n{server.said[-TAIL:]}\n")
                raise

    def _secret(self, name: str, value: str) -> Path:
        file = self._stack.folder / f"{name}.secret"
        file.write_text(value)
        return file

    def _wait_until_said(self, server: Server, what: str) -> None:
        wait_until(
            lambda: what in server.said or server.process.poll() is not None,
            START,
            f"it does not say {what}: {server.log}",
        )
        if server.process.poll() is not None:
            raise RuntimeError(f"it has ended:\n{server.said}")


def _set_up(portal: Portal) -> None:
    code = SETUP_CODE.findall(portal.server.said)[-1]
    with Visitor(portal.url) as visitor:
        # Somebody who reads degrees Celsius, as printers tell them.
        visitor.headers["accept-language"] = "en-GB"
        visitor.submit("/welcome", code=code, email=ADMIN, password=PASSWORD)
