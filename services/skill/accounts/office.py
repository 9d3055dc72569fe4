"""The office: everything that can be done with accounts, for pages, the API and upkeep.

Every method may raise Refusal (text for people) and LinkError (the database is away).
"""

from services.skill.accounts.admission import Admission
from services.skill.accounts.desk import there
from services.skill.accounts.entrance import Entrance, FactorAsked
from services.skill.accounts.factor import Totp
from services.skill.accounts.letters import Letter
from services.skill.accounts.recovery import Recovery
from services.skill.accounts.refusals import Refusal
from services.skill.accounts.throttle import FACTOR, LETTERS, LOGIN, VISITS
from voxtrude.accounts import Account, Preferences, Role
from voxtrude.registration import AccountId

__all__ = ["FactorAsked", "Office", "Totp"]


class Office(Admission, Entrance, Recovery):
    """Admission makes accounts, the entrance signs in, recovery changes passwords."""

    async def accounts(self) -> list[Account]:
        """Return all accounts, oldest first."""
        return await self._accounts.all(self._clock())

    async def account(self, account_id: AccountId) -> Account | None:
        """Return one account."""
        return await self._accounts.get(account_id, self._clock())

    async def prefer(self, account: Account, preferences: Preferences) -> Account:
        """Replace how somebody wants to be told."""
        return there(await self._accounts.prefer(account.id, preferences))

    async def appoint(self, account_id: AccountId, role: Role) -> Account:
        """Make somebody an administrator, or a member again.

        Raises:
            Refusal: There is no such account, or it is the last administrator.
        """
        account = there(await self.account(account_id))
        if account.role is Role.ADMIN and role is not Role.ADMIN:
            await self._others_administrate(account)
        return there(await self._accounts.set_role(account.id, role))

    async def drop_totp(self, account_id: AccountId) -> None:
        """Remove the second factor of somebody who has lost it, for an administrator."""
        there(await self._accounts.set_totp(account_id, None))

    async def delete(self, account: Account) -> None:
        """Remove every trace of an account; its printers are removed before.

        Raises:
            Refusal: It is the last administrator, and others are left.
        """
        await self.may_delete(account)
        await self._accounts.remove(account.id)
        await self._throttle.clear(
            (LOGIN, account.key), (LETTERS, account.key), (FACTOR, account.id), (VISITS, account.id)
        )

    async def may_delete(self, account: Account) -> None:
        """Return where an account may be deleted: to be asked before its printers are.

        Raises:
            Refusal: It is the last administrator, and others are left.
        """
        if account.role is Role.ADMIN and await self._accounts.count(self._clock()) > 1:
            await self._others_administrate(account)

    async def count_visit(self, account: Account) -> None:
        """Count one visit to an OctoPrint that an account asks us for.

        Raises:
            Refusal: There were many in a short time.
        """
        await self._throttle.enter((VISITS, account.id))

    async def write(self, account: Account, letter: Letter) -> None:
        """Send somebody a letter.

        Raises:
            LinkError: The mail server has not taken it; Undeliverable: and never will.
        """
        await self._mail.send(account.email, letter.subject, letter.text)

    async def _others_administrate(self, account: Account) -> None:
        everybody = await self.accounts()
        if not any(one.role is Role.ADMIN and one.id != account.id for one in everybody):
            raise Refusal("last-administrator")
