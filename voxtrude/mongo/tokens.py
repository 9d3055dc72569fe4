"""API tokens, by their public part."""

from datetime import datetime

from voxtrude.accounts import Token
from voxtrude.mongo.client import Database, translated
from voxtrude.mongo.schema import TOKENS
from voxtrude.mongo.stored import from_document, to_document
from voxtrude.registration import AccountId


class StoredTokens:
    """The collection of tokens."""

    def __init__(self, database: Database) -> None:
        self._collection = database[TOKENS]

    async def add(self, token: Token) -> None:
        """Store a new one."""
        with translated():
            await self._collection.insert_one(to_document(token))

    async def get(self, token: str, used_after: datetime) -> Token | None:
        """Return one that was used after a moment: others have expired."""
        with translated():
            document = await self._collection.find_one(
                {"_id": token, "used_at": {"$gt": used_after}}
            )
        return from_document(Token, document) if document else None

    async def use(self, token: str, used_at: datetime) -> None:
        """Note that it was used."""
        with translated():
            await self._collection.update_one({"_id": token}, {"$max": {"used_at": used_at}})

    async def of(self, account: AccountId, used_after: datetime) -> list[Token]:
        """Return an account's tokens, oldest first."""
        with translated():
            return [
                from_document(Token, document)
                async for document in self._collection.find(
                    {"account": account, "used_at": {"$gt": used_after}}
                ).sort("created_at", 1)
            ]

    async def remove(self, account: AccountId, token: str) -> bool:
        """Delete one of an account's tokens; return whether there was one."""
        with translated():
            result = await self._collection.delete_one({"_id": token, "account": account})
        return bool(result.deleted_count)
