"""What else is done with accounts, and that nothing is left of one."""

from contextlib import suppress

import pyotp
import pytest
from pydantic import SecretStr

from services.skill.accounts.office import FactorAsked, Office
from services.skill.accounts.refusals import Refusal
from services.skill.accounts.throttle import LOGIN
from services.skill.mail import Mail
from services.skill.settings import SkillSettings
from tests.integration.accounts.offices import (
    ADA,
    ANY,
    EVE,
    HERE,
    KEPT,
    MAX,
    OTHER,
    RIGHT,
    House,
    Street,
    refused,
)
from tests.integration.letterboxes import Letterbox, code_in
from voxtrude import portal
from voxtrude.accounts import Preferences, Purpose, Role, Scale, Scope
from voxtrude.errors import LinkError
from voxtrude.mongo import client, schema
from voxtrude.mongo.tickets import Tickets
from voxtrude.settings import Mongo

pytestmark = pytest.mark.integration


async def test_preferences_are_kept(house: House) -> None:
    ada = await house.first()
    wanted = Preferences(locale="de-DE", time_zone="Europe/Berlin", scale=Scale.FAHRENHEIT)
    assert (await house.office.prefer(ada, wanted)).preferences == wanted
    found = await house.office.account(ada.id)
    assert found
    assert found.preferences == wanted


async def test_there_is_always_an_administrator(house: House) -> None:
    ada = await house.first()
    peter = await house.member()
    assert await refused(house.office.delete(ada)) == "last-administrator"
    assert await refused(house.office.may_delete(ada)) == "last-administrator"
    assert await refused(house.office.appoint(ada.id, Role.MEMBER)) == "last-administrator"
    await house.office.appoint(peter.id, Role.ADMIN)
    await house.office.delete(ada)
    assert [one.id for one in await house.office.accounts()] == [peter.id]
    # Whoever is alone may always go; then it begins anew.
    last = await house.office.account(peter.id)
    assert last
    await house.office.delete(last)
    assert await house.office.is_new()


async def test_nothing_is_left_of_a_deleted_account(street: Street, box: Letterbox) -> None:
    house = street.house("open", box)
    await house.first()
    invite = await house.office.invite(None)
    await house.office.sign_up(MAX, RIGHT, ANY, invite=invite, network="")
    await house.office.settle()
    peter = await house.office.verify(code_in(box.letters[-1]))
    other = await Tickets(house.database).issue(Purpose.INVITE, house.clock(), email=MAX)
    begun = await house.office.begin_totp(peter)
    code = pyotp.TOTP(begun.secret).at(house.clock())
    await house.office.confirm_totp(peter, begun.secret, code)
    cookie = await house.office.sessions.open(peter, "Firefox", HERE)
    _, plain = await house.office.tokens.make(peter, "a", [Scope.READ])
    reset = await house.office.reset_code(peter.id)
    asked = await house.office.sign_in(MAX, RIGHT, "")
    assert isinstance(asked, FactorAsked)
    await refused(house.office.second_factor(asked.ticket, "0", ""))
    await refused(house.office.sign_in(MAX, OTHER, ""))
    await house.office.forgot(MAX, "")
    await house.office.settle()

    found = await house.office.account(peter.id)
    assert found
    await house.office.delete(found)

    stored = await house.stored()
    assert MAX not in stored
    assert peter.id not in stored
    left = {name: await house.database[name].count_documents({}) for name in KEPT}
    assert left == dict.fromkeys(KEPT, 0) | {schema.ACCOUNTS: 1}
    assert await house.office.sessions.find(cookie) is None
    assert await house.office.tokens.find(plain) is None
    assert await refused(house.office.reset(reset, OTHER)) == "expired"
    assert await refused(house.office.invitation(other)) == "expired"
    assert await refused(house.office.second_factor(asked.ticket, "0", "")) == "expired"
    assert await refused(house.office.sign_in(MAX, RIGHT, HERE)) == "wrong-login"
    assert await refused(house.office.prefer(found, ANY)) == "gone"


async def test_no_log_line_holds_an_address_or_a_secret(
    street: Street, box: Letterbox, capsys: pytest.CaptureFixture[str]
) -> None:
    house = street.house("open", box)
    code = await house.office.setup_code()
    await house.office.set_up(code, ADA, RIGHT, ANY)
    box.answers += ["550 nobody here"]
    await house.office.forgot(ADA, HERE)
    await house.office.settle()
    for _ in range(LOGIN.most + 2):
        with suppress(Refusal):
            await house.office.sign_in(EVE, OTHER, HERE)
    said = "".join(capsys.readouterr())
    assert "tries are refused for a while" in said
    assert "a message to somebody was not sent" in said
    for secret in (ADA, ADA.lower(), EVE, RIGHT, OTHER, HERE, code):
        assert secret not in said


async def test_without_a_database_every_answer_is_a_link_error() -> None:
    settings = SkillSettings(web=portal.Web(secret=SecretStr("s" * 32)))
    away = Mongo(url=SecretStr("mongodb://127.0.0.1:1/?serverSelectionTimeoutMS=100"))
    async with client.connect(away, patient=True) as database:
        office = Office(database, settings, Mail(settings.smtp))
        for attempt in (
            office.is_new(),
            office.sign_in(ADA, RIGHT, HERE),
            office.forgot(ADA, HERE),
            office.sessions.find("A" * 43),
            office.tokens.find(f"vxt_{'0' * 16}_{'A' * 43}"),
        ):
            with pytest.raises(LinkError):
                await attempt
