"""Accounts: one document somebody, one account a mailbox.

An account that has expired is not there, whether or not the database has looked already.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from pymongo import ReturnDocument
from pymongo.errors import DuplicateKeyError

from voxtrude.accounts import Account, Preferences, Role, email_key
from voxtrude.mongo.client import Database, Document, translated
from voxtrude.mongo.schema import ACCOUNTS, SESSIONS, TICKETS, TOKENS
from voxtrude.mongo.stored import from_document, to_document
from voxtrude.registration import AccountId


class Accounts:
    """The collection of accounts."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._collection = database[ACCOUNTS]

    async def all(self, now: datetime) -> list[Account]:
        """Return all accounts, oldest first."""
        with translated():
            return [
                from_document(Account, document)
                async for document in self._collection.find(_there(now)).sort("created_at", 1)
            ]

    async def count(self, now: datetime, role: Role | None = None) -> int:
        """Return how many accounts there are, or how many with this role."""
        query = {**_there(now), **({"role": role.value} if role else {})}
        with translated():
            return await self._collection.count_documents(query)

    async def get(self, account: AccountId, now: datetime) -> Account | None:
        """Return one account."""
        return await self._one({"_id": account}, now)

    async def find(self, email: str, now: datetime) -> Account | None:
        """Return the account with this address, in whatever case it is written."""
        return await self._one({"key": email_key(email)}, now)

    async def add(self, account: Account, now: datetime) -> bool:
        """Store a new account; return whether its address was free."""
        with translated():
            await self._collection.delete_one(
                {"key": account.key, "expires_at": {"$type": "date", "$lte": now}}
            )
            try:
                await self._collection.insert_one(to_document(account))
            except DuplicateKeyError:
                return False
        return True

    async def renew(self, account: Account, now: datetime) -> Account | None:
        """Let an unconfirmed account begin anew with the same address; None where it is none."""
        fields = to_document(account)
        del fields["_id"]
        return await self._change(
            {"key": account.key, "verified_at": None, "expires_at": {"$gt": now}}, fields
        )

    async def verify(self, account: AccountId, now: datetime) -> Account | None:
        """Note that the address was confirmed: the account stays."""
        query = {"_id": account, **_there(now)}
        return await self._change(query, {"verified_at": now, "expires_at": None})

    async def set_password(
        self, account: AccountId, password: str, *, instead_of: str | None = None
    ) -> Account | None:
        """Replace the hash of the password; ``instead_of``: only where it is still this one."""
        query: Document = {"_id": account}
        if instead_of is not None:
            query["password"] = instead_of
        return await self._change(query, {"password": password})

    async def prefer(self, account: AccountId, preferences: Preferences) -> Account | None:
        """Replace how somebody wants to be told."""
        return await self._change({"_id": account}, {"preferences": preferences.model_dump()})

    async def set_role(self, account: AccountId, role: Role) -> Account | None:
        """Replace what an account may do."""
        return await self._change({"_id": account}, {"role": role.value})

    async def set_totp(self, account: AccountId, totp: str | None, step: int = 0) -> Account | None:
        """Set the second factor (encrypted) and the last code used; None removes it.

        Where there is one already it is not replaced, and None is returned.
        """
        query: Document = {"_id": account, **({"totp": None} if totp else {})}
        return await self._change(query, {"totp": totp, "totp_step": step})

    async def use_step(self, account: AccountId, step: int) -> bool:
        """Note that a code was used; return whether neither it nor a later one was before."""
        return (
            await self._change({"_id": account, "totp_step": {"$lt": step}}, {"totp_step": step})
            is not None
        )

    async def remove(self, account: AccountId) -> None:
        """Delete an account with its sessions, links and tokens; its printers go before.

        The account itself goes last: where the database goes away, its owner can do it again.
        """
        with translated():
            found = await self._collection.find_one({"_id": account}, {"key": 1})
            traces: list[Document] = [{"account": account}]
            if found:
                traces.append({"email": found["key"]})
            await self._database[TICKETS].delete_many({"$or": traces})
            await self._database[TOKENS].delete_many({"account": account})
            await self._database[SESSIONS].delete_many({"account": account})
            await self._collection.delete_one({"_id": account})

    async def _one(self, query: Document, now: datetime) -> Account | None:
        with translated():
            document = await self._collection.find_one({**query, **_there(now)})
        return from_document(Account, document) if document else None

    async def _change(self, query: Document, fields: Mapping[str, Any]) -> Account | None:
        with translated():
            document = await self._collection.find_one_and_update(
                query, {"$set": dict(fields)}, return_document=ReturnDocument.AFTER
            )
        return from_document(Account, document) if document else None


def _there(now: datetime) -> Document:
    return {"$or": [{"expires_at": None}, {"expires_at": {"$gt": now}}]}
