"""The users of the OPC UA server, and how guessing is slowed down."""

import json
from pathlib import Path

import pytest

from services.opcua_bridge.access.throttle import FORGIVEN, FREE, FREE_EACH, KEPT, LONGEST, Throttle
from voxtrude.errors import SetupError
from voxtrude.opcua import identity
from voxtrude.opcua.users import LONGEST_PASSWORD, Users
from voxtrude.process import utc_now

RIGHT = "correct horse battery"
OTHER = "another password"


@pytest.fixture
def users(tmp_path: Path) -> Users:
    return Users(tmp_path / "opcua" / "users.json")


def test_a_user_has_one_password(users: Users) -> None:
    users.add("alice", password=RIGHT)
    assert users.verify("alice", RIGHT.encode())
    assert not users.verify("alice", OTHER.encode())
    assert not users.verify("bob", RIGHT.encode())
    users.add("alice", password=OTHER)
    assert users.verify("alice", OTHER.encode())
    assert not users.verify("alice", RIGHT.encode())
    assert [user.name for user in users.all()] == ["alice"]


def test_the_file_is_private_and_holds_no_password(users: Users) -> None:
    users.add("alice", password=RIGHT)
    assert users.path.stat().st_mode & 0o777 == 0o600
    assert RIGHT not in users.path.read_text()
    assert "$argon2id$" in users.path.read_text()


def test_what_another_process_writes_holds_at_once(users: Users) -> None:
    assert "alice" not in users
    elsewhere = Users(users.path)
    elsewhere.add("alice", password=RIGHT)
    assert "alice" in users
    elsewhere.remove("alice")
    assert "alice" not in users
    assert not users.verify("alice", RIGHT.encode())


def test_a_certificate_is_one_users(users: Users, tmp_path: Path) -> None:
    mine = identity.client(tmp_path / "pki", "urn:mine", (), utc_now()).certificate
    users.add("alice", certificate=mine)
    users.add("bob", password=RIGHT)
    assert users.of_certificate(mine) == "alice"
    assert not users.verify("alice", b"")
    with pytest.raises(SetupError, match="alice's already"):
        users.add("bob", certificate=mine)


@pytest.mark.parametrize("name", ["", "a b", "../x", "-x", "x" * 65, "ä", "a\n"])
def test_a_name_is_plain(users: Users, name: str) -> None:
    with pytest.raises(SetupError, match="cannot be a user's name"):
        users.add(name, password=RIGHT)


@pytest.mark.parametrize("password", ["short", "ä" * 65])
def test_a_password_has_its_length(users: Users, password: str) -> None:
    with pytest.raises(SetupError, match="a password"):
        users.add("alice", password=password)


def test_a_longer_password_is_not_cut_to_the_right_one(users: Users) -> None:
    longest = "x" * LONGEST_PASSWORD
    users.add("alice", password=longest)
    assert users.verify("alice", longest.encode())
    assert not users.verify("alice", longest.encode() + b"x")


def test_nobody_is_added_without_anything_to_show(users: Users) -> None:
    with pytest.raises(SetupError, match="needs a password or a certificate"):
        users.add("alice")
    with pytest.raises(SetupError, match="no user alice"):
        users.remove("alice")


@pytest.mark.parametrize(
    "contents", ["", "[]", '{"version": 2}', json.dumps({"users": [{"name": 1}]})]
)
def test_a_broken_file_lets_nobody_in_and_is_named(users: Users, contents: str) -> None:
    users.path.parent.mkdir()
    users.path.write_text(contents)
    with pytest.raises(SetupError, match=r"users\.json"):
        users.verify("alice", RIGHT.encode())


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def test_guesses_of_one_password_wait_longer_and_longer() -> None:
    throttle = Throttle(Clock())
    waits = []
    for _ in range(FREE + 5):
        waits.append(throttle.pause("alice", "here"))
        throttle.failed("alice", "here")
    assert waits == [0, 0, 0, 0.5, 1, 2, LONGEST, LONGEST]
    assert throttle.pause("alice", "elsewhere") == 0
    assert throttle.pause("bob", "here") == 0


def test_who_tries_many_names_waits_too() -> None:
    throttle = Throttle(Clock())
    for number in range(FREE_EACH):
        throttle.failed(f"user{number}", "here")
    assert throttle.pause("alice", "here") > 0
    assert throttle.pause("alice", "elsewhere") == 0


def test_failures_are_forgiven() -> None:
    clock = Clock()
    throttle = Throttle(clock)
    for _ in range(FREE):
        throttle.failed("alice", "here")
    assert throttle.pause("alice", "here") > 0
    clock.now = FORGIVEN + 1
    assert throttle.pause("alice", "here") == 0
    for _ in range(FREE):
        throttle.failed("alice", "here")
    throttle.succeeded("alice", "here")
    assert throttle.pause("alice", "here") == 0


def test_only_the_last_failures_are_kept() -> None:
    throttle = Throttle(Clock())
    for _ in range(FREE):
        throttle.failed("alice", "here")
    for number in range(KEPT):
        throttle.failed("bob", f"address{number}")
    assert throttle.pause("alice", "here") == 0
