"""The live pages as people meet them: the list, one printer, the stream, and nobody else's."""

import re
from datetime import timedelta

import httpx
import pytest
from playwright.sync_api import Page, expect

from tests.integration.browsers import Browser, Screen
from tests.integration.onboarding import Plugin, Shown, added, wait_for_receipt
from tests.integration.portals import ADMIN, MEMBER, PASSWORD, Portal, Visitor, settled
from tests.integration.portals import portal as running_portal
from tests.integration.servers import wait_until
from tests.integration.stacks import Stack, event, temperature
from tests.integration.streams import DEADLINE, streaming
from voxtrude.mongo.client import connect
from voxtrude.mongo.readings import Readings, Sample
from voxtrude.printer import PrinterId
from voxtrude.process import utc_now

pytestmark = pytest.mark.integration

FILE = {"name": "benchy_v2.gcode", "path": "folder/benchy_v2.gcode", "origin": "local", "size": 9}


def prints(plugin: Plugin) -> None:
    """Print as OctoPrint does."""
    state = {"state_id": "PRINTING", "state_string": "Printing"}
    plugin.tell("event/PrintStarted", event("PrintStarted", **FILE))
    plugin.tell("event/PrinterStateChanged", event("PrinterStateChanged", **state))
    plugin.tell("temperature/tool0", temperature(215.3, 215.0))


def pauses(plugin: Plugin) -> None:
    state = {"state_id": "PAUSED", "state_string": "Paused"}
    plugin.tell("event/PrintPaused", event("PrintPaused", **FILE))
    plugin.tell("event/PrinterStateChanged", event("PrinterStateChanged", **state))


def fill_readings(portal: Portal, printer: Shown) -> None:
    """Store what would be read in ten minutes."""
    now = utc_now()
    samples = [
        Sample(
            PrinterId(printer.id),
            now - timedelta(seconds=10 * step),
            60.0 - step,
            {"tool0": (200.0 + step % 10, 215.0)},
        )
        for step in range(60)
    ]

    async def save() -> None:
        async with connect(portal.stack.mongo) as database:
            await Readings(database).save(samples)

    settled(save())


def test_without_a_printer_the_list_leads_to_the_first(portal: Portal) -> None:
    page = portal.member().get("/printers")
    assert "No printer yet" in page.text
    assert 'href="/printers/add"' in page.text
    assert "live.js" not in page.text


def test_the_first_html_and_the_stream_say_the_same(portal: Portal) -> None:
    owner = portal.member()
    printer = added(owner, "Prusa <b>&")
    with streaming(owner) as stream, Plugin(printer.plugins[0]) as plugin:
        assert stream.wait_for(printer.id, state="Not heard yet")["@data-group"] == "attention"
        prints(plugin)
        row = stream.wait_for(printer.id, state="Printing", file="benchy_v2")
        assert row["heater.0.name"] == "Nozzle"
        assert row["file@title"] == "folder/benchy_v2.gcode"
        wait_until(lambda: stream.head.get("counts") == "1 printing", DEADLINE)
        page = owner.get("/printers").text
        assert "Prusa &lt;b&gt;&amp;" in page
        for name in ("state", "progress", "file", "age"):
            text = stream.rows[printer.id][name]
            assert re.search(rf'data-slot="{name}"[^>]*>{re.escape(text)}<', page), name
        assert "1 printing" in page
        one = owner.get(printer.path).text
        assert "Connection to the broker" in one
        assert "told live" in one


def test_nobody_sees_anothers_printer(portal: Portal) -> None:
    admin, member = portal.admin(), portal.member()
    mine = added(admin, "Ada's own")
    theirs = added(member, "Max's own")
    with (
        streaming(admin) as admins,
        streaming(member) as members,
        streaming(member, f"/live?printer={mine.id}") as nosy,
        Plugin(mine.plugins[0]) as plugin,
    ):
        prints(plugin)
        admins.wait_for(mine.id, state="Printing")
        members.wait_for(theirs.id, state="Not heard yet")
        assert members.rows.keys() == {theirs.id}
        assert theirs.id not in admins.rows
        assert not nosy.rows
        for stream in (members, nosy):
            assert mine.id not in stream.text
            assert "Ada" not in stream.text
    unknown = "/printers/prn-ffffffffffffffff"
    for tail in ("", "/jobs", "/raw", "/readings"):
        hidden = member.get(mine.path + tail)
        assert hidden.status_code == 404
        assert hidden.text.replace(mine.path, unknown) == member.get(unknown + tail).text
    assert "Ada" not in member.get("/printers").text
    assert "Max" not in admin.get("/printers").text


def test_who_is_not_signed_in_gets_no_stream(portal: Portal) -> None:
    printer = added(portal.admin())
    guest = portal.client()
    answer = guest.get("/live", headers={"accept": "text/event-stream"})
    assert answer.status_code == 401
    for path in ("/printers", printer.path, f"{printer.path}/raw"):
        assert guest.get(path).url.path == "/sign-in"
    assert portal.admin().get("/live?printer=../../x").status_code == 404


def test_a_stream_ends_with_its_session(portal: Portal) -> None:
    admin = portal.admin()
    added(admin)
    other = portal.signed_in(ADMIN, PASSWORD)
    with streaming(other) as stream, streaming(admin) as kept:
        wait_until(lambda: stream.rows and kept.rows, DEADLINE)
        with Visitor(portal.url) as same:
            same.cookies = other.cookies
            same.submit("/printers", "/sign-out")
        wait_until(lambda: stream.ended, DEADLINE, "the stream goes on")
        assert stream.kinds()[-1] == "over"
        assert not kept.ended


def test_a_removed_printer_leaves_open_streams(portal: Portal) -> None:
    owner = portal.member()
    printer, other = added(owner, "One"), added(owner, "Two")
    with streaming(owner) as stream:
        stream.wait_for(printer.id)
        stream.wait_for(other.id)
        owner.submit(f"{printer.path}/remove")
        wait_until(lambda: printer.id in stream.gone, DEADLINE, "it is still there")
        assert stream.rows.keys() == {other.id}


def test_an_ingest_that_is_away_is_told_above_the_list(stack: Stack) -> None:
    settled(stack.prepare())
    with stack.ingest() as ingest, running_portal(stack) as portal:
        owner = portal.member()
        printer = added(owner)
        with streaming(owner) as stream, Plugin(printer.plugins[0]) as plugin:
            prints(plugin)
            stream.wait_for(printer.id, state="Printing")
            ingest.stop()
            row = stream.wait_for(printer.id, **{"@data-old": "old"})
            assert row["left"] == ""
            wait_until(lambda: "is not running" in stream.head.get("banner", ""), DEADLINE)
        page = owner.get("/printers").text
        assert "is not running" in page
        assert "Last known: " in page


def test_readings_come_for_charts_and_as_a_table(portal: Portal) -> None:
    owner = portal.member()
    printer = added(owner)
    fill_readings(portal, printer)
    told = owner.get(f"{printer.path}/readings?hours=1").json()
    assert told["unit"] == "°C"
    names = [(one["name"], one["is_target"]) for one in told["lines"]]
    assert names == [("Progress", False), ("Nozzle", False), ("Nozzle", True)]
    assert all(len(one["values"]) == len(told["at"]) for one in told["lines"])
    assert told["at"] == sorted(told["at"])
    page = owner.get(f"{printer.path}?hours=1").text
    assert "The last hour" in page
    assert "209 °C" in page
    assert owner.get(f"{printer.path}/readings?hours=2").status_code == 422
    assert owner.get(f"{printer.path}/jobs?page=0").status_code == 422


def test_the_raw_record_has_everything_but_the_key(portal: Portal) -> None:
    owner = portal.member()
    printer = added(owner)
    page = owner.get(f"{printer.path}/raw").text
    stored = next(one for one in portal.printers if one["_id"] == printer.id)
    assert printer.id in page
    assert "base_topic" in page
    for secret in (printer.secret, *stored["credential"].values()):
        assert str(secret) not in page or isinstance(secret, int)


def test_the_list_can_be_searched_without_a_script(portal: Portal) -> None:
    owner = portal.member()
    for number in range(13):
        added(owner, f"Ender {number}")
    page = owner.get("/printers", params={"q": "ender 12", "state": "attention"}).text
    shown = re.findall(r'<li class="printer card" data-printer="prn[^>]*>', page)
    assert len(shown) == 13
    assert sum("hidden" not in one for one in shown) == 1
    assert "No printer fits" in owner.get("/printers?q=voron").text
    assert owner.get("/printers?state=nonsense").status_code == 422


def test_streams_of_an_account_are_limited(portal: Portal) -> None:
    owner = portal.member()
    added(owner)
    limits = httpx.Limits(max_connections=None)
    with httpx.Client(
        base_url=portal.url, cookies=owner.cookies, limits=limits, timeout=30
    ) as client:
        ask = client.build_request("GET", "/live")
        streams = [client.send(ask, stream=True) for _ in range(51)]
        try:
            assert [one.status_code for one in streams] == [200] * 50 + [429]
        finally:
            for one in streams:
                one.close()


def as_person(browser: Browser, portal: Portal, path: str, screen: Screen, *, dark: bool) -> Page:
    page = browser.page(portal.url, f"/sign-in?next={path}", screen, dark=dark)
    page.get_by_label("E-mail").fill(MEMBER)
    page.get_by_label("Password", exact=True).fill(PASSWORD)
    page.get_by_role("button", name="Sign in").click()
    page.wait_for_url(f"**{path}")
    return page


@pytest.mark.parametrize(("screen", "dark"), [("phone", True), ("desktop", False)])
def test_the_pages_live(portal: Portal, browser: Browser, screen: Screen, dark: bool) -> None:  # noqa: FBT001  (a table)
    owner = portal.member()
    printer, second = added(owner, "Prusa"), added(owner, "Ender")
    fill_readings(portal, printer)
    with Plugin(printer.plugins[0]) as plugin, Plugin(second.plugins[0]) as other:
        prints(plugin)
        prints(other)
        wait_for_receipt(owner, printer.path)
        page = as_person(browser, portal, "/printers", screen, dark=dark)
        row = page.locator(f'[data-printer="{printer.id}"]')
        expect(row.locator('[data-slot="state"]')).to_have_text("Printing")
        expect(page.locator("h2 a")).to_have_text(["Ender", "Prusa"])
        row.get_by_role("link", name="Prusa").focus()
        pauses(plugin)
        expect(row.locator('[data-slot="state"]')).to_have_text("Paused")
        expect(page.locator("h2 a")).to_have_text(["Prusa", "Ender"])
        expect(row.get_by_role("link", name="Prusa")).to_be_focused()
        expect(page.locator("#said")).to_contain_text("Prusa: Paused.")
        assert page.title().startswith("(1) Printers")
        assert browser.barriers(page) == []
        assert browser.overflow(page) == 0
        browser.shoot(page, f"printers-{screen}")

        page.keyboard.press("Enter")
        page.wait_for_url(f"**{printer.path}")
        expect(page.locator("canvas")).to_have_count(2)
        expect(page.locator('[data-slot="fact.status"]')).to_have_text("paused")
        plugin.tell("temperature/bed", temperature(61.0, 60.0))
        expect(page.locator(".heaters")).to_contain_text("Bed 61 of 60 °C")
        for path in ("", "/jobs", "/raw"):
            page.goto(printer.path + path)
            assert browser.barriers(page) == []
            assert browser.overflow(page) == 0
        page.goto(printer.path)
        owner.submit(f"{printer.path}/remove")
        page.wait_for_url("**/printers")


def test_who_comes_back_after_the_session_ended_is_asked_to_sign_in(
    portal: Portal, browser: Browser
) -> None:
    owner = portal.member()
    added(owner, "Prusa")
    page = as_person(browser, portal, "/printers", "desktop", dark=False)
    expect(page.locator(".printer")).to_have_count(1)
    # A page that is left has no stream that could tell it that its session ends.
    page.evaluate("dispatchEvent(new PageTransitionEvent('pagehide'))")
    owner.submit("/account/sessions", action="/account/sessions/end")
    page.evaluate("dispatchEvent(new PageTransitionEvent('pageshow', { persisted: true }))")
    expect(page.locator("#interrupted")).to_contain_text("You are signed out")
    expect(page.get_by_role("link", name="Sign in again")).to_be_visible()
    browser.forgive("401")
