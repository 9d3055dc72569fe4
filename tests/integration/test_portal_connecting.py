"""OctoPrint is set up from the portal; and what is wrong is told while it lasts."""

import html
from collections.abc import Iterator

import pytest

from tests.integration import octoprints
from tests.integration.brokers import V31, V311, Raw
from tests.integration.octoprints import KEY, STATUS_ONLY, OctoPrint
from tests.integration.onboarding import (
    Plugin,
    added,
    connection,
    wait_for_finding,
    wait_for_receipt,
)
from tests.integration.portals import Portal, Visitor, keeper
from tests.integration.servers import free_port, wait_until
from tests.integration.test_portal_adding import everything_stored
from voxtrude.mongo import schema

pytestmark = pytest.mark.integration

DEADLINE = 15.0


@pytest.fixture
def there() -> Iterator[OctoPrint]:
    with octoprints.octoprint() as found:
        yield found


@pytest.fixture
def watched(portal: Portal) -> Iterator[Portal]:
    """A portal whose broker is watched by its keeper."""
    known = portal.stack.site.printers[0]

    def is_watching() -> bool:
        with portal.stack.publisher(known):
            return portal.stack.collection(schema.LOGINS).find_one({"_id": known.id}) is not None

    with keeper(portal.stack) as server:
        wait_until(is_watching, DEADLINE, "the keeper writes nothing down")
        assert server.process.poll() is None, server.said
        yield portal


def set_up(visitor: Visitor, path: str, address: str, key: str = KEY, **fields: str) -> str:
    """Let OctoPrint be set up; return where that led to."""
    answer = visitor.submit(f"{path}/configure", address=address, api_key=key, **fields)
    return f"{answer.status_code} {answer.url.path} {html.unescape(answer.text)}"


def test_octoprint_is_set_up_and_its_printer_comes_in(portal: Portal, there: OctoPrint) -> None:
    admin = portal.admin()
    page = admin.submit("/printers/add", name="Prusa", how="configure")
    path = page.url.path.removesuffix("/configure")
    assert page.url.path == f"{path}/configure"
    answer = set_up(admin, path, there.url)
    assert answer.startswith(f"200 {path}/connection")
    assert "OctoPrint has taken the settings" in answer
    # That it said yes is not enough.
    assert not connection(admin, path)["received"]
    with Plugin(there.mqtt):
        wait_for_receipt(admin, path)


def test_with_encryption_the_certificate_is_named(portal: Portal, there: OctoPrint) -> None:
    admin = portal.admin()
    printer = added(admin)
    set_up(admin, printer.path, there.url, way="tls", ca_path="/srv/ca.crt")
    assert there.mqtt["broker"]["tls_active"] is True
    assert there.mqtt["broker"]["tls"] == {"ca_certs": "/srv/ca.crt"}
    assert there.mqtt["broker"]["port"] == portal.stack.site.settings.tls_port


def test_the_key_before_ends(portal: Portal, there: OctoPrint) -> None:
    admin = portal.admin()
    printer = added(admin)
    with Plugin(printer.plugins[0]) as old:
        wait_for_receipt(admin, printer.path)
        set_up(admin, printer.path, there.url)
        wait_until(lambda: old.raw.gone, DEADLINE, "the old key still works")
    assert there.mqtt["broker"]["password"] != printer.secret


def test_the_api_key_is_kept_nowhere(portal: Portal, there: OctoPrint) -> None:
    admin = portal.admin()
    printer = added(admin)
    assert KEY not in set_up(admin, printer.path, there.url)
    there.save_status = 500
    failed = set_up(admin, printer.path, there.url)
    assert failed.startswith("422")
    assert KEY not in failed
    assert KEY not in portal.skill.said
    assert KEY not in everything_stored(portal)
    assert there.url not in everything_stored(portal)


def test_a_failure_before_anything_changed_leaves_the_key(portal: Portal, there: OctoPrint) -> None:
    admin = portal.admin()
    printer = added(admin)
    with Plugin(printer.plugins[0]) as old:
        wait_for_receipt(admin, printer.path)
        for key, words in (("wrong", "does not know this API key"), (STATUS_ONLY, "SETTINGS")):
            answer = set_up(admin, printer.path, there.url, key)
            assert answer.startswith("422")
            assert words in answer
            assert "works no more" not in answer
        nobody = set_up(admin, printer.path, f"http://127.0.0.1:{free_port()}")
        assert "Nobody answers" in nobody
        ours = set_up(admin, printer.path, portal.url)
        assert "cannot be an OctoPrint" in ours
        assert connection(admin, printer.path)["received"]
        assert not old.raw.gone


def test_a_failure_after_the_key_was_made_says_so(portal: Portal, there: OctoPrint) -> None:
    admin = portal.admin()
    printer = added(admin)
    there.save_status = 500
    answer = set_up(admin, printer.path, there.url)
    assert "works no more" in answer


def test_one_account_cannot_let_us_look_for_machines(portal: Portal) -> None:
    admin = portal.admin()
    printer = added(admin)
    address = f"http://127.0.0.1:{free_port()}"
    answers = [set_up(admin, printer.path, address) for _ in range(21)]
    assert all("Nobody answers" in one for one in answers[:20])
    assert "very often" in answers[20]


# What is wrong ---------------------------------------------------------------------------


def test_a_wrong_key_is_told_and_heals(watched: Portal) -> None:
    admin = watched.admin()
    printer = added(admin)
    login = Raw(watched.stack.site.settings.port, (printer.id, "wrong"), protocol=V311)
    assert not login.connect()
    login.close()
    wait_until(
        lambda: {"wrong-key", "some-key"} & set(connection(admin, printer.path)["findings"]),
        DEADLINE,
        "nobody tells of the wrong key",
    )
    assert "wrong key" in admin.get(f"{printer.path}/connection").text
    with Plugin(printer.plugins[0]):
        wait_for_receipt(admin, printer.path, without="some-key")
        assert "wrong-key" not in connection(admin, printer.path)["findings"]


def test_a_key_that_was_replaced_is_told_of_its_printer(watched: Portal) -> None:
    admin = watched.admin()
    printer = added(admin)
    with Plugin(printer.plugins[0]) as plugin:
        wait_for_receipt(admin, printer.path)
        renewed = admin.submit(f"{printer.path}/settings", f"{printer.path}/key")
        assert renewed.status_code == 200
        wait_until(lambda: plugin.raw.gone, DEADLINE, "the old key still works")
    again = Raw(watched.stack.site.settings.port, (printer.id, printer.secret), protocol=V311)
    assert not again.connect()
    again.close()
    wait_until(
        lambda: {"wrong-key", "some-key"} & set(connection(admin, printer.path)["findings"]),
        DEADLINE,
        "nobody tells of the old key",
    )


def test_the_plugins_own_base_topic_is_told_and_heals(watched: Portal) -> None:
    admin = watched.admin()
    printer = added(admin)
    with Plugin(printer.plugins[0], base="octoPrint/"):
        words = wait_for_finding(admin, printer.path, "base-topic")
        assert printer.plugins[0]["publish"]["baseTopic"] in words
        assert "the broker drops them" in words
    with Plugin(printer.plugins[0]):
        wait_for_receipt(admin, printer.path, without="base-topic")


def test_a_base_topic_without_its_slash_is_told_and_heals(watched: Portal) -> None:
    admin = watched.admin()
    printer = added(admin)
    base = printer.plugins[0]["publish"]["baseTopic"]
    with Plugin(printer.plugins[0], base=base.rstrip("/")):
        assert "without the slash at its end" in wait_for_finding(admin, printer.path, "slash")
    with Plugin(printer.plugins[0]):
        wait_for_receipt(admin, printer.path, without="slash")


def test_two_printers_with_one_key_are_told(watched: Portal) -> None:
    admin = watched.admin()
    printer = added(admin)
    for _ in range(3):
        with Plugin(printer.plugins[0]), Plugin(printer.plugins[0]):
            pass
    assert "Two devices" in wait_for_finding(admin, printer.path, "clash")


def test_the_old_protocol_is_told_and_works(watched: Portal) -> None:
    admin = watched.admin()
    printer = added(admin)
    login = (printer.id, printer.secret)
    topic = printer.plugins[0]["publish"]["baseTopic"] + "mqtt"
    with Raw(watched.stack.site.settings.port, login, protocol=V31) as old:
        old.send(topic, b"connected")
        wait_for_receipt(admin, printer.path)
        assert "MQTT 3.1," in wait_for_finding(admin, printer.path, "mqtt-3.1")
    with Plugin(printer.plugins[0]):
        wait_for_receipt(admin, printer.path, without="mqtt-3.1")


def test_an_idle_printer_is_told_from_one_that_is_not_heard(watched: Portal) -> None:
    admin = watched.admin()
    printer = added(admin)
    with Plugin(printer.plugins[0]) as plugin:
        wait_for_receipt(admin, printer.path)
        assert "an idle printer says nothing" in wait_for_finding(admin, printer.path, "idle")
        plugin.tell("event/PrinterStateChanged", b'{"state_id": "OFFLINE", "state_string": ""}')
        wait_for_finding(admin, printer.path, "printer-off")


def test_a_message_that_cannot_be_read_is_listed(watched: Portal) -> None:
    admin = watched.admin()
    printer = added(admin)
    with Plugin(printer.plugins[0]) as plugin:
        plugin.tell("event/PrinterStateChanged", b"<b>no JSON</b>")
        words = wait_for_finding(admin, printer.path, "unreadable")
    assert f"{plugin.base}event/PrinterStateChanged" in words


def test_a_revoked_printer_is_told_and_comes_back(watched: Portal) -> None:
    admin = watched.admin()
    printer = added(admin)
    with Plugin(printer.plugins[0]) as plugin:
        wait_for_receipt(admin, printer.path)
        admin.submit(f"{printer.path}/settings", f"{printer.path}/revoke")
        wait_until(lambda: plugin.raw.gone, DEADLINE, "it is still there")
    assert "revoked" in wait_for_finding(admin, printer.path, "revoked")
    admin.submit(f"{printer.path}/settings", f"{printer.path}/admit")
    with Plugin(printer.plugins[0]):
        wait_for_receipt(admin, printer.path, without="revoked")


def test_our_own_broker_being_away_is_not_the_printers_fault(portal: Portal) -> None:
    admin = portal.admin()
    printer = added(admin)
    portal.stack.broker.stop()
    words = wait_for_finding(admin, printer.path, "broker-away")
    assert "not your printer's fault" in words
