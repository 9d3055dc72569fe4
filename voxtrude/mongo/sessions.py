"""Sessions of browsers, by the hash of their cookie."""

from datetime import datetime

from voxtrude.accounts import Session
from voxtrude.mongo.client import Database, Document, translated
from voxtrude.mongo.schema import SESSIONS
from voxtrude.mongo.stored import from_document, to_document
from voxtrude.registration import AccountId


class StoredSessions:
    """The collection of sessions."""

    def __init__(self, database: Database) -> None:
        self._collection = database[SESSIONS]

    async def add(self, session: Session) -> None:
        """Store a new one."""
        with translated():
            await self._collection.insert_one(to_document(session))

    async def get(self, session: str, now: datetime) -> Session | None:
        """Return one that has not ended."""
        with translated():
            document = await self._collection.find_one({"_id": session, "expires_at": {"$gt": now}})
        return from_document(Session, document) if document else None

    async def use(self, session: str, used_at: datetime, expires_at: datetime) -> None:
        """Note that it was used; one that was ended meanwhile stays ended."""
        with translated():
            await self._collection.update_one(
                {"_id": session}, {"$set": {"used_at": used_at, "expires_at": expires_at}}
            )

    async def of(self, account: AccountId, now: datetime) -> list[Session]:
        """Return an account's sessions, the one used last first."""
        with translated():
            return [
                from_document(Session, document)
                async for document in self._collection.find(
                    {"account": account, "expires_at": {"$gt": now}}
                ).sort("used_at", -1)
            ]

    async def remove(self, account: AccountId, session: str) -> bool:
        """End one of an account's sessions; return whether there was one."""
        with translated():
            result = await self._collection.delete_one({"_id": session, "account": account})
        return bool(result.deleted_count)

    async def remove_all(self, account: AccountId, but: str | None = None) -> None:
        """End all of an account's sessions, except perhaps one."""
        query: Document = {"account": account}
        if but is not None:
            query["_id"] = {"$ne": but}
        with translated():
            await self._collection.delete_many(query)
