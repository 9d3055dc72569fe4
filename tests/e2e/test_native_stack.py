"""The native stack as its operator meets it: the real command, real servers, real files."""

import hashlib
import json
import os
import select
import signal
import socket
import stat
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest

from tests.integration.servers import some_port, wait_until

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(180)]

VOXTRUDE = [sys.executable, "-m", "voxtrude.cli"]
DEADLINE = 30.0
UNAVAILABLE, SETUP = 69, 78
RECORDING = Path(__file__).parents[1] / "recordings" / "c_pause_resume_cancel.jsonl"


def environment() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if not name.startswith("VOXTRUDE_")}


def voxtrude(place: Path, *arguments: str, code: int = 0) -> str:
    """Run a command on the stack in ``place`` and return what it printed."""
    done = subprocess.run(
        [*VOXTRUDE, *arguments, "--data-dir", str(place)],
        env=environment(),
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == code, f"{arguments}: {done.stderr}{logs(place)}"
    assert "Traceback" not in done.stderr
    return done.stdout if code == 0 else done.stderr


def asked(place: Path, *arguments: str) -> Any:  # noqa: ANN401  (JSON)
    return json.loads(voxtrude(place, *arguments, "--json"))


def logs(place: Path) -> str:
    return "".join(
        f"\n== {path.name}\n" + "\n".join(path.read_text(errors="replace").splitlines()[-5:])
        for path in sorted((place / "logs").glob("*.log"))
    )


def free_base() -> int:
    """Return a port base of which all five ports are free, and which no client is given."""
    while True:
        base = some_port()
        if all(is_free(base + offset) for offset in range(5)):
            return base


def is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def pids(place: Path) -> list[int]:
    """Return the stack's processes: its programs, and supervisord."""
    programs = [one["pid"] for one in asked(place, "status")["services"].values()]
    return [*programs, int((place / "supervisord.pid").read_text())]


def is_gone(pid: int) -> bool:
    """Tell whether a process has ended, whether or not anybody has taken note of it."""
    try:
        handle = os.pidfd_open(pid)
    except ProcessLookupError:
        return True
    try:
        return bool(select.select([handle], [], [], 0)[0])
    finally:
        os.close(handle)


@contextmanager
def up(place: Path, *arguments: str, base: int | None = None) -> Iterator[dict[str, Any]]:
    """Run a detached stack; whatever happens, no process of it outlives the block."""
    ports = str(base or free_base())
    watched: list[int] = []
    try:
        addresses = asked(place, "up", "--detach", "--port-base", ports, *arguments)
        watched = pids(place)
        yield addresses
    finally:
        subprocess.run(
            [*VOXTRUDE, "down", "--data-dir", str(place)],
            env=environment(),
            check=True,
            timeout=120,
        )
    assert all(map(is_gone, watched))


def publish(addresses: dict[str, Any], login: dict[str, Any], topic: str, payload: str) -> bool:
    """Publish as a printer, MQTT 3.1.1; tell whether the broker let it in."""
    where = ("-h", "127.0.0.1", "-p", str(addresses["mqtt"]["port"]))
    who = ("-u", login["username"], "-P", login["password"])
    what = ("-q", "1", "-t", login["base_topic"] + topic, "-m", payload)
    done = subprocess.run(
        ["mosquitto_pub", "-V", "mqttv311", *where, *who, *what],
        capture_output=True,
        check=False,
        timeout=20,
    )
    return done.returncode == 0


def heat(addresses: dict[str, Any], login: dict[str, Any], actual: float) -> None:
    body = {"actual": actual, "target": 215.0, "_timestamp": int(time.time())}
    assert publish(addresses, login, "temperature/tool0", json.dumps(body))


def has_temperature(place: Path, printer: str, actual: float) -> bool:
    document = asked(place, "printer", "show", printer)
    tool: dict[str, Any] = document["temperatures"].get("tool0", {})
    return tool.get("actual") == actual


# One stack's life ----------------------------------------------------------------------------


def test_a_printer_publishes_and_nothing_is_lost_by_down_and_up(tmp_path: Path) -> None:
    place = tmp_path / "data"
    with up(place) as addresses:
        assert set(addresses) >= {"mqtt", "http", "opcua", "mongo", "ca_file", "credentials_file"}
        status = asked(place, "status")
        assert status["http"]["url"] == addresses["http"]["url"]
        services = status["services"]
        assert set(services) == {
            *("mongod", "mosquitto", "keeper", "ingest", "opcua_bridge", "skill")
        }
        assert {one["state"] for one in services.values()} == {"running"}
        shown = addresses["opcua"].pop("password")
        code = addresses["http"].pop("setup_code")
        again = asked(place, "up", "--detach")  # it runs already
        assert again["opcua"].pop("password") is None
        assert again["http"].pop("setup_code") is None
        assert again == addresses

        login = asked(place, "printer", "add", "Ender 3")
        assert login["base_topic"] == f"octoPrint/{login['id']}/"
        heat(addresses, login, 187.5)
        wait_until(lambda: has_temperature(place, "Ender 3", 187.5), DEADLINE)
        (listed,) = asked(place, "printer", "list")
        assert (listed["id"], listed["presence"]) == (login["id"], "online")
        assert asked(place, "doctor")["healthy"]
        logged = "".join(path.read_text(errors="replace") for path in (place / "logs").iterdir())
        assert login["password"] not in logged
        assert shown not in logged
        assert code not in logged

    assert asked_status_of_nothing(place)["running"] is False
    with up(place, base=free_base()) as moved:  # other ports, so another replica set's address
        assert moved["mongo"] != addresses["mongo"]
        assert has_temperature(place, login["id"], 187.5)
        heat(moved, login, 190.0)
        wait_until(lambda: has_temperature(place, login["id"], 190.0), DEADLINE)


def asked_status_of_nothing(place: Path) -> dict[str, Any]:
    done = subprocess.run(
        [*VOXTRUDE, "status", "--json", "--data-dir", str(place)],
        env=environment(),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == UNAVAILABLE
    document: dict[str, Any] = json.loads(done.stdout)
    return document


def test_a_login_is_rotated_and_ended_at_once(tmp_path: Path) -> None:
    place = tmp_path / "data"
    with up(place) as addresses:
        old = asked(place, "printer", "add", "Ender 3", "--base-topic", "farm/a/")
        assert publish(addresses, old, "mqtt", "connected")
        new = asked(place, "printer", "rotate", "Ender 3")
        assert new["password"] != old["password"]
        assert not publish(addresses, old, "mqtt", "connected")
        assert publish(addresses, new, "mqtt", "connected")

        overlap = voxtrude(place, "printer", "add", "B", "--base-topic", "farm/", code=SETUP)
        assert "overlaps" in overlap
        assert asked(place, "printer", "rename", "Ender 3", "Ender 5")["id"] == old["id"]
        wait_until(lambda: asked(place, "printer", "show", "Ender 5")["seen_at"], DEADLINE)
        asked(place, "printer", "remove", "Ender 5")
        assert not publish(addresses, new, "mqtt", "connected")
        assert asked(place, "printer", "list") == []


def test_nothing_remains_of_a_printer_that_the_broker_could_not_be_told_of(tmp_path: Path) -> None:
    place = tmp_path / "data"
    with up(place):
        services = asked(place, "status")["services"]
        os.kill(services["mosquitto"]["pid"], signal.SIGSTOP)
        try:
            line = voxtrude(place, "printer", "add", "Ender 3", code=UNAVAILABLE)
        finally:
            os.kill(services["mosquitto"]["pid"], signal.SIGCONT)
        assert line.count("\n") == 1
        assert asked(place, "printer", "list") == []


def test_a_backup_brings_printers_and_their_logins_to_another_machine(tmp_path: Path) -> None:
    here, there = tmp_path / "here", tmp_path / "there"
    archive = tmp_path / "backup.tar.gz"
    with up(here) as addresses:
        login = asked(here, "printer", "add", "Ender 3")
        heat(addresses, login, 201.25)
        wait_until(lambda: has_temperature(here, login["id"], 201.25), DEADLINE)
        asked(here, "opcua", "user", "add", "mes")
        certificate = (here / "opcua" / "pki" / "own" / "server.der").read_bytes()
        asked(here, "backup", str(archive))
        assert stat.S_IMODE(archive.stat().st_mode) == 0o600
        assert login["password"].encode() not in archive.read_bytes()
        assert "not empty" in voxtrude(here, "restore", str(archive), code=SETUP)
    with up(there) as addresses:
        assert not publish(addresses, login, "mqtt", "connected")
        asked(there, "restore", str(archive))
        assert has_temperature(there, login["id"], 201.25)
        heat(addresses, login, 202.5)
        wait_until(lambda: has_temperature(there, login["id"], 202.5), DEADLINE)
        assert asked(there, "doctor")["healthy"]
        assert "mes" in {one["user"] for one in asked(there, "opcua", "user", "list")}
        checked = asked(there, "opcua", "check")
        assert checked["thumbprint"] == hashlib.sha1(certificate).hexdigest().upper()  # noqa: S324  (as OPC UA names it)
        text = tmp_path / "text.tar.gz"
        text.write_text("no archive")
        assert "no backup" in voxtrude(there, "restore", str(text), "--force", code=SETUP)


# Simulated printers ----------------------------------------------------------------------------


def test_simulated_printers_are_seen_to_do_what_they_are_called(tmp_path: Path) -> None:
    place = tmp_path / "data"
    with up(place, "--simulate", "4"):

        def seen() -> bool:
            shown = {one["printer"]["name"]: one for one in asked(place, "watch", "--once")}
            printing, offline = shown["Demo printing"], shown["Demo offline"]
            return (
                len(shown) == 4
                and (printing["status"] or {}).get("state") == "printing"
                and printing["temperatures"]["tool0"]["target"] == 200
                and (offline["presence"] or {}).get("state") == "offline"
            )

        wait_until(seen, 60)
        table = voxtrude(place, "watch", "--once")
        assert "Demo printing" in table
        assert "no contact" in table
        assert stat.S_IMODE(place.stat().st_mode) == 0o700
        for name in (
            "credentials.json",
            "stack.json",
            "fleet-demo.json",
            "supervisord.conf",
            "secrets/ingest",
            "secrets/mongo_url",
            "secrets/skill",
            "secrets/portal",
            "secrets/web",
            "certificates/ca.key",
            "certificates/server.key",
        ):
            assert stat.S_IMODE((place / name).stat().st_mode) == 0o600, name
    with up(place, "--simulate", "4"):
        assert len(asked(place, "printer", "list")) == 4  # the same ones


def test_floods_and_replays_reach_the_database(tmp_path: Path) -> None:
    place = tmp_path / "data"
    with up(place):
        login = asked(place, "printer", "add", "Replay")
        (tmp_path / "login.json").write_text(json.dumps(login))
        voxtrude(
            place,
            *("simulate", "--credentials", str(tmp_path / "login.json")),
            *("--replay", str(RECORDING), "--speed", "100"),
        )

        def job_is_known() -> bool:
            last = asked(place, "printer", "show", "Replay")["last_job"]
            return bool(last and last["file"]["name"] == "part.gcode")

        wait_until(job_is_known, DEADLINE)
        voxtrude(place, "simulate", "-n", "3", "--rate", "1000", "--count", "300")
        names = {one["name"] for one in asked(place, "printer", "list")}
        assert names == {"Replay", "Simulated printing", "Simulated paused", "Simulated offline"}

        def all_are_seen() -> bool:
            return all(one["seen_at"] for one in asked(place, "printer", "list"))

        wait_until(all_are_seen, DEADLINE)


# In the foreground -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("number", "code"), [(signal.SIGTERM, 0), (signal.SIGINT, 0), (signal.SIGKILL, -9)]
)
def test_the_end_of_up_ends_every_process(
    tmp_path: Path, number: signal.Signals, code: int
) -> None:
    place = tmp_path / "data"
    process = subprocess.Popen(
        [*VOXTRUDE, "up", "--data-dir", str(place), "--port-base", str(free_base())],
        env=environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    watched: list[int] = []
    try:
        assert process.stdout is not None
        told = ""
        while "end it; the data stays" not in told:
            line = process.stdout.readline()
            assert line, logs(place)
            told += line
        assert str(place / "credentials.json") in told
        watched = pids(place)
        process.send_signal(number)
        assert process.wait(DEADLINE) == code
        wait_until(lambda: all(map(is_gone, watched)), DEADLINE)
    finally:
        process.kill()
        process.wait()
        if process.stdout is not None:
            process.stdout.close()
        for pid in watched:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)


def test_a_killed_service_comes_back(tmp_path: Path) -> None:
    place = tmp_path / "data"
    with up(place) as addresses:
        login = asked(place, "printer", "add", "Ender 3")
        before = asked(place, "status")["services"]
        killed = ("skill", "ingest", "mosquitto", "mongod")
        for name in killed:
            os.kill(before[name]["pid"], signal.SIGKILL)

        def all_run_again() -> bool:
            services = json.loads(
                subprocess.run(
                    [*VOXTRUDE, "status", "--json", "--data-dir", str(place)],
                    env=environment(),
                    capture_output=True,
                    check=False,
                ).stdout
            )["services"]
            return all(
                services[name]["state"] == "running"
                and services[name]["pid"] != before[name]["pid"]
                for name in killed
            )

        wait_until(all_run_again, DEADLINE)
        wait_until(lambda: publish(addresses, login, "mqtt", "connected"), DEADLINE)
        heat(addresses, login, 99.5)
        wait_until(lambda: has_temperature(place, "Ender 3", 99.5), DEADLINE)
