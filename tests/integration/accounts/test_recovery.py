"""Other passwords, and the letters that lead to them."""

import asyncio
from datetime import timedelta

import pytest

from services.skill.accounts import errands
from services.skill.accounts.office import FactorAsked
from services.skill.accounts.throttle import LETTERS, LOGIN, REQUESTS
from tests.integration.accounts.offices import (
    ADA,
    ANY,
    EVE,
    HERE,
    OTHER,
    RIGHT,
    THERE,
    House,
    Street,
    refused,
    with_factor,
)
from tests.integration.letterboxes import Letterbox, code_in
from voxtrude.accounts import Account

pytestmark = pytest.mark.integration


async def test_a_forgotten_password_is_replaced_and_all_sessions_end(
    street: Street, box: Letterbox
) -> None:
    house = street.house("open", box)
    ada = await house.first()
    cookie = await house.office.sessions.open(ada, "Firefox", HERE)
    for _ in range(LOGIN.most):  # somebody guessed meanwhile: the owner gets in nevertheless
        await refused(house.office.sign_in(ADA, OTHER, ""))
    for _ in range(2):
        await house.office.forgot("ADA@example.org", HERE)
        await house.office.settle()
    first, second = (code_in(letter) for letter in box.letters)
    assert await refused(house.office.reset(first, "password123")) == "weak-password"
    assert (await house.office.reset(first, OTHER)).id == ada.id
    assert await house.office.sessions.find(cookie) is None
    for used in (first, second, "", "\ud800"):
        assert await refused(house.office.reset(used, RIGHT)) == "expired"
    assert await refused(house.office.sign_in(ADA, RIGHT, HERE)) == "wrong-login"
    await house.signed_in(ADA, OTHER, HERE)
    await house.office.settle()
    assert box.letters[-1]["Subject"] == "Your password was changed"


async def test_a_reset_link_lasts_an_hour(house: House) -> None:
    ada = await house.first()
    code = await house.office.reset_code(ada.id)
    house.clock.advance(timedelta(hours=1))
    assert await refused(house.office.reset(code, OTHER)) == "expired"


async def test_of_two_with_one_reset_link_one_chooses(house: House) -> None:
    ada = await house.first()
    code = await house.office.reset_code(ada.id)
    results = await asyncio.gather(
        *(house.office.reset(code, f"{OTHER} {n}") for n in range(3)), return_exceptions=True
    )
    assert len([one for one in results if isinstance(one, Account)]) == 1


async def test_a_reset_keeps_the_second_factor_and_ends_waiting_sign_ins(house: House) -> None:
    ada, totp = await with_factor(house)
    asked = await house.office.sign_in(ADA, RIGHT, HERE)
    assert isinstance(asked, FactorAsked)
    await house.office.reset(await house.office.reset_code(ada.id), OTHER)
    house.clock.advance(timedelta(seconds=30))
    attempt = house.office.second_factor(asked.ticket, totp.at(house.clock()), HERE)
    assert await refused(attempt) == "expired"
    assert isinstance(await house.office.sign_in(ADA, OTHER, HERE), FactorAsked)


async def test_a_reset_confirms_the_address(street: Street, box: Letterbox) -> None:
    house = street.house("open", box)
    await house.first()
    await house.office.sign_up(EVE, RIGHT, ANY, invite=None, network=HERE)
    await house.office.forgot(EVE, HERE)
    await house.office.settle()
    await house.office.forgot(EVE, HERE)
    await house.office.settle()
    await house.office.reset(code_in(box.letters[-1]), OTHER)
    await house.signed_in(EVE, OTHER, HERE)


async def test_a_changed_password_keeps_this_session_only(house: House) -> None:
    ada = await house.first()
    kept, other = [await house.office.sessions.open(ada, "", HERE) for _ in range(2)]
    found = await house.office.sessions.find(kept)
    assert found
    session, ada = found
    change = house.office.change_password
    assert await refused(change(ada, OTHER, RIGHT, session)) == "wrong-password"
    assert await refused(change(ada, RIGHT, "1234567890", session)) == "weak-password"
    await change(ada, RIGHT, OTHER, session)
    assert await house.office.sessions.find(kept)
    assert await house.office.sessions.find(other) is None
    await house.signed_in(ADA, OTHER, HERE)


async def test_a_session_cannot_guess_the_password(house: House) -> None:
    ada = await house.first()
    for _ in range(LOGIN.most):
        attempt = house.office.confirm_password(ada, OTHER, HERE)
        assert await refused(attempt) == "wrong-password"
    assert await refused(house.office.confirm_password(ada, RIGHT, HERE)) == "throttled"


async def test_letters_to_one_address_are_few(street: Street, box: Letterbox) -> None:
    house = street.house("open", box)
    await house.first()
    for _ in range(LETTERS.most + 3):
        await house.office.forgot(ADA, HERE)
        await house.office.settle()
    assert len(box.letters) == LETTERS.most


async def test_one_network_asks_for_few_letters(street: Street, box: Letterbox) -> None:
    house = street.house("open", box)
    await house.first()
    for n in range(REQUESTS.most):
        await house.office.forgot(f"p{n}@example.org", HERE)
    assert await refused(house.office.forgot(ADA, HERE)) == "throttled"
    await house.office.forgot(ADA, THERE)
    await house.office.settle()
    assert len(box.letters) == 1


async def test_a_flood_of_errands_is_cut() -> None:
    gate, done = asyncio.Event(), []

    async def errand(n: int) -> None:
        await gate.wait()
        done.append(n)

    desk = errands.Errands()
    for n in range(errands.MOST + 5):
        desk.start(errand(n))
    gate.set()
    await desk.settle()
    assert len(done) == errands.MOST
