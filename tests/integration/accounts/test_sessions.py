"""Browsers and programs that are signed in."""

from datetime import timedelta

import pytest

from services.skill.accounts.refusals import Refusal
from services.skill.accounts.sessions import IDLE, LONGEST
from services.skill.accounts.sessions import MOST as SESSIONS
from services.skill.accounts.tokens import MOST
from tests.integration.accounts.offices import (
    HERE,
    THERE,
    House,
)
from voxtrude.accounts import Scope

pytestmark = pytest.mark.integration


async def test_a_session_is_a_cookie_whose_hash_is_kept(house: House) -> None:
    ada = await house.first()
    cookie = await house.office.sessions.open(ada, "Fire\x00fox " + "x" * 200, HERE)
    assert cookie not in await house.stored()
    found = await house.office.sessions.find(cookie)
    assert found
    session, account = found
    assert account == await house.office.account(ada.id)
    assert session.device.startswith("Firefox x")
    assert len(session.device) == 100
    for wrong in ("", cookie[:-1], cookie + "A", "A" * 43, "\ud800" * 43, session.id):
        assert await house.office.sessions.find(wrong) is None
    assert await house.office.sessions.open(ada, "", HERE) != cookie


async def test_a_session_slides_and_ends(house: House) -> None:
    ada = await house.first()
    sessions = house.office.sessions
    idle, used = await sessions.open(ada, "idle", HERE), await sessions.open(ada, "used", HERE)
    began = house.clock()
    house.clock.advance(timedelta(seconds=59))
    found = await sessions.find(used)
    assert found
    assert found[0].used_at < house.clock()  # not each request is written down
    while house.clock() + timedelta(days=29) < began + LONGEST:
        house.clock.advance(timedelta(days=29))
        assert await sessions.find(used)
    assert await sessions.find(idle) is None
    house.clock.now = began + LONGEST
    assert await sessions.find(used) is None
    assert timedelta(days=29) < IDLE


async def test_sessions_are_listed_and_ended_by_their_owner(house: House) -> None:
    ada = await house.first()
    peter = await house.member()
    sessions = house.office.sessions
    mine = await sessions.open(ada, "mine", HERE)
    phone = await sessions.open(ada, "phone", THERE)
    theirs = await sessions.open(peter, "theirs", HERE)
    assert {one.device for one in await sessions.of(ada)} == {"mine", "phone"}
    found, other = await sessions.find(phone), await sessions.find(theirs)
    assert found
    assert other
    assert not await sessions.end(ada, other[0].id)
    assert await sessions.end(ada, found[0].id)
    assert await sessions.find(phone) is None
    assert await sessions.find(theirs)
    here = await sessions.find(mine)
    assert here
    await sessions.open(ada, "third", HERE)
    await sessions.end_all(ada, here[0])
    assert [one.device for one in await sessions.of(ada)] == ["mine"]
    await sessions.end_all(ada, None)
    assert await sessions.of(ada) == []
    assert await sessions.find(theirs)


async def test_a_token_is_shown_once(house: House) -> None:
    ada = await house.first()
    tokens = house.office.tokens
    token, plain = await tokens.make(ada, "  my  script ", [Scope.READ, Scope.READ])
    assert (token.name, token.scopes) == ("my script", (Scope.READ,))
    assert plain.startswith(f"vxt_{token.id}_")
    assert plain.rsplit("_", 1)[1] not in await house.stored()
    found = await tokens.find(plain)
    assert found
    assert (found[0].id, found[1].id) == (token.id, ada.id)


async def test_what_is_no_token(house: House) -> None:
    ada = await house.first()
    tokens = house.office.tokens
    token, plain = await tokens.make(ada, "a", [Scope.READ])
    _, other = await tokens.make(ada, "b", [Scope.WRITE])
    mixed = plain[: len(f"vxt_{token.id}_")] + other.split("_", 2)[2]
    for wrong in ("", "vxt_", plain[:-1], plain + "x", mixed, plain.upper(), "vxt_\ud800_x"):
        assert await tokens.find(wrong) is None
    for name in ("", " ", "x" * 65, "a\nb\x00"):
        with pytest.raises(Refusal, match="bad-name"):
            await tokens.make(ada, name, [Scope.READ])


async def test_tokens_are_removed_by_their_owner_or_unused(house: House) -> None:
    ada = await house.first()
    peter = await house.member()
    tokens = house.office.tokens
    token, plain = await tokens.make(ada, "a", [Scope.READ])
    assert not await tokens.remove(peter, token.id)
    house.clock.advance(timedelta(days=300))
    assert await tokens.find(plain)
    house.clock.advance(timedelta(days=399))
    assert await tokens.find(plain)
    assert await tokens.remove(ada, token.id)
    assert await tokens.find(plain) is None
    _, unused = await tokens.make(ada, "b", [Scope.READ])
    house.clock.advance(timedelta(days=400))
    assert await tokens.find(unused) is None
    assert await tokens.of(ada) == []


async def test_nobody_has_tokens_without_end(house: House) -> None:
    ada = await house.first()
    for n in range(MOST):
        await house.office.tokens.make(ada, f"t{n}", [Scope.READ])
    with pytest.raises(Refusal, match="too-many"):
        await house.office.tokens.make(ada, "one more", [Scope.READ])


async def test_an_account_has_only_so_many_sessions(house: House) -> None:
    ada, peter = await house.first(), await house.member()
    sessions = house.office.sessions
    theirs = await sessions.open(peter, "theirs", HERE)
    oldest = await sessions.open(ada, "oldest", HERE)
    for number in range(SESSIONS):
        house.clock.advance(timedelta(seconds=1))
        await sessions.open(ada, f"{number}", HERE)
    assert len(await sessions.of(ada)) == SESSIONS
    assert await sessions.find(oldest) is None
    assert await sessions.find(theirs)


async def test_whether_a_session_stands_does_not_extend_it(house: House) -> None:
    ada = await house.first()
    sessions = house.office.sessions
    found = await sessions.find(await sessions.open(ada, "", HERE))
    assert found
    session, _ = found
    house.clock.advance(IDLE - timedelta(seconds=1))
    assert await sessions.stands(session)
    house.clock.advance(timedelta(seconds=1))
    assert not await sessions.stands(session)
