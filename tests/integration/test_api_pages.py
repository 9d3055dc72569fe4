"""The API's documentation and the plugins' pages in a real browser."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from playwright.sync_api import Page

from tests.integration.browsers import Browser, Screen
from tests.integration.portals import MEMBER, PASSWORD, Portal
from tests.integration.programs import program, token

pytestmark = pytest.mark.integration

QUERY = (
    "?response_type=code&client_id=mqhq9vfgu4eq6t6f6usso7uik"
    "&redirect_uri={url}/api/CreatePrinterRegistration&state=Prusa MK4"
)
VERIFY = """
async ([url, key]) => {
    const answer = await fetch(url + "/api/VerifyPrinterRegistration", {
        method: "POST",
        headers: {"Content-Type": "application/json; charset=UTF-8"},
        body: JSON.stringify({PrinterName: "Prusa MK4", PrinterId: key}),
    });
    return JSON.stringify(await answer.json());
}
"""


@contextmanager
def octoprint() -> Iterator[str]:
    """Serve a page of another origin, as OctoPrint's is, until the block ends."""

    class Answer(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Type", "text/html")
            self.end_headers()
            self.wfile.write(b"<!doctype html><link rel='icon' href='data:,'><title>O</title>")

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002  (the library's own)
            del format, args

    server = ThreadingHTTPServer(("127.0.0.1", 0), Answer)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def fits(browser: Browser, page: Page) -> None:
    assert browser.overflow(page) == 0
    assert not browser.barriers(page), browser.barriers(page)


@pytest.mark.parametrize(("screen", "dark"), [("phone", True), ("desktop", False)])
def test_the_documentation_can_be_read(
    portal: Portal, browser: Browser, screen: Screen, *, dark: bool
) -> None:
    page = browser.page(portal.url, "/api", screen, dark=dark)
    browser.shoot(page, f"api-{screen}")
    fits(browser, page)
    page.get_by_role("link", name="GET /api/v1/printers", exact=True).click()
    assert page.evaluate("document.querySelector(':target h2').textContent") == "List printers"


@pytest.mark.parametrize("screen", ["phone", "desktop"])
def test_from_octoprints_settings_to_a_key_that_works(
    portal: Portal, browser: Browser, screen: Screen
) -> None:
    portal.member()
    page = browser.page(portal.url, f"/connect{QUERY.format(url=portal.url)}", screen)
    page.get_by_label("E-mail").fill(MEMBER)
    page.get_by_label("Password", exact=True).fill(PASSWORD)
    page.get_by_role("main").get_by_role("button", name="Sign in").click()
    page.get_by_role("heading", name="Add “Prusa MK4”?").wait_for()
    browser.shoot(page, f"connect-{screen}")
    fits(browser, page)
    page.get_by_role("button", name="Add the printer").click()
    key = page.get_by_role("textbox", name="Printer Unique Key").input_value()
    browser.shoot(page, f"plugin-key-{screen}")
    fits(browser, page)

    with octoprint() as elsewhere:
        settings = browser.page(elsewhere)
        said = json.loads(settings.evaluate(VERIFY, [portal.url, key]))
        assert said == {"apiResult": "Success"}
        wrong = json.loads(settings.evaluate(VERIFY, [portal.url, key[:-1]]))
        assert wrong["apiResult"] == "Error"
        browser.forgive("another host was asked")
        # Nothing else of ours can be read from there.
        client = program(portal, token(portal.signed_in(MEMBER)))
        assert "access-control-allow-origin" not in client.get("/printers").headers
