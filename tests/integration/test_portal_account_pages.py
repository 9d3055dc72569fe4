"""The pages of accounts: what is one's own, what an administrator does, and privacy."""

import json
import secrets
from collections.abc import AsyncIterator
from re import search
from urllib.parse import urlsplit

import pytest
import pytest_asyncio

from tests.integration.conftest import Database as Mongod
from tests.integration.portal_sites import PASSWORD, Place, fresh, said
from voxtrude.credentials import hashed
from voxtrude.mongo import schema
from voxtrude.mongo.printers import Printers
from voxtrude.process import utc_now
from voxtrude.registration import Registration, new_printer_id, standard_base
from voxtrude.settings import Mongo

pytestmark = pytest.mark.integration

ADA, MAX = "ada@example.org", "max@example.org"
ANOTHER, WRONG, WEAK = "battery staple horse", "wrong wrong wrong", "password1234"


@pytest.fixture
def store(mongo: Mongod) -> Mongo:
    return Mongo.model_validate({"url": mongo.url, "database": f"test_{secrets.token_hex(6)}"})


@pytest_asyncio.fixture
async def place(store: Mongo, mongo: Mongod) -> AsyncIterator[Place]:
    async with fresh(store) as found:
        yield found
    mongo.client.drop_database(store.database)


async def printer_of(place: Place, owner: str, name: str = "Prusa") -> Registration:
    printer = new_printer_id()
    now = utc_now()
    account = next(one for one in await place.office.accounts() if one.email == owner)
    registration = Registration(
        id=printer,
        name=name,
        base_topic=standard_base(printer),
        created_at=now,
        alive_at=now,
        owner=account.id,
        credential=hashed("a key"),
    )
    await Printers(place.database).add(registration)
    return registration


# One's own account ---------------------------------------------------------------------


async def test_preferences(place: Place) -> None:
    await place.admin()
    browser = await place.signed_in(ADA)
    chosen = {"locale": "de-DE", "time_zone": "Pacific/Auckland", "scale": "fahrenheit"}
    done = await browser.submit("/account", "/account/preferences", **chosen)
    assert done.headers["location"] == "/account?done=preferences-saved"
    page = await browser.get("/account")
    for key in ("de-DE", "Pacific/Auckland"):
        assert search(rf">?{key}\W.{{0,3}}selected|selected>{key}", page.text)
    for wrong in (
        {"locale": "xx-XX"},
        {"time_zone": "Mars/Olympus"},
        {"time_zone": "../../etc/passwd"},
        {"scale": "kelvin"},
    ):
        refused = await browser.submit("/account", "/account/preferences", **{**chosen, **wrong})
        assert refused.status_code == 422


async def test_a_new_password_signs_other_browsers_out(place: Place) -> None:
    await place.admin()
    here, there = await place.signed_in(ADA), await place.signed_in(ADA)
    wrong = await here.submit("/account/password", old=WRONG, new=ANOTHER)
    assert wrong.status_code == 403
    weak = await here.submit("/account/password", old=PASSWORD, new=WEAK)
    assert weak.status_code == 422
    done = await here.submit("/account/password", old=PASSWORD, new=ANOTHER)
    assert done.headers["location"] == "/account/password?done=password-changed"
    assert (await here.get("/account")).status_code == 200
    assert (await there.get("/account")).status_code == 303


async def test_sessions_are_listed_and_ended(place: Place) -> None:
    await place.admin()
    await place.member(MAX)
    here, there = await place.signed_in(ADA), await place.signed_in(ADA)
    stranger = await place.signed_in(MAX)
    page = await here.get("/account/sessions")
    assert "192.0.2.0/24" in page.text
    assert "192.0.2.77" not in page.text
    ends = search(r'action="(/account/sessions/[0-9a-f]+/end)"', page.text)
    assert ends
    # Nobody ends the session of another account, whatever its id.
    await stranger.submit("/account/sessions", ends[1])
    assert (await there.get("/account")).status_code == 200
    await here.submit("/account/sessions", ends[1])
    assert (await there.get("/account")).status_code == 303
    third = await place.signed_in(ADA)
    await here.submit("/account/sessions", "/account/sessions/end")
    assert (await third.get("/account")).status_code == 303
    assert (await here.get("/account")).status_code == 200
    assert (await stranger.get("/account")).status_code == 200


async def test_a_token_is_shown_once(place: Place) -> None:
    await place.admin()
    browser = await place.signed_in(ADA)
    made = await browser.submit(
        "/account/tokens", name="Home Assistant", scopes=["printers:read", "account:read"]
    )
    plain = search(r'value="(vxt_[^"]+)"', made.text)
    assert plain, made.text
    assert made.headers["cache-control"] == "no-store"
    found = await place.office.tokens.find(plain[1])
    assert found is not None
    assert found[0].scopes == ("printers:read", "account:read")
    listed = await browser.get("/account/tokens")
    assert "Home Assistant" in listed.text
    assert plain[1].rsplit("_", 1)[1] not in listed.text
    revoke = search(r'action="(/account/tokens/[0-9a-f]+/remove)"', listed.text)
    assert revoke
    await browser.submit("/account/tokens", revoke[1])
    assert await place.office.tokens.find(plain[1]) is None


@pytest.mark.parametrize(
    "wrong",
    [
        {"name": "", "scopes": ["printers:read"]},
        {"name": "a" * 65, "scopes": ["printers:read"]},
        {"name": "a\x00b", "scopes": ["printers:read"]},
        {"name": "nothing"},
        {"name": "all", "scopes": ["printers:control"]},
        {"name": "many", "scopes": ["printers:read"] * 50},
    ],
)
async def test_a_token_that_cannot_be(place: Place, wrong: dict[str, str | list[str]]) -> None:
    await place.admin()
    browser = await place.signed_in(ADA)
    refused = await browser.submit("/account/tokens", **wrong)
    assert refused.status_code == 422
    assert await place.office.tokens.of((await place.office.accounts())[0]) == []


async def test_the_export_holds_everything_but_secrets(place: Place) -> None:
    await place.admin()
    account = await place.member(MAX)
    mine = await printer_of(place, MAX)
    theirs = await printer_of(place, ADA, "Ender")
    browser = await place.signed_in(MAX)
    await browser.submit("/account/tokens", name="Home Assistant", scopes=["printers:read"])
    sent = await browser.get("/account/export")
    assert sent.status_code == 200
    assert sent.headers["content-disposition"].startswith("attachment")
    assert sent.headers["cache-control"] == "no-store"
    told = json.loads(sent.text)
    assert told["account"]["email"] == MAX
    assert told["account"]["preferences"]["scale"] == "celsius"
    assert told["sessions"][0]["network"] == "192.0.2.0/24"
    assert told["tokens"][0]["name"] == "Home Assistant"
    assert [one["registration"]["id"] for one in told["printers"]] == [mine.id]
    assert {"state", "jobs", "readings", "logins", "rejected"} < told["printers"][0].keys()
    stored = await place.database[schema.ACCOUNTS].find_one({"_id": account.id})
    assert stored
    assert mine.credential
    (token,) = await place.office.tokens.of(account)
    for secret in (stored["password"], mine.credential.digest, token.secret, theirs.id, ADA):
        assert secret not in sent.text


async def test_deleting_an_account_leaves_nothing(place: Place) -> None:
    await place.admin()
    account = await place.member(MAX)
    browser = await place.signed_in(MAX)
    await browser.submit("/account/tokens", name="Home Assistant", scopes=["printers:read"])
    page = "/account/delete"
    wrong = await browser.submit(page, confirmation="delete", password=PASSWORD)
    assert wrong.status_code == 422
    wrong = await browser.submit(page, confirmation="delete my account", password=WRONG)
    assert wrong.status_code == 403
    assert await place.office.account(account.id)
    done = await browser.submit(page, confirmation="Delete my account", password=PASSWORD)
    assert done.status_code == 200
    assert "Your account is deleted" in said(done)
    assert "voxtrude" not in browser.cookies
    for name in await place.database.handle.list_collection_names():
        if name.startswith("system."):
            continue
        kept = [str(one) async for one in place.database[name].find({})]
        assert not [one for one in kept if MAX in one or account.id in one], name


async def test_while_the_broker_is_away_nothing_is_deleted(place: Place) -> None:
    await place.admin()
    account = await place.member(MAX)
    registration = await printer_of(place, MAX)
    browser = await place.signed_in(MAX)
    refused = await browser.submit(
        "/account/delete", confirmation="delete my account", password=PASSWORD
    )
    assert refused.status_code == 503
    assert "Your account is still there" in said(refused)
    assert await place.office.account(account.id)
    assert await Printers(place.database).get(registration.id)
    assert (await browser.get("/account")).status_code == 200


async def test_the_last_administrator_stays_while_others_are_there(place: Place) -> None:
    await place.admin()
    await place.member(MAX)
    await printer_of(place, ADA)
    browser = await place.signed_in(ADA)
    refused = await browser.submit(
        "/account/delete", confirmation="delete my account", password=PASSWORD
    )
    assert refused.status_code == 409
    assert "only administrator" in said(refused)
    assert len(await Printers(place.database).registrations()) == 1


# Administration ------------------------------------------------------------------------


async def test_administration_is_there_for_administrators_only(place: Place) -> None:
    await place.admin()
    account = await place.member(MAX)
    browser = await place.signed_in(MAX)
    assert "/admin" not in (await browser.get("/account")).text
    assert (await browser.get("/admin")).status_code == 404
    assert (await browser.get(f"/admin/accounts/{account.id}")).status_code == 404
    for action, values in (
        ("/admin/invite", {"email": ""}),
        (f"/admin/accounts/{account.id}/reset", {}),
        (f"/admin/accounts/{account.id}/role", {"role": "admin"}),
        (f"/admin/accounts/{account.id}/totp/remove", {}),
        (f"/admin/accounts/{account.id}/remove", {"confirmation": MAX}),
    ):
        refused = await browser.submit("/account", action, **values)
        assert refused.status_code == 404, action
    assert (await place.browser().get("/admin")).status_code == 303


async def test_an_administrator_appoints_another_and_removes_an_account(place: Place) -> None:
    await place.admin()
    account = await place.member(MAX)
    await printer_of(place, ADA)
    admin = await place.signed_in(ADA)
    assert MAX in await admin.text("/admin")
    page = f"/admin/accounts/{account.id}"
    await admin.submit(page, f"{page}/role", role="admin")
    other = await place.signed_in(MAX)
    assert (await other.get("/admin")).status_code == 200
    wrong = await admin.submit(page, f"{page}/remove", confirmation="somebody@example.org")
    assert wrong.status_code == 422
    done = await admin.submit(page, f"{page}/remove", confirmation="Max@example.org")
    assert done.headers["location"] == "/admin?done=account-removed"
    assert (await other.get("/admin")).status_code == 303
    assert (await admin.get(page)).status_code == 404
    own = (await place.office.accounts())[0].id
    refused = await admin.submit("/admin", f"/admin/accounts/{own}/remove", confirmation=ADA)
    assert refused.status_code == 409


# Privacy -------------------------------------------------------------------------------


async def test_the_privacy_page_is_for_everybody(place: Place) -> None:
    page = await place.browser().get("/privacy")
    assert page.status_code == 200
    assert "set-cookie" not in page.headers
    told = said(page)
    assert "10 days after a printer's last message" in told
    assert "a hash of the password" in told.lower()


async def test_every_stored_field_is_told_on_the_privacy_page(place: Place) -> None:
    await place.admin()
    await place.member(MAX)
    await printer_of(place, MAX)
    browser = await place.signed_in(MAX)
    await browser.submit("/account/tokens", name="a", scopes=["printers:read"])
    await place.browser().submit("/sign-in", email=MAX, password=WRONG)
    await place.office.invite(None)
    text = (await browser.get("/privacy")).text
    seen = set()
    for name in schema.lifetimes(place.roles.settings.keep.retention()):
        async for document in place.database[name].find({}):
            seen.add(name)
            for key in document.keys() - {"_id"}:
                assert f"<code>{key}</code>" in text, f"{name}.{key}"
    assert {"accounts", "sessions", "tickets", "tokens", "counters", "printers"} <= seen


async def test_every_link_of_ours_leads_somewhere(place: Place) -> None:
    await place.admin()
    browser = await place.signed_in(ADA)
    ours = ["/account", "/account/data", "/account/delete", "/admin", "/privacy"]
    for path in ours:
        page = await browser.get(path)
        for target in set(_links(page.text)):
            there = urlsplit(target).path
            if there.startswith(("/printers", "/api")):
                continue
            assert (await browser.get(target)).status_code in {200, 303}, f"{path}: {target}"


def _links(text: str) -> list[str]:
    return [part.split('"')[0] for part in text.split('href="')[1:] if part.startswith("/")]
