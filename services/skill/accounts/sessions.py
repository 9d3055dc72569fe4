"""Browsers that are signed in: the cookie is a random number, its hash is what is stored."""

import re
import secrets
from collections.abc import Callable
from datetime import datetime, timedelta

from voxtrude.accounts import Account, Session, digest
from voxtrude.mongo.accounts import Accounts
from voxtrude.mongo.client import Database
from voxtrude.mongo.sessions import StoredSessions

IDLE = timedelta(days=30)  # a session ends when it was not used for so long
LONGEST = timedelta(days=180)  # and then in any case
NOTED = timedelta(minutes=1)  # how exactly it is known when it was used last
MOST = 100  # of one account; with more the one that was used longest ago ends

COOKIE_BYTES = 32
_COOKIE = re.compile(r"[A-Za-z0-9_-]{43}")
_DEVICE = 100  # characters


class Sessions:
    """Opens, finds and ends sessions."""

    def __init__(self, database: Database, clock: Callable[[], datetime]) -> None:
        self._stored = StoredSessions(database)
        self._accounts = Accounts(database)
        self._clock = clock

    async def open(self, account: Account, device: str, network: str) -> str:
        """Begin a session and return its cookie: always a new one."""
        cookie = secrets.token_urlsafe(COOKIE_BYTES)
        now = self._clock()
        known = await self._stored.of(account.id, now)
        for oldest in known[MOST - 1 :]:
            await self._stored.remove(account.id, oldest.id)
        await self._stored.add(
            Session(
                id=digest(cookie),
                account=account.id,
                created_at=now,
                used_at=now,
                expires_at=now + IDLE,
                device="".join(one for one in device if one.isprintable())[:_DEVICE],
                network=network,
            )
        )
        return cookie

    async def find(self, cookie: str) -> tuple[Session, Account] | None:
        """Return whose session a cookie is; it is extended as it is used."""
        if not _COOKIE.fullmatch(cookie):
            return None
        now = self._clock()
        session = await self._stored.get(digest(cookie), now)
        account = await self._accounts.get(session.account, now) if session else None
        if session is None or account is None:
            return None
        if now - session.used_at >= NOTED:
            ends = min(now + IDLE, session.created_at + LONGEST)
            await self._stored.use(session.id, now, ends)
            session = session.model_copy(update={"used_at": now, "expires_at": ends})
        return session, account

    async def stands(self, session: Session) -> bool:
        """Tell whether a session has not ended; it is not extended by that."""
        return await self._stored.get(session.id, self._clock()) is not None

    async def of(self, account: Account) -> list[Session]:
        """Return an account's sessions, the one used last first."""
        return await self._stored.of(account.id, self._clock())

    async def end(self, account: Account, session_id: str) -> bool:
        """End one of an account's sessions; return whether there was one."""
        return await self._stored.remove(account.id, session_id)

    async def end_all(self, account: Account, but: Session | None) -> None:
        """End all of an account's sessions, except perhaps the one that asks for it."""
        await self._stored.remove_all(account.id, but.id if but else None)
