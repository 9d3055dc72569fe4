"""A real Chromium for tests: one process a session, a fresh context and a clean record a test.

Playwright's synchronous interface keeps a loop of its own in the thread that it is used in,
so a test with a browser is no ``async`` one.
"""

import secrets
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal
from urllib.parse import urlsplit

from axe_playwright_python.sync_playwright import (  # type: ignore[import-untyped]  # has none
    Axe,
)
from playwright.sync_api import (
    Browser as Connection,
)
from playwright.sync_api import (
    BrowserContext,
    ConsoleMessage,
    Page,
    Request,
    Response,
    sync_playwright,
)

from tests.integration.servers import wait_until

PROGRAMS = ("chromium", "chromium-browser", "google-chrome")
OPTIONS = (
    "--headless",
    "--remote-debugging-port=0",
    "--no-sandbox",  # tests may run as root, in a container
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-extensions",
)
START = 30.0  # seconds
PATIENCE = 10_000  # milliseconds that an element may take to come

Screen = Literal["phone", "desktop"]
SIZES: dict[Screen, tuple[int, int]] = {"phone": (390, 844), "desktop": (1280, 900)}
SERIOUS = {"serious", "critical"}


@dataclass(frozen=True)
class Chromium:
    """A running Chromium."""

    url: str


@contextmanager
def chromium(folder: Path) -> Iterator[Chromium]:
    """Run Chromium until the block ends."""
    program = next(filter(None, map(shutil.which, PROGRAMS)), None)
    if program is None:
        raise RuntimeError("there is no Chromium on this machine: apt install chromium")
    with (folder / "chromium.log").open("wb") as output:
        process = subprocess.Popen(
            [program, *OPTIONS, f"--user-data-dir={folder}"],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
        )
    told = folder / "DevToolsActivePort"
    try:
        wait_until(
            lambda: told.exists() and told.read_text().count("\n"), START, "Chromium does not start"
        )
        port = told.read_text().split()[0]
        yield Chromium(f"http://127.0.0.1:{port}")
    finally:
        process.terminate()
        process.wait(10)


@dataclass
class Browser:
    """What one test may open; ``problems`` is what no page of ours may do."""

    connection: Connection
    folder: Path
    problems: list[str] = field(default_factory=list)
    _contexts: list[BrowserContext] = field(default_factory=list)

    def page(
        self,
        url: str,
        path: str = "/",
        screen: Screen = "desktop",
        *,
        dark: bool = False,
        javascript: bool = True,
    ) -> Page:
        """Open a page as somebody with a browser of his own does.

        Everything that it asks of another host, that is not there, or that its console says
        is a problem, and so is an answer of 500 and above.
        """
        width, height = SIZES[screen]
        context = self.connection.new_context(
            base_url=url,
            viewport={"width": width, "height": height},
            color_scheme="dark" if dark else "light",
            java_script_enabled=javascript,
            has_touch=screen == "phone",
            is_mobile=screen == "phone",
            locale="en-US",
            timezone_id="Europe/Berlin",
        )
        context.set_default_timeout(PATIENCE)
        self._contexts.append(context)
        self._watch(context, urlsplit(url).netloc)
        page = context.new_page()
        page.goto(path)
        return page

    def another(self, page: Page, path: str) -> Page:
        """Open one more page of the same person."""
        found = page.context.new_page()
        found.goto(path)
        return found

    def shoot(self, page: Page, name: str) -> Path:
        """Take a picture of a whole page."""
        path = self.folder / f"{name}.png"
        page.screenshot(path=path, full_page=True)
        return path

    def barriers(self, page: Page) -> list[str]:
        """Return what axe finds serious on a page."""
        # axe's own rules; it is put into the page by the browser, past the page's CSP.
        found = Axe().run(page).response["violations"]
        return [
            f"{one['id']}: {one['help']}: {node['html'][:160]}"
            for one in found
            if one["impact"] in SERIOUS
            for node in one["nodes"]
        ]

    def overflow(self, page: Page) -> int:
        """Return how many pixels of a page lie to the right of its window."""
        found = page.evaluate(
            "document.documentElement.scrollWidth - document.documentElement.clientWidth"
        )
        return int(found)

    def forgive(self, words: str) -> None:
        """Drop the problems that a test has provoked; there must be one."""
        kept = [one for one in self.problems if words not in one]
        assert len(kept) < len(self.problems), f"nothing of {words!r} in {self.problems}"
        self.problems[:] = kept

    def _watch(self, context: BrowserContext, host: str) -> None:
        def asked(request: Request) -> None:
            parts = urlsplit(request.url)
            if parts.scheme in {"http", "https", "ws", "wss"} and parts.netloc != host:
                self.problems.append(f"another host was asked: {request.url}")

        def failed(request: Request) -> None:
            # A stream or an image that a page leaves behind is no failure.
            if request.failure != "net::ERR_ABORTED":
                self.problems.append(f"{request.failure}: {request.method} {request.url}")

        def answered(response: Response) -> None:
            # A page that refuses something is looked at by its test; what a page loads is not.
            refused = 500 if response.request.is_navigation_request() else 400
            if response.status >= refused:
                self.problems.append(f"{response.status}: {response.request.url}")

        def said(message: ConsoleMessage) -> None:
            # What could not be loaded is told by the others, with more words.
            loading = message.text.startswith("Failed to load resource")
            if message.type in {"error", "warning"} and not loading:
                self.problems.append(f"console {message.type}: {message.text}")

        context.on("request", asked)
        context.on("requestfailed", failed)
        context.on("response", answered)
        context.on("console", said)
        context.on("weberror", lambda one: self.problems.append(f"script: {one.error}"))

    def close(self) -> None:
        """Close every window."""
        for context in self._contexts:
            context.close()
        self._contexts.clear()


@contextmanager
def browsing(running: Chromium, folder: Path) -> Iterator[Browser]:
    """Open a browser until the block ends; then no page may have done what it must not."""
    with sync_playwright() as playwright:
        connection = playwright.chromium.connect_over_cdp(running.url)
        browser = Browser(connection, folder)
        try:
            yield browser
        finally:
            browser.close()
            connection.close()
    assert not browser.problems, browser.problems


def profile(folder: Path) -> Path:
    """Return an empty folder for a Chromium; its path must be short."""
    path = folder / secrets.token_hex(4)
    path.mkdir()
    return path
