"""Signing in, and how guessing is stopped."""

import asyncio
import itertools

import pytest
from argon2 import PasswordHasher

from services.skill.accounts.refusals import Refusal
from services.skill.accounts.throttle import LOGIN, NETWORK
from tests.integration.accounts.offices import (
    ADA,
    EVE,
    HERE,
    OTHER,
    RIGHT,
    THERE,
    House,
    Street,
    refused,
)
from voxtrude.mongo import schema

pytestmark = pytest.mark.integration


async def test_a_hash_of_former_times_is_made_anew(house: House) -> None:
    ada = await house.first()
    old = PasswordHasher(time_cost=1, memory_cost=8192, parallelism=1).hash(RIGHT)
    query = {"_id": ada.id}
    await house.database[schema.ACCOUNTS].update_one(query, {"$set": {"password": old}})
    await house.signed_in(ADA, RIGHT, HERE)
    found = await house.office.account(ada.id)
    assert found
    assert found.password
    assert found.password.startswith("$argon2id$v=19$m=19456,t=2,p=1$")
    await house.signed_in(ADA, RIGHT, HERE)


async def test_guessing_one_account_is_stopped_and_forgiven(house: House) -> None:
    await house.first()
    networks = (f"10.0.{n}.0/24" for n in itertools.count())
    for _ in range(LOGIN.most):
        assert await refused(house.office.sign_in(ADA, OTHER, next(networks))) == "wrong-login"
    with pytest.raises(Refusal) as found:
        await house.office.sign_in(ADA.lower(), RIGHT, THERE)
    assert found.value.code == "throttled"
    assert found.value.retry_after
    assert 0 < found.value.retry_after <= LOGIN.lasts.total_seconds()
    house.clock.advance(LOGIN.lasts)
    await house.signed_in(ADA, RIGHT, THERE)


async def test_an_unknown_address_is_throttled_like_a_known_one(house: House) -> None:
    await house.first()
    for _ in range(LOGIN.most):
        assert await refused(house.office.sign_in(EVE, OTHER, "")) == "wrong-login"
    assert await refused(house.office.sign_in(EVE, OTHER, "")) == "throttled"


async def test_success_clears_the_account_and_not_the_network(house: House) -> None:
    await house.first()
    for _ in range(3):
        for _ in range(LOGIN.most - 1):
            assert await refused(house.office.sign_in(ADA, OTHER, HERE)) == "wrong-login"
        await house.signed_in(ADA, RIGHT, HERE)
    for n in range(NETWORK.most - 3 * (LOGIN.most - 1)):
        attempt = house.office.sign_in(f"p{n}@example.org", OTHER, HERE)
        assert await refused(attempt) == "wrong-login"
    assert await refused(house.office.sign_in(ADA, RIGHT, HERE)) == "throttled"
    await house.signed_in(ADA, RIGHT, THERE)


async def test_many_at_once_gain_no_tries(house: House) -> None:
    await house.first()
    results = await asyncio.gather(
        *(house.office.sign_in(ADA, OTHER, HERE) for _ in range(3 * LOGIN.most)),
        return_exceptions=True,
    )
    codes = [one.code for one in results if isinstance(one, Refusal)]
    assert codes.count("wrong-login") == LOGIN.most
    assert codes.count("throttled") == 2 * LOGIN.most


async def test_a_restart_forgives_nothing(street: Street) -> None:
    house = street.house()
    await house.first()
    for _ in range(LOGIN.most):
        assert await refused(house.office.sign_in(ADA, OTHER, "")) == "wrong-login"
    assert await refused(street.house().office.sign_in(ADA, RIGHT, "")) == "throttled"


async def test_counters_hold_neither_address_nor_network(house: House) -> None:
    await house.first()
    await refused(house.office.sign_in(EVE, OTHER, HERE))
    stored = await house.stored()
    assert EVE not in stored
    assert HERE not in stored
    assert "192.0.2" not in stored
