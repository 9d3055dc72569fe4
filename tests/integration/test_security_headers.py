"""What every answer carries: pages, errors, files, and refusals of all kinds."""

from collections.abc import Iterator

import httpx
import pytest

from tests.integration.conftest import Database
from tests.integration.onboarding import Shown, added
from tests.integration.portal_routes import Who, ask, failures, house, of, token_of
from tests.integration.portals import PASSWORD, Portal, Visitor
from tests.integration.portals import portal as running_portal
from tests.integration.programs import program, token

pytestmark = pytest.mark.integration

ALWAYS = {
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "referrer-policy": "same-origin",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
}
POLICY = {
    "default-src": "'none'",
    "script-src": "'self'",
    "style-src": "'self'",
    "img-src": "'self' data:",
    "connect-src": "'self'",
    "form-action": "'self'",
    "frame-ancestors": "'none'",
    "base-uri": "'none'",
}
HTTPS = "https://printers.example.org"


@pytest.fixture(scope="module")
def shared(mongo: Database, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Portal]:
    with house(mongo.client, mongo.url, tmp_path_factory.mktemp("headers")) as found:
        yield found
        assert not list(failures(found))


@pytest.fixture(scope="module")
def printer(shared: Portal) -> Shown:
    return added(shared.admin(), "Prusa")


def check(answer: httpx.Response, what: object, *, https: bool = False) -> None:
    headers = answer.headers
    for name, value in ALWAYS.items():
        assert headers.get_list(name) == [value], (what, name)
    pieces = [one.split(" ", 1) for one in headers["content-security-policy"].split("; ")]
    assert dict(pieces) == POLICY, what
    assert "camera=()" in headers["permissions-policy"], what
    assert ("strict-transport-security" in headers) is https, what
    assert "server" not in headers, what
    assert "x-powered-by" not in headers, what
    kept = what if isinstance(what, str) else ""
    if not kept.startswith(("/static", "/assets")):
        assert headers["cache-control"] == "no-store", what
    for cookie in headers.get_list("set-cookie"):
        lower = cookie.lower()
        assert "httponly" in lower, what
        assert "samesite=lax" in lower, what
        assert "path=/" in lower, what
        assert "domain" not in lower, what
        assert ("secure" in lower) is https, what
        assert cookie.startswith("__Host-voxtrude" if https else "voxtrude"), what


def test_every_page_and_every_refusal(shared: Portal, printer: Shown) -> None:
    admin, guest = shared.admin(), shared.client()
    api, bare = program(shared, token(admin)), program(shared)
    ids = {
        "printer": printer.id,
        "account": "acc-0000000000000000",
        "session": "0" * 64,
        "token": "0" * 16,
        "code": "A" * 43,
    }
    for method, path in of(*Who):
        if path in {"/static", "/assets", "/live", "/api/v1/stream", "/sign-out"} or (
            method == "DELETE" or path.endswith("/remove")
        ):
            continue
        clients = (api, bare) if path.startswith(("/api/v1", "/metrics")) else (admin, guest)
        for client in clients:
            check(ask(client, method, path, **ids), (method, path))
    for client in (admin, guest):
        check(client.get("/nothing"), "/nothing")
        check(client.get("/printers/prn-x"), "/printers/prn-x")
        check(client.put("/account"), "PUT")
        check(client.post("/sign-in", content=b"a=" + b"b" * 100_000), "413")
        check(client.post("/sign-in", content=iter([b"a=" + b"b" * 100_000])), "413 in chunks")
        check(client.get("/sign-in", headers={"host": "evil.example"}), "another name")
    for path in ("/live", "/api/v1/stream"):
        with (admin if path == "/live" else api).stream("GET", shared.url + path) as stream:
            check(stream, "a stream")
    page = guest.get("/sign-in")
    named = page.text.split('rel="stylesheet" href="')[1].split('"')[0]
    check(guest.get(named), "/static")
    assert "immutable" in guest.get(named).headers["cache-control"]
    check(guest.get("/static/nothing.js"), "/static/nothing.js")


def test_behind_a_proxy_with_tls(shared: Portal) -> None:
    """Cookies are of this host alone, and browsers stay with https."""
    more = {"VOXTRUDE_PUBLIC_URL": HTTPS, "VOXTRUDE_WEB_PROXIES": "127.0.0.1"}
    shared.admin()
    with running_portal(shared.stack, more) as secure:
        headers = {
            "host": "printers.example.org",
            "x-forwarded-proto": "https",
            "x-forwarded-for": "192.0.2.1",
            "origin": HTTPS,
        }
        with httpx.Client(base_url=secure.url, headers=headers) as client:
            page = client.get("/sign-in")
            check(page, "/sign-in", https=True)
            guest = page.headers["set-cookie"].split(";")[0]
            assert guest.startswith("__Host-voxtrude-guest=")
            visitor = Visitor(secure.url)
            visitor.cookies.set("voxtrude-guest", guest.split("=", 1)[1])
            fields = {"csrf": token_of(visitor), "email": "ada@example.org", "password": PASSWORD}
            visitor.close()
            done = client.post("/sign-in", data=fields, headers={"cookie": guest})
            assert done.status_code == 303, done.text
            check(done, "signed in", https=True)
            session = done.headers.get_list("set-cookie")[0].split(";")[0]
            assert session.startswith("__Host-voxtrude=")
            check(client.get("/account", headers={"cookie": session}), "/account", https=True)
            # A cookie that a plain connection could have set is none.
            plain = session.removeprefix("__Host-")
            seen = client.get("/account", headers={"cookie": plain})
            assert seen.status_code == 303
            # What the plugin and the pages are told is the address that people know.
            slash = client.get("/account/", headers={"cookie": session})
            assert slash.headers["location"].startswith((HTTPS, "/"))
