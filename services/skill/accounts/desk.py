"""What every part of the office works with."""

import asyncio
from collections.abc import Callable
from datetime import datetime
from typing import Literal

from services.skill.accounts.errands import Errands
from services.skill.accounts.factor import Factor
from services.skill.accounts.letters import Letter
from services.skill.accounts.refusals import Refusal
from services.skill.accounts.sessions import Sessions
from services.skill.accounts.strength import Strength
from services.skill.accounts.throttle import Throttle
from services.skill.accounts.tokens import Tokens
from services.skill.mail import Mail, Undeliverable
from services.skill.settings import SkillSettings
from voxtrude.accounts import Account, checked_email, email_key
from voxtrude.errors import LinkError, SetupError
from voxtrude.mongo.accounts import Accounts
from voxtrude.mongo.client import Database
from voxtrude.mongo.tickets import Tickets
from voxtrude.passwords import Passwords
from voxtrude.process import utc_now

PAUSES = (2, 30, 300)  # seconds until a letter is sent again when the mail server is away


class Desk:
    """The collections, the hashes, the throttle and the post."""

    def __init__(
        self,
        database: Database,
        settings: SkillSettings,
        mail: Mail,
        clock: Callable[[], datetime] = utc_now,
        passwords: Passwords | None = None,
    ) -> None:
        self.sessions = Sessions(database, clock)
        self.tokens = Tokens(database, clock, settings.keep.tokens)
        self._accounts = Accounts(database)
        self._tickets = Tickets(database)
        self._passwords = passwords or Passwords()
        self._strength = Strength()
        self._throttle = Throttle(database, settings.web.secret, clock)
        self._factor = Factor(settings.web.secret)
        self._mail = mail
        self._errands = Errands()
        self._clock = clock
        self._url = settings.url
        self._sign_up = settings.accounts.sign_up

    @property
    def can_mail(self) -> bool:
        """Whether letters can be sent."""
        return self._mail.can_send

    @property
    def sign_up_mode(self) -> Literal["open", "invite", "off"]:
        """Who may make an account."""
        return self._sign_up

    async def settle(self) -> None:
        """Return once every letter is sent or given up."""
        await self._errands.settle()

    async def _write(self, to: str, letter: Letter) -> None:
        """Send a letter, again after a while where the mail server is away.

        Raises:
            LinkError: It is given up.
        """
        for pause in PAUSES:
            try:
                await self._mail.send(to, letter.subject, letter.text)
            except Undeliverable:
                raise
            except LinkError:
                await asyncio.sleep(pause)
            else:
                return
        await self._mail.send(to, letter.subject, letter.text)

    def _tell(self, account: Account, letter: Letter) -> None:
        """Send a letter later, if letters can be sent."""
        if self.can_mail:
            self._errands.start(self._write(account.email, letter))


def address(email: str) -> str:
    """Return an address as it is stored.

    Raises:
        Refusal: It is none.
    """
    try:
        return checked_email(email)
    except SetupError:
        raise Refusal("bad-email") from None


def key_of(email: str) -> str:
    """Return what an address is found by; nothing where it is none."""
    try:
        return email_key(checked_email(email))
    except SetupError:
        return ""


def there(account: Account | None) -> Account:
    """Return the account that a change has left.

    Raises:
        Refusal: It was deleted meanwhile.
    """
    if account is None:
        raise Refusal("gone")
    return account
