"""Forms of other sites, sessions of others, and ways out of ours."""

import re
from collections.abc import Iterator
from urllib.parse import quote, urljoin, urlsplit

import httpx
import pytest

from tests.integration.conftest import Database
from tests.integration.onboarding import Shown, added
from tests.integration.portal_routes import (
    UNKNOWN_ACCOUNT,
    Who,
    failures,
    house,
    of,
    rule,
    standing,
    token_of,
)
from tests.integration.portals import ADMIN, PASSWORD, Portal, Visitor
from voxtrude.mongo import schema

pytestmark = pytest.mark.integration

EVIL = "https://evil.example"


@pytest.fixture(scope="module")
def shared(mongo: Database, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Portal]:
    with house(mongo.client, mongo.url, tmp_path_factory.mktemp("forms")) as found:
        yield found
        assert not list(failures(found))


@pytest.fixture(scope="module")
def printer(shared: Portal) -> Shown:
    return added(shared.admin(), "Prusa")


FORMS = [path for method, path in of(*Who) if rule(method, path).form is not None]


def where(portal: Portal, printer: Shown, path: str) -> str:
    return portal.url + path.format(
        printer=printer.id, account=UNKNOWN_ACCOUNT, session="0" * 64, token="0" * 16, code="A" * 43
    )  # fmt: skip


def forgeries(portal: Portal, whose: Visitor) -> list[tuple[str, dict[str, str], dict[str, str]]]:
    """Return what others send: fields and headers, each with what is wrong about it."""
    right = {"csrf": token_of(whose)}
    other = portal.signed_in(ADMIN) if whose.cookies.get("voxtrude") else portal.client()
    return [
        ("no token", {}, {}),
        ("an empty token", {"csrf": ""}, {}),
        ("another session's token", {"csrf": token_of(other)}, {}),
        ("a guest's token", {"csrf": token_of(portal.client())}, {}),
        ("the cookie itself", {"csrf": next(iter(whose.cookies.values()))}, {}),
        ("a long token", {"csrf": right["csrf"] * 2}, {}),
        ("another site", right, {"origin": EVIL}),
        ("no site", right, {"origin": "null"}),
        ("our name within another", right, {"origin": f"{portal.url}.evil.example"}),
        ("our name before another", right, {"origin": f"{portal.url}@evil.example"}),
        ("another port", right, {"origin": "http://127.0.0.1:1"}),
        ("the other scheme", right, {"origin": portal.url.replace("http", "https")}),
        ("an empty origin", right, {"origin": ""}),
        ("cross-site", right, {"sec-fetch-site": "cross-site"}),
        ("same-site", right, {"sec-fetch-site": "same-site"}),
        ("both", right, {"sec-fetch-site": "same-origin", "origin": EVIL}),
    ]


def test_no_forged_form_does_anything(shared: Portal, printer: Shown) -> None:
    admin, guest = shared.admin(), shared.client()
    guest.get("/sign-in")
    assert len(FORMS) > 30
    for visitor in (admin, guest):
        wrong = forgeries(shared, visitor)
        before = standing(shared.stack)
        for path in FORMS:
            known = rule("POST", path).form
            assert known is not None
            for what, fields, headers in wrong:
                answer = visitor.post(
                    where(shared, printer, path),
                    data={**known, **fields},
                    headers=headers,
                    follow_redirects=False,
                )
                # A guest is asked to sign in before a form that needs it is looked at.
                asked = visitor is guest and answer.status_code == 303
                assert asked or answer.status_code in {403, 404}, (path, what, answer.status_code)
                if asked:
                    assert answer.headers["location"].startswith("/sign-in")
                elif answer.status_code == 404:
                    assert "{account}" in path, (path, what)
                assert "set-cookie" not in answer.headers, (path, what)
        assert standing(shared.stack) == before
    # By GET nothing is done at all, and no form comes by it.
    for path in FORMS:
        seen = admin.get(where(shared, printer, path), params={"csrf": token_of(admin)})
        assert seen.status_code in {200, 404, 405, 410}, path
    assert standing(shared.stack) == before
    assert admin.get("/account", follow_redirects=False).status_code == 200


def test_a_program_may_send_no_form_with_a_cookie_from_elsewhere(shared: Portal) -> None:
    """The API takes no cookies, and no page of another site is let in to it."""
    admin = shared.admin()
    for path in ("/api/v1/printers", "/api/v1/account"):
        answer = admin.get(path, headers={"origin": EVIL})
        assert answer.status_code == 401
        assert "access-control-allow-origin" not in answer.headers
    refused = httpx.options(
        f"{shared.url}/api/v1/printers",
        headers={"origin": EVIL, "access-control-request-method": "POST"},
    )
    assert refused.status_code == 405
    assert "access-control-allow-origin" not in refused.headers


# Sessions -----------------------------------------------------------------------------------


def cookie(visitor: Visitor) -> str:
    found: str = visitor.cookies["voxtrude"]
    return found


def lives(portal: Portal, value: str) -> bool:
    answer = httpx.get(
        f"{portal.url}/account", headers={"cookie": f"voxtrude={value}"}, follow_redirects=False
    )
    assert answer.status_code in {200, 303}
    return answer.status_code == 200


def test_a_cookie_from_before_is_not_adopted(portal: Portal) -> None:
    portal.admin()
    chosen = "A" * 43
    victim = portal.client()
    victim.cookies.set("voxtrude", chosen, domain="127.0.0.1", path="/")
    victim.cookies.set("voxtrude-guest", "B" * 43, domain="127.0.0.1", path="/")
    page = victim.get("/sign-in")
    found = re.search(r'name="csrf" value="([0-9a-f]{64})"', page.text)
    assert found
    done = victim.post("/sign-in", data={"csrf": found[1], "email": ADMIN, "password": PASSWORD})
    assert urlsplit(str(done.url)).path == "/printers"
    assert not lives(portal, chosen)
    values = [one.value for one in victim.cookies.jar if one.name == "voxtrude" and one.value]
    assert any(lives(portal, one) for one in values)
    assert chosen not in str(list(portal.stack.collection(schema.SESSIONS).find()))


def test_each_sign_in_is_a_session_of_its_own(portal: Portal) -> None:
    member = portal.member()
    first = cookie(member)
    other = portal.signed_in("max@example.org")
    second = cookie(other)
    assert first != second
    # Who signs in once more leaves no session behind.
    form = member.form("/account/password")
    token = form.fields["csrf"]
    again = member.post(
        "/sign-in", data={"csrf": token, "email": "max@example.org", "password": PASSWORD}
    )
    assert again.status_code == 200
    third = cookie(member)
    assert third not in {first, second}
    assert not lives(portal, first)
    assert lives(portal, second)
    # A new password ends the others, and this one stays.
    changed = member.submit(
        "/account/password", "/account/password", old=PASSWORD, new=PASSWORD + "!"
    )
    assert "Your password is changed" in changed.text
    assert lives(portal, third)
    assert not lives(portal, second)
    # Signed out is signed out, whoever has kept the cookie.
    member.submit("/account", "/sign-out")
    assert not lives(portal, third)


def test_a_reset_ends_every_session(portal: Portal) -> None:
    member, admin = portal.member(), portal.admin()
    before = [cookie(member), cookie(portal.signed_in("max@example.org"))]
    whose = next(
        one["_id"]
        for one in portal.stack.collection(schema.ACCOUNTS).find()
        if one["email"] == "max@example.org"
    )
    page = f"/admin/accounts/{whose}"
    shown = admin.submit(page, f"{page}/reset").text
    found = re.search(r"/reset/([A-Za-z0-9_-]+)", shown)
    assert found
    path = f"/reset/{found[1]}"
    new = "another battery staple"
    assert "new password is set" in portal.client().submit(path, password=new).text
    assert not [one for one in before if lives(portal, one)]
    assert portal.client().submit(path, password=new).status_code == 410
    assert lives(portal, cookie(portal.signed_in("max@example.org", new)))


# Ways out --------------------------------------------------------------------------------------

TRICKS = [
    "//evil.example",
    "///evil.example",
    "////evil.example/..",
    "/\\evil.example",
    "\\\\evil.example",
    "\\/evil.example",
    "/\t/evil.example",
    "\t//evil.example",
    " //evil.example",
    "/ /evil.example",
    "/\n/evil.example",
    "/%09/evil.example",
    "/%0a/evil.example",
    "/%5cevil.example",
    "/%2f/evil.example",
    "/%2fevil.example",
    "/..//evil.example",
    "/.//evil.example",
    "/printers/..//evil.example",
    "https:evil.example",
    "https:/evil.example",
    "https://evil.example",
    "HtTpS://evil.example",
    "http:evil.example",
    "javascript:alert(1)",
    "/javascript:alert(1)",
    "data:text/html,x",
    "evil.example",
    "@evil.example",
    "/@evil.example",
    ":80@evil.example",
    "?next=//evil.example",
    "#//evil.example",
    "/\u2215/evil.example",
    "/\uff0fevil.example",
    "\uff0f\uff0fevil.example",
    "/\u3002evil.example",
    "/\u200b/evil.example",
    "/printers\r\nSet-Cookie: a=b",
    "/printers%0d%0aSet-Cookie:%20a=b",
    "/printers\r\n\r\n<script>",
    "/printers\u560d\u560aSet-Cookie: a=b",
    "/\x00/evil.example",
    "/a" * 2000,
]


def stays(portal: Portal, location: str) -> bool:
    """Tell whether a browser that follows ``location`` stays with us, as browsers read it."""
    plain = re.sub(r"[\t\r\n]", "", location).strip().replace("\\", "/")
    there = urljoin(f"{portal.url}/sign-in", plain)
    again = urljoin(f"{portal.url}/sign-in", location)
    return all(one.startswith(f"{portal.url}/") for one in (there, again))


@pytest.mark.parametrize("trick", TRICKS)
def test_signing_in_leads_nowhere_else(shared: Portal, trick: str) -> None:
    admin = shared.admin()
    # Who is signed in already is sent on at once.
    sent_on = admin.get(f"/sign-in?next={quote(trick)}", follow_redirects=False)
    assert sent_on.status_code in {303, 422}
    if sent_on.status_code == 303:
        assert stays(shared, sent_on.headers["location"]), sent_on.headers["location"]
        assert "a=b" not in sent_on.headers.get("set-cookie", "")
    # And so is who has just done it, whatever the form says.
    guest = shared.client()
    page = guest.get(f"/sign-in?next={quote(trick)}")
    fields = {"csrf": token_of(guest), "next": trick}
    for found in re.findall(r'name="next" value="([^"]*)"', page.text):
        assert stays(shared, found), found
    done = guest.post(
        "/sign-in",
        data={**fields, "email": ADMIN, "password": PASSWORD},
        follow_redirects=False,
    )
    assert done.status_code in {303, 422}, done.text
    if done.status_code == 303:
        assert stays(shared, done.headers["location"]), done.headers["location"]
        assert "a" not in guest.cookies
    asked = shared.client().get(f"/account?{quote(trick)}", follow_redirects=False)
    assert asked.headers["location"].startswith("/sign-in?next=/account")


def test_a_path_of_ours_is_followed(shared: Portal) -> None:
    sent_on = shared.admin().get("/sign-in?next=/printers/add%3Fbase=x", follow_redirects=False)
    assert sent_on.headers["location"] == "/printers/add?base=x"


@pytest.mark.parametrize("there", ["https://evil.example", "//evil.example", "javascript:alert(1)"])
def test_a_plugins_redirect_is_never_followed(shared: Portal, there: str) -> None:
    for path in ("/connect", "/connect/octovox", "/api/CreatePrinterRegistration"):
        query = f"?response_type=code&redirect_uri={quote(there)}&state={quote(there)}"
        answer = shared.client().get(path + query, follow_redirects=False)
        assert answer.status_code == 303
        assert answer.headers["location"].startswith("/connect/printer?elsewhere=1&name=")
        assert stays(shared, answer.headers["location"])
