"""What the native stack tells the skill, as the skill reads it."""

import os
from pathlib import Path

import pytest

from services.skill.settings import SkillSettings
from voxtrude.cli.native import Native
from voxtrude.cli.programs import programs
from voxtrude.cli.settings import CliSettings
from voxtrude.dynsec import PORTAL, SKILL
from voxtrude.settings import load

pytestmark = pytest.mark.integration

BASE = 20_000
LONG = "s" * 32


def told(place: Path, monkeypatch: pytest.MonkeyPatch, **given: str) -> SkillSettings:
    """Return what the skill reads where an operator has given these settings to ``up``."""
    for name in list(os.environ):
        if name.startswith("VOXTRUDE_"):
            monkeypatch.delenv(name)
    for name, value in given.items():
        monkeypatch.setenv(f"VOXTRUDE_{name}", value)
    where = Native.planned(place, load(CliSettings), BASE, 0).site
    found = {one.name: one for one in programs(where, mongod_port=None, simulated=0)}
    for folder in (place / "secrets", where.settings.broker.certificates):
        folder.mkdir(parents=True, exist_ok=True)
    for name in (SKILL, PORTAL, "mongo_url", "web"):
        (place / "secrets" / name).write_text(f"{name}-{LONG}")
    for name in given:
        monkeypatch.delenv(f"VOXTRUDE_{name}")
    for name, value in found[SKILL].environment.items():
        monkeypatch.setenv(name, value)
    return load(SkillSettings)


def test_the_skill_gets_its_accounts_its_secret_and_the_stacks_ports(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = told(tmp_path, monkeypatch)
    assert settings.web.secret.get_secret_value() == f"web-{LONG}"
    assert settings.url == f"http://localhost:{BASE}"
    assert (settings.mqtt.username, settings.mqtt.port) == (SKILL, BASE + 1)
    registrar = settings.registrar
    assert registrar.username == PORTAL
    assert registrar.password
    assert registrar.password.get_secret_value() == f"{PORTAL}-{LONG}"
    assert (settings.plugin.port, settings.plugin.tls_port) == (BASE + 1, BASE + 2)
    assert settings.plugin.ca_file == tmp_path / "certificates" / "ca.crt"


def test_what_the_operator_gave_reaches_the_skill(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = told(
        tmp_path,
        monkeypatch,
        WEB_SECRET="t" * 40,
        WEB_PROXIES="127.0.0.1",
        ACCOUNTS_SIGN_UP="open",
        SMTP_HOST="mail.example.org",
        PUBLIC_URL="https://farm.example.org",
        KEEP_PRINTERS="P20D",
        PLUGIN_HOST="broker.example.org",
    )
    assert settings.web.secret.get_secret_value() == "t" * 40
    assert settings.web.proxies == "127.0.0.1"
    assert settings.accounts.sign_up == "open"
    assert settings.smtp.host == "mail.example.org"
    assert settings.url == "https://farm.example.org"
    assert settings.keep.printers.days == 20
    assert settings.plugin.host == "broker.example.org"


@pytest.mark.parametrize(
    ("given", "plain", "tls"),
    [
        ({"PUBLIC_HOST": "farm"}, True, True),  # nobody reaches it, and doctor says so
        ({"PUBLIC_HOST": "farm", "BROKER_TLS_BIND": "0.0.0.0"}, False, True),  # noqa: S104  (a setting)
        ({"PUBLIC_HOST": "farm", "BROKER_BIND": "0.0.0.0"}, True, False),  # noqa: S104  (a setting)
        ({"BROKER_TLS_BIND": "0.0.0.0"}, True, True),  # noqa: S104  (a setting)
    ],
)
def test_people_are_told_of_listeners_that_printers_reach(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    given: dict[str, str],
    plain: bool,  # noqa: FBT001  (a column)
    tls: bool,  # noqa: FBT001  (a column)
) -> None:
    plugin = told(tmp_path, monkeypatch, **given).plugin
    assert plugin.port == (BASE + 1 if plain else 0)
    assert plugin.tls_port == (BASE + 2 if tls else 0)
