"""The portal as people meet it: a real skill process at a broker, a database and an ingest.

``Visitor`` is a browser without JavaScript: it keeps cookies, follows redirects and fills in
the forms that it finds. ``tests.integration.browsers`` has one with JavaScript.
"""

import asyncio
import json
import os
import re
import secrets
import signal
import subprocess
import sys
from collections.abc import Coroutine, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from html.parser import HTMLParser
from typing import Any, TypeVar
from urllib.parse import urlsplit

import httpx

from tests.integration.servers import Server, free_port, wait_until
from tests.integration.stacks import DEADLINE, Stack
from voxtrude.dynsec import PORTAL, SKILL

T = TypeVar("T")

ADMIN, MEMBER = "ada@example.org", "max@example.org"
PASSWORD = "correct horse battery"  # noqa: S105  (of people who do not exist)
LAST_REQUESTS = 5.0  # seconds in which the skill ends

SETUP_CODE = re.compile(r'"code": "([^"]+)"')


def settled(work: Coroutine[Any, Any, T]) -> T:
    """Run ``work`` to its end, in a thread of its own: a test's thread may have a loop."""
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(asyncio.run, work).result()


# Pages without JavaScript --------------------------------------------------------------------


@dataclass
class Form:
    """A form as a page has it."""

    action: str
    method: str
    fields: dict[str, str] = field(default_factory=dict)
    buttons: dict[str, str] = field(default_factory=dict)


class _Forms(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.found: list[Form] = []
        self._form: Form | None = None
        self._select: str | None = None
        self._area: str | None = None

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        told = {name: value or "" for name, value in attrs}
        if tag == "form":
            self._form = Form(told.get("action", ""), told.get("method", "get").lower())
            self.found.append(self._form)
        if self._form is None:
            return
        if tag == "option" and self._select:
            if "selected" in told or self._select not in self._form.fields:
                self._form.fields[self._select] = told.get("value", "")
        elif name := told.get("name"):
            self._named(self._form, tag, name, told)

    def _named(self, form: Form, tag: str, name: str, told: dict[str, str]) -> None:
        value = told.get("value", "")
        if tag == "button" or told.get("type") in {"submit", "image"}:
            form.buttons[name] = value
        elif tag == "select":
            self._select = name
        elif tag == "textarea":
            self._area = name
            form.fields[name] = ""
        elif tag == "input" and (
            told.get("type") not in {"checkbox", "radio"} or "checked" in told
        ):
            form.fields[name] = value

    def handle_endtag(self, tag: str) -> None:
        if tag == "form":
            self._form = None
        elif tag == "select":
            self._select = None
        elif tag == "textarea":
            self._area = None

    def handle_data(self, data: str) -> None:
        if self._form and self._area:
            self._form.fields[self._area] += data


def forms(page: httpx.Response) -> list[Form]:
    """Return the forms of a page."""
    reader = _Forms()
    reader.feed(page.text)
    return reader.found


class Visitor(httpx.Client):
    """Somebody with a browser of his own."""

    def __init__(self, url: str) -> None:
        origin = "{0.scheme}://{0.netloc}".format(urlsplit(url))
        super().__init__(
            base_url=url,
            follow_redirects=True,
            timeout=30,
            headers={"accept": "text/html,*/*;q=0.8", "origin": origin},
        )

    def form(self, path: str, action: str | None = None) -> Form:
        """Return the form on a page that goes to ``action``, or else to the page itself."""
        page = self.get(path)
        found = [one for one in forms(page) if one.method == "post"]
        there = urlsplit(str(page.url)).path
        wanted = action or there
        fitting = [one for one in found if urlsplit(one.action or there).path == wanted]
        assert fitting, f"{page.status_code}: no form to {wanted} on {path}: {found}"
        return fitting[0]

    def submit(self, path: str, /, action: str | None = None, **values: str) -> httpx.Response:
        """Open a page, fill its form in and send it; return what comes, after redirects."""
        form = self.form(path, action)
        return self.post(form.action or path, data={**form.fields, **values})


# The process -----------------------------------------------------------------------------------


class Skill(Server):
    """A running skill and its log."""

    def lines(self) -> list[dict[str, Any]]:
        """Return what it logged; every line must be JSON."""
        return [json.loads(line) for line in self.said.splitlines()]

    def count(self, event: str) -> int:
        """Return how often something was logged."""
        return self.said.count(f'"event": "{event}"')


@dataclass
class Portal:
    """What one test works with."""

    stack: Stack
    port: int
    environment: dict[str, str]
    skill: Skill
    closing: ExitStack
    _admin: Visitor | None = None

    @property
    def url(self) -> str:
        """Where people find it."""
        return f"http://127.0.0.1:{self.port}"

    def client(self) -> Visitor:
        """Return somebody who is not signed in."""
        visitor = Visitor(self.url)
        self.closing.callback(visitor.close)
        return visitor

    def setup_code(self) -> str:
        """Return the code for the first administrator, as the log says it."""
        wait_until(lambda: SETUP_CODE.search(self.skill.said), DEADLINE, "no setup code in the log")
        codes: list[str] = SETUP_CODE.findall(self.skill.said)
        return codes[-1]

    def admin(self) -> Visitor:
        """Return the first administrator, signed in; made through the pages when asked first."""
        if self._admin is None:
            visitor = self.client()
            done = visitor.submit(
                "/welcome", code=self.setup_code(), email=ADMIN, password=PASSWORD
            )
            assert done.status_code == 200, done.text
            self._admin = visitor
        return self._admin

    def signed_in(self, email: str, password: str = PASSWORD) -> Visitor:
        """Return somebody who signs in with one more browser."""
        visitor = self.client()
        done = visitor.submit("/sign-in", email=email, password=password)
        assert done.status_code == 200, done.text
        assert urlsplit(str(done.url)).path != "/sign-in", done.text
        return visitor

    def member(self, email: str = MEMBER, password: str = PASSWORD) -> Visitor:
        """Return a new member, signed in; the administrator invites, the member joins."""
        admin = self.admin()
        invited = admin.submit("/admin", "/admin/invite", email="")
        found = re.search(r"/join/([A-Za-z0-9_-]+)", invited.text)
        assert found, invited.text
        visitor = self.client()
        path = f"/join/{found[1]}"
        done = visitor.submit(path, email=email, password=password)
        assert done.status_code == 200, done.text
        return visitor

    def restart(self) -> None:
        """End the process as an operator does, and start it again on the same port."""
        self.end()
        self.skill = self.closing.enter_context(_running(self.environment, self.stack, self.port))

    def end(self) -> None:
        """End the process; it must go at once, and say that all was right."""
        self.skill.process.send_signal(signal.SIGTERM)
        assert self.skill.process.wait(LAST_REQUESTS) == 0, self.skill.said

    @property
    def printers(self) -> list[dict[str, Any]]:
        """The registrations as they are stored."""
        return list(self.stack.collection("printers").find())


def environment(stack: Stack, port: int, extra: Mapping[str, str] | None = None) -> dict[str, str]:
    """Return what the skill is told."""
    username, secret = stack.site.service(SKILL)
    broker = stack.site.settings
    return stack.environment(
        {
            "VOXTRUDE_MQTT_USERNAME": username,
            "VOXTRUDE_MQTT_PASSWORD": secret,
            "VOXTRUDE_PORTAL_PASSWORD": stack.site.service(PORTAL)[1],
            "VOXTRUDE_WEB_PORT": str(port),
            "VOXTRUDE_WEB_SECRET": secrets.token_hex(32),
            "VOXTRUDE_PUBLIC_HOST": "127.0.0.1",
            "VOXTRUDE_PLUGIN_PORT": str(broker.port),
            "VOXTRUDE_PLUGIN_TLS_PORT": str(broker.tls_port),
            "VOXTRUDE_PLUGIN_CA_FILE": str(broker.certificates / "ca.crt"),
            **(extra or {}),
        }
    )


@contextmanager
def portal(stack: Stack, extra: Mapping[str, str] | None = None) -> Iterator[Portal]:
    """Run a skill until the block ends; the stack is prepared, and its ingest runs.

    ``extra`` is more of its environment.
    """
    port = free_port()
    told = environment(stack, port, extra)
    with ExitStack() as closing:
        skill = closing.enter_context(_running(told, stack, port))
        yield Portal(stack, port, told, skill, closing)


@contextmanager
def _running(told: dict[str, str], stack: Stack, port: int) -> Iterator[Skill]:
    log = stack.folder / "skill.log"
    with log.open("ab") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", "services.skill"],
            env=told,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
        )
    one = Skill(process, log)
    before = one.count("serving")
    try:
        one.wait_for(port)
        # The broker and every state were there once.
        wait_until(
            lambda: one.count("serving") > before or process.poll() is not None,
            DEADLINE,
            f"the skill is not ready:\n{one.said}",
        )
        assert process.poll() is None, f"the skill ended:\n{one.said}"
        yield one
    finally:
        if process.poll() is None:
            one.stop()


@contextmanager
def keeper(stack: Stack, extra: Mapping[str, str] | None = None) -> Iterator[Server]:
    """Run the broker's keeper, which notes who logs in and who is refused, until the block ends."""
    broker = stack.site.settings
    bare = {k: v for k, v in os.environ.items() if not k.startswith("VOXTRUDE_")}
    told = bare | {
        "VOXTRUDE_BROKER_DATA": str(broker.data),
        "VOXTRUDE_BROKER_PORT": str(broker.port),
        "VOXTRUDE_BROKER_TLS_PORT": str(broker.tls_port),
        "VOXTRUDE_MQTT_PORT": str(broker.port),
        "VOXTRUDE_MONGO_URL": stack.url,
        "VOXTRUDE_MONGO_DATABASE": stack.database,
        "VOXTRUDE_LOG_FORMAT": "json",
        **(extra or {}),
    }
    log = stack.folder / "keeper.log"
    with log.open("ab") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", "broker", "keep"],
            env=told,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
        )
    one = Server(process, log)
    try:
        yield one
    finally:
        if process.poll() is None:
            one.stop()
