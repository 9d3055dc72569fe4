"""Who gets an account: the first administrator, the invited, and whoever signs up."""

from services.skill.accounts import letters
from services.skill.accounts.desk import Desk, address
from services.skill.accounts.refusals import Refusal
from services.skill.accounts.throttle import LETTERS, NETWORK, REQUESTS
from voxtrude.accounts import (
    Account,
    Preferences,
    Purpose,
    Role,
    Ticket,
    email_key,
    new_account_id,
)
from voxtrude.mongo.tickets import LIFETIMES

UNCONFIRMED = LIFETIMES[Purpose.VERIFY]
"""How long an account waits for its address to be confirmed."""


class Admission(Desk):
    """Makes accounts."""

    async def is_new(self) -> bool:
        """Tell whether nobody administrates this installation yet."""
        return not await self._accounts.count(self._clock(), Role.ADMIN)

    async def setup_code(self) -> str:
        """Make the code of the first administrator; the one before is worth nothing now."""
        return await self._tickets.issue(Purpose.SETUP, self._clock())

    async def set_up(
        self, code: str, email: str, password: str, preferences: Preferences, *, network: str = ""
    ) -> Account:
        """Make the first administrator.

        Raises:
            Refusal: The code is wrong, the password weak, or somebody was quicker.
        """
        await self._throttle.enter((NETWORK, network))
        if await self._tickets.find(Purpose.SETUP, code, self._clock()) is None:
            raise Refusal("wrong-code")
        await self._throttle.take_back(NETWORK, network)
        made = await self._made(email, password, preferences, Role.ADMIN)
        now = self._clock()
        if await self._accounts.find(made.email, now):
            raise Refusal("taken")
        if not await self.is_new() or not await self._tickets.take(Purpose.SETUP, code, now):
            raise Refusal("expired")
        if not await self._accounts.add(made, now):
            raise Refusal("taken")
        return made

    async def sign_up(
        self,
        email: str,
        password: str,
        preferences: Preferences,
        *,
        invite: str | None,
        network: str,
    ) -> Account | None:
        """Make an account; None: a letter was sent, and says how to go on.

        With mail the answer is the same, in the same time, whether or not the address has an
        account. Without, nobody can be written to, and a known address is ``taken``.

        Raises:
            Refusal: Not here, not with this invitation, or not with this password.
        """
        await self._throttle.enter((REQUESTS, network))
        welcome = self.sign_up_mode == "open" or (invite and self.sign_up_mode == "invite")
        if not welcome or await self.is_new():
            raise Refusal("closed")
        ticket = await self.invitation(invite) if invite else None
        if ticket and ticket.email not in {None, email_key(email)}:
            raise Refusal("other-address")
        made = await self._made(email, password, preferences, Role.MEMBER)
        # Whoever invited an address knows whose it is.
        if not self.can_mail or (ticket and ticket.email):
            return await self._admit(made, invite)
        if invite:
            await self._use(invite)
        waiting = made.model_copy(update={"expires_at": self._clock() + UNCONFIRMED})
        self._errands.start(self._ask_to_confirm(waiting))
        return None

    async def invite(self, email: str | None) -> str:
        """Make a link's code that lets one person in, perhaps only with this address.

        Raises:
            Refusal: Nobody is let in here, or the address has an account.
        """
        if self.sign_up_mode == "off":
            raise Refusal("closed")
        now = self._clock()
        if email is None:
            return await self._tickets.issue(Purpose.INVITE, now)
        email = address(email)
        if await self._accounts.find(email, now):
            raise Refusal("taken")
        if self.can_mail:
            await self._throttle.enter((LETTERS, email_key(email)))
        code = await self._tickets.issue(Purpose.INVITE, now, email=email)
        if self.can_mail:
            self._errands.start(self._write(email, letters.invitation(self._url, code)))
        return code

    async def invitation(self, code: str) -> Ticket:
        """Return an invitation without using it up.

        Raises:
            Refusal: It was used, or it is too old.
        """
        ticket = await self._tickets.find(Purpose.INVITE, code, self._clock())
        if ticket is None:
            raise Refusal("expired")
        return ticket

    async def verify(self, code: str) -> Account:
        """Confirm an address. It signs nobody in: that needs the password.

        Raises:
            Refusal: The link was used, or it is too old.
        """
        now = self._clock()
        ticket = await self._tickets.take(Purpose.VERIFY, code, now)
        whose = ticket.account if ticket else None
        found = await self._accounts.verify(whose, now) if whose else None
        if found is None:
            raise Refusal("expired")
        return found

    async def _made(
        self, email: str, password: str, preferences: Preferences, role: Role
    ) -> Account:
        email = address(email)
        await self._strength.check(password, email)
        return Account(
            id=new_account_id(),
            email=email,
            key=email_key(email),
            password=await self._passwords.hash(password),
            role=role,
            created_at=self._clock(),
            preferences=preferences,
        )

    async def _admit(self, made: Account, invite: str | None) -> Account:
        now = self._clock()
        known = await self._accounts.find(made.email, now)
        if known and known.expires_at is None:
            raise Refusal("taken")
        if invite:
            await self._use(invite)
        if await self._accounts.add(made, now):
            return made
        # Somebody signed up with this address before, and never confirmed it.
        renewed = await self._accounts.renew(made, now)
        if renewed is None:
            raise Refusal("taken")
        await self._tickets.end(Purpose.VERIFY, renewed.id)
        return renewed

    async def _use(self, invite: str) -> None:
        if await self._tickets.take(Purpose.INVITE, invite, self._clock()) is None:
            raise Refusal("expired")

    async def _ask_to_confirm(self, waiting: Account) -> None:
        """Keep an account until its address is confirmed, and write there."""
        if not await self._throttle.allows(LETTERS, waiting.key):
            return
        now = self._clock()
        found: Account | None = waiting
        if not await self._accounts.add(waiting, now):
            # The last one who signed up wins: a link of an earlier letter is worth nothing,
            # so nobody confirms an address for somebody else's password.
            found = await self._accounts.renew(waiting, now)
        if found is None:
            await self._write(waiting.email, letters.known(self._url))
            return
        await self._tickets.end(Purpose.VERIFY, found.id)
        code = await self._tickets.issue(Purpose.VERIFY, now, account=found.id)
        await self._write(found.email, letters.confirm(self._url, code))
