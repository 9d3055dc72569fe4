"""Nobody learns who has an account, from an answer or from the work it took."""

from collections.abc import Coroutine
from typing import Any

import pytest

from services.skill.accounts.refusals import Refusal
from tests.integration.accounts.offices import ADA, ANY, EVE, HERE, OTHER, RIGHT, House, Street
from tests.integration.letterboxes import Letterbox

pytestmark = pytest.mark.integration


async def test_signing_in_does_the_same_work_for_everybody(house: House) -> None:
    await house.first()
    said = []
    for email in (ADA, EVE, "no address", "\ud800@example.org"):
        house.passwords.work = 0
        with pytest.raises(Refusal) as found:
            await house.office.sign_in(email, OTHER, HERE)
        said.append((found.value.code, found.value.text, house.passwords.work))
    assert said == [said[0]] * 4
    assert said[0][2] == 1


async def test_signing_up_does_the_same_work_for_everybody(
    street: Street, box: Letterbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    house = street.house("open", box)
    await house.first()
    later: list[Coroutine[Any, Any, None]] = []
    monkeypatch.setattr(house.office._errands, "start", later.append)  # noqa: SLF001  (to look between)
    said = []
    for email in (ADA, EVE):
        house.passwords.work = 0
        answer = await house.office.sign_up(email, OTHER, ANY, invite=None, network=HERE)
        said.append((answer, house.passwords.work))
    assert said == [(None, 1)] * 2
    # When the answers were given, nothing but a counter had changed.
    assert EVE not in await house.stored()
    for one in later:
        await one
    assert [letter["Subject"] for letter in box.letters] == [
        "You have an account already",
        "Confirm your e-mail address",
    ]
    await house.signed_in(ADA, RIGHT, HERE)


async def test_forgetting_does_the_same_work_for_everybody(street: Street, box: Letterbox) -> None:
    house = street.house("open", box)
    await house.first()
    house.passwords.work = 0
    for email in (ADA, EVE, "no address", "\ud800@example.org"):
        await house.office.forgot(email, HERE)
    await house.office.settle()
    assert house.passwords.work == 0
    assert [letter["To"] for letter in box.letters] == [ADA]


async def test_a_mail_server_that_is_away_tells_nobody(street: Street, box: Letterbox) -> None:
    house = street.house("open", box)
    await house.first()
    box.answers += ["550 no such user"]
    await house.office.forgot(ADA, HERE)
    await house.office.settle()
    assert not box.letters
    box.answers += ["451 later"]
    await house.office.forgot(ADA, HERE)
    await house.office.settle()
    assert len(box.letters) == 1
