"""Delete my account: afterwards nothing anywhere holds what was somebody's."""

import json
import signal
import time
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import pytest
from bson import encode

from broker import rendering
from tests.integration.onboarding import Plugin, Shown, added
from tests.integration.portals import PASSWORD, Portal, Visitor, keeper, settled
from tests.integration.portals import portal as running_portal
from tests.integration.programs import program, token
from tests.integration.servers import Server, wait_until
from tests.integration.stacks import DEADLINE, Stack, temperature
from voxtrude.mongo import schema

pytestmark = pytest.mark.integration

EMAIL = "zora.quastenflosser@example.org"
NAME, OTHER_NAME = "Quastenflosser Prusa", "Quastenflosser Ender"
FILE, REPORTED = "quastenflosser_part.gcode", "quastenflosser_report.gcode"
BASE = "quastenflosser hall/unit/"
TOKEN_NAME = "quastenflosser program"  # noqa: S105  (its name)
OURS = {"admin", "local", "config"}


def printed(plugin: Plugin, file: str = FILE) -> None:
    """Print twice; retain what OctoPrint retains, and say something unreadable."""
    plugin.print_twice(file)
    now = int(time.time())
    progress = {"location": "local", "path": f"folder/{file}", "progress": 42, "_timestamp": now}
    plugin.raw.publish(
        f"{plugin.base}progress/printing", json.dumps(progress).encode(), retain=True
    )
    plugin.tell("progress/printing", f"no JSON {file}".encode())


def report(portal: Portal, printer: Shown, file: str) -> httpx.Response:
    """Report as Octolexa's plugin does."""
    details = [
        {"StatusTypeId": 3, "StatusValue": "Printing"},
        {"StatusTypeId": 7, "StatusValue": file},
    ]
    key = f"{printer.id}:{printer.secret}"
    body = {"PrinterId": key, "PrinterName": OTHER_NAME, "Details": details}
    return httpx.post(f"{portal.url}/api/UpdatePrinterStatus", content=json.dumps(body))


def stored(stack: Stack, words: Mapping[str, str]) -> list[str]:
    """Return which collections of all databases hold one of these words."""
    found = []
    names = [one for one in stack.client.list_database_names() if one not in OURS]
    assert stack.database in names
    for name in names:
        # Other tests' databases may stand there, too: nothing of ours is in them either.
        database = stack.client.get_database(name)
        for collection in database.list_collection_names():
            for document in database.get_collection(collection).find():
                raw = encode(document)
                found += [
                    f"{name}.{collection}: {what}"
                    for what, word in words.items()
                    if word.encode() in raw
                ]
    return found


def kept(stack: Stack, words: Mapping[str, str], but: tuple[Path, ...] = ()) -> list[str]:
    """Return which files of the broker hold one of these words."""
    found = []
    for file in stack.site.settings.data.rglob("*"):
        if file.is_file() and file not in but:
            raw = file.read_bytes()
            found += [
                f"{file.name}: {what}" for what, word in words.items() if word.encode() in raw
            ]
    return found


class Logs:
    """The logs of all processes, from some moment on."""

    def __init__(self, *files: Path) -> None:
        self._files = {file: file.stat().st_size for file in files}

    def since(self, words: Mapping[str, str]) -> list[str]:
        """Return which of these words were written since then."""
        found = []
        for file, size in self._files.items():
            with file.open("rb") as open_:
                open_.seek(size)
                said = open_.read()
            found += [
                f"{file.name}: {what}" for what, word in words.items() if word.encode() in said
            ]
        return found


def persisted(broker: Server, stack: Stack) -> None:
    """Let the broker write down all that it keeps."""
    database = next(stack.site.settings.data.rglob("mosquitto.db"), None)
    before = database.stat().st_mtime_ns if database else 0
    broker.process.send_signal(signal.SIGUSR1)
    wait_until(
        lambda: (
            (file := next(stack.site.settings.data.rglob("mosquitto.db"), None))
            and file.stat().st_mtime_ns > before
        ),
        DEADLINE,
        "the broker wrote nothing",
    )


@pytest.fixture
def kept_portal(stack: Stack) -> Iterator[tuple[Portal, Server]]:
    """A portal whose broker has its keeper."""
    settled(stack.prepare())
    with stack.ingest(), keeper(stack) as guard, running_portal(stack) as found:
        yield found, guard


def leave(visitor: Visitor) -> httpx.Response:
    return visitor.submit("/account/delete", confirmation="delete my account", password=PASSWORD)


def test_nothing_is_left_of_who_leaves(kept_portal: tuple[Portal, Server]) -> None:
    portal, guard = kept_portal
    stack = portal.stack
    start = Logs(*[one for one in stack.folder.glob("*.log") if one.name != "broker.log"])
    owner = portal.member(EMAIL)
    other = added(portal.admin(), "Of somebody else")
    mine, reporting = added(owner, NAME, base_topic=BASE), added(owner, OTHER_NAME)
    plain = token(owner, name=TOKEN_NAME)
    client = program(portal, plain)
    portal.signed_in(EMAIL)
    portal.client().submit("/sign-in", email=EMAIL, password="a wrong password")  # noqa: S106  (it is)
    account = next(one for one in stack.collection(schema.ACCOUNTS).find() if one["email"] == EMAIL)
    admin = portal.admin()
    page = f"/admin/accounts/{account['_id']}"
    assert "/reset/" in admin.submit(page, f"{page}/reset").text
    with Plugin(mine.plugins[0]) as plugin, Plugin(other.plugins[0]) as others:
        printed(plugin)
        assert report(portal, reporting, REPORTED).json() == {"apiResult": "Success"}
        words = {
            "e-mail": EMAIL,
            "name": NAME,
            "other name": OTHER_NAME,
            "file": FILE,
            "reported file": REPORTED,
            "any of them": "quastenflosser",
            "base topic": BASE.removesuffix("/"),
            "key": mine.secret,
            "other key": reporting.secret,
            "token": plain,
            "token's name": TOKEN_NAME,
            "account": account["_id"],
            "printer": mine.id,
            "other printer": reporting.id,
        }
        # The positive control: it is found where it belongs.
        wait_until(
            lambda: (
                FILE in client.get(f"/printers/{mine.id}").text
                and REPORTED in client.get(f"/printers/{reporting.id}").text
                and client.get(f"/printers/{mine.id}/readings").json()["samples"]
                and client.get("/jobs").json()["jobs"]
                and client.get(f"/printers/{mine.id}/rejected").json()["rejected"]
                and stack.collection(schema.LOGINS).find_one({"_id": mine.id})
            ),
            DEADLINE,
            "not everything has come",
        )
        persisted(stack.broker, stack)
        places = {one.split(".")[1].split(":")[0] for one in stored(stack, words)}
        told = {"accounts", "sessions", "tickets", "tokens", "printers", "states", "jobs"}
        assert told | {"quarantine", "logins", "readings"} <= places, places
        broker_log = Path(stack.broker.log)
        assert kept(stack, words, (broker_log,))
        logs = Logs(*stack.folder.glob("*.log"), broker_log)

        goodbye = leave(owner)
        assert "Your account is deleted" in goodbye.text
        # Deleted means out: no moment later can it say anything.
        wait_until(lambda: plugin.raw.gone, DEADLINE, "the printer is still connected")
        assert not others.raw.gone
    for one in (mine, reporting):
        again = Plugin(one.plugins[0])
        assert not again.raw.connect()
        again.raw.close()
    assert client.get("/printers").status_code == 401
    assert owner.get("/account", follow_redirects=False).status_code == 303
    refused = report(portal, reporting, "later.gcode")
    assert refused.json()["apiResult"] == "Error"
    assert "E-mail address or password is wrong" in portal.client().submit(
        "/sign-in", email=EMAIL, password=PASSWORD
    ).text  # fmt: skip

    gone = {what: word for what, word in words.items() if what not in {"printer", "other printer"}}
    wait_until(lambda: not stored(stack, words), DEADLINE, str(stored(stack, words)))
    persisted(stack.broker, stack)
    wait_until(
        lambda: not kept(stack, words, (broker_log,)),
        DEADLINE,
        str(kept(stack, words, (broker_log,))),
    )
    # Ids of printers are in logs: they tell whom something was about, and belong to nobody now.
    assert not logs.since(gone)
    # And before nothing of it was logged either, but at the broker, which names topics' clients.
    assert not start.since({what: word for what, word in gone.items() if what != "account"})
    assert guard.process.poll() is None


@pytest.mark.parametrize("base", ["", BASE])
def test_a_printer_that_talks_all_the_time_leaves_nothing(portal: Portal, base: str) -> None:
    """What it says in the very moment of the deletion comes back nowhere."""
    stack = portal.stack
    states, readings = stack.collection(schema.STATES), stack.collection(schema.READINGS)
    owner = portal.member(EMAIL)
    mine = added(owner, NAME, base_topic=base)
    words = {"printer": mine.id, "name": NAME, "e-mail": EMAIL, "base": BASE.removesuffix("/")}
    with Plugin(mine.plugins[0]) as plugin:
        printed(plugin)
        wait_until(lambda: states.find_one({"_id": mine.id}), DEADLINE, "it was not heard")
        for step in range(3000):
            plugin.tell("temperature/tool0", temperature(200.0 + step / 100, 215.0))
        assert "Your account is deleted" in leave(owner).text
    # What another printer says later tells that all before was folded and stored.
    later = added(portal.admin(), "later")
    with Plugin(later.plugins[0]) as plugin:
        printed(plugin, "later.gcode")
        wait_until(lambda: states.find_one({"_id": later.id}), DEADLINE, "nothing later")
        wait_until(lambda: readings.find_one({"printer": later.id}), DEADLINE, "no readings")
    assert not stored(stack, words)
    with stack.observer() as observer:
        observer.subscribe("voxtrude/v1/#")
        wait_until(lambda: any(later.id in one for one in observer.topics()), DEADLINE, "no state")
        assert not [one for one in observer.topics() if mine.id in one]


def test_with_the_broker_away_the_account_stays_and_a_second_try_completes(
    kept_portal: tuple[Portal, Server],
) -> None:
    portal, _guard = kept_portal
    stack = portal.stack
    owner = portal.member(EMAIL)
    mine = [added(owner, f"{NAME} {number}") for number in range(3)]
    config = stack.site.settings.folder / rendering.CONFIG
    ids = {one.id for one in mine}

    def accounts() -> list[Any]:
        return list(stack.collection(schema.ACCOUNTS).find({"email": EMAIL}))

    def at_the_broker() -> set[str]:
        known = json.loads(stack.site.accounts.read_text())
        return {one["username"] for one in known["clients"]} & ids

    assert at_the_broker() == ids
    form = owner.form("/account/delete")
    stack.broker.process.send_signal(signal.SIGSTOP)
    try:
        # It is there, and says nothing: whoever asks it gives up.
        answer = owner.post(
            "/account/delete",
            data={**form.fields, "confirmation": "delete my account", "password": PASSWORD},
            timeout=120,
        )
        assert answer.status_code == 503
        assert "Your account is still there" in answer.text
        assert accounts()
    finally:
        stack.broker.process.send_signal(signal.SIGCONT)
    stack.broker.kill()
    answer = owner.post(
        "/account/delete",
        data={**form.fields, "confirmation": "delete my account", "password": PASSWORD},
        timeout=120,
    )
    assert answer.status_code == 503
    assert accounts()
    assert config.exists()
    with stack.site.run() as broker:
        stack.broker = broker
        wait_until(
            lambda: httpx.get(f"{portal.url}/readyz").status_code == 200, 60, "it is not ready"
        )
        assert "Your account is deleted" in leave(owner).text
        wait_until(lambda: not at_the_broker(), 90, f"left at the broker: {at_the_broker()}")
        assert not stored(stack, {str(place): one.id for place, one in enumerate(mine)})
        assert not accounts()


def test_a_broker_that_dies_in_the_middle_leaves_no_login_behind(
    kept_portal: tuple[Portal, Server],
) -> None:
    """Some printers are removed, some are not; a second try and the keeper end all of them."""
    portal, _guard = kept_portal
    stack = portal.stack
    owner = portal.member(EMAIL)
    mine = [added(owner, f"{NAME} {number}") for number in range(12)]
    form = owner.form("/account/delete")
    told = {**form.fields, "confirmation": "delete my account", "password": PASSWORD}
    printers = stack.collection(schema.PRINTERS)
    ids = [one.id for one in mine]

    def left() -> int:
        return printers.count_documents({"_id": {"$in": ids}})

    with (
        httpx.Client(cookies=owner.cookies, headers=dict(owner.headers), timeout=120) as client,
        ThreadPoolExecutor(1) as pool,
    ):
        answer = pool.submit(client.post, f"{portal.url}/account/delete", data=told)
        wait_until(lambda: left() <= 9, 60, "nothing is removed")
        stack.broker.kill()
        done = answer.result()
    assert done.status_code == 503, done.text
    assert 0 < left() <= 9
    with stack.site.run() as broker:
        stack.broker = broker
        wait_until(
            lambda: httpx.get(f"{portal.url}/readyz").status_code == 200, 60, "it is not ready"
        )
        assert "Your account is deleted" in leave(owner).text
        assert left() == 0

        def able() -> list[str]:
            known = json.loads(stack.site.accounts.read_text())["clients"]
            return [one["username"] for one in known if one["username"] in ids]

        wait_until(lambda: not able(), 90, f"they may still log in: {able()}")
        for one in mine:
            client_ = Plugin(one.plugins[0])
            assert not client_.raw.connect()
            client_.raw.close()
        assert not stored(stack, {"e-mail": EMAIL, "name": NAME})
