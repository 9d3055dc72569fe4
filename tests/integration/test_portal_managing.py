"""A printer is changed in the portal, by its owner and nobody else."""

import html

import pytest

from tests.integration.onboarding import Plugin, added, shown, wait_for_receipt
from tests.integration.portals import Portal, forms
from tests.integration.servers import wait_until

pytestmark = pytest.mark.integration

DEADLINE = 15.0


def stored(portal: Portal, printer: str) -> dict[str, object]:
    return next(one for one in portal.printers if one["_id"] == printer)


def test_it_is_renamed(portal: Portal) -> None:
    admin = portal.admin()
    printer = added(admin)
    settings = f"{printer.path}/settings"
    page = admin.submit(settings, f"{settings}/name", name="  Prusa <b>&  ")
    assert page.url.path == settings
    assert "has a new name" in page.text
    assert stored(portal, printer.id)["name"] == "Prusa <b>&"
    refused = admin.submit(settings, f"{settings}/name", name=" ")
    assert refused.status_code == 422
    assert "printable characters" in refused.text
    assert stored(portal, printer.id)["name"] == "Prusa <b>&"


def test_its_plate_is_written(portal: Portal) -> None:
    admin = portal.admin()
    printer = added(admin)
    settings = f"{printer.path}/settings"
    admin.submit(
        settings, f"{settings}/plate", manufacturer="Prusa Research", model="MK4", year=" 2024 "
    )
    assert stored(portal, printer.id)["identification"] == {
        "manufacturer": "Prusa Research",
        "model": "MK4",
        "serial_number": None,
        "location": None,
        "year_of_construction": 2024,
    }
    for year in ("1800", "x", "20 24", "-1", "²", "9" * 900):
        refused = admin.submit(settings, f"{settings}/plate", model="changed", year=year)
        assert refused.status_code == 422, year
        assert "year" in refused.text
        assert 'value="changed"' in refused.text  # what was typed is still there
    refused = admin.submit(settings, f"{settings}/plate", model="x" * 101)
    assert refused.status_code == 422
    assert stored(portal, printer.id)["identification"]["model"] == "MK4"  # type: ignore[index]  # a document


def test_it_is_kept_until_it_is_deleted_or_forgotten_again(portal: Portal) -> None:
    admin = portal.admin()
    printer = added(admin)
    settings = f"{printer.path}/settings"
    admin.submit(settings, f"{settings}/keep")
    assert stored(portal, printer.id)["alive_at"] is None
    admin.submit(settings, f"{settings}/keep")
    assert stored(portal, printer.id)["alive_at"] is not None


def test_a_new_key_is_shown_and_the_old_one_ends(portal: Portal) -> None:
    admin = portal.admin()
    printer = added(admin)
    with Plugin(printer.plugins[0]) as old:
        wait_for_receipt(admin, printer.path)
        renewed = shown(admin.submit(f"{printer.path}/settings", f"{printer.path}/key"))
        wait_until(lambda: old.raw.gone, DEADLINE, "the old key still works")
    assert renewed.id == printer.id
    assert renewed.secret != printer.secret
    assert renewed.page.headers["cache-control"] == "no-store"
    with Plugin(renewed.plugins[0]):
        wait_for_receipt(admin, printer.path)


def test_a_key_page_that_is_loaded_again_is_no_new_key(portal: Portal) -> None:
    admin = portal.admin()
    printer = added(admin)
    form = admin.form(f"{printer.path}/settings", f"{printer.path}/key")
    renewed = shown(admin.post(form.action, data=form.fields))
    again = admin.post(form.action, data=form.fields)
    assert again.url.path == f"{printer.path}/connection"
    with Plugin(renewed.plugins[0]):
        wait_for_receipt(admin, printer.path)


def test_a_deleted_printer_is_gone_at_once(portal: Portal) -> None:
    admin = portal.admin()
    printer = added(admin, "Ender in the cellar")
    with Plugin(printer.plugins[0]) as plugin:
        wait_for_receipt(admin, printer.path)
        assert "Ender in the cellar" in admin.get(f"{printer.path}/remove").text
        page = admin.submit(f"{printer.path}/remove")
        assert page.url.path == "/printers"
        wait_until(lambda: plugin.raw.gone, DEADLINE, "it is still connected")
    assert admin.get(f"{printer.path}/settings").status_code == 404
    assert printer.id not in [one["_id"] for one in portal.printers]


def test_an_administrator_shares_a_printer_and_takes_it_back(portal: Portal) -> None:
    admin = portal.admin()
    printer = added(admin)
    settings = f"{printer.path}/settings"
    admin.submit(settings, f"{settings}/owner")
    assert stored(portal, printer.id)["owner"] is None
    admin.submit(settings, f"{settings}/owner")
    assert stored(portal, printer.id)["owner"] is not None


def test_a_member_cannot_give_a_printer_away(portal: Portal) -> None:
    member = portal.member()
    printer = added(member)
    settings = f"{printer.path}/settings"
    assert f"{settings}/owner" not in [one.action for one in forms(member.get(settings))]
    fields = member.form(settings, f"{settings}/name").fields
    answer = member.post(f"{settings}/owner", data={**fields, "to": "installation"})
    assert answer.status_code == 404
    assert stored(portal, printer.id)["owner"] is not None


READS = ("connection", "connection.json", "configure", "settings", "remove")
WRITES = (
    "configure",
    "settings/name",
    "settings/plate",
    "settings/keep",
    "settings/owner",
    "key",
    "revoke",
    "admit",
    "remove",
)


def test_nobody_else_sees_or_changes_it(portal: Portal) -> None:
    printer = added(portal.admin(), "a secret name")
    before = stored(portal, printer.id)
    member, guest = portal.member(), portal.client()
    fields = member.form("/printers/add").fields
    everything = {**fields, "name": "stolen", "lasting": "yes", "to": "me", "mark": ""}
    for path in READS:
        answer = member.get(f"{printer.path}/{path}")
        assert answer.status_code == 404, path
        assert "a secret name" not in html.unescape(answer.text)
        assert guest.get(f"{printer.path}/{path}").url.path == "/sign-in"
    for path in WRITES:
        assert member.post(f"{printer.path}/{path}", data=everything).status_code == 404, path
        assert guest.post(f"{printer.path}/{path}", data=everything).status_code in {200, 403}
    assert stored(portal, printer.id) == before


def test_a_form_of_another_site_is_refused(portal: Portal) -> None:
    admin = portal.admin()
    printer = added(admin)
    before = stored(portal, printer.id)
    for path in WRITES:
        answer = admin.post(f"{printer.path}/{path}", data={"name": "x", "lasting": "yes"})
        assert answer.status_code in {403, 422}, path
        forged = admin.post(
            f"{printer.path}/{path}",
            data=admin.form("/printers/add").fields | {"lasting": "yes", "to": "me", "mark": ""},
            headers={"origin": "https://evil.example"},
        )
        assert forged.status_code == 403, path
    assert stored(portal, printer.id) == before


def test_a_printer_that_is_not_is_not_there(portal: Portal) -> None:
    admin = portal.admin()
    for printer in ("prn-x", "prn-0123456789abcdef", "%00", "%2e%2e", "add%2f", "$ne", "%ff"):
        for path in READS:
            assert admin.get(f"/printers/{printer}/{path}").status_code == 404, printer


def test_while_the_broker_is_away_keys_stay_as_they_are(portal: Portal) -> None:
    admin = portal.admin()
    printer = added(admin)
    form = admin.form(f"{printer.path}/settings", f"{printer.path}/key")
    before = stored(portal, printer.id)
    portal.stack.broker.stop()
    for path in ("key", "revoke", "remove"):
        answer = admin.post(f"{printer.path}/{path}", data=form.fields)
        assert answer.status_code == 503, path
        assert "away" in answer.text
    assert stored(portal, printer.id) == before
