"""Signing in: the password, and the second factor where there is one."""

from dataclasses import dataclass, field

from services.skill.accounts import letters
from services.skill.accounts.desk import Desk, key_of, there
from services.skill.accounts.factor import Totp
from services.skill.accounts.refusals import Refusal
from services.skill.accounts.throttle import FACTOR, LOGIN, NETWORK
from voxtrude.accounts import Account, Purpose
from voxtrude.passwords import is_dated


@dataclass(frozen=True, slots=True)
class FactorAsked:
    """The password was right; ``ticket`` goes with the second factor, within 5 minutes."""

    ticket: str = field(repr=False)


class Entrance(Desk):
    """Tells who somebody is."""

    async def sign_in(self, email: str, password: str, network: str) -> Account | FactorAsked:
        """Return whose address and password these are.

        One hash is made whether or not the address is known.

        Raises:
            Refusal: Nobody's, or not yet confirmed, or tried too often.
        """
        key = key_of(email)
        tries = (LOGIN, key), (NETWORK, network)
        await self._throttle.enter(*tries)
        account = await self._accounts.find(email, self._clock()) if key else None
        known = account.password if account else None
        right = await self._passwords.verify(known, password)
        if not right or account is None or known is None:
            raise Refusal("wrong-login")
        await self._throttle.clear((LOGIN, key))
        await self._throttle.take_back(NETWORK, network)
        if account.expires_at is not None:
            raise Refusal("not-verified")
        if is_dated(known):
            again = await self._passwords.hash(password)
            await self._accounts.set_password(account.id, again, instead_of=known)
        if account.totp is None:
            return account
        return FactorAsked(
            await self._tickets.issue(Purpose.FACTOR, self._clock(), account=account.id)
        )

    async def second_factor(self, ticket: str, code: str, network: str) -> Account:
        """Return who gave the password before and now a right code, which works once.

        Raises:
            Refusal: The code is wrong, was used, or too many were tried.
        """
        now = self._clock()
        asked = await self._tickets.find(Purpose.FACTOR, ticket, now)
        account = await self._accounts.get(asked.account, now) if asked and asked.account else None
        if account is None or account.totp is None:
            raise Refusal("expired")
        await self._throttle.enter((FACTOR, account.id), (NETWORK, network))
        secret = self._factor.unseal(account.totp)
        step = self._factor.step(secret, code, now)
        if step is None or not await self._accounts.use_step(account.id, step):
            raise Refusal("wrong-code")
        await self._throttle.clear((FACTOR, account.id))
        await self._throttle.take_back(NETWORK, network)
        if await self._tickets.take(Purpose.FACTOR, ticket, now) is None:
            raise Refusal("expired")
        return account

    async def confirm_password(self, account: Account, password: str, network: str) -> None:
        """Make sure that it is the account's owner who sits there.

        Raises:
            Refusal: It is not, or it was tried too often.
        """
        await self._throttle.enter((LOGIN, account.key), (NETWORK, network))
        if not await self._passwords.verify(account.password, password):
            raise Refusal("wrong-password")
        await self._throttle.clear((LOGIN, account.key))
        await self._throttle.take_back(NETWORK, network)

    async def begin_totp(self, account: Account, secret: str | None = None) -> Totp:
        """Make a second factor, or show it again; it is stored once a code of it is given."""
        return self._factor.begin(account.email, secret)

    async def confirm_totp(self, account: Account, secret: str, code: str) -> None:
        """Ask for the second factor from now on.

        Raises:
            Refusal: The code is not of this secret, or there is a factor already: to replace
                it, the password is asked for first.
        """
        sealed = self._factor.seal(secret)
        step = self._factor.step(secret, code, self._clock())
        if step is None:
            raise Refusal("wrong-code")
        if not await self._accounts.set_totp(account.id, sealed, step):
            raise Refusal("factor-there")
        self._tell(account, letters.factor_changed(self._url, there=True))

    async def remove_totp(self, account: Account, password: str, network: str) -> None:
        """Ask for the password only from now on.

        Raises:
            Refusal: The password is wrong.
        """
        await self.confirm_password(account, password, network)
        there(await self._accounts.set_totp(account.id, None))
        self._tell(account, letters.factor_changed(self._url, there=False))
