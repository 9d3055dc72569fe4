"""A printer is added in the portal: its key is shown once, and what is shown works."""

import html
import shutil
import subprocess
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from ssl import create_default_context

import pytest
import yaml  # type: ignore[import-untyped]  # its types are a package of their own

from services.skill.onboarding import fragments
from tests.integration import octoprints
from tests.integration.brokers import V311, Raw
from tests.integration.octoprints import KEY
from tests.integration.onboarding import (
    DEADLINE,
    Plugin,
    added,
    connection,
    shown,
    snippet,
    wait_for_receipt,
)
from tests.integration.portals import Portal
from tests.integration.servers import wait_until
from voxtrude.mongo import schema
from voxtrude.registration import MAX_NAME

pytestmark = pytest.mark.integration


def everything_stored(portal: Portal) -> str:
    """Return all that the database holds, as text."""
    database = portal.stack.client[portal.stack.database]
    return "\n".join(
        repr(document)
        for name in database.list_collection_names()
        if not name.startswith("system.")
        for document in database[name].find()
    )


def test_what_the_page_shows_brings_a_printer_in(portal: Portal) -> None:
    admin = portal.admin()
    printer = added(admin)
    assert not connection(admin, printer.path)["received"]
    with Plugin(printer.plugins[0]) as plugin:
        wait_for_receipt(admin, printer.path)
        plugin.tell("event/PrinterStateChanged", b'{"state_id": "OPERATIONAL", "state_string": ""}')
        wait_for_receipt(admin, printer.path, without="idle")
        assert "Received ✔" in admin.get(f"{printer.path}/connection").text


def test_the_encrypted_way_works_with_the_certificate_to_download(portal: Portal) -> None:
    printer = added(portal.admin())
    plain, encrypted = printer.plugins
    assert not plain["broker"]["tls_active"]
    assert encrypted["broker"]["tls_active"]
    # Whoever fetches it stands at the printer's computer, and is not signed in.
    certificate = portal.client().get("/broker-ca.crt")
    assert certificate.status_code == 200
    assert certificate.headers["content-type"] == "application/x-x509-ca-cert"
    trust = create_default_context(cadata=certificate.text)
    trust.check_hostname = False  # paho's host is what it connects to: 127.0.0.1
    with Raw(
        encrypted["broker"]["port"], (printer.id, printer.secret), protocol=V311, tls=trust
    ) as client:
        assert client.publish(encrypted["publish"]["baseTopic"] + "mqtt", b"connected")


def test_the_yaml_says_what_the_command_says(portal: Portal) -> None:
    printer = added(portal.admin())
    for place, plugin in enumerate(printer.plugins, 1):
        told = yaml.safe_load(snippet(printer.page, f"yaml-{place}"))
        assert told == {"plugins": {"mqtt": plugin}}


def test_the_command_works_as_it_is_copied(portal: Portal) -> None:
    if shutil.which("curl") is None:
        pytest.skip("there is no curl on this machine")
    printer = added(portal.admin())
    command = snippet(printer.page, "curl-1")
    with octoprints.octoprint() as there:
        filled = command.replace(fragments.ADDRESS, there.url).replace(fragments.API_KEY, KEY)
        ended = subprocess.run(["sh", "-c", filled], capture_output=True, text=True, check=False)
        assert ended.returncode == 0, ended.stderr
        assert ended.stdout.strip() == "OctoPrint has the settings"
        assert there.mqtt["broker"]["password"] == printer.secret
        wrong = filled.replace(KEY, "wrong")
        assert subprocess.run(["sh", "-c", wrong], capture_output=True, check=False).returncode


def test_the_key_is_shown_once_and_kept_nowhere(portal: Portal) -> None:
    admin = portal.admin()
    printer = added(admin)
    assert printer.page.headers["cache-control"] == "no-store"
    assert printer.secret not in str(printer.page.url)
    assert printer.secret not in str(list(admin.cookies.jar))
    assert printer.secret not in portal.skill.said
    assert printer.secret not in everything_stored(portal)
    for path in ("", "/connection", "/connection.json", "/settings", "/configure", "/raw"):
        assert printer.secret not in admin.get(printer.path + path).text


def test_a_page_that_is_loaded_again_is_no_second_printer(portal: Portal) -> None:
    admin = portal.admin()
    form = admin.form("/printers/add")
    fields = {**form.fields, "name": "Prusa"}
    first = shown(admin.post(form.action, data=fields))
    again = admin.post(form.action, data=fields)
    assert again.url.path == f"{first.path}/connection"
    assert len(portal.printers) == len(portal.stack.site.printers) + 1
    # Two printers may have one name all the same.
    assert added(admin).id != first.id


def test_the_owner_is_whoever_added_it(portal: Portal) -> None:
    member = portal.member()
    printer = added(member, "Ender")
    stored = next(one for one in portal.printers if one["_id"] == printer.id)
    account = portal.stack.collection("accounts").find_one({"role": "member"})
    assert account
    assert stored["owner"] == account["_id"]
    assert portal.admin().get(printer.path).status_code == 404


def test_what_cannot_be_is_told_at_its_field(portal: Portal) -> None:
    admin, before = portal.admin(), len(portal.printers)
    for name in ("", "   ", "x" * (MAX_NAME + 1), "bell\x07", "x" * 900):
        answer = admin.submit("/printers/add", name=name)
        assert answer.status_code == 422, name
        assert f"1 to {MAX_NAME} printable characters" in answer.text
    for base, words in {
        "hall/unit-1": "must end in a slash",
        "octoPrint/": "default",
        "hall/+/": "none of the characters",
        "/hall/": "no leading slash",
        "voxtrude/v1/": "taken by Voxtrude itself",
        "x" * 300: "1 to 200 printable characters",
    }.items():
        answer = admin.submit("/printers/add", name="Prusa", base_topic=base)
        assert answer.status_code == 422, base
        assert words in html.unescape(answer.text)
        assert "--base-topic" not in answer.text
    assert len(portal.printers) == before


def test_a_base_topic_of_its_own_works_and_is_nobody_elses(portal: Portal) -> None:
    admin = portal.admin()
    printer = added(admin, base_topic="hall 2/o'brien \"&<b>/")
    assert printer.plugins[0]["publish"]["baseTopic"] == "hall 2/o'brien \"&<b>/"
    with Plugin(printer.plugins[0]) as plugin:

        def is_received() -> bool:
            # Until ingest listens to a new base topic, nobody hears what is said there.
            plugin.tell("mqtt", b"connected")
            return bool(connection(admin, printer.path)["received"])

        wait_until(is_received, DEADLINE, "nothing is received")
    for base in ("hall 2/o'brien \"&<b>/", "hall 2/", "hall 2/o'brien \"&<b>/inner/"):
        answer = admin.submit("/printers/add", name="Ender", base_topic=base)
        assert answer.status_code == 409
        assert "another printer" in html.unescape(answer.text)


def test_several_people_may_add_at_once(portal: Portal) -> None:
    admin = portal.admin()
    form = admin.form("/printers/add")

    def add(place: int) -> int:
        fields = {**form.fields, "name": f"printer {place}"}
        return admin.post(form.action, data=fields).status_code

    with ThreadPoolExecutor(5) as pool:
        assert list(pool.map(add, range(10))) == [200] * 10
    standing = {one["standing"] for one in portal.printers if one["name"].startswith("printer ")}
    assert standing == {"active"}


def test_while_the_broker_is_away_nothing_half_done_remains(portal: Portal) -> None:
    admin = portal.admin()
    before = portal.printers
    portal.stack.broker.stop()
    answer = admin.submit("/printers/add", name="Prusa")
    assert answer.status_code == 503
    assert "away" in answer.text
    assert portal.printers == before


def test_strangers_are_shown_to_administrators_and_can_be_added(portal: Portal) -> None:
    admin, member = portal.admin(), portal.member()
    portal.stack.collection(schema.UNKNOWN).insert_many(
        [{"_id": base, "seen_at": datetime.now(UTC)} for base in ("lab/<b>&one/", "lab/two")]
    )
    page = html.unescape(admin.get("/admin/strangers").text)
    assert "lab/<b>&one/" in page
    assert "lab/two" in page
    assert "/printers/add?base=lab%2F%3Cb%3E%26one%2F" in page
    assert "/printers/add?base=lab%2Ftwo" not in page
    form = admin.form("/printers/add?base=lab%2F%3Cb%3E%26one%2F", "/printers/add")
    assert form.fields["base_topic"] == "lab/<b>&one/"
    assert member.get("/admin/strangers").status_code == 404


def test_the_other_plugins_are_told_their_key_and_addresses(portal: Portal) -> None:
    printer = added(portal.admin())
    page = html.unescape(printer.page.text)
    assert f'value="{printer.id}:{printer.secret}"' in page
    assert f'value="{portal.url}"' in page
