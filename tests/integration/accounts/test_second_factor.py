"""Codes besides the password: each works once."""

import asyncio
from datetime import timedelta

import pyotp
import pytest

from services.skill.accounts.office import FactorAsked
from services.skill.accounts.refusals import Refusal
from services.skill.accounts.throttle import FACTOR
from tests.integration.accounts.offices import (
    ADA,
    HERE,
    OTHER,
    RIGHT,
    House,
    Street,
    refused,
    with_factor,
)
from voxtrude.accounts import Account

pytestmark = pytest.mark.integration


async def test_a_code_is_asked_for_and_works_once(house: House) -> None:
    ada, totp = await with_factor(house)
    asked = await house.office.sign_in(ADA, RIGHT, HERE)
    assert isinstance(asked, FactorAsked)
    # The code that confirmed the factor was used with that.
    code = totp.at(house.clock())
    assert await refused(house.office.second_factor(asked.ticket, code, HERE)) == "wrong-code"
    house.clock.advance(timedelta(seconds=30))
    code = totp.at(house.clock())
    assert (await house.office.second_factor(asked.ticket, code, HERE)).id == ada.id
    assert await refused(house.office.second_factor(asked.ticket, code, HERE)) == "expired"
    again = await house.office.sign_in(ADA, RIGHT, HERE)
    assert isinstance(again, FactorAsked)
    assert await refused(house.office.second_factor(again.ticket, code, HERE)) == "wrong-code"


async def test_of_two_with_one_code_one_gets_in(house: House) -> None:
    _, totp = await with_factor(house)
    house.clock.advance(timedelta(seconds=30))
    asked = [await house.office.sign_in(ADA, RIGHT, HERE) for _ in range(2)]
    results = await asyncio.gather(
        *(
            house.office.second_factor(one.ticket, totp.at(house.clock()), HERE)
            for one in asked
            if isinstance(one, FactorAsked)
        ),
        return_exceptions=True,
    )
    assert len([one for one in results if isinstance(one, Account)]) == 1
    assert [one.code for one in results if isinstance(one, Refusal)] == ["wrong-code"]


async def test_codes_cannot_be_tried_without_end(house: House) -> None:
    _, totp = await with_factor(house)
    house.clock.advance(timedelta(minutes=1))
    for n in range(FACTOR.most):
        # The password is right each time: that does not give more tries.
        asked = await house.office.sign_in(ADA, RIGHT, "")
        assert isinstance(asked, FactorAsked)
        attempt = house.office.second_factor(asked.ticket, f"wrong{n}", "")
        assert await refused(attempt) == "wrong-code"
    asked = await house.office.sign_in(ADA, RIGHT, "")
    assert isinstance(asked, FactorAsked)
    attempt = house.office.second_factor(asked.ticket, totp.at(house.clock()), "")
    assert await refused(attempt) == "throttled"


async def test_a_sign_in_waits_five_minutes_for_its_code(house: House) -> None:
    _, totp = await with_factor(house)
    asked = await house.office.sign_in(ADA, RIGHT, HERE)
    assert isinstance(asked, FactorAsked)
    house.clock.advance(timedelta(minutes=5))
    attempt = house.office.second_factor(asked.ticket, totp.at(house.clock()), HERE)
    assert await refused(attempt) == "expired"


async def test_a_factor_is_not_replaced_without_the_password(house: House) -> None:
    ada, totp = await with_factor(house)
    mine = await house.office.begin_totp(ada)
    code = pyotp.TOTP(mine.secret).at(house.clock())
    assert await refused(house.office.confirm_totp(ada, mine.secret, code)) == "factor-there"
    house.clock.advance(timedelta(seconds=30))
    asked = await house.office.sign_in(ADA, RIGHT, HERE)
    assert isinstance(asked, FactorAsked)
    code = totp.at(house.clock())
    assert (await house.office.second_factor(asked.ticket, code, HERE)).id == ada.id


async def test_a_factor_goes_with_the_password_or_an_administrator(house: House) -> None:
    ada, _ = await with_factor(house)
    assert await refused(house.office.remove_totp(ada, OTHER, HERE)) == "wrong-password"
    await house.office.remove_totp(ada, RIGHT, HERE)
    await house.signed_in(ADA, RIGHT, HERE)
    begun = await house.office.begin_totp(ada)
    code = pyotp.TOTP(begun.secret).at(house.clock())
    await house.office.confirm_totp(ada, begun.secret, code)
    await house.office.drop_totp(ada.id)
    await house.signed_in(ADA, RIGHT, HERE)


async def test_another_secret_in_the_settings_lets_nobody_past_the_factor(street: Street) -> None:
    house = street.house()
    _, totp = await with_factor(house)
    other = street.house(secret="t" * 32)
    asked = await other.office.sign_in(ADA, RIGHT, HERE)
    assert isinstance(asked, FactorAsked)
    house.clock.advance(timedelta(seconds=30))
    attempt = other.office.second_factor(asked.ticket, totp.at(house.clock()), HERE)
    assert await refused(attempt) == "factor-lost"
