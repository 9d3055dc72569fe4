"""Who gets through a real broker's listeners: protocols, strangers, TLS, sizes."""

import socket
import ssl

import pytest
from paho.mqtt.enums import MQTTProtocolVersion

from tests.integration.brokers import (
    DEADLINE,
    V5,
    V31,
    V311,
    Printer,
    Raw,
    Site,
    connected,
    heard,
)
from tests.integration.servers import wait_until

pytestmark = pytest.mark.integration


@pytest.mark.parametrize("protocol", [V31, V311, V5])
def test_every_protocol_may_log_in_without_a_client_id(
    place: Site, ours: Printer, protocol: MQTTProtocolVersion
) -> None:
    with connected(place, ours, protocol) as client:
        client.publish(f"{ours.base}mqtt")
        assert not client.gone


@pytest.mark.parametrize("protocol", [V31, V311, V5])
def test_strangers_stay_outside(
    place: Site, ours: Printer, theirs: Printer, protocol: MQTTProtocolVersion
) -> None:
    for login in (
        None,
        (ours.id, theirs.secret),
        (ours.id, ""),
        ("nobody", ours.secret),
        ("", ""),
        ("ingest", "ingest"),
        ("+", ours.secret),
    ):
        client = Raw(place.settings.port, login, client_id="x", protocol=protocol)
        assert not client.connect(), login
        client.close()


def test_tls_with_our_authority(place: Site, ours: Printer, ingest: Raw) -> None:
    context = ssl.create_default_context(cafile=place.settings.certificates / "ca.crt")
    login = (ours.id, ours.secret)
    with Raw(place.settings.tls_port, login, tls=context) as client:
        assert client.publish(f"{ours.base}event/Encrypted")
    heard(ingest, f"{ours.base}event/Encrypted")


def test_tls_is_refused_without_our_authority(place: Site) -> None:
    context = ssl.create_default_context()
    with (
        socket.create_connection(("127.0.0.1", place.settings.tls_port)) as plain,
        pytest.raises(ssl.SSLCertVerificationError),
    ):
        context.wrap_socket(plain, server_hostname="localhost")


def test_the_certificate_names_the_public_host_and_nobody_else(place: Site) -> None:
    context = ssl.create_default_context(cafile=place.settings.certificates / "ca.crt")
    for name, trusted in (
        ("broker.example", True),
        ("localhost", True),
        ("127.0.0.1", True),
        ("::1", True),
        ("other.example", False),
    ):
        with socket.create_connection(("127.0.0.1", place.settings.tls_port)) as plain:
            try:
                context.wrap_socket(plain, server_hostname=name).close()
            except ssl.SSLCertVerificationError:
                assert not trusted, name
            else:
                assert trusted, name


def test_the_tls_listener_speaks_nothing_else(place: Site, ours: Printer) -> None:
    client = Raw(place.settings.tls_port, (ours.id, ours.secret))
    assert not client.connect()
    client.close()


def test_a_packet_above_the_limit_ends_the_connection(
    place: Site, ours: Printer, ingest: Raw
) -> None:
    with connected(place, ours) as client:
        assert client.publish(f"{ours.base}event/Big", b"x" * 60_000)
        heard(ingest, f"{ours.base}event/Big")
        client.send(f"{ours.base}event/TooBig", b"x" * 70_000)
        wait_until(lambda: client.gone, DEADLINE)
    with connected(place, ours) as client:
        assert client.publish(f"{ours.base}event/After")
    heard(ingest, f"{ours.base}event/After")
    assert f"{ours.base}event/TooBig" not in ingest.topics()
