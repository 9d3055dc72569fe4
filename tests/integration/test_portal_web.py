"""What every page keeps to: forged and malformed requests, foreign names, headers, errors."""

import secrets
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from tests.integration.conftest import Database as Mongod
from tests.integration.portal_sites import PASSWORD, Place, fresh, said
from tests.integration.portal_sites import place as opened
from tests.integration.servers import free_port
from voxtrude.settings import Mongo

pytestmark = pytest.mark.integration

ADA = "ada@example.org"
FORM = {"content-type": "application/x-www-form-urlencoded"}


@pytest.fixture
def store(mongo: Mongod) -> Mongo:
    return Mongo.model_validate({"url": mongo.url, "database": f"test_{secrets.token_hex(6)}"})


@pytest_asyncio.fixture
async def place(store: Mongo, mongo: Mongod) -> AsyncIterator[Place]:
    async with fresh(store) as found:
        await found.admin()
        yield found
    mongo.client.drop_database(store.database)


async def test_a_form_without_its_token_is_refused(place: Place) -> None:
    browser, other = await place.signed_in(ADA), await place.signed_in(ADA)
    theirs = await other.token("/account")
    guests = await place.browser().token("/sign-in")
    for token in (None, "", "a" * 64, theirs, guests, "\ud800".encode("utf-8", "surrogatepass")):
        data = {"name": "mine", "scopes": "printers:read"}
        refused = await browser.post(
            "/account/tokens", data=data if token is None else {**data, "csrf": token}
        )
        assert refused.status_code == 403, token
        assert "Reload the page" in said(refused)
    file = {"csrf": ("csrf", (await browser.token("/account")).encode())}
    assert (await browser.post("/account/tokens", files=file)).status_code == 403
    assert await place.office.tokens.of((await place.office.accounts())[0]) == []


@pytest.mark.parametrize(
    "headers",
    [
        {"origin": "https://evil.example"},
        {"origin": "http://127.0.0.1:8081"},
        {"origin": "https://127.0.0.1:8080"},
        {"origin": "null"},
        {"origin": ""},
        {"origin": "http://127.0.0.1:8080.evil.example"},
        {"sec-fetch-site": "cross-site"},
        {"sec-fetch-site": "same-site"},
    ],
)
async def test_a_form_of_another_site_is_refused(place: Place, headers: dict[str, str]) -> None:
    browser = await place.signed_in(ADA)
    token = await browser.token("/account")
    refused = await browser.post("/sign-out", data={"csrf": token}, headers=headers)
    assert refused.status_code == 403
    assert (await browser.get("/account")).status_code == 200


async def test_the_form_of_a_guest_is_not_forged_either(place: Place) -> None:
    refused = await place.browser().post("/sign-in", data={"email": ADA, "password": PASSWORD})
    assert refused.status_code == 403
    assert "set-cookie" not in refused.headers


@pytest.mark.parametrize(
    "host",
    [
        "evil.example",
        "127.0.0.1.evil.example",
        "evil.example:8080",
        "localhost.",
        "",
        "[::1",
        "127.0.0.1@evil.example",
        "evil.example#127.0.0.1",
    ],
)
async def test_another_name_is_not_answered(place: Place, host: str) -> None:
    refused = await place.browser().get("/sign-in", headers={"host": host})
    assert refused.status_code == 400
    assert "VOXTRUDE_PUBLIC_URL" in refused.text


@pytest.mark.parametrize("host", ["127.0.0.1:8080", "localhost:9999", "[::1]:8080", "LOCALHOST"])
async def test_our_names_are_answered(place: Place, host: str) -> None:
    assert (await place.browser().get("/sign-in", headers={"host": host})).status_code == 200


@pytest.mark.parametrize("path", ["/sign-in", "/nothing", "/privacy", "/static/style.css", "/"])
async def test_every_answer_carries_the_headers(place: Place, path: str) -> None:
    answer = await place.browser().get(path)
    policy = answer.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "frame-ancestors 'none'" in policy
    assert "unsafe" not in policy
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["referrer-policy"] == "same-origin"
    assert answer.headers["cross-origin-opener-policy"] == "same-origin"
    assert answer.headers["cache-control"]
    assert "strict-transport-security" not in answer.headers


async def test_refused_and_failed_requests_carry_them_too(place: Place) -> None:
    browser = place.browser()
    for answer in (
        await browser.get("/sign-in", headers={"host": "evil.example"}),
        await browser.post("/sign-in", data={}),
        await browser.put("/sign-in"),
    ):
        assert answer.status_code >= 400
        assert "default-src 'none'" in answer.headers["content-security-policy"]


async def test_by_https_cookies_are_of_this_host_and_browsers_stay_with_it(
    store: Mongo, mongo: Mongod
) -> None:
    async with fresh(store, "https://printers.example.org") as place:
        await place.admin()
        browser = await place.signed_in(ADA)
        assert "__Host-voxtrude" in browser.cookies
        page = await browser.get("/account")
        assert page.status_code == 200
        assert page.headers["strict-transport-security"].startswith("max-age=")
    mongo.client.drop_database(store.database)


async def test_a_file_is_kept_for_ever_under_the_name_of_what_it_holds(place: Place) -> None:
    browser = place.browser()
    page = await browser.get("/sign-in")
    named = page.text.split('rel="stylesheet" href="')[1].split('"')[0]
    assert named.startswith("/static/style.css?v=")
    assert "immutable" in (await browser.get(named)).headers["cache-control"]
    assert (await browser.get("/static/style.css")).headers["cache-control"] == "no-cache"
    for path in ("/static/", "/static/../__init__.py", "/static/%2e%2e/__init__.py", "/assets/"):
        assert (await browser.get(path)).status_code == 404, path


async def test_pages_load_nothing_from_elsewhere_and_hold_no_inline_code(place: Place) -> None:
    browser = await place.signed_in(ADA)
    for path in ("/account", "/account/totp", "/account/tokens", "/admin", "/privacy"):
        text = (await browser.get(path)).text
        assert "style=" not in text, path
        assert "<style" not in text, path
        assert " onclick" not in text, path
        assert "<script>" not in text, path
        assert "//" not in text.replace("http://127.0.0.1:8080", "").replace(
            "http://www.w3.org/2000/svg", ""
        ), path


MALFORMED = [
    (b"", FORM),
    (b"\x00\xff\xfe", FORM),
    (b"email=%00&password=%00&csrf=%00", FORM),
    (b"email=%ED%A0%80&password=%ED%A0%80", FORM),
    (b"&" * 5000, FORM),
    (b"a=b&" * 3000, FORM),
    (b"email=" + b"a" * 60_000, FORM),
    (b"csrf=" + b"a" * 200_000, FORM),
    (b"--x\r\nbroken", {"content-type": "multipart/form-data; boundary=x"}),
    (b"--x\r\n", {"content-type": "multipart/form-data"}),
    (b'--x\r\nContent-Disposition: form-data; name="csrf"\r\n\r\n', {
        "content-type": "multipart/form-data; boundary=x"}),
    (b'{"email": NaN}', {"content-type": "application/json"}),
    (b'{"email": "\\ud800"}', {"content-type": "application/json"}),
    (b"9" * 5000, {"content-type": "application/json"}),
    (b"[" * 60_000, {"content-type": "application/json"}),
    (b"x", {"content-type": "text/plain; charset=\xff".encode("latin-1").decode("latin-1")}),
]  # fmt: skip


@pytest.mark.parametrize(
    "path",
    [
        "/welcome",
        "/sign-in",
        "/sign-in/code",
        "/sign-up",
        "/join/abc",
        "/verify/abc",
        "/forgot",
        "/reset/abc",
        "/sign-out",
        "/account/preferences",
        "/account/password",
        "/account/totp",
        "/account/sessions/abc/end",
        "/account/tokens",
        "/account/delete",
        "/admin/invite",
        "/admin/accounts/abc/role",
    ],
)
async def test_a_malformed_form_is_refused_and_nothing_fails(place: Place, path: str) -> None:
    browser = await place.signed_in(ADA)
    for body, headers in MALFORMED:
        sent = {name.encode(): one.encode("latin-1") for name, one in headers.items()}
        refused = await browser.post(path, content=body, headers=sent)
        assert 400 <= refused.status_code < 500, (body[:20], refused.status_code)
        assert len(refused.content) < 20_000


async def test_odd_values_in_a_form_that_is_ours(place: Place) -> None:
    browser = place.browser()
    token = await browser.token("/sign-in")
    for email in (
        "\x00",
        "a@b\x00c",
        "\ud800@example.org",
        "a" * 254,
        "@",
        "a@b@c",
        "",
        "💥@x.org",
    ):
        data = {"csrf": token, "email": email.encode("utf-8", "surrogatepass"), "password": "x"}
        refused = await browser.post("/sign-in", data=data)
        assert refused.status_code in {403, 422, 429}, email
    for password in ("\x00" * 20, "a" * 2000, "💥" * 20):
        data = {"csrf": token, "email": ADA, "password": password}
        assert (await browser.post("/sign-in", data=data)).status_code in {403, 422, 429}


@pytest.mark.parametrize(
    "path",
    [
        "/%00",
        "/join/%00",
        "/join/%ff%fe",
        "/join/" + "a" * 5000,
        "/reset/%ED%A0%80",
        "/admin/accounts/%00",
        "/admin/accounts/$ne",
        "/sign-in?next=%00",
        "/sign-in?next=" + "a" * 3000,
        "/sign-in?done=%ff&done=a&done",
        "/account/sessions/%00/end",
        "/printers?done=" + "%F0%9F" * 100,
    ],
)
async def test_odd_addresses(place: Place, path: str) -> None:
    browser = await place.signed_in(ADA)
    assert (await browser.get(path)).status_code < 500


async def test_odd_cookies(place: Place) -> None:
    for cookie in ("a" * 5000, "%00", "é", '"quoted"', "a b", "=", ""):
        browser = place.browser()
        sent = f"voxtrude={cookie}; voxtrude-guest={cookie}; voxtrude-factor={cookie}"
        for path in ("/account", "/sign-in", "/sign-in/code"):
            answer = await browser.get(path, headers={b"cookie": sent.encode()})
            assert answer.status_code < 400, (cookie, path)


async def test_errors_are_pages_for_people(place: Place) -> None:
    browser = await place.signed_in(ADA)
    missing = await browser.get("/nothing/<script>")
    assert missing.status_code == 404
    assert "There is nothing here" in said(missing)
    assert "<script>alert" not in missing.text
    wrong = await browser.delete("/account")
    assert wrong.status_code == 405
    large = await browser.post("/sign-in", content=b"a=" + b"b" * 200_000, headers=FORM)
    assert large.status_code == 413


async def test_while_the_database_is_away_people_are_told_so() -> None:
    gone = Mongo.model_validate(
        {"url": f"mongodb://127.0.0.1:{free_port()}/?serverSelectionTimeoutMS=100"}
    )
    async with opened(gone) as place:
        browser = place.browser()
        browser.cookies.set("voxtrude", secrets.token_urlsafe(32))
        answer = await browser.get("/account")
        assert answer.status_code == 503
        assert answer.headers["retry-after"]
        assert "Nothing is lost" in said(answer)
