"""Counters that start anew after a while; what they count, their keys do not tell."""

from collections.abc import Iterable
from datetime import datetime, timedelta

from pymongo import ReturnDocument
from pymongo.errors import DuplicateKeyError

from voxtrude.accounts import Counter
from voxtrude.errors import LinkError
from voxtrude.mongo.client import Database, Document, translated
from voxtrude.mongo.schema import COUNTERS
from voxtrude.mongo.stored import from_document


class Counters:
    """The collection of counters."""

    def __init__(self, database: Database) -> None:
        self._collection = database[COUNTERS]

    async def add(self, key: str, now: datetime, lasts: timedelta) -> Counter:
        """Count one more, and return the counter; its time runs from the first."""
        # The database looks for expired documents once a minute: until then it is ours to see.
        runs = {"$gt": ["$expires_at", now]}
        change: list[Document] = [
            {
                "$set": {
                    "count": {"$cond": [runs, {"$add": ["$count", 1]}, 1]},
                    "expires_at": {"$cond": [runs, "$expires_at", now + lasts]},
                }
            }
        ]
        with translated():
            try:
                return await self._upsert(key, change)
            except DuplicateKeyError:  # two were the first at once; now it is there
                return await self._upsert(key, change)

    async def take_back(self, key: str) -> None:
        """Count one less."""
        with translated():
            await self._collection.update_one(
                {"_id": key, "count": {"$gt": 0}}, {"$inc": {"count": -1}}
            )

    async def clear(self, keys: Iterable[str]) -> None:
        """Let these start anew."""
        with translated():
            await self._collection.delete_many({"_id": {"$in": list(keys)}})

    async def _upsert(self, key: str, change: list[Document]) -> Counter:
        document = await self._collection.find_one_and_update(
            {"_id": key}, change, upsert=True, return_document=ReturnDocument.AFTER
        )
        if document is None:
            raise LinkError("the database returned no counter")
        return from_document(Counter, document)
