"""Another password: because it was forgotten, or because its owner wants one."""

from services.skill.accounts import letters
from services.skill.accounts.desk import Desk, key_of, there
from services.skill.accounts.refusals import Refusal
from services.skill.accounts.throttle import FACTOR, LETTERS, LOGIN, REQUESTS
from voxtrude.accounts import Account, Purpose, Session
from voxtrude.registration import AccountId


class Recovery(Desk):
    """Changes passwords."""

    async def forgot(self, email: str, network: str) -> None:
        """Send a link to choose another password, if the address has an account.

        The answer is the same, in the same time, whether it has.

        Raises:
            Refusal: It was asked for too often.
        """
        await self._throttle.enter((REQUESTS, network))
        if self.can_mail:
            self._errands.start(self._remind(email))

    async def reset_code(self, account_id: AccountId) -> str:
        """Make a link's code to choose another password, to hand over in person.

        Raises:
            Refusal: There is no such account.
        """
        account = there(await self._accounts.get(account_id, self._clock()))
        return await self._tickets.issue(Purpose.RESET, self._clock(), account=account.id)

    async def reset(self, code: str, password: str) -> Account:
        """Choose another password and end all sessions. It signs nobody in.

        A second factor stays. The address is confirmed by that the link came there.

        Raises:
            Refusal: The link was used or is too old, or the password is weak.
        """
        ticket = await self._tickets.find(Purpose.RESET, code, self._clock())
        whose = ticket.account if ticket else None
        account = await self._accounts.get(whose, self._clock()) if whose else None
        if account is None:
            raise Refusal("expired")
        await self._strength.check(password, account.email)
        new = await self._passwords.hash(password)
        now = self._clock()
        if await self._tickets.take(Purpose.RESET, code, now) is None:
            raise Refusal("expired")
        there(await self._accounts.set_password(account.id, new))
        await self._end_access(account, None)
        if account.verified_at is None:
            await self._accounts.verify(account.id, now)
        # Whoever guessed before must not keep its owner out.
        await self._throttle.clear((LOGIN, account.key), (FACTOR, account.id))
        self._tell(account, letters.password_changed(self._url))
        return there(await self._accounts.get(account.id, now))

    async def change_password(self, account: Account, old: str, new: str, keep: Session) -> None:
        """Replace the password, and end every session but this one.

        Raises:
            Refusal: The old one is wrong, or the new one weak.
        """
        await self._throttle.enter((LOGIN, account.key))
        if not await self._passwords.verify(account.password, old):
            raise Refusal("wrong-password")
        await self._throttle.clear((LOGIN, account.key))
        await self._strength.check(new, account.email)
        hashed = await self._passwords.hash(new)
        if not await self._accounts.set_password(account.id, hashed, instead_of=account.password):
            raise Refusal("wrong-password")  # somebody was quicker
        await self._end_access(account, keep)
        self._tell(account, letters.password_changed(self._url))

    async def _end_access(self, account: Account, keep: Session | None) -> None:
        """End what the old password has opened. API tokens stay: they have a page of their own."""
        await self.sessions.end_all(account, keep)
        await self._tickets.end(Purpose.RESET, account.id)
        await self._tickets.end(Purpose.FACTOR, account.id)

    async def _remind(self, email: str) -> None:
        now = self._clock()
        account = await self._accounts.find(email, now) if key_of(email) else None
        if account is None or not await self._throttle.allows(LETTERS, account.key):
            return
        code = await self._tickets.issue(Purpose.RESET, now, account=account.id)
        await self._write(account.email, letters.reset(self._url, code))
