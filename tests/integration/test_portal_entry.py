"""How people come in: the first one, by password, by invitation, with a second step."""

import secrets
from collections.abc import AsyncIterator
from datetime import timedelta
from re import search

import pyotp
import pytest
import pytest_asyncio

from tests.integration.conftest import Database as Mongod
from tests.integration.portal_sites import PASSWORD, Place, fresh, said
from voxtrude.portal import Accounts
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


# Coming in -----------------------------------------------------------------------------


async def test_the_first_visitor_with_the_code_administrates(place: Place) -> None:
    browser = place.browser()
    code = await place.office.setup_code()
    assert (await browser.get("/")).headers["location"] == "/welcome"
    assert (await browser.get("/sign-in")).headers["location"] == "/welcome"
    wrong = await browser.submit("/welcome", code="AAAAA", email=ADA, password=PASSWORD)
    assert wrong.status_code == 403
    assert "This code is not right" in said(wrong)
    assert PASSWORD not in wrong.text

    done = await browser.submit(
        "/welcome", code=code, email=ADA, password=PASSWORD, time_zone="Europe/Berlin"
    )
    assert done.status_code == 303
    assert done.headers["location"] == "/printers?done=welcome"
    assert (await browser.get("/admin")).status_code == 200
    (account,) = await place.office.accounts()
    assert account.preferences.time_zone == "Europe/Berlin"
    assert (await place.browser().get("/welcome")).headers["location"] == "/"


async def test_a_browser_that_lies_about_its_time_zone_has_none(place: Place) -> None:
    await place.admin()
    browser = place.browser(**{"accept-language": "de, en;q=0.5"})
    done = await browser.submit(
        "/sign-up", email=MAX, password=PASSWORD, time_zone="../../etc/passwd"
    )
    assert done.status_code == 303
    account = (await place.office.accounts())[1]
    assert account.preferences.time_zone is None
    assert account.preferences.locale.startswith("de-")


async def test_who_is_not_signed_in_is_asked_to_and_comes_back(place: Place) -> None:
    await place.admin()
    browser = place.browser()
    asked = await browser.get("/account/tokens?x=1")
    assert asked.status_code == 303
    assert asked.headers["location"] == "/sign-in?next=/account/tokens%3Fx%3D1"
    page = await browser.get(asked.headers["location"])
    assert 'name="next" value="/account/tokens?x=1"' in page.text
    done = await browser.submit(
        "/sign-in", email=ADA, password=PASSWORD, next="/account/tokens?x=1"
    )
    assert done.headers["location"] == "/account/tokens?x=1"


async def test_signing_in_leads_to_no_other_site(place: Place) -> None:
    await place.admin()
    for elsewhere in ("//evil.example", "https://evil.example", "/\\evil.example", "/\t/evil"):
        browser = place.browser()
        done = await browser.submit("/sign-in", email=ADA, password=PASSWORD, next=elsewhere)
        assert done.headers["location"] == "/printers"
        again = await browser.get("/sign-in", params={"next": elsewhere})
        assert again.headers["location"] == "/printers"


async def test_a_wrong_password_and_an_unknown_address_sound_the_same(place: Place) -> None:
    await place.admin()
    browser = place.browser()
    wrong = await browser.submit("/sign-in", email=ADA, password=WRONG)
    unknown = await browser.submit("/sign-in", email="nobody@example.org", password=PASSWORD)
    assert wrong.status_code == unknown.status_code == 403
    assert said(wrong) == said(unknown)


async def test_a_cookie_from_before_signing_in_is_worth_nothing(place: Place) -> None:
    await place.admin()
    await place.member(MAX)
    planted = secrets.token_urlsafe(32)
    browser = place.browser()
    browser.cookies.set("voxtrude", planted, domain="127.0.0.1")
    await browser.submit("/sign-in", email=ADA, password=PASSWORD)
    assert browser.cookies["voxtrude"] != planted
    other = place.browser()
    other.cookies.set("voxtrude", planted)
    assert (await other.get("/account")).status_code == 303


async def test_a_browser_that_signs_in_again_ends_its_former_session(place: Place) -> None:
    await place.admin()
    browser = await place.signed_in(ADA)
    former = browser.cookies["voxtrude"]
    # The sign-in page leads on who is signed in; an attacker's form does not ask for it.
    guest = place.browser()
    token = await guest.token("/sign-in")
    guest.cookies.set("voxtrude", former)
    refused = await guest.post("/sign-in", data={"csrf": token, "email": ADA, "password": PASSWORD})
    assert refused.status_code == 403
    done = await browser.post(
        "/sign-in",
        data={"csrf": await browser.token("/account"), "email": ADA, "password": PASSWORD},
    )
    assert done.status_code == 303
    assert browser.cookies["voxtrude"] != former
    old = place.browser()
    old.cookies.set("voxtrude", former)
    assert (await old.get("/account")).status_code == 303


async def test_signing_out_ends_the_session_and_not_only_the_cookie(place: Place) -> None:
    await place.admin()
    browser = await place.signed_in(ADA)
    cookie = browser.cookies["voxtrude"]
    done = await browser.submit("/account", "/sign-out")
    assert done.headers["location"] == "/sign-in?done=signed-out"
    assert "voxtrude" not in browser.cookies
    assert "You are signed out." in await browser.text("/sign-in?done=signed-out")
    browser.cookies.set("voxtrude", cookie)
    assert (await browser.get("/account")).status_code == 303


async def test_a_note_is_never_a_text_of_somebody(place: Place) -> None:
    await place.admin()
    page = await place.browser().get("/sign-in?done=<script>alert(1)</script>Pay here")
    assert "Pay here" not in page.text


async def test_an_invitation_lets_one_person_in(place: Place) -> None:
    await place.admin()
    admin = await place.signed_in(ADA)
    shown = await admin.submit("/admin", "/admin/invite", email="")
    link = search(r'value="http://127\.0\.0\.1:8080(/join/[^"]+)"', shown.text)
    assert link, shown.text
    guest = place.browser()
    done = await guest.submit(link[1], email=MAX, password=PASSWORD)
    assert done.status_code == 303
    assert (await guest.get("/account")).status_code == 200
    late = await place.browser().get(link[1])
    assert late.status_code == 410
    assert "too old" in said(late)


async def test_a_forgotten_password_without_mail_is_the_administrators_matter(
    place: Place,
) -> None:
    await place.admin()
    account = await place.member(MAX)
    assert "sends no mail" in await place.browser().text("/forgot")
    admin = await place.signed_in(ADA)
    lost = await place.signed_in(MAX)
    shown = await admin.submit("/admin", f"/admin/accounts/{account.id}/reset")
    link = search(r'value="http://127\.0\.0\.1:8080(/reset/[^"]+)"', shown.text)
    assert link, shown.text
    guest = place.browser()
    weak = await guest.submit(link[1], password=WEAK)
    assert weak.status_code == 422
    done = await guest.submit(link[1], password=ANOTHER)
    assert done.headers["location"] == "/sign-in?done=password-reset"
    assert (await lost.get("/account")).status_code == 303
    again = await guest.submit(link[1], password=PASSWORD)
    assert again.status_code == 410


async def test_where_nobody_may_sign_up_there_is_no_form(store: Mongo, mongo: Mongod) -> None:
    async with fresh(store, accounts=Accounts(sign_up="invite")) as place:
        await place.admin()
        browser = place.browser()
        assert "By invitation only" in await browser.text("/sign-up")
        refused = await browser.post(
            "/sign-up",
            data={
                "csrf": await browser.token("/sign-in"),
                "email": MAX,
                "password": PASSWORD,
            },
        )
        assert refused.status_code == 403
    mongo.client.drop_database(store.database)


# The second factor ---------------------------------------------------------------------


async def test_the_second_step(place: Place) -> None:
    await place.admin()
    browser = await place.signed_in(ADA)
    page = await browser.get("/account/totp")
    found = search(r'name="secret" value="([A-Z2-7]+)"', page.text)
    assert found
    assert "<svg" in page.text
    factor = pyotp.TOTP(found[1])
    wrong = await browser.submit("/account/totp", secret=found[1], code="000000")
    assert wrong.status_code == 403
    assert f'value="{found[1]}"' in wrong.text  # the app has this one already
    await browser.submit("/account/totp", secret=found[1], code=factor.at(place.clock()))
    assert "Signing in needs a code" in await browser.text("/account/totp")

    place.clock.ahead = timedelta(minutes=2)  # a code works once
    guest = place.browser()
    asked = await guest.submit("/sign-in", email=ADA, password=PASSWORD, next="/account")
    assert asked.headers["location"] == "/sign-in/code?next=%2Faccount"
    assert (await guest.get("/account")).status_code == 303
    refused = await guest.submit(asked.headers["location"], "/sign-in/code", code="123456")
    assert refused.status_code == 403
    done = await guest.submit(
        asked.headers["location"],
        "/sign-in/code",
        code=factor.at(place.clock()),
        next="/account",
    )
    assert done.headers["location"] == "/account", done.text
    assert "voxtrude-factor" not in guest.cookies

    refused = await guest.submit("/account/totp", "/account/totp/remove", password=WRONG)
    assert refused.status_code == 403
    await guest.submit("/account/totp", "/account/totp/remove", password=PASSWORD)
    assert (await place.signed_in(ADA)).cookies["voxtrude"]


async def test_the_second_step_needs_the_first(place: Place) -> None:
    await place.admin()
    browser = place.browser()
    assert (await browser.get("/sign-in/code")).headers["location"] == "/sign-in"
    browser.cookies.set("voxtrude-factor", secrets.token_urlsafe(32))
    refused = await browser.submit("/sign-in/code", code="123456")
    assert refused.status_code == 410
    assert "voxtrude" not in browser.cookies
