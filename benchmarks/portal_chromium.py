"""A real Chromium with the page open: when a number is in the document, and when on the screen.

It runs on the same machine, so that its clock is the one of who publishes.
"""

import contextlib
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from playwright.sync_api import Page

from benchmarks.portal_browsers import SETTLE, START
from benchmarks.portal_servers import Portal
from benchmarks.portal_traffic import KINDS, SLOTS, Seen
from tests.integration.browsers import browsing, chromium
from tests.integration.portals import ADMIN, PASSWORD
from tests.integration.servers import wait_until

WATCH = """(slots) => {
  const kinds = new Map(slots.map((slot, kind) => [slot.split("@")[0], kind]));
  const read = (element, at) => {
    const kind = kinds.get(element.dataset?.slot);
    const printer = element.closest?.("[data-printer]")?.dataset.printer;
    const number = parseInt(element.getAttribute?.("value") ?? element.textContent, 10);
    const known = kind !== undefined && printer && !Number.isNaN(number);
    return known ? [{ printer, kind, number, at, shown: 0 }] : [];
  };
  const list = document.querySelector(".printers");
  const seen = [];
  new MutationObserver((records) => {
    const at = Date.now();
    const found = records.flatMap((record) => read(record.target, at));
    seen.push(...found);
    // After the next frame: what is in the document then was painted.
    requestAnimationFrame(() =>
      setTimeout(() => {
        for (const one of found) one.shown = Date.now();
      }),
    );
  }).observe(list, {
    subtree: true,
    childList: true,
    attributes: true,
    attributeFilter: ["value"],
  });
  window.takeSeen = () => seen.splice(0);
  window.readAll = () => [...list.querySelectorAll("[data-slot]")].flatMap((one) => read(one, 0));
}"""


class Window:
    """The page, watched from within; made by ``opened``."""

    def __init__(self, page: Page, keys: Mapping[str, int]) -> None:
        self._page = page
        self._keys = keys

    def take(self) -> tuple[list[Seen], list[Seen]]:
        """Return what has changed since the last time: in the document, and on the screen."""
        found = self._page.evaluate("() => takeSeen()")
        return self._seen(found, "at"), self._seen(found, "shown")

    def lacking(self, numbers: Sequence[int]) -> int:
        """Return how many numbers are not in the document now."""
        shown = {key: number for _, key, number in self._seen(self._all(), "at")}
        return sum(shown.get(key, 0) < number for key, number in enumerate(numbers))

    def wait_for(self, numbers: Sequence[int], seconds: float = SETTLE) -> int:
        """Wait until the page shows these numbers; return how many it still lacks."""
        with contextlib.suppress(TimeoutError):
            wait_until(lambda: self.lacking(numbers) == 0, seconds)
        # Those that have just come are on the screen after the next frame.
        self._page.evaluate("() => new Promise((seen) => setTimeout(seen, 200))")
        return self.lacking(numbers)

    def _all(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self._page.evaluate("() => readAll()")
        return found

    def _seen(self, found: list[dict[str, Any]], when: str) -> list[Seen]:
        return [
            (one[when] / 1000, self._keys[one["printer"]] + one["kind"], one["number"])
            for one in found
        ]


@contextlib.contextmanager
def opened(portal: Portal, keys: Mapping[str, int]) -> Iterator[Window]:
    """Open the page until the block ends; enter it once it shows every printer."""
    with (
        tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder,
        chromium(Path(folder)) as running,
        browsing(running, Path(folder)) as browser,
    ):
        page = browser.page(portal.url, "/sign-in")
        page.fill("input[name=email]", ADMIN)
        page.fill("input[name=password]", PASSWORD)
        page.click("main button[type=submit]")
        page.wait_for_selector(".printers [data-printer]")
        page.evaluate(WATCH, list(SLOTS))
        window = Window(page, keys)
        if lacking := window.wait_for([1] * len(keys) * KINDS, START):
            raise TimeoutError(f"{lacking} numbers are not on the page")
        yield window
