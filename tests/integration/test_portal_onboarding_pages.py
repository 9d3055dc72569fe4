"""The pages around a printer in a real browser: on a phone and a desk, with and without script."""

from typing import get_args

import pytest
from playwright.sync_api import Page, expect

from tests.integration.browsers import Browser, Screen
from tests.integration.onboarding import Plugin, shown
from tests.integration.portals import ADMIN, PASSWORD, Portal

pytestmark = pytest.mark.integration


def signed_in(browser: Browser, portal: Portal, screen: Screen, *, javascript: bool = True) -> Page:
    portal.admin()
    dark = screen == "phone"
    page = browser.page(portal.url, "/sign-in", screen, dark=dark, javascript=javascript)
    page.fill("[name=email]", ADMIN)
    page.fill("[name=password]", PASSWORD)
    page.press("[name=password]", "Enter")
    page.wait_for_url("**/printers")
    return page


def looked_at(browser: Browser, page: Page, name: str) -> None:
    browser.shoot(page, name)
    assert browser.barriers(page) == [], name
    assert browser.overflow(page) == 0, name


@pytest.mark.parametrize("screen", get_args(Screen))
def test_every_page_can_be_read_and_used(portal: Portal, browser: Browser, screen: Screen) -> None:
    page = signed_in(browser, portal, screen)
    page.goto("/printers/add")
    looked_at(browser, page, "add")
    page.get_by_label("What do you call it?").fill("Prusa")
    page.get_by_role("button", name="Add printer").click()
    expect(page.locator("#connection li")).to_have_count(4)
    for one in page.locator("details").all():
        one.evaluate("one => one.open = true")
    looked_at(browser, page, "key")
    path = (page.get_attribute("#connection", "data-source") or "").removesuffix("/connection.json")
    for name in ("connection", "configure", "settings", "remove"):
        page.goto(f"{path}/{name}")
        looked_at(browser, page, name)
    page.goto("/admin/strangers")
    looked_at(browser, page, "strangers")


def test_the_page_of_the_key_tells_by_itself_that_the_printer_has_come(
    portal: Portal, browser: Browser
) -> None:
    page = signed_in(browser, portal, "desktop")
    page.goto("/printers/add")
    page.get_by_label("What do you call it?").fill("Prusa")
    page.get_by_role("button", name="Add printer").click()
    expect(page.locator("#connection .waiting").first).to_contain_text("Waiting for OctoPrint")
    broker = {
        "port": portal.stack.site.settings.port,
        "username": page.get_by_label("Username", exact=True).first.input_value(),
        "password": page.get_by_label("Password", exact=True).first.input_value(),
        "protocol": "MQTTv311",
    }
    base = page.get_by_label("Base topic", exact=True).first.input_value()
    with Plugin({"broker": broker, "publish": {"baseTopic": base, "lwTopic": "mqtt"}}):
        expect(page.get_by_text("Received ✔")).to_be_visible()
        looked_at(browser, page, "received")
        page.get_by_role("link", name="Look at the printer").click()
        expect(page).to_have_url(f"{portal.url}/printers/{broker['username']}")


def test_without_script_a_printer_is_added_and_watched(portal: Portal, browser: Browser) -> None:
    page = signed_in(browser, portal, "phone", javascript=False)
    page.goto("/printers/add")
    page.fill("[name=name]", "Prusa")
    page.click("main button[type=submit]")
    expect(page.get_by_text("The key is shown only now")).to_be_visible()
    link = page.locator("noscript a, a:has-text('See how far it has come')").first
    target = link.get_attribute("href")
    assert target
    printer = shown(portal.admin().submit("/printers/add", name="Ender"))
    watching = browser.another(page, f"{printer.path}/connection")
    expect(watching.locator("#connection li")).to_have_count(4)
    with Plugin(printer.plugins[0]):
        expect(watching.get_by_text("Received ✔")).to_be_visible(timeout=20_000)
