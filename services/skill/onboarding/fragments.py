"""The settings of OctoPrint's MQTT plugin for one printer, in each shape that people need. Pure.

The keys are the plugin's own (OctoPrint-MQTT 0.8, ``plugins.mqtt`` in ``config.yaml`` and in
``/api/settings``); the labels are those of its settings dialog.
"""

import json
import shlex
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from ipaddress import ip_address
from typing import TypeAlias

from voxtrude.portal import Plugin
from voxtrude.registration import Registration

Json: TypeAlias = dict[str, object]

CA_PATH = "/home/pi/voxtrude-ca.crt"
"""Where OctoPi's user can put a file; elsewhere it is another folder."""

ADDRESS = "http://octopi.local"
API_KEY = "YOUR-API-KEY"


@dataclass(frozen=True, slots=True)
class Way:
    """One way to the broker. ``ca`` tells whether its certificate needs an authority of ours."""

    host: str
    port: int
    tls: bool = False
    ca: bool = False

    @property
    def name(self) -> str:
        """What a form calls it."""
        return "tls" if self.tls else "plain"

    @property
    def is_loopback(self) -> bool:
        """Whether only a printer on this very machine can take it."""
        if self.host.rstrip(".").lower() == "localhost":
            return True
        try:
            return ip_address(self.host.strip("[]")).is_loopback
        except ValueError:
            return False


@dataclass(frozen=True, slots=True)
class Entry:
    """One field of the plugin's dialog: what to type, or that a box is to be ticked."""

    tab: str
    label: str
    value: str
    hint: str = ""
    is_text: bool = True


def ways(plugin: Plugin, public_host: str) -> tuple[Way, ...]:
    """Return the ways to the broker that are switched on, the simplest first."""
    host = plugin.host or public_host
    found = []
    if plugin.port:
        found.append(Way(host, plugin.port))
    if plugin.tls_port:
        found.append(Way(host, plugin.tls_port, tls=True, ca=plugin.ca_file is not None))
    return tuple(found)


def settings(registration: Registration, secret: str, way: Way, ca_path: str = CA_PATH) -> Json:
    """Return what ``plugins.mqtt`` must hold.

    It names all that we rely on: a plugin that was used before may hold anything.
    """
    templates = registration.templates
    tls: Json = {"tls_active": way.tls}
    if way.tls:
        tls |= {"tls": {"ca_certs": ca_path} if way.ca else {}, "tls_insecure": False}
    return {
        "broker": {
            "url": way.host,
            "port": way.port,
            "username": registration.id,
            "password": secret,
            "protocol": "MQTTv311",
            # Without it and without a client id the plugin does not start.
            "clean_session": True,
            "retain": True,
            "lwRetain": True,
            **tls,
        },
        "client": {"client_id": None},
        "publish": {
            "baseTopic": registration.base_topic,
            "eventActive": True,
            "eventTopic": templates.event,
            "events": {"comm": True, "files": True, "gcode": True, "printjob": True},
            "progressActive": True,
            "progressTopic": templates.progress,
            "printerData": True,
            "temperatureActive": True,
            "temperatureTopic": templates.temperature,
            "lwActive": True,
            "lwTopic": templates.last_will,
        },
        "timestamp_fieldname": registration.timestamp_field,
    }


def entries(
    registration: Registration, secret: str, way: Way, ca_path: str = CA_PATH
) -> list[Entry]:
    """Return the fields of the dialog, in the order in which the plugin shows them."""
    broker, topics = "Broker", "Topics"
    found = [
        Entry(broker, "Host", way.host),
        Entry(broker, "Port", str(way.port)),
        Entry(broker, "Protocol version", "MQTTv311", "choose it from the list", is_text=False),
        Entry(
            broker,
            "The broker requires username and password to connect, show options",
            "ticked",
            "then two more fields appear",
            is_text=False,
        ),
        Entry(broker, "Username", registration.id),
        Entry(broker, "Password", secret),
        Entry(
            broker,
            "The broker requires TLS to connect",
            "ticked" if way.tls else "not ticked",
            is_text=False,
        ),
    ]
    if way.ca:
        found.append(
            Entry(
                broker,
                "Path to server certificate chain",
                ca_path,
                "below “Advanced TLS options”; the place where you put the certificate",
            )
        )
    return [
        *found,
        Entry(
            topics,
            "Base topic",
            registration.base_topic,
            "with the slash at its end" if registration.base_topic.endswith("/") else "",
        ),
        Entry(
            topics,
            "Include extended information",
            "ticked",
            "below “Progress messages”; it tells the time left",
            is_text=False,
        ),
    ]


def config_yaml(plugin: Mapping[str, object]) -> str:
    """Return the part of OctoPrint's ``config.yaml`` that says the same."""
    return "".join(f"{line}\n" for line in _yaml({"plugins": {"mqtt": plugin}}, 0))


def curl(plugin: Mapping[str, object]) -> str:
    """Return one command for a POSIX shell that tells OctoPrint the same.

    Address and API key are placeholders. OctoPrint answers with all of its settings, among
    them secrets: they are not printed.
    """
    parts = (
        "curl --fail --show-error --silent --output /dev/null",
        f"--header {shlex.quote(f'X-Api-Key: {API_KEY}')}",
        f"--header {shlex.quote('Content-Type: application/json')}",
        f"--data {shlex.quote(json.dumps({'plugins': {'mqtt': plugin}}))}",
        f"{ADDRESS}/api/settings && echo OctoPrint has the settings",
    )
    return " \\\n  ".join(parts)


def plugin_key(registration: Registration, secret: str) -> str:
    """Return the key that the plugins Octolexa and Octovox ask for."""
    return f"{registration.id}:{secret}"


def _yaml(mapping: Mapping[str, object], depth: int) -> Iterator[str]:
    """Yield the lines of a block mapping; scalars and empty mappings are written as JSON.

    JSON's escapes are YAML's, except beyond the basic plane: so nothing printable is escaped.
    """
    for key, value in mapping.items():
        indent = "  " * depth
        if isinstance(value, Mapping) and value:
            yield f"{indent}{key}:"
            yield from _yaml(value, depth + 1)
        else:
            yield f"{indent}{key}: {json.dumps(value, ensure_ascii=False)}"
