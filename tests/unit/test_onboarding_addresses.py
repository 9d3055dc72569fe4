"""Which addresses are asked: an OctoPrint's, and never a cloud's, or one of our own services."""

from ipaddress import ip_address

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr

from services.skill.onboarding.addresses import (
    Place,
    Ports,
    is_forbidden,
    is_this_machine,
    parsed,
    resolved,
)
from services.skill.onboarding.obstacles import TEXTS, Obstacle
from services.skill.settings import SkillSettings
from voxtrude.portal import Smtp, Web
from voxtrude.settings import Mongo, Mqtt

OURS = Ports(frozenset({21883, 27017}), 8080)


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("octopi.local", Place("http", "octopi.local", 80)),
        (" http://octopi.local/ ", Place("http", "octopi.local", 80)),
        ("HTTP://OctoPi.local", Place("http", "octopi.local", 80)),
        ("http://192.168.1.20:5000", Place("http", "192.168.1.20", 5000)),
        ("192.168.1.20:5000", Place("http", "192.168.1.20", 5000)),
        ("https://prints.example/octoprint/", Place("https", "prints.example", 443, "/octoprint")),
        ("http://octopi.local/#temp", Place("http", "octopi.local", 80)),
        ("http://octopi.local/login/?redirect=%2F", Place("http", "octopi.local", 80)),
        ("http://[fd00::20]:5000", Place("http", "fd00::20", 5000)),
        ("http://drücker.example", Place("http", "xn--drcker-4ya.example", 80)),
    ],
)
def test_an_address_is_read_as_people_type_it(text: str, place: Place) -> None:
    assert parsed(text) == place


@pytest.mark.parametrize(
    "text",
    [
        "",
        "   ",
        "http://",
        "ftp://octopi.local",
        "file:///etc/passwd",
        "gopher://octopi.local",
        "http://octopi.local:99999",
        "http://octopi.local:port",
        "http://pi:raspberry@octopi.local",
        "http://octopi.local@evil.example",
        "http://octopi.local/../../admin",
        "http://octopi.local/%2e%2e/admin",
        "http://octo pi.local",
        "http://octopi.local\\@evil.example",
        "http://octopi.local/\r\nX: y",
        "http://[fe80::1%25eth0]",
        "http://[::1",
        "http://" + "a" * 64 + ".example",
        "http://a..example",
        "http://octopi.local/" + "a" * 300,
        "\ud800",
    ],
)
def test_what_is_no_address_is_refused(text: str) -> None:
    with pytest.raises(Obstacle) as refused:
        parsed(text)
    assert refused.value.code == "address"


@given(st.text(st.characters(), max_size=60))
def test_any_text_is_an_address_or_refused(text: str) -> None:
    try:
        place = parsed(text)
    except Obstacle:
        return
    assert place.scheme in {"http", "https"}
    assert place.host.isascii()
    assert 0 <= place.port < 65536


@pytest.mark.parametrize(
    "address",
    [
        "169.254.169.254",
        "169.254.1.1",
        "fe80::1",
        "fd00:ec2::254",
        "100.100.100.200",
        "0.0.0.0",  # noqa: S104  (it is what is refused)
        "::",
        "224.0.0.1",
        "255.255.255.255",
        "ff02::1",
        "::ffff:169.254.169.254",
        "2002:a9fe:a9fe::1",  # 6to4
        "64:ff9b::a9fe:a9fe",  # NAT64
    ],
)
def test_addresses_that_no_octoprint_has_are_not_asked(address: str) -> None:
    assert is_forbidden(ip_address(address), 80, OURS)


@pytest.mark.parametrize("address", ["127.0.0.1", "::1", "192.168.1.20", "10.0.0.2", "fd00::20"])
def test_a_home_network_and_this_machine_are_fine(address: str) -> None:
    assert not is_forbidden(ip_address(address), 5000, OURS)


@pytest.mark.parametrize("port", [0, 22, 25, 1883, 21883, 27017])
def test_ports_of_other_protocols_and_of_our_services_are_not_asked(port: int) -> None:
    assert is_forbidden(ip_address("192.168.1.20"), port, OURS)


def test_our_own_portal_is_not_asked_but_the_same_port_elsewhere_is() -> None:
    assert is_forbidden(ip_address("127.0.0.1"), OURS.portal, OURS)
    assert is_forbidden(ip_address("::ffff:127.0.0.1"), OURS.portal, OURS)
    assert not is_forbidden(ip_address("192.0.2.1"), OURS.portal, OURS)


def test_an_address_of_documentation_is_not_this_machine() -> None:
    assert is_this_machine(ip_address("127.0.0.9"))
    assert not is_this_machine(ip_address("192.0.2.1"))


async def test_what_is_resolved_is_judged() -> None:
    assert [str(one) for one in await resolved(parsed("http://127.0.0.1:5000"), OURS)] == [
        "127.0.0.1"
    ]
    for text in (
        "http://169.254.169.254",
        "http://0xA9FEA9FE",  # the same, as the resolver reads it
        "http://2852039166",
        "http://localhost:8080",
        "http://0",
    ):
        with pytest.raises(Obstacle) as refused:
            await resolved(parsed(text), OURS)
        assert refused.value.code == "forbidden-address", text


async def test_an_unknown_name_is_told() -> None:
    with pytest.raises(Obstacle) as refused:
        await resolved(parsed("http://no-such-printer.invalid"), OURS)
    assert refused.value.code == "unknown-host"


@pytest.mark.parametrize(
    ("url", "ports"),
    [
        ("mongodb://127.0.0.1:27018", {27018}),
        ("mongodb://user:p%40ss@db:27019/admin?replicaSet=rs0", {27019}),
        ("mongodb://one:1111,two,[::1]:3333/?x=1", {1111, 27017, 3333}),
    ],
)
def test_our_ports_are_those_of_the_settings(url: str, ports: set[int]) -> None:
    settings = SkillSettings(
        web=Web(secret=SecretStr("x" * 32), port=8099),
        mqtt=Mqtt(port=1999),
        mongo=Mongo(url=SecretStr(url)),
        smtp=Smtp(host="mail.example", port=2525),
    )
    ours = Ports.of(settings)
    assert ours.portal == 8099
    assert ours.inner == ports | {1999, 2525, 1883, 8883}


def test_every_obstacle_has_words() -> None:
    for code in TEXTS:
        assert Obstacle(code).sentence
        assert Obstacle(code).fix
