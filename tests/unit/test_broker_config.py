"""The broker's files: configuration, certificates, service secrets, and what goes wrong."""

import json
import os
import re
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

import pytest
from cryptography import x509

from broker import config, rendering, secrets, version
from broker.settings import Broker, BrokerSettings
from voxtrude import certificates, files
from voxtrude.certificates import Certificates
from voxtrude.dynsec import SERVICES
from voxtrude.errors import SetupError
from voxtrude.settings import load

NOW = datetime(2026, 11, 20, tzinfo=UTC)
PLUGINS = Path("/usr/lib")
SIGNED = Certificates(Path("/c/ca.crt"), Path("/c/server.crt"), Path("/c/server.key"))
OLD = version.Mosquitto((2, 0, 11), PLUGINS / version.DYNAMIC_SECURITY)
NEW = version.Mosquitto(
    (2, 1, 2), PLUGINS / version.DYNAMIC_SECURITY, PLUGINS / version.PERSIST_SQLITE
)


def text(broker: version.Mosquitto, *listeners: config.Listener) -> str:
    chosen = listeners or (config.Listener(1883), config.Listener(8883, "0.0.0.0", SIGNED))  # noqa: S104  (rendered, not bound)
    return config.render(broker, Path("/data/broker"), chosen, user="mosquitto")


# Configuration -----------------------------------------------------------------------------


@pytest.mark.parametrize("broker", [OLD, NEW])
def test_every_configuration_has_what_safety_rests_on(broker: version.Mosquitto) -> None:
    lines = text(broker).splitlines()
    for line in (
        "allow_anonymous false",
        f"plugin {broker.dynamic_security}",
        "plugin_opt_config_file /data/broker/dynamic-security.json",
        "upgrade_outgoing_qos true",
        "max_inflight_messages 20000",
        "max_queued_messages 1000000",
        "max_packet_size 65536",
        "set_tcp_nodelay true",
        "log_dest stderr",
        "log_dest topic",
        "user mosquitto",
    ):
        assert lines.count(line) == 1, line
    for line in ("use_username_as_clientid true", "max_qos 1", "protocol mqtt"):
        assert lines.count(line) == 2, line
    assert not re.search(r"\$\w", text(broker).replace("$CONTROL", ""))
    assert "per_listener_settings" not in text(broker)
    assert "password_file" not in text(broker)


@pytest.mark.parametrize("count", [1, 2, 3])
def test_every_listener_takes_the_client_id_from_the_user_name(count: int) -> None:
    sections = text(NEW, *(config.Listener(1883 + place) for place in range(count))).split(
        "listener "
    )[1:]
    assert len(sections) == count
    assert all("use_username_as_clientid true" in section for section in sections)


def test_each_version_keeps_its_data_in_its_own_way() -> None:
    old, new = text(OLD).splitlines(), text(NEW).splitlines()
    assert {"persistence true", "autosave_interval 1", "autosave_on_changes false"} <= set(old)
    assert "plugin_opt_flush_period 0" in new
    assert "persistence true" not in new
    # With 2.0's accounting it would lock everybody out, see config.py.
    assert not any(line.startswith("memory_limit") for line in old)
    assert any(line.startswith("memory_limit") for line in new)


def test_only_the_tls_listener_names_certificates() -> None:
    plain, tls = text(OLD).split("listener ")[1:]
    assert "certfile" not in plain
    assert plain.startswith("1883 127.0.0.1\n")
    assert tls.startswith("8883 0.0.0.0\n")
    assert "certfile /c/server.crt\nkeyfile /c/server.key\ntls_version tlsv1.2\n" in tls


@pytest.mark.parametrize("folder", ["relative", "/a\nallow_anonymous true"])
def test_a_folder_cannot_smuggle_settings_in(folder: str) -> None:
    with pytest.raises(SetupError, match="VOXTRUDE_BROKER_DATA"):
        config.render(OLD, Path(folder), (), user="mosquitto")


@pytest.mark.parametrize("bind", ["127.0.0.1\nallow_anonymous true", "a b", ""])
def test_an_address_cannot_smuggle_settings_in(monkeypatch: pytest.MonkeyPatch, bind: str) -> None:
    monkeypatch.setenv("VOXTRUDE_BROKER_BIND", bind)
    with pytest.raises(SetupError, match="VOXTRUDE_BROKER_BIND"):
        load(BrokerSettings)


# Version -----------------------------------------------------------------------------------


def test_a_broker_elsewhere_is_told_by_settings() -> None:
    assert version.told("2.1.2", PLUGINS) == NEW
    assert version.told("2.0.11", PLUGINS) == OLD
    assert (NEW.batch, OLD.batch) == (100, 1)


@pytest.mark.parametrize("wrong", ["", "two", "2", "1.6.15", "2.1.2-alpine"])
def test_a_wrong_version_is_said(wrong: str) -> None:
    with pytest.raises(SetupError):
        version.told(wrong, PLUGINS)


def test_a_missing_broker_is_said() -> None:
    with pytest.raises(SetupError, match="VOXTRUDE_BROKER_BINARY: there is no nowhere here"):
        version.discover("nowhere")


def test_a_program_that_is_no_broker_is_said() -> None:
    with pytest.raises(SetupError, match="is no Mosquitto"):
        version.discover("true")


# Certificates ------------------------------------------------------------------------------


def made(folder: Path, *hosts: str, now: datetime = NOW) -> x509.Certificate:
    paths = certificates.ensure(folder, hosts, now)
    return x509.load_pem_x509_certificate(paths.certificate.read_bytes())


def authority(folder: Path) -> x509.Certificate:
    return x509.load_pem_x509_certificate((folder / "ca.crt").read_bytes())


def test_the_certificate_names_what_was_asked_and_this_machine(tmp_path: Path) -> None:
    certificate = made(tmp_path, "Printers.example", "192.0.2.7", "[2001:db8::1]", "bücher.example")
    names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert names.get_values_for_type(x509.DNSName) == [
        "printers.example",
        "xn--bcher-kva.example",
        "localhost",
    ]
    assert names.get_values_for_type(x509.IPAddress) == [
        ip_address(address) for address in ("192.0.2.7", "2001:db8::1", "127.0.0.1", "::1")
    ]
    certificate.verify_directly_issued_by(authority(tmp_path))
    assert certificate.not_valid_after_utc - NOW == timedelta(days=397)
    assert authority(tmp_path).not_valid_after_utc - NOW > timedelta(days=3650)


def test_nothing_is_made_twice(tmp_path: Path) -> None:
    made(tmp_path, "a.example")
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    made(tmp_path, "a.example", now=NOW + timedelta(days=366))
    assert before == {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    assert set(before) == {"ca.crt", "ca.key", "server.crt", "server.key"}


def test_only_the_authority_is_for_everybody(tmp_path: Path) -> None:
    os.umask(0o022)
    made(tmp_path, "a.example")
    modes = {path.name: path.stat().st_mode & 0o777 for path in tmp_path.iterdir()}
    assert modes == {"ca.crt": 0o644, "server.crt": 0o644, "ca.key": 0o600, "server.key": 0o600}


@pytest.mark.parametrize(
    ("hosts", "days"), [(("b.example",), 0), (("a.example", "b.example"), 0), (("a.example",), 368)]
)
def test_the_server_is_renewed_under_the_same_authority(
    tmp_path: Path, hosts: tuple[str, ...], days: int
) -> None:
    first = made(tmp_path, "a.example")
    signer = authority(tmp_path)
    second = made(tmp_path, *hosts, now=NOW + timedelta(days=days))
    assert second.serial_number != first.serial_number
    assert authority(tmp_path) == signer
    second.verify_directly_issued_by(signer)


def test_the_authority_is_renewed_before_it_ends(tmp_path: Path) -> None:
    made(tmp_path, "a.example")
    signer = authority(tmp_path)
    near = NOW + timedelta(days=3600)
    last = made(tmp_path, "a.example", now=near)
    assert authority(tmp_path) == signer
    assert last.not_valid_after_utc <= signer.not_valid_after_utc
    renewed = made(tmp_path, "a.example", now=NOW + timedelta(days=3640))
    assert authority(tmp_path) != signer
    renewed.verify_directly_issued_by(authority(tmp_path))


@pytest.mark.parametrize("name", ["ca.crt", "ca.key", "server.crt", "server.key"])
@pytest.mark.parametrize("contents", [None, b"", b"-----BEGIN CERTIFICATE-----\n"])
def test_a_broken_file_is_made_anew(tmp_path: Path, name: str, contents: bytes | None) -> None:
    made(tmp_path, "a.example")
    if contents is None:
        (tmp_path / name).unlink()
    else:
        (tmp_path / name).write_bytes(contents)
    made(tmp_path, "a.example").verify_directly_issued_by(authority(tmp_path))


@pytest.mark.parametrize(
    "host", ["", "a b", "-a.example", "a..b", "http://a", "1.2.3", "a_b", "ä" * 90]
)
def test_a_wrong_host_is_said(tmp_path: Path, host: str) -> None:
    with pytest.raises(SetupError, match="VOXTRUDE_PUBLIC_HOST"):
        certificates.ensure(tmp_path, (host,), NOW)


def test_an_unwritable_folder_is_said(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(SetupError, match="cannot write"):
        certificates.ensure(tmp_path / "file" / "x", ("a.example",), NOW)
    with pytest.raises(SetupError, match="cannot write"):
        files.write(tmp_path / "nowhere" / "x", b"")


# Secrets -----------------------------------------------------------------------------------


def test_secrets_are_made_once_and_private(tmp_path: Path) -> None:
    path = tmp_path / "credentials.json"
    first = secrets.ensure(path)
    assert set(first) == set(SERVICES)
    assert len(set(first.values())) == len(SERVICES)
    assert path.stat().st_mode & 0o777 == 0o600
    assert secrets.ensure(path) == first == secrets.load(path)
    assert json.loads(path.read_text())["ingest"] == {
        "username": "ingest",
        "password": first["ingest"],
    }
    for name, credential in secrets.credentials(first).items():
        assert credential.matches(first[name])


def test_a_new_account_leaves_the_others_alone(tmp_path: Path) -> None:
    path = tmp_path / "credentials.json"
    first = secrets.ensure(path)
    document = json.loads(path.read_text())
    del document["bridge"]
    path.write_text(json.dumps(document))
    second = secrets.ensure(path)
    assert second["bridge"] != first["bridge"]
    assert {**second, "bridge": ""} == {**first, "bridge": ""}


@pytest.mark.parametrize(
    "contents", ["", "[]", "{", '{"ingest": 1}', '{"ingest": {"password": 7}}']
)
def test_a_damaged_secrets_file_is_said_and_kept(tmp_path: Path, contents: str) -> None:
    path = tmp_path / "credentials.json"
    path.write_text(contents)
    with pytest.raises(SetupError, match="does not hold the service accounts"):
        secrets.ensure(path)
    assert path.read_text() == contents


# Rendering ---------------------------------------------------------------------------------


def elsewhere(data: Path) -> Broker:
    return Broker(data=data, version="2.1.2", user="mosquitto", uid=os.getuid())


def test_rendering_writes_what_the_broker_needs(tmp_path: Path) -> None:
    path = rendering.render(elsewhere(tmp_path / "data"), "a.example", [], NOW)
    folder = tmp_path / "data" / "broker"
    assert path == folder / "mosquitto.conf"
    accounts = folder / "dynamic-security.json"
    assert accounts.stat().st_mode & 0o777 == 0o600
    assert {one["username"] for one in json.loads(accounts.read_text())["clients"]} == set(SERVICES)
    assert folder.stat().st_mode & 0o777 == 0o700
    # Nothing half-written stays behind, and no secret where the broker can read it.
    assert sorted(one.name for one in folder.iterdir()) == [accounts.name, path.name]
    for secret in secrets.load(tmp_path / "data" / "credentials.json").values():
        assert secret not in accounts.read_text()


def test_an_unwritable_data_folder_is_said(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(SetupError, match="VOXTRUDE_BROKER_DATA"):
        rendering.render(elsewhere(tmp_path / "file"), "a.example", [], NOW)


def test_an_unknown_user_is_said(tmp_path: Path) -> None:
    settings = Broker(data=tmp_path, version="2.1.2", user="nobody-of-this-name")
    with pytest.raises(SetupError, match="VOXTRUDE_BROKER_USER"):
        rendering.render(settings, "a.example", [], NOW)
