"""Printers that publish and are not registered: shown, so that somebody can add them.

Nothing of what they say is kept but that they speak, and under which base topic.
"""

from collections.abc import Mapping
from datetime import datetime

from pymongo import UpdateOne

from voxtrude.mongo.bulk import write
from voxtrude.mongo.client import Database, Document, translated
from voxtrude.mongo.schema import UNKNOWN

LIMIT = 1000


class UnknownPrinters:
    """The collection of unregistered base topics, limited in number and in time."""

    def __init__(self, database: Database) -> None:
        self._collection = database[UNKNOWN]

    async def save(self, seen: Mapping[str, datetime]) -> None:
        """Note when each base topic was last heard."""
        await write(
            self._collection,
            [
                UpdateOne(
                    {"_id": base},
                    {"$set": {"seen_at": at}, "$setOnInsert": {"first_seen_at": at}},
                    upsert=True,
                )
                for base, at in seen.items()
            ],
        )

    async def trim(self) -> None:
        """Delete the oldest beyond the limit."""
        with translated():
            oldest = (
                self._collection.find({}, {"seen_at": 1})
                .sort([("seen_at", -1)])
                .skip(LIMIT)
                .limit(1)
            )
            async for document in oldest:
                await self._collection.delete_many({"seen_at": {"$lte": document["seen_at"]}})

    async def forget(self, base: str) -> None:
        """Delete one, since it is registered now."""
        with translated():
            await self._collection.delete_one({"_id": base})

    async def get(self, base: str) -> Document | None:
        """Return when a base topic was heard: ``first_seen_at`` and ``seen_at``."""
        with translated():
            return await self._collection.find_one({"_id": base})

    async def latest(self, limit: int = 50) -> list[Document]:
        """Return the newest, newest first."""
        with translated():
            return [
                document
                async for document in self._collection.find().sort([("seen_at", -1)]).limit(limit)
            ]
