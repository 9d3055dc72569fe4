"""Links and codes that work once: the code goes to a person, its hash stays here."""

import re
import secrets
from datetime import datetime, timedelta

from voxtrude.accounts import Purpose, Ticket, digest, email_key
from voxtrude.mongo.client import Database, Document, translated
from voxtrude.mongo.schema import TICKETS
from voxtrude.mongo.stored import from_document, to_document
from voxtrude.registration import AccountId

LIFETIMES = {
    Purpose.SETUP: timedelta(hours=24),
    Purpose.INVITE: timedelta(days=7),
    Purpose.VERIFY: timedelta(days=7),
    Purpose.RESET: timedelta(hours=1),
    Purpose.FACTOR: timedelta(minutes=5),
}

LINK_BYTES = 32
_LINK = re.compile(r"[A-Za-z0-9_-]{43}")

# Crockford's base 32: no I, L, O and U, so that nothing is mistaken. 20 of them are 100 bits,
# enough for a day at a few tries an hour.
ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
GROUPS, GROUP = 4, 5
_MISREAD = str.maketrans("ILO", "110")
_TYPED = re.compile(f"[{ALPHABET}]{{{GROUPS * GROUP}}}")


class Tickets:
    """The collection of single-use links and codes."""

    def __init__(self, database: Database) -> None:
        self._collection = database[TICKETS]

    async def issue(
        self,
        purpose: Purpose,
        now: datetime,
        *,
        account: AccountId | None = None,
        email: str | None = None,
    ) -> str:
        """Store a new one and return its code. A setup code replaces the one before.

        In a link the code stands after ``/join/``, ``/verify/`` or ``/reset/``.
        """
        if purpose is Purpose.SETUP:
            code = setup_code()
            await self.end(purpose)
        else:
            code = secrets.token_urlsafe(LINK_BYTES)
        ticket = Ticket(
            id=digest(_canonical(purpose, code)),
            purpose=purpose,
            account=account,
            email=email_key(email) if email else None,
            expires_at=now + LIFETIMES[purpose],
        )
        with translated():
            await self._collection.insert_one(to_document(ticket))
        return code

    async def find(self, purpose: Purpose, code: str, now: datetime) -> Ticket | None:
        """Return it without using it up; None where it is unknown, used or expired."""
        query = _query(purpose, code, now)
        if query is None:
            return None
        with translated():
            document = await self._collection.find_one(query)
        return from_document(Ticket, document) if document else None

    async def take(self, purpose: Purpose, code: str, now: datetime) -> Ticket | None:
        """Use it up: of two that come at once, one gets it."""
        query = _query(purpose, code, now)
        if query is None:
            return None
        with translated():
            document = await self._collection.find_one_and_delete(query)
        return from_document(Ticket, document) if document else None

    async def waits(self, purpose: Purpose, now: datetime) -> bool:
        """Tell whether there is one of a purpose."""
        query = {"purpose": purpose.value, "expires_at": {"$gt": now}}
        with translated():
            return await self._collection.find_one(query, {"_id": 1}) is not None

    async def end(self, purpose: Purpose, account: AccountId | None = None) -> None:
        """Delete all of a purpose: an account's, or without an account everybody's."""
        query = {"purpose": purpose.value, **({"account": account} if account else {})}
        with translated():
            await self._collection.delete_many(query)


def setup_code() -> str:
    """Make a code that people can type."""
    groups = ("".join(secrets.choice(ALPHABET) for _ in range(GROUP)) for _ in range(GROUPS))
    return "-".join(groups)


def _query(purpose: Purpose, code: str, now: datetime) -> Document | None:
    canonical = _canonical(purpose, code)
    known = _TYPED if purpose is Purpose.SETUP else _LINK
    if not known.fullmatch(canonical):
        return None
    return {"_id": digest(canonical), "purpose": purpose.value, "expires_at": {"$gt": now}}


def _canonical(purpose: Purpose, code: str) -> str:
    """Return a code as it is hashed: a typed one in whatever case and with whatever dashes."""
    if purpose is not Purpose.SETUP:
        return code
    return re.sub(r"[\s-]+", "", code).upper().translate(_MISREAD)
