"""The portal as somebody meets it who has just run ``voxtrude up``."""

import json
import os
import re
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pymongo
import pytest

from tests.e2e.test_native_stack import (
    DEADLINE,
    SETUP,
    VOXTRUDE,
    asked,
    environment,
    is_gone,
    logs,
    publish,
    up,
    voxtrude,
)
from tests.integration.portals import ADMIN, LAST_REQUESTS, PASSWORD, Visitor
from tests.integration.servers import wait_until

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(240)]

MEMBER = "max@example.org"


@contextmanager
def simulated(place: Path, login: dict[str, Any], folder: Path, *options: str) -> Iterator[None]:
    """Play a printer with a login that somebody was shown, until the block ends."""
    key = folder / "key"
    key.write_text(login["password"] + "\n")
    who = ("--username", login["username"], "--password-file", str(key))
    with (folder / "simulate.log").open("wb") as output:
        process = subprocess.Popen(
            [*VOXTRUDE, "simulate", *who, *options, "--data-dir", str(place)],
            env=environment(),
            stdout=output,
            stderr=subprocess.STDOUT,
        )
    try:
        yield
    finally:
        process.terminate()
        assert process.wait(DEADLINE) == 0, (folder / "simulate.log").read_text()


@contextmanager
def first_administrator(addresses: dict[str, Any]) -> Iterator[Visitor]:
    """Make the first account with the code that ``up`` has shown."""
    with Visitor(addresses["http"]["url"]) as visitor:
        code = addresses["http"]["setup_code"]
        done = visitor.submit("/welcome", code=code, email=ADMIN, password=PASSWORD)
        assert done.status_code == 200, done.text
        yield visitor


def added(visitor: Visitor, name: str) -> dict[str, Any]:
    """Add a printer by the pages; return its login as the page shows it."""
    shown = visitor.submit("/printers/add", name=name)
    assert shown.status_code == 200, shown.text
    username = re.search(r"prn-[0-9a-f]{16}", shown.text)
    key = re.search(r'value="([A-Za-z0-9_-]{32})"', shown.text)
    assert username, shown.text
    assert key, shown.text
    printer = username[0]
    return {
        "id": printer,
        "username": printer,
        "password": key[1],
        "base_topic": f"octoPrint/{printer}/",
    }


def status_of(place: Path, printer: str) -> str | None:
    document = asked(place, "printer", "show", printer)
    return (document["status"] or {}).get("state")


def test_from_an_empty_machine_to_a_live_printer(tmp_path: Path) -> None:
    place = tmp_path / "data"
    with up(place, "--simulate", "4") as addresses:
        url = addresses["http"]["url"]
        with Visitor(url) as guest:
            assert guest.get("/").url.path == "/welcome"
            assert guest.get("/printers").url.path != "/printers"
            wrong = guest.submit("/welcome", code="0" * 20, email=ADMIN, password=PASSWORD)
            assert wrong.status_code >= 400
        with first_administrator(addresses) as admin:
            page = admin.get("/printers").text
            for name in ("Demo printing", "Demo paused", "Demo offline", "Demo error"):
                assert name in page

            login = added(admin, "Prusa")
            key = login["password"]
            with simulated(place, login, tmp_path, "--scenario", "printing"):
                wait_until(lambda: status_of(place, login["id"]) == "printing", DEADLINE)
                wait_until(
                    lambda: "bracket.gcode" in admin.get(f"/printers/{login['id']}").text, DEADLINE
                )
            (listed,) = (one for one in asked(place, "printer", "list") if one["id"] == login["id"])
            assert listed["owner"] == ADMIN
            assert key not in admin.get(f"/printers/{login['id']}").text  # it was shown once

            checks = {one["check"]: one for one in asked(place, "doctor")["findings"]}
            assert checks["portal"]["ok"]
            assert checks["process skill"]["ok"]
            assert checks["accounts"]["ok"]
            assert checks["e-mail"]["ok"] is None

            # A code is for the first one only.
            told = voxtrude(place, "admin", "code", code=SETUP)
            assert "there is an administrator already" in told

        logged = "".join(path.read_text(errors="replace") for path in (place / "logs").iterdir())
        for secret in (key, PASSWORD, ADMIN, addresses["http"]["setup_code"]):
            assert secret not in logged

    with up(place) as addresses:  # nothing was lost, and nobody is asked for a code again
        assert addresses["http"]["setup_code"] is None
        with Visitor(addresses["http"]["url"]) as again:
            done = again.submit("/sign-in", email=ADMIN, password=PASSWORD)
            assert done.url.path == "/printers", done.text
            assert "Prusa" in done.text
        assert publish(addresses, login, "mqtt", "connected")


def test_the_skill_ends_at_once_and_comes_back(tmp_path: Path) -> None:
    place = tmp_path / "data"
    with up(place) as addresses:
        url = addresses["http"]["url"]
        with first_administrator(addresses) as admin:
            pid = asked(place, "status")["services"]["skill"]["pid"]
            with admin.stream("GET", "/live") as live:
                assert live.status_code == 200  # an open stream keeps nobody from ending
                began = time.monotonic()
                os.kill(pid, signal.SIGTERM)
                wait_until(lambda: is_gone(pid), DEADLINE)
                assert time.monotonic() - began < LAST_REQUESTS
            wait_until(lambda: ended_well(place), DEADLINE, logs(place))
            wait_until(lambda: is_healthy(url), DEADLINE, logs(place))
            assert admin.get("/printers").url.path == "/printers"  # still signed in


def ended_well(place: Path) -> bool:
    """Tell whether supervisord saw the skill end with 0, and started it again."""
    said = (place / "logs" / "supervisord.log").read_text()
    return "exited: skill (exit status 0;" in said


def is_healthy(url: str) -> bool:
    try:
        return httpx.get(f"{url}/healthz").status_code == httpx.codes.OK
    except httpx.TransportError:
        return False


def test_accounts_by_the_command_line(tmp_path: Path) -> None:
    place = tmp_path / "data"
    with up(place) as addresses:
        code = asked(place, "admin", "code")["code"]
        with Visitor(addresses["http"]["url"]) as stale:
            old = addresses["http"]["setup_code"]
            refused = stale.submit("/welcome", code=old, email=ADMIN, password=PASSWORD)
            assert refused.status_code >= 400
        addresses["http"]["setup_code"] = code
        with first_administrator(addresses), Visitor(addresses["http"]["url"]) as member:
            link = httpx.URL(asked(place, "account", "invite")["url"])
            member.submit(link.path, email=MEMBER, password=PASSWORD)
            (ada, maximilian) = asked(place, "account", "list")
            assert (ada["email"], ada["role"]) == (ADMIN, "admin")
            assert (maximilian["email"], maximilian["role"]) == (MEMBER, "member")

            asked(place, "printer", "add", "Ender 3")
            assert "Ender 3" not in member.get("/printers").text
            asked(place, "printer", "give", "Ender 3", MEMBER)
            assert "Ender 3" in member.get("/printers").text

            assert "only administrator" in voxtrude(place, "account", "remove", ADMIN, code=SETUP)
            link = httpx.URL(asked(place, "account", "reset", MEMBER)["url"])
            changed = "another battery staple"
            done = member.submit(link.path, password=changed)
            assert done.url.path == "/sign-in", done.text
            with Visitor(addresses["http"]["url"]) as again:
                done = again.submit("/sign-in", email=MEMBER, password=changed)
                assert done.url.path == "/printers"
                gone = asked(place, "account", "remove", MEMBER)
                assert len(gone["printers"]) == 1
                assert again.get("/printers").url.path == "/sign-in"
            assert asked(place, "printer", "list") == []
            assert "there is no account" in voxtrude(place, "account", "reset", MEMBER, code=SETUP)


def test_a_backup_brings_accounts_and_their_printers(tmp_path: Path) -> None:
    here, there, archive = tmp_path / "here", tmp_path / "there", tmp_path / "backup.tar.gz"
    with up(here) as addresses, first_administrator(addresses) as admin:
        login = added(admin, "Prusa")
        asked(here, "backup", str(archive))
        secret = (here / "secrets" / "web").read_bytes()
    with up(there) as addresses:
        asked(there, "restore", str(archive))
        assert (there / "secrets" / "web").read_bytes() == secret
        with Visitor(addresses["http"]["url"]) as again:
            done = again.submit("/sign-in", email=ADMIN, password=PASSWORD)
            assert "Prusa" in done.text
        assert publish(addresses, login, "mqtt", "connected")
        assert asked(there, "doctor")["healthy"]


def test_a_stack_from_before_the_portal_comes_up(tmp_path: Path) -> None:
    place = tmp_path / "data"
    with up(place) as addresses:
        login = asked(place, "printer", "add", "Ender 3")
        with pymongo.MongoClient[dict[str, Any]](addresses["mongo"]) as client:
            database = client["voxtrude"]
            database.meta.update_one({"_id": "schema"}, {"$set": {"version": 1}})
            for name in ("accounts", "sessions", "tickets", "tokens", "counters", "logins"):
                database.drop_collection(name)
            database.drop_collection("readings")
            database.printers.update_many({}, {"$unset": {"owner": ""}})
    for name in ("skill", "portal", "web"):
        (place / "secrets" / name).unlink()
    described = json.loads((place / "stack.json").read_text())
    del described["http_port"]
    (place / "stack.json").write_text(json.dumps(described))
    known = json.loads((place / "credentials.json").read_text())
    for name in ("skill", "portal"):
        del known[name]
    (place / "credentials.json").write_text(json.dumps(known))

    with up(place) as addresses:
        assert publish(addresses, login, "mqtt", "connected")
        with first_administrator(addresses) as admin:
            assert "Ender 3" in admin.get("/printers").text
        assert asked(place, "doctor")["healthy"]
