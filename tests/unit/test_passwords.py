"""How passwords are kept, and which are refused."""

import asyncio
import threading
from pathlib import Path

import pytest
from argon2 import PasswordHasher
from hypothesis import given, settings
from hypothesis import strategies as st

from services.skill.accounts.refusals import Refusal
from services.skill.accounts.strength import LONGEST, SHORTEST, Strength
from voxtrude import passwords
from voxtrude.opcua.users import Users
from voxtrude.passwords import AT_ONCE, Passwords, is_dated, matches

RIGHT = "correct horse battery"
EMAIL = "ada.lovelace@example.org"


async def test_a_password_is_known_by_its_hash_only() -> None:
    kept = await Passwords().hash(RIGHT)
    assert kept.startswith("$argon2id$v=19$m=19456,t=2,p=1$")
    assert RIGHT not in kept
    assert await Passwords().verify(kept, RIGHT)
    assert not await Passwords().verify(kept, RIGHT + " ")
    assert await Passwords().hash(RIGHT) != kept


async def test_nobody_has_a_password() -> None:
    assert not await Passwords().verify(None, RIGHT)
    assert not await Passwords().verify("no hash", RIGHT)


def test_nobodys_hash_costs_what_everybodys_does() -> None:
    nobody = passwords._NOBODY  # noqa: SLF001  (that it costs the same is what this is about)
    assert not is_dated(nobody)
    assert not matches(None, b"")


def test_a_hash_with_other_parameters_is_dated() -> None:
    assert is_dated(PasswordHasher(time_cost=1, memory_cost=8192, parallelism=1).hash("x"))
    assert is_dated("no hash")
    assert not is_dated(passwords.hashed(b"x"))


async def test_a_password_is_the_same_however_a_keyboard_composes_it() -> None:
    kept = await Passwords().hash("pässwörter ﬁ")
    assert await Passwords().verify(kept, "pa\u0308sswo\u0308rter fi")


async def test_a_lone_surrogate_is_just_a_wrong_password() -> None:
    assert not await Passwords().verify(await Passwords().hash(RIGHT), "\ud800" * 12)


async def test_two_are_hashed_at_once_and_not_more(monkeypatch: pytest.MonkeyPatch) -> None:
    lock, gate = threading.Lock(), threading.Barrier(AT_ONCE, timeout=10)
    running = most = 0

    def counted(_known: str | None, _password: bytes) -> bool:
        nonlocal running, most
        with lock:
            running += 1
            most = max(most, running)
        gate.wait()  # each waits for another: with one at a time this would break
        with lock:
            running -= 1
        return True

    monkeypatch.setattr(passwords, "matches", counted)
    one = Passwords()
    assert all(await asyncio.gather(*(one.verify("x", RIGHT) for _ in range(3 * AT_ONCE))))
    assert most == AT_ONCE


def test_both_kinds_of_users_share_the_parameters(tmp_path: Path) -> None:
    users = Users(tmp_path / "users.json")
    users.add("mes", password=RIGHT)
    kept = users.credential("mes")
    assert kept is not None
    assert not is_dated(kept)


@pytest.mark.parametrize(
    "weak",
    [
        "",
        "short",
        "123456789",
        "1234567890",
        "qwertyuiop",
        "aaaaaaaaaaaa",
        "password123",
        "P@ssw0rd123",
        "passwordpassword",
        "ada.lovelace",
        "lovelace12",
        "ada.lovelace@example.org",
        "voxtrude123",
        "x" * (LONGEST + 1),
        "correct horse \ud800",
    ],
)
async def test_what_is_easily_guessed_is_refused(weak: str) -> None:
    with pytest.raises(Refusal) as refused:
        await Strength().check(weak, EMAIL)
    assert refused.value.code == "weak-password"
    assert not weak or weak not in refused.value.text


@pytest.mark.parametrize(
    "good",
    [RIGHT, "zwölf kleine drucker", "kXw9-tRq2-mBz", "日本語のながいパスワード", "ö" * 3 + RIGHT],
)
async def test_no_rule_asks_for_digits_or_signs(good: str) -> None:
    await Strength().check(good, EMAIL)


@settings(max_examples=60, deadline=None)
@given(st.text(max_size=LONGEST + 20), st.text(max_size=60))
async def test_any_text_is_judged(password: str, email: str) -> None:
    try:
        await Strength().check(password, email)
    except Refusal:
        return
    assert SHORTEST <= len(password) <= LONGEST


async def test_judging_keeps_two_addresses_apart() -> None:
    judge = Strength()
    own = "grzegorz.brzeczyszczykiewicz"

    async def verdict(email: str) -> bool:
        try:
            await judge.check(own, email)
        except Refusal:
            return False
        return True

    verdicts = await asyncio.gather(
        *(verdict(email) for _ in range(10) for email in (f"{own}@a.example", "x@b.example"))
    )
    assert verdicts == [False, True] * 10
