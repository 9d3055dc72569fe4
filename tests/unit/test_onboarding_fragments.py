"""The plugin's settings say the same in every shape, with the plugin's own keys."""

import json
import shlex
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import yaml  # type: ignore[import-untyped]  # its types are a package of their own
from hypothesis import given
from hypothesis import strategies as st

from services.skill.onboarding import fragments
from services.skill.onboarding.fragments import Way
from voxtrude.portal import Plugin
from voxtrude.printer import PrinterId
from voxtrude.registration import Registration, Templates, checked_base

REST = Path(__file__).parents[1] / "recordings" / "rest"
AFTER = json.loads((REST / "settings_mqtt_after_onboarding.json").read_text())

PRINTER = PrinterId("prn-0123456789abcdef")
SECRET = "uN-guessable_secret-of-32-letters"  # noqa: S105  (of no printer)
NOW = datetime(2026, 3, 1, tzinfo=UTC)
PLAIN = Way("printers.example", 1883)
TLS = Way("printers.example", 8883, tls=True, ca=True)


def registration(base: str = f"octoPrint/{PRINTER}/") -> Registration:
    return Registration(id=PRINTER, name="Prusa", base_topic=base, created_at=NOW, alive_at=NOW)


def bases() -> st.SearchStrategy[str]:
    """Every base topic that can be registered, quotes and emoji among them."""
    letters = st.characters(exclude_categories=["C", "Z"], exclude_characters="+#$%{}/")
    parts = st.text(st.one_of(letters, st.sampled_from("'\"\\ `!:&*-é😀")), min_size=1, max_size=9)
    return (
        st.lists(parts, min_size=1, max_size=3)
        .map(lambda found: "/".join(found) + "/")
        .filter(_can_be_registered)
    )


def _can_be_registered(base: str) -> bool:
    return (
        base.isprintable()
        and not base.startswith("voxtrude/")
        and base != "octoPrint/"
        and checked_base(base) == base
    )


def of_curl(command: str) -> dict[str, Any]:
    """Return what a shell would send with this command."""
    words = shlex.split(command)
    assert words[0] == "curl"
    sent = json.loads(words[words.index("--data") + 1])
    assert list(sent) == ["plugins"]
    assert list(sent["plugins"]) == ["mqtt"]
    found: dict[str, Any] = sent["plugins"]["mqtt"]
    return found


def paths(tree: Mapping[str, Any], above: tuple[str, ...] = ()) -> dict[tuple[str, ...], type]:
    """Return the type of each leaf."""
    found: dict[tuple[str, ...], type] = {}
    for key, value in tree.items():
        if isinstance(value, Mapping):
            found.update(paths(value, (*above, key)))
        else:
            found[(*above, key)] = type(value)
    return found


def test_each_key_is_one_of_the_plugin_and_of_its_type() -> None:
    known = paths(AFTER)
    ours = paths(fragments.settings(registration(), SECRET, PLAIN))
    assert ours.keys() <= known.keys()
    for key, kind in ours.items():
        # The sample has a client id; we leave it to the broker.
        assert kind is known[key] or key == ("client", "client_id")


def test_what_onboarding_changed_in_the_recording_is_what_we_set() -> None:
    before = json.loads((REST / "settings_mqtt_before_onboarding.json").read_text())
    wanted = fragments.settings(registration(), SECRET, PLAIN)
    leaves = paths(wanted)
    for group, fields in AFTER.items():
        for name in fields if isinstance(fields, dict) else ():
            if before[group][name] != fields[name]:
                assert (group, name) in leaves


def test_the_settings_say_what_we_rely_on() -> None:
    wanted: Any = fragments.settings(registration(), SECRET, PLAIN)
    assert wanted["broker"]["protocol"] == "MQTTv311"
    assert wanted["broker"]["username"] == PRINTER
    assert wanted["broker"]["tls_active"] is False
    assert wanted["broker"]["clean_session"] is True
    assert wanted["publish"]["baseTopic"] == f"octoPrint/{PRINTER}/"
    assert wanted["publish"]["printerData"] is True


def test_a_registration_with_templates_of_its_own_keeps_them() -> None:
    changed = replace(
        registration(), templates=Templates(event="ev/{event}/x"), timestamp_field="ts"
    )
    wanted: Any = fragments.settings(changed, SECRET, PLAIN)
    assert wanted["publish"]["eventTopic"] == "ev/{event}/x"
    assert wanted["timestamp_fieldname"] == "ts"


def test_with_tls_the_certificate_is_checked() -> None:
    wanted: Any = fragments.settings(registration(), SECRET, TLS, "/srv/ca.crt")
    assert wanted["broker"]["tls_active"] is True
    assert wanted["broker"]["tls_insecure"] is False
    assert wanted["broker"]["tls"] == {"ca_certs": "/srv/ca.crt"}


def test_a_certificate_of_a_known_authority_needs_no_file() -> None:
    public: Any = fragments.settings(registration(), SECRET, replace(TLS, ca=False))
    assert public["broker"]["tls"] == {}
    labels = [
        one.label for one in fragments.entries(registration(), SECRET, replace(TLS, ca=False))
    ]
    assert "Path to server certificate chain" not in labels


@pytest.mark.parametrize("way", [PLAIN, TLS])
@given(base=bases())
def test_yaml_and_curl_say_the_same_whatever_the_base_topic(way: Way, base: str) -> None:
    wanted = fragments.settings(registration(base), SECRET, way)
    assert yaml.safe_load(fragments.config_yaml(wanted)) == {"plugins": {"mqtt": wanted}}
    assert of_curl(fragments.curl(wanted)) == wanted


def test_the_curl_leaves_address_and_api_key_to_fill_in_and_prints_no_answer() -> None:
    command = fragments.curl(fragments.settings(registration(), SECRET, PLAIN))
    words = shlex.split(command)
    assert f"{fragments.ADDRESS}/api/settings" in words
    assert f"X-Api-Key: {fragments.API_KEY}" in words
    assert words[words.index("--output") + 1] == "/dev/null"


@pytest.mark.parametrize("way", [PLAIN, TLS])
def test_the_fields_say_what_the_settings_say(way: Way) -> None:
    wanted: Any = fragments.settings(registration(), SECRET, way)
    shown = {one.label: one.value for one in fragments.entries(registration(), SECRET, way)}
    assert shown["Host"] == wanted["broker"]["url"]
    assert shown["Port"] == str(wanted["broker"]["port"])
    assert shown["Username"] == wanted["broker"]["username"]
    assert shown["Password"] == wanted["broker"]["password"]
    assert shown["Protocol version"] == wanted["broker"]["protocol"]
    assert shown["Base topic"] == wanted["publish"]["baseTopic"]
    assert shown["Include extended information"] == "ticked"
    ticked = shown["The broker requires TLS to connect"] == "ticked"
    assert ticked is wanted["broker"]["tls_active"]


@pytest.mark.parametrize(
    ("plugin", "ports"),
    [
        (Plugin(), [1883, 8883]),
        (Plugin(port=0), [8883]),
        (Plugin(tls_port=0), [1883]),
        (Plugin(port=0, tls_port=0), []),
    ],
)
def test_a_port_of_0_is_no_way(plugin: Plugin, ports: list[int]) -> None:
    assert [way.port for way in fragments.ways(plugin, "printers.example")] == ports


def test_the_host_is_the_public_one_unless_it_is_told() -> None:
    assert fragments.ways(Plugin(), "here.example")[0].host == "here.example"
    assert fragments.ways(Plugin(host="there.example"), "here.example")[0].host == "there.example"


@pytest.mark.parametrize("host", ["localhost", "LOCALHOST.", "127.0.0.1", "127.1.2.3", "::1"])
def test_an_address_of_this_machine_alone_is_known(host: str) -> None:
    assert Way(host, 1883).is_loopback


@pytest.mark.parametrize("host", ["192.168.1.2", "printers.local", "localhost.example"])
def test_others_are_not_taken_for_it(host: str) -> None:
    assert not Way(host, 1883).is_loopback


def test_the_key_for_other_plugins_holds_id_and_secret() -> None:
    assert fragments.plugin_key(registration(), SECRET) == f"{PRINTER}:{SECRET}"
