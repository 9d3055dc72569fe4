"""What is kept of a visit: the beginning of an address, a browser's name, our cookies."""

from ipaddress import IPv6Address
from types import SimpleNamespace

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from starlette.requests import Request
from starlette.responses import Response

from services.skill.web import cookies
from services.skill.web.cookies import FACTOR, GUEST, SESSION, GuestToken
from services.skill.web.devices import device_of
from services.skill.web.network import network, network_of


def request(url: str = "http://127.0.0.1:8080", **headers: str) -> Request:
    fields = [(name.replace("_", "-").encode(), one.encode()) for name, one in headers.items()]
    app = SimpleNamespace(state=SimpleNamespace(url=url))
    return Request({"type": "http", "headers": fields, "app": app, "client": ("192.0.2.77", 1)})


@pytest.mark.parametrize(
    ("address", "kept"),
    [
        ("192.0.2.77", "192.0.2.0/24"),
        ("127.0.0.1", "127.0.0.0/24"),
        ("::ffff:192.0.2.77", "192.0.2.0/24"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1::/48"),
        ("fe80::1%eth0", "fe80::/48"),
        ("::1", "::/48"),
        ("", "unknown"),
        ("unix", "unknown"),
        ("192.0.2.77, 10.0.0.1", "unknown"),
    ],
)
def test_an_address_is_cut_short(address: str, kept: str) -> None:
    assert network(address) == kept


def test_the_network_is_that_of_the_connection() -> None:
    assert network_of(request(x_forwarded_for="10.0.0.1")) == "192.0.2.0/24"


@given(st.ip_addresses(v=6), st.integers(0, 2**80 - 1))
def test_neighbours_look_alike(address: IPv6Address, other: int) -> None:
    site = int(address) >> 80 << 80
    neighbour = IPv6Address(site | other)
    assume(address.ipv4_mapped is None and neighbour.ipv4_mapped is None)
    assert network(str(address)) == network(str(neighbour))


@pytest.mark.parametrize(
    ("agent", "told"),
    [
        (
            "Mozilla/5.0 (Windows NT 10.0) AppleWebKit/537.36 Chrome/126.0 Safari/537.36 Edg/126.0",
            "Edge on Windows",
        ),
        (
            "Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) Version/17.5 Safari/604.1",
            "Safari on an iPhone",
        ),
        (
            "Mozilla/5.0 (X11; Linux x86_64; rv:127.0) Gecko/20100101 Firefox/127.0",
            "Firefox on Linux",
        ),
        ("curl/8.5.0", "curl"),
        ("something of my own", "An unknown program"),
    ],
)
def test_a_browser_is_told_in_short(agent: str, told: str) -> None:
    assert device_of(request(user_agent=agent)) == told


@pytest.mark.parametrize("cookie", [SESSION, GUEST, FACTOR])
def test_by_https_a_cookie_is_of_this_host_alone(cookie: cookies.Cookie) -> None:
    response = Response()
    cookie.set(request("https://printers.example.org"), response, "value")
    told = response.headers["set-cookie"].lower()
    assert told.startswith(f"__host-{cookie.name}=value;")
    assert {"secure", "httponly", "samesite=lax", "path=/"} <= set(told.split("; "))
    assert "domain" not in told


def test_by_http_a_cookie_can_still_be_set() -> None:
    response = Response()
    SESSION.set(request(), response, "value")
    told = response.headers["set-cookie"].lower()
    assert told.startswith("voxtrude=value;")
    assert "secure" not in told
    assert "httponly" in told


def test_by_https_a_cookie_without_the_prefix_is_not_read() -> None:
    one = request("https://printers.example.org", cookie="voxtrude=planted")
    assert SESSION.read(one) is None


def test_a_cookie_that_cannot_be_ours_is_not_read() -> None:
    assert SESSION.read(request(cookie="voxtrude=" + "a" * 600)) is None


def test_a_token_is_of_one_cookie() -> None:
    token = cookies.csrf("one")
    assert cookies.matches("one", token)
    assert not cookies.matches("two", token)
    assert not cookies.matches(None, token)
    assert not cookies.matches("one", None)
    assert not cookies.matches("one", "\ud800")
    assert "one" not in token


def test_a_page_without_a_form_sets_no_cookie() -> None:
    asked, response = request(), Response()
    GuestToken(asked).keep(asked, response)
    assert "set-cookie" not in response.headers


def test_a_guest_keeps_the_cookie_that_is_there() -> None:
    asked, response = request(cookie="voxtrude-guest=known"), Response()
    token = GuestToken(asked)
    assert str(token) == cookies.csrf("known")
    token.keep(asked, response)
    assert "set-cookie" not in response.headers
