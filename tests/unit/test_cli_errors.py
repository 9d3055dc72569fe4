"""What an operator can do wrong: one clear line, the right exit code, never a traceback."""

import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

SETUP, UNAVAILABLE, USAGE = 78, 69, 2
VOXTRUDE = [sys.executable, "-m", "voxtrude.cli"]


def run(folder: Path, *arguments: str, **settings: str) -> subprocess.CompletedProcess[str]:
    """Run the real command in an empty folder, with these settings and no others."""
    environment = {
        name: value for name, value in os.environ.items() if not name.startswith("VOXTRUDE_")
    }
    return subprocess.run(
        [*VOXTRUDE, *arguments],
        cwd=folder,
        env={**environment, **settings},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def the_line(done: subprocess.CompletedProcess[str], code: int) -> str:
    """Return the single line that it said; there must be no other."""
    assert done.returncode == code, done.stderr
    assert done.stdout == ""
    (line,) = done.stderr.splitlines()
    assert line.startswith("voxtrude: ")
    return line.removeprefix("voxtrude: ")


@pytest.fixture
def taken() -> Iterator[int]:
    """Yield a port that somebody listens on."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        yield listener.getsockname()[1]


@pytest.mark.parametrize("command", ["up", "status", "doctor", "migrate"])
def test_an_unknown_setting_is_named(tmp_path: Path, command: str) -> None:
    line = the_line(run(tmp_path, command, VOXTRUDE_MONGO_ULR="x"), SETUP)
    assert "VOXTRUDE_MONGO_ULR" in line
    assert "VOXTRUDE_MONGO_URL" in line


def test_a_wrong_setting_is_named_and_its_value_is_not_told(tmp_path: Path) -> None:
    line = the_line(run(tmp_path, "up", VOXTRUDE_MQTT_PORT="hunter2"), SETUP)
    assert "VOXTRUDE_MQTT_PORT" in line
    assert "hunter2" not in line


@pytest.mark.parametrize("url", ["mongodb://", "http://127.0.0.1", "mongodb://127.0.0.1:x/"])
def test_a_database_url_that_is_none_is_the_operators(tmp_path: Path, url: str) -> None:
    line = the_line(run(tmp_path, "printer", "list", VOXTRUDE_MONGO_URL=url), SETUP)
    assert "VOXTRUDE_MONGO_URL" in line


def test_a_database_that_is_away_may_come_back(tmp_path: Path) -> None:
    url = "mongodb://user:hunter2@127.0.0.1:9/"
    line = the_line(run(tmp_path, "printer", "list", VOXTRUDE_MONGO_URL=url), UNAVAILABLE)
    assert "127.0.0.1:9" in line
    assert "hunter2" not in line


def test_without_stack_and_database_it_says_how_to_get_one(tmp_path: Path) -> None:
    assert "voxtrude up" in the_line(run(tmp_path, "printer", "list"), SETUP)


def test_a_folder_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    place = str(tmp_path / "file" / "data")
    line = the_line(run(tmp_path, "up", "--data-dir", place), SETUP)
    assert "--data-dir" in line
    assert place in line


@pytest.mark.skipif(os.getuid() == 0, reason="root may write everywhere")
def test_a_folder_of_somebody_elses_is_named(tmp_path: Path) -> None:
    place = tmp_path / "data"
    place.mkdir(mode=0o500)
    assert str(place) in the_line(run(tmp_path, "up", "--data-dir", str(place)), SETUP)


@pytest.mark.parametrize("name", ["it's here", 'say "a"', "a;b", "a #b"])
def test_a_folder_that_supervisord_cannot_write_down_is_refused(tmp_path: Path, name: str) -> None:
    line = the_line(run(tmp_path, "up", "--data-dir", name), SETUP)
    assert "--data-dir" in line


def test_a_folder_too_deep_for_a_socket_is_refused(tmp_path: Path) -> None:
    line = the_line(run(tmp_path, "up", "--data-dir", "x" * 120), SETUP)
    assert "too long" in line


@pytest.mark.parametrize(("offset", "purpose"), [(0, "HTTP"), (1, "MQTT")])
def test_a_taken_port_is_named_with_the_way_out(
    tmp_path: Path, taken: int, offset: int, purpose: str
) -> None:
    line = the_line(run(tmp_path, "up", "--port-base", str(taken - offset)), SETUP)
    assert f"port {taken} ({purpose})" in line
    assert "--port-base" in line


def test_a_missing_mosquitto_says_what_to_install(tmp_path: Path) -> None:
    line = the_line(run(tmp_path, "up", VOXTRUDE_BROKER_BINARY="no-such-broker"), SETUP)
    assert "apt-get install mosquitto" in line


def test_a_missing_mongod_names_its_setting(tmp_path: Path) -> None:
    done = run(tmp_path, "up", VOXTRUDE_UP_MONGOD="no-such-mongod")
    assert "VOXTRUDE_UP_MONGOD" in the_line(done, SETUP)


@pytest.mark.parametrize("name", ["", " ", "x" * 65, "a\x07b"])
def test_a_name_that_is_none_is_refused_before_anything_else(tmp_path: Path, name: str) -> None:
    assert "name" in the_line(run(tmp_path, "printer", "add", name), SETUP)


@pytest.mark.parametrize("base", ["hall", "hall/#", "/hall/", "voxtrude/x/", "octoPrint/"])
def test_a_base_topic_that_cannot_be_is_refused(tmp_path: Path, base: str) -> None:
    done = run(tmp_path, "printer", "add", "Ender", "--base-topic", base)
    the_line(done, SETUP)


@pytest.mark.parametrize("arguments", [["Ender"], ["Ender", "max@example.org", "--nobody"]])
def test_whose_a_printer_shall_be_must_be_said(tmp_path: Path, arguments: list[str]) -> None:
    assert "--nobody" in the_line(run(tmp_path, "printer", "give", *arguments), SETUP)


def test_a_key_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    login = ("--username", "prn-0123456789abcdef", "--password-file", "nowhere")
    assert "--password-file" in the_line(run(tmp_path, "simulate", *login), SETUP)


def test_nobody_is_invited_where_nobody_may_make_an_account(tmp_path: Path) -> None:
    settings = {"ACCOUNTS_SIGN_UP": "off", "MONGO_URL": "mongodb://127.0.0.1:9/"}
    named = {f"VOXTRUDE_{name}": value for name, value in settings.items()}
    line = the_line(run(tmp_path, "account", "invite", **named), SETUP)
    assert "VOXTRUDE_ACCOUNTS_SIGN_UP" in line


def test_a_setting_of_the_portal_is_told_by_up(tmp_path: Path) -> None:
    line = the_line(run(tmp_path, "up", VOXTRUDE_SMTP_SECURITY="maybe"), SETUP)
    assert "VOXTRUDE_SMTP_SECURITY" in line
    short = {"VOXTRUDE_WEB_SECRET": "hunter2"}
    line = the_line(run(tmp_path, "up", **short), SETUP)
    assert "VOXTRUDE_WEB_SECRET" in line
    assert "hunter2" not in line


def test_a_recording_that_is_none_is_named(tmp_path: Path) -> None:
    line = the_line(run(tmp_path, "simulate", "--replay", "nowhere.jsonl"), SETUP)
    assert "nowhere.jsonl" in line


def test_nothing_to_stop_is_no_error(tmp_path: Path) -> None:
    done = run(tmp_path, "down")
    assert done.returncode == 0
    assert "nothing runs" in done.stderr


def test_nothing_to_show_is_told_as_json_and_by_the_exit_code(tmp_path: Path) -> None:
    done = run(tmp_path, "status", "--json")
    assert done.returncode == UNAVAILABLE
    assert '"running": false' in done.stdout


@pytest.mark.parametrize("arguments", [["fly"], ["up", "--port-base", "80"], ["printer", "add"]])
def test_a_wrong_call_is_explained(tmp_path: Path, arguments: list[str]) -> None:
    done = run(tmp_path, *arguments)
    assert done.returncode == USAGE
    assert "Traceback" not in done.stderr
