"""Who gets an account: the first administrator, the invited, whoever signs up."""

import asyncio
from datetime import timedelta
from typing import Literal

import pytest

from services.skill.accounts.refusals import Refusal
from services.skill.accounts.throttle import NETWORK
from tests.integration.accounts.offices import (
    ADA,
    ANY,
    EVE,
    HERE,
    MAX,
    OTHER,
    RIGHT,
    THERE,
    House,
    Street,
    refused,
)
from tests.integration.letterboxes import Letterbox, code_in
from voxtrude.accounts import Account, Purpose, Role
from voxtrude.mongo.tickets import LIFETIMES

pytestmark = pytest.mark.integration


async def test_the_first_administrator_has_the_code(house: House) -> None:
    assert await house.office.is_new()
    code = await house.office.setup_code()
    assert await refused(house.office.set_up("ABCDE" * 4, ADA, RIGHT, ANY)) == "wrong-code"
    assert await refused(house.office.set_up("\ud800", ADA, RIGHT, ANY)) == "wrong-code"
    assert await refused(house.office.set_up(code, ADA, "password123", ANY)) == "weak-password"
    # A mistake costs nothing: the code is used up by success alone.
    typed = code.lower().replace("-", " ").replace("0", "o").replace("1", "l")
    ada = await house.office.set_up(typed, ADA, RIGHT, ANY)
    assert (ada.role, ada.email) == (Role.ADMIN, ADA)
    assert not await house.office.is_new()
    assert await refused(house.office.set_up(code, MAX, RIGHT, ANY)) == "wrong-code"
    assert await house.office.sign_in(ADA.upper(), RIGHT, HERE) == ada


async def test_a_new_setup_code_replaces_the_old_one_and_ends(house: House) -> None:
    old = await house.office.setup_code()
    new = await house.office.setup_code()
    assert await refused(house.office.set_up(old, ADA, RIGHT, ANY)) == "wrong-code"
    house.clock.advance(LIFETIMES[Purpose.SETUP])
    assert await refused(house.office.set_up(new, ADA, RIGHT, ANY)) == "wrong-code"
    assert old not in await house.stored()


async def test_of_two_with_one_setup_code_one_administrates(house: House) -> None:
    code = await house.office.setup_code()
    results = await asyncio.gather(
        *(house.office.set_up(code, email, RIGHT, ANY) for email in (ADA, EVE, MAX)),
        return_exceptions=True,
    )
    assert len([one for one in results if isinstance(one, Account)]) == 1
    assert len(await house.office.accounts()) == 1


async def test_setup_codes_cannot_be_tried_without_end(house: House) -> None:
    code = await house.office.setup_code()
    for _ in range(NETWORK.most):
        with pytest.raises(Refusal, match="wrong-code"):
            await house.office.set_up("0" * 20, ADA, RIGHT, ANY, network=HERE)
    assert await refused(house.office.set_up(code, ADA, RIGHT, ANY, network=HERE)) == "throttled"
    await house.office.set_up(code, ADA, RIGHT, ANY, network=THERE)


async def test_nobody_signs_up_before_the_first_administrator(street: Street) -> None:
    house = street.house("open")
    assert (
        await refused(house.office.sign_up(EVE, RIGHT, ANY, invite=None, network=HERE)) == "closed"
    )


@pytest.mark.parametrize("mode", ["invite", "off"])
async def test_without_an_invitation_nobody_signs_up(
    street: Street, mode: Literal["invite", "off"]
) -> None:
    house = street.house(mode)
    await house.first()
    attempt = house.office.sign_up(EVE, RIGHT, ANY, invite=None, network=HERE)
    assert await refused(attempt) == "closed"


async def test_with_sign_up_off_no_invitation_helps(street: Street) -> None:
    house = street.house()
    await house.first()
    invite = await house.office.invite(None)
    closed = street.house("off")
    assert await refused(closed.office.invite(None)) == "closed"
    attempt = closed.office.sign_up(EVE, RIGHT, ANY, invite=invite, network=HERE)
    assert await refused(attempt) == "closed"


async def test_an_invitation_works_once_and_for_its_address(house: House) -> None:
    await house.first()
    invite = await house.office.invite(MAX)
    assert (await house.office.invitation(invite)).email == MAX
    attempt = house.office.sign_up(EVE, RIGHT, ANY, invite=invite, network=HERE)
    assert await refused(attempt) == "other-address"
    attempt = house.office.sign_up(MAX, "qwertyuiop", ANY, invite=invite, network=HERE)
    assert await refused(attempt) == "weak-password"
    made = await house.office.sign_up("Max@Example.org", RIGHT, ANY, invite=invite, network=HERE)
    assert made
    assert made.role is Role.MEMBER
    assert await refused(house.office.invitation(invite)) == "expired"
    attempt = house.office.sign_up(MAX, RIGHT, ANY, invite=invite, network=HERE)
    assert await refused(attempt) == "expired"
    assert await refused(house.office.invite("MAX@example.org")) == "taken"


async def test_an_invitation_lasts_a_week(house: House) -> None:
    await house.first()
    invite = await house.office.invite(None)
    house.clock.advance(timedelta(days=7))
    attempt = house.office.sign_up(EVE, RIGHT, ANY, invite=invite, network=HERE)
    assert await refused(attempt) == "expired"


async def test_of_two_with_one_invitation_one_gets_in(house: House) -> None:
    await house.first()
    invite = await house.office.invite(None)
    results = await asyncio.gather(
        *(
            house.office.sign_up(f"p{n}@example.org", RIGHT, ANY, invite=invite, network=HERE)
            for n in range(4)
        ),
        return_exceptions=True,
    )
    assert len([one for one in results if isinstance(one, Account)]) == 1
    assert len([one for one in results if isinstance(one, Refusal)]) == 3
    assert len(await house.office.accounts()) == 2


async def test_of_two_with_one_address_one_gets_an_account(street: Street) -> None:
    house = street.house("open")
    await house.first()
    results = await asyncio.gather(
        *(
            house.office.sign_up(email, RIGHT, ANY, invite=None, network=HERE)
            for email in (EVE, EVE.upper(), "Eve@Example.org")
        ),
        return_exceptions=True,
    )
    assert len([one for one in results if isinstance(one, Account)]) == 1
    assert {one.code for one in results if isinstance(one, Refusal)} == {"taken"}
    assert len(await house.office.accounts()) == 2


async def test_with_mail_an_address_has_to_be_confirmed(street: Street, box: Letterbox) -> None:
    house = street.house("open", box)
    await house.first()
    assert await house.office.sign_up(EVE, RIGHT, ANY, invite=None, network=HERE) is None
    await house.office.settle()
    letter = box.letters[0]
    assert letter["To"] == EVE
    # Only whoever has the right password learns that there is something to confirm.
    assert await refused(house.office.sign_in(EVE, OTHER, HERE)) == "wrong-login"
    assert await refused(house.office.sign_in(EVE, RIGHT, HERE)) == "not-verified"
    eve = await house.office.verify(code_in(letter))
    assert eve.verified_at
    assert eve.expires_at is None
    assert await house.office.sign_in(EVE, RIGHT, HERE) == eve
    assert await refused(house.office.verify(code_in(letter))) == "expired"
    house.clock.advance(timedelta(days=8))
    assert await house.office.sign_in(EVE, RIGHT, HERE) == eve


async def test_an_address_that_is_not_confirmed_goes_after_a_week(
    street: Street, box: Letterbox
) -> None:
    house = street.house("open", box)
    await house.first()
    await house.office.sign_up(EVE, RIGHT, ANY, invite=None, network=HERE)
    await house.office.settle()
    house.clock.advance(timedelta(days=7))
    assert await refused(house.office.verify(code_in(box.letters[0]))) == "expired"
    assert await refused(house.office.sign_in(EVE, RIGHT, HERE)) == "wrong-login"
    assert [one.email for one in await house.office.accounts()] == [ADA]
    # The document may still be there: it is in nobody's way.
    await house.office.sign_up(EVE, OTHER, ANY, invite=None, network=HERE)
    await house.office.settle()
    await house.office.verify(code_in(box.letters[-1]))
    await house.signed_in(EVE, OTHER, HERE)


async def test_nobody_confirms_an_address_for_somebody_elses_password(
    street: Street, box: Letterbox
) -> None:
    house = street.house("open", box)
    await house.first()
    for password in (OTHER, RIGHT):  # a stranger's first, then the owner's
        await house.office.sign_up(MAX, password, ANY, invite=None, network=HERE)
        await house.office.settle()
    strangers, owners = box.letters
    assert await refused(house.office.verify(code_in(strangers))) == "expired"
    await house.office.verify(code_in(owners))
    assert await refused(house.office.sign_in(MAX, OTHER, HERE)) == "wrong-login"
    await house.signed_in(MAX, RIGHT, HERE)


async def test_an_invited_address_needs_no_confirmation(street: Street, box: Letterbox) -> None:
    house = street.house("invite", box)
    await house.first()
    invite = await house.office.invite(MAX)
    await house.office.settle()
    assert code_in(box.letters[0]) == invite
    assert await house.office.sign_up(MAX, RIGHT, ANY, invite=invite, network=HERE)
    anybody = await house.office.invite(None)
    assert await house.office.sign_up(EVE, RIGHT, ANY, invite=anybody, network=HERE) is None
    assert await refused(house.office.invitation(anybody)) == "expired"
