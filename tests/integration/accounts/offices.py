"""An office on a real database, and what stands around it."""

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Literal

import pyotp
import pytest
from pydantic import SecretStr

from services.skill.accounts.office import Office
from services.skill.accounts.refusals import Refusal
from services.skill.mail import Mail
from services.skill.settings import SkillSettings
from tests.integration.conftest import Database as Server
from tests.integration.letterboxes import Letterbox
from voxtrude import portal
from voxtrude.accounts import Account, Preferences
from voxtrude.mongo import schema
from voxtrude.mongo.client import Database
from voxtrude.passwords import Passwords

ADA, MAX, EVE = "Ada@example.org", "max@example.org", "eve@example.org"
RIGHT, OTHER = "correct horse battery", "purple monkey dishwasher"
HERE, THERE = "192.0.2.0/24", "198.51.100.0/24"
ANY = Preferences()
KEPT = (
    schema.ACCOUNTS,
    schema.SESSIONS,
    schema.TICKETS,
    schema.TOKENS,
    schema.COUNTERS,
)


@dataclass
class Clock:
    """Time that passes when it is told to; the database's own goes on."""

    now: datetime = field(default_factory=lambda: datetime.now(UTC).replace(microsecond=0))

    def __call__(self) -> datetime:
        return self.now

    def advance(self, time: timedelta) -> None:
        self.now += time


class Counted(Passwords):
    """Passwords that count the work."""

    def __init__(self) -> None:
        super().__init__()
        self.work = 0

    async def hash(self, password: str) -> str:
        self.work += 1
        return await super().hash(password)

    async def verify(self, known: str | None, password: str) -> bool:
        self.work += 1
        return await super().verify(known, password)


@dataclass
class House:
    """An office with what stands around it."""

    office: Office
    database: Database
    clock: Clock
    passwords: Counted
    server: Server
    name: str

    async def first(self) -> Account:
        """Make the first administrator."""
        return await self.office.set_up(await self.office.setup_code(), ADA, RIGHT, ANY)

    async def signed_in(self, email: str, password: str, network: str) -> Account:
        """Sign somebody in who has no second factor."""
        found = await self.office.sign_in(email, password, network)
        assert isinstance(found, Account)
        return found

    async def member(self, email: str = MAX) -> Account:
        """Invite and make a member, without mail."""
        invite = await self.office.invite(email)
        made = await self.office.sign_up(email, RIGHT, ANY, invite=invite, network=HERE)
        assert made
        return made

    async def stored(self) -> str:
        """Return everything that is stored of accounts, as text."""
        return "\n".join([str(one) for name in KEPT async for one in self.database[name].find()])


@dataclass
class Street:
    """Where houses are built."""

    database: Database
    clock: Clock
    server: Server
    name: str

    def house(
        self,
        sign_up: Literal["open", "invite", "off"] = "invite",
        box: Letterbox | None = None,
        secret: str = "s" * 32,
    ) -> House:
        settings = SkillSettings(
            web=portal.Web(secret=SecretStr(secret)),
            accounts=portal.Accounts(sign_up=sign_up),
            smtp=box.settings if box else portal.Smtp(),
        )
        passwords = Counted()
        office = Office(self.database, settings, Mail(settings.smtp), self.clock, passwords)
        return House(office, self.database, self.clock, passwords, self.server, self.name)


async def refused(attempt: object) -> str:
    """Return the code of the refusal that an attempt ends in."""
    with pytest.raises(Refusal) as found:
        await attempt  # type: ignore[misc]  # a coroutine of any kind
    return found.value.code


async def with_factor(house: House) -> tuple[Account, pyotp.TOTP]:
    """Make the first administrator, with a second factor."""
    ada = await house.first()
    begun = await house.office.begin_totp(ada)
    totp = pyotp.TOTP(begun.secret)
    assert await refused(house.office.confirm_totp(ada, begun.secret, "000 00")) == "wrong-code"
    await house.office.confirm_totp(ada, begun.secret, totp.at(house.clock()))
    assert begun.secret not in await house.stored()
    return ada, totp
