"""What many do in the same moment happens once."""

import asyncio
from datetime import timedelta

import pytest

from tests.integration.accounts.offices import ADA, EVE, House
from voxtrude.accounts import Purpose
from voxtrude.mongo.accounts import Accounts
from voxtrude.mongo.counters import Counters
from voxtrude.mongo.tickets import LIFETIMES, Tickets

pytestmark = pytest.mark.integration

MANY = 20


@pytest.mark.parametrize("purpose", list(Purpose))
async def test_a_ticket_is_taken_once(house: House, purpose: Purpose) -> None:
    tickets, now = Tickets(house.database), house.clock()
    code = await tickets.issue(purpose, now)
    taken = await asyncio.gather(*(tickets.take(purpose, code, now) for _ in range(MANY)))
    assert len([one for one in taken if one]) == 1


async def test_a_ticket_is_of_one_purpose(house: House) -> None:
    tickets, now = Tickets(house.database), house.clock()
    code = await tickets.issue(Purpose.INVITE, now)
    for other in set(Purpose) - {Purpose.INVITE}:
        assert not await tickets.waits(other, now)
        assert await tickets.take(other, code, now) is None
    assert await tickets.waits(Purpose.INVITE, now)
    assert not await tickets.waits(Purpose.INVITE, now + LIFETIMES[Purpose.INVITE])
    assert await tickets.take(Purpose.INVITE, code, now)
    assert not await tickets.waits(Purpose.INVITE, now)


async def test_an_address_is_taken_once(house: House) -> None:
    ada, accounts = await house.first(), Accounts(house.database)
    made = [
        ada.model_copy(update={"id": f"acc-{n:016x}", "email": EVE, "key": EVE})
        for n in range(MANY)
    ]
    added = await asyncio.gather(*(accounts.add(one, house.clock()) for one in made))
    assert added.count(True) == 1
    assert await accounts.count(house.clock()) == 2


async def test_a_step_is_used_once(house: House) -> None:
    ada, accounts = await house.first(), Accounts(house.database)
    used = await asyncio.gather(*(accounts.use_step(ada.id, 7) for _ in range(MANY)))
    assert used.count(True) == 1
    assert not await accounts.use_step(ada.id, 6)
    assert await accounts.use_step(ada.id, 8)


async def test_nobody_is_counted_for_another(house: House) -> None:
    counters, now = Counters(house.database), house.clock()
    lasts = timedelta(minutes=1)
    counts = await asyncio.gather(*(counters.add("x", now, lasts) for _ in range(MANY)))
    assert sorted(one.count for one in counts) == list(range(1, MANY + 1))
    assert {one.expires_at for one in counts} == {now + lasts}
    # Whether or not the database has looked already, it starts anew.
    later = now + lasts
    assert (await counters.add("x", later, lasts)).count == 1


async def test_of_two_new_passwords_one_holds(house: House) -> None:
    ada, accounts = await house.first(), Accounts(house.database)
    changed = await asyncio.gather(
        *(accounts.set_password(ada.id, f"hash {n}", instead_of=ada.password) for n in range(MANY))
    )
    (one,) = [found for found in changed if found]
    found = await accounts.find(ADA, house.clock())
    assert found
    assert found.password == one.password
