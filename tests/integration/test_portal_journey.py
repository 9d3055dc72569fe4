"""From an empty system to a live printer, as a new owner goes it in a real browser."""

import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from playwright.sync_api import Page, expect

from tests.integration.browsers import Browser, Screen
from tests.integration.portals import ADMIN, PASSWORD, Portal, keeper
from tests.integration.stacks import Stack

pytestmark = pytest.mark.integration

RECEIVED = re.compile("✔|received", re.IGNORECASE)
GONE = "OctoPrint is off"
ARRIVAL = 20_000  # milliseconds until a message of the printer is on the page


@contextmanager
def simulated(stack: Stack, username: str, key: str, base_topic: str) -> Iterator[None]:
    """Run the command that plays a printer, with what a page has shown, until the block ends."""
    secret = stack.folder / "key"
    secret.write_text(key)
    login = ("--username", username, "--password-file", str(secret), "--base-topic", base_topic)
    told = stack.environment({"VOXTRUDE_LOG_FORMAT": "json"})
    told = {name: value for name, value in told.items() if not name.startswith("VOXTRUDE_")}
    with (stack.folder / "simulate.log").open("wb") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", "voxtrude.cli", "simulate", *login, "--scenario", "printing"],
            env=told | {"VOXTRUDE_MQTT_PORT": str(stack.site.settings.port)},
            cwd=stack.folder,
            stdout=output,
            stderr=subprocess.STDOUT,
        )
    try:
        yield
    finally:
        process.terminate()
        process.wait(20)


def shown(page: Page, label: str) -> str:
    """Return a value that the page offers to copy."""
    return page.get_by_label(label, exact=True).first.input_value()


def looked_at(browser: Browser, page: Page, name: str) -> None:
    """Let axe and the window's width judge a page, and keep a picture of it."""
    browser.shoot(page, name)
    assert browser.barriers(page) == []
    assert browser.overflow(page) == 0, name


@pytest.mark.parametrize(("screen", "dark"), [("phone", True), ("desktop", False)])
def test_from_nothing_to_a_live_printer(
    portal: Portal,
    browser: Browser,
    screen: Screen,
    dark: bool,  # noqa: FBT001  (a column)
) -> None:
    with keeper(portal.stack):
        page = browser.page(portal.url, "/", screen, dark=dark)
        expect(page).to_have_url(f"{portal.url}/welcome")
        looked_at(browser, page, "1 welcome")
        page.get_by_label("Setup code").fill(portal.setup_code())
        page.get_by_label("E-mail address").fill(ADMIN)
        page.get_by_label("Password", exact=True).fill(PASSWORD)
        page.get_by_role("button", name="Create the account").click()

        expect(page.get_by_text("Your account is ready")).to_be_visible()
        looked_at(browser, page, "2 printers")
        page.get_by_role("link", name="Add a printer").click()
        looked_at(browser, page, "3 add")
        page.get_by_label("What do you call it?").fill("Prusa")
        page.get_by_role("button", name="Add printer").click()

        expect(page.get_by_role("heading", name="Connect Prusa")).to_be_visible()
        looked_at(browser, page, "4 key")
        username = shown(page, "Username")
        with simulated(portal.stack, username, shown(page, "Password"), shown(page, "Base topic")):
            # The page says so by itself.
            arrived = page.locator("#connection").get_by_text(RECEIVED)
            expect(arrived.first).to_be_visible(timeout=ARRIVAL)
            looked_at(browser, page, "5 received")

            page.goto(f"/printers/{username}")
            expect(page.get_by_text("bracket").first).to_be_visible(timeout=ARRIVAL)
            looked_at(browser, page, "6 printer")
            page.goto("/printers")
            entry = page.get_by_role("listitem").filter(has_text="Prusa")
            expect(entry.get_by_text("Printing").first).to_be_visible(timeout=ARRIVAL)
            before = entry.inner_text()
            page.wait_for_function(
                "before => [...document.querySelectorAll('li')].some("
                "one => one.innerText.includes('Prusa') && one.innerText !== before)",
                arg=before,
                timeout=ARRIVAL,
            )
            looked_at(browser, page, "7 live")
        expect(entry).to_contain_text(GONE, timeout=ARRIVAL)


def test_it_works_without_javascript(portal: Portal, browser: Browser) -> None:
    page = browser.page(portal.url, "/", "phone", javascript=False)
    page.get_by_label("Setup code").fill(portal.setup_code())
    page.get_by_label("E-mail address").fill(ADMIN)
    page.get_by_label("Password", exact=True).fill(PASSWORD)
    page.get_by_role("button", name="Create the account").click()
    page.goto("/printers/add")
    page.get_by_label("What do you call it?").fill("Prusa")
    page.get_by_role("button", name="Add printer").click()
    username = shown(page, "Username")
    with simulated(portal.stack, username, shown(page, "Password"), shown(page, "Base topic")):
        page.goto(f"/printers/{username}/connection")  # it loads itself anew
        expect(page.get_by_text(RECEIVED).first).to_be_visible(timeout=ARRIVAL)
        page.goto("/printers")
        expect(page.get_by_role("listitem").filter(has_text="Prusa")).to_be_visible()
