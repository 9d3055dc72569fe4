"""API tokens: ``vxt_<id>_<secret>``, shown once; found by the id, proved by the secret."""

import hmac
import re
import secrets
from collections.abc import Callable, Iterable
from datetime import datetime, timedelta

from services.skill.accounts.refusals import Refusal
from voxtrude.accounts import Account, Scope, Token, digest
from voxtrude.mongo.accounts import Accounts
from voxtrude.mongo.client import Database
from voxtrude.mongo.tokens import StoredTokens

MOST = 50  # of one account
NOTED = timedelta(minutes=1)  # how exactly it is known when one was used last
LONGEST_NAME = 64

_ID_BYTES, _SECRET_BYTES = 8, 32
_PLAIN = re.compile(r"vxt_([0-9a-f]{16})_([A-Za-z0-9_-]{43})")


class Tokens:
    """Makes, finds and removes tokens; ``idle`` is how long an unused one is kept."""

    def __init__(self, database: Database, clock: Callable[[], datetime], idle: timedelta) -> None:
        self._stored = StoredTokens(database)
        self._accounts = Accounts(database)
        self._clock = clock
        self._idle = idle

    async def make(self, account: Account, name: str, scopes: Iterable[Scope]) -> tuple[Token, str]:
        """Make a token; return it with what its owner is shown once.

        Raises:
            Refusal: Its name cannot be, or there are too many.
        """
        name = " ".join(name.split())
        if not name or len(name) > LONGEST_NAME or not name.isprintable():
            raise Refusal("bad-name")
        if len(await self.of(account)) >= MOST:
            raise Refusal("too-many")
        secret, now = secrets.token_urlsafe(_SECRET_BYTES), self._clock()
        token = Token(
            id=secrets.token_hex(_ID_BYTES),
            secret=digest(secret),
            account=account.id,
            name=name,
            scopes=tuple(dict.fromkeys(scopes)),
            created_at=now,
            used_at=now,
        )
        await self._stored.add(token)
        return token, f"vxt_{token.id}_{secret}"

    async def find(self, plain: str) -> tuple[Token, Account] | None:
        """Return which token this is, and whose."""
        parts = _PLAIN.fullmatch(plain)
        if parts is None:
            return None
        now = self._clock()
        token = await self._stored.get(parts[1], now - self._idle)
        if token is None or not hmac.compare_digest(token.secret, digest(parts[2])):
            return None
        account = await self._accounts.get(token.account, now)
        if account is None:
            return None
        if now - token.used_at >= NOTED:
            await self._stored.use(token.id, now)
            token = token.model_copy(update={"used_at": now})
        return token, account

    async def of(self, account: Account) -> list[Token]:
        """Return an account's tokens, oldest first."""
        return await self._stored.of(account.id, self._clock() - self._idle)

    async def remove(self, account: Account, token_id: str) -> bool:
        """Remove one of an account's tokens; return whether there was one."""
        return await self._stored.remove(account.id, token_id)
