"""What tests of onboarding read off the pages, and a plugin that does what it was told there."""

import html
import json
import re
import shlex
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Self

import httpx
from paho.mqtt.enums import MQTTProtocolVersion

from tests.integration.brokers import V31, V311, Raw
from tests.integration.portals import Visitor
from tests.integration.servers import wait_until
from tests.integration.stacks import temperature

DEADLINE = 15.0
PROTOCOLS: Mapping[str, MQTTProtocolVersion] = {"MQTTv31": V31, "MQTTv311": V311}


@dataclass(frozen=True)
class Shown:
    """What a key page shows: one dictionary of plugin settings for each way to the broker."""

    page: httpx.Response
    plugins: list[dict[str, Any]]

    @property
    def id(self) -> str:
        found: str = self.plugins[0]["broker"]["username"]
        return found

    @property
    def secret(self) -> str:
        found: str = self.plugins[0]["broker"]["password"]
        return found

    @property
    def path(self) -> str:
        """Where the pages of the printer are."""
        return f"/printers/{self.id}"


def snippet(page: httpx.Response, name: str) -> str:
    """Return a piece of code on a page."""
    found = re.search(rf'<pre[^>]* id="{name}"[^>]*>(.*?)</pre>', page.text, re.DOTALL)
    assert found, f"{page.status_code}: there is no {name} on {page.url}"
    return html.unescape(found[1])


def shown(page: httpx.Response) -> Shown:
    """Read a key page."""
    assert page.status_code == 200, page.text
    plugins = []
    for name in re.findall(r'<pre[^>]* id="(curl-\d)"', page.text):
        words = shlex.split(snippet(page, name))
        plugins.append(json.loads(words[words.index("--data") + 1])["plugins"]["mqtt"])
    return Shown(page, plugins)


def added(visitor: Visitor, name: str = "Prusa", **fields: str) -> Shown:
    """Add a printer as somebody does who enters the settings himself."""
    return shown(visitor.submit("/printers/add", name=name, **fields))


class Plugin:
    """OctoPrint's plugin, as far as it talks to the broker; used as a context."""

    def __init__(self, settings: Mapping[str, Any], base: str | None = None) -> None:
        broker, publish = settings["broker"], settings["publish"]
        self.base: str = publish["baseTopic"] if base is None else base
        self._will = self.base + publish["lwTopic"]
        self.raw = Raw(
            broker["port"],
            (broker["username"], broker["password"]),
            protocol=PROTOCOLS[broker["protocol"]],
            will=(self._will, b"disconnected"),
        )

    def tell(self, topic: str, payload: bytes) -> None:
        """Publish below the base topic."""
        self.raw.send(self.base + topic, payload)

    def __enter__(self) -> Self:
        self.raw.connect()
        if not self.raw.gone:
            self.raw.send(self._will, b"connected")
        return self

    def __exit__(self, *_: object) -> None:
        with suppress(OSError):
            self.raw.close()

    def print_twice(self, file: str) -> None:
        """Print ``file`` once, as OctoPrint does, and go on with a second print."""
        told = {"name": file, "path": f"folder/{file}", "origin": "local", "size": 9}
        state = {"state_id": "PRINTING", "state_string": "Printing"}
        now = int(time.time())
        for kind, more, at in (
            ("PrintStarted", told, now - 90),
            ("PrinterStateChanged", state, now - 90),
            ("PrintDone", {**told, "time": 30}, now - 60),
            ("PrintStarted", told, now - 30),
            ("PrinterStateChanged", state, now - 30),
        ):
            payload = json.dumps({**more, "_event": kind, "_timestamp": at}).encode()
            self.tell(f"event/{kind}", payload)
        self.tell("temperature/tool0", temperature(215.3, 215.0))


def connection(visitor: Visitor, path: str) -> dict[str, Any]:
    """Return what the page's script is told."""
    answer = visitor.get(f"{path}/connection.json")
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


def wait_for_finding(visitor: Visitor, path: str, code: str) -> str:
    """Wait until the page tells of it; return the page's words."""
    wait_until(
        lambda: code in connection(visitor, path)["findings"],
        DEADLINE,
        f"no {code} on {path}",
    )
    page = visitor.get(f"{path}/connection")
    return html.unescape(page.text)


def wait_for_receipt(visitor: Visitor, path: str, *, without: str = "") -> None:
    """Wait until a message was received, and nothing is told of a finding any more."""
    wait_until(
        lambda: connection(visitor, path)["received"], DEADLINE, f"nothing received on {path}"
    )
    wait_until(
        lambda: not without or without not in connection(visitor, path)["findings"],
        DEADLINE,
        f"{without} is not healed on {path}",
    )
