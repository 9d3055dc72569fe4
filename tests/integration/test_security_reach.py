"""Nothing can reach a printer: no account of ours, no printer, no line of our code."""

import ast
import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.integration.brokers import Raw, logs_in
from tests.integration.onboarding import Plugin, added
from tests.integration.portals import Portal
from voxtrude import dynsec

pytestmark = pytest.mark.integration

ROOT = Path(__file__).parents[2]

SPEAKERS = {
    "services/ingest/announcer.py": "states and events of ours",
    "services/skill/reporter.py": "reports, which only ingest hears",
    "voxtrude/control.py": "commands to the broker",
    "voxtrude/presence.py": "that a service is there",
    "voxtrude/leftovers.py": "empty messages, in place of a printer that is being removed",
    "voxtrude/simulator/player.py": "what a simulated printer says",
    "voxtrude/simulator/replay.py": "what a recorded printer said",
    "voxtrude/mqtt.py": "the door itself",
}
"""Whoever says anything by MQTT, and what."""

SAYING = {"publish", "send", "will_set"}
OTHERS = {"_client", "_mail"}
"""What else in the services has such methods: HTTP's and mail's; the bridge has OPC UA's."""


def speakers() -> Iterator[str]:
    """Yield the modules that call what publishes."""
    for part in ("services", "voxtrude", "broker"):
        for file in sorted((ROOT / part).rglob("*.py")):
            name = str(file.relative_to(ROOT))
            for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
                if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Attribute):
                    continue
                if node.func.attr not in SAYING or "opcua" in name or name.endswith("mail.py"):
                    continue
                owner = node.func.value
                whose = owner.attr if isinstance(owner, ast.Attribute) else ""
                if name == "voxtrude/mqtt.py" or whose not in OTHERS:
                    yield name


def test_whoever_speaks_is_known() -> None:
    assert set(speakers()) == set(SPEAKERS)


def test_no_service_publishes_where_a_printer_does_and_no_printer_hears(portal: Portal) -> None:
    place = portal.stack.site
    printer = added(portal.admin(), "Prusa", base_topic="hall 7/unit/")
    registered = place.printers[0]
    bases = ("hall 7/unit/", f"octoPrint/{printer.id}/", registered.base)
    names = ("event/x", "mqtt", "command", "temperature/tool0", "")
    # The broker's own file, as it is after the portal has added a printer.
    rules = json.loads(place.accounts.read_text())
    assert {one["username"] for one in rules["clients"]} >= {*dynsec.SERVICES, printer.id}
    assert not [one for one in rules["clients"] if one.get("groups")]
    assert rules["defaultACLAccess"] == dynsec.DEFAULTS
    portal.end()  # an account has one session at a time
    for name in dynsec.SERVICES:
        if name == dynsec.INGEST:
            continue  # it runs, and test_broker_isolation has its account
        with Raw(place.settings.port, place.service(name)) as service:
            for base in bases:
                for topic in names:
                    for retain in (False, True):
                        assert not service.publish(base + topic, b"M112", retain=retain), (
                            name,
                            base + topic,
                        )
    for username, secret in ((printer.id, printer.secret), (registered.id, registered.secret)):
        with Raw(place.settings.port, (username, secret)) as client:
            ours = ("$SYS/#", "$CONTROL/#", "voxtrude/#", f"$share/g/{bases[0]}#")
            for wanted in ("#", "+/#", *bases, *(f"{base}#" for base in bases), *ours):
                assert not client.subscribe(wanted), (username, wanted)
            assert not client.publish("voxtrude/v1/reports/" + printer.id, b"{}")
            assert not client.publish(dynsec.CONTROL, b'{"commands":[]}')
            assert not client.messages
    assert logs_in(place, registered)
    with Plugin(printer.plugins[0]) as plugin:
        assert not plugin.raw.messages
