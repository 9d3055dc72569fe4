"""The pages of accounts in a real Chromium: on a phone and a desktop, light and dark, by axe."""

import pytest

from tests.integration.browsers import Browser, Screen
from tests.integration.portals import ADMIN, PASSWORD, Portal

pytestmark = pytest.mark.integration

PUBLIC = ("/sign-in", "/sign-up", "/forgot", "/verify/a", "/reset/a", "/privacy", "/nothing")
OWN = (
    "/account",
    "/account/password",
    "/account/totp",
    "/account/sessions",
    "/account/tokens",
    "/account/data",
    "/account/delete",
    "/admin",
    "/privacy",
)


@pytest.mark.parametrize(("screen", "dark"), [("phone", True), ("desktop", False)])
def test_everybody_can_use_the_pages(
    portal: Portal, browser: Browser, screen: Screen, *, dark: bool
) -> None:
    page = browser.page(portal.url, "/", screen, dark=dark)
    assert page.url.endswith("/welcome")
    assert browser.barriers(page) == []
    page.get_by_label("Setup code").fill(portal.setup_code().lower())
    page.get_by_label("E-mail address").fill(ADMIN)
    page.get_by_label("Password", exact=True).fill(PASSWORD)
    page.get_by_role("button", name="Create the account").click()
    page.wait_for_url("**/printers?done=welcome")
    for path in OWN:
        page.goto(path)
        assert browser.barriers(page) == [], path
        assert browser.overflow(page) == 0, path
    page.goto("/account")
    assert page.get_by_label("Time zone").input_value() == "Europe/Berlin"
    page.get_by_role("button", name="Sign out").click()
    page.wait_for_url("**/sign-in?done=signed-out")
    for path in PUBLIC:
        page.goto(path)
        assert browser.barriers(page) == [], path
        assert browser.overflow(page) == 0, path


def test_a_password_is_shown_and_a_token_copied(portal: Portal, browser: Browser) -> None:
    portal.admin()
    page = browser.page(portal.url, "/sign-in")
    field = page.get_by_label("Password", exact=True)
    field.fill(PASSWORD)
    page.get_by_role("button", name="Show password").click()
    assert field.get_attribute("type") == "text"
    page.get_by_label("E-mail address").fill(ADMIN)
    page.get_by_role("button", name="Sign in").click()
    page.wait_for_url("**/printers")
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    page.goto("/account/tokens")
    page.get_by_label("Name", exact=True).fill("Home Assistant")
    page.get_by_role("button", name="Make the token").click()
    page.get_by_role("button", name="Copy token").click()
    page.get_by_text("Copied").first.wait_for()
    copied = page.evaluate("navigator.clipboard.readText()")
    assert copied == page.get_by_label("Token", exact=True).input_value()
    assert copied.startswith("vxt_")


def test_people_come_in_without_javascript(portal: Portal, browser: Browser) -> None:
    portal.admin()
    page = browser.page(portal.url, "/account/password", "phone", javascript=False)
    page.get_by_label("E-mail address").fill(ADMIN)
    page.get_by_label("Password", exact=True).fill(PASSWORD)
    page.get_by_role("button", name="Sign in").click()
    page.wait_for_url("**/account/password")
    assert page.get_by_role("button", name="Show").count() == 0
