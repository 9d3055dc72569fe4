"""What the pipeline keeps about itself: its heartbeat, and what it has announced."""

from collections.abc import Iterable
from datetime import datetime

from pymongo import UpdateOne

from voxtrude.mongo.bulk import write
from voxtrude.mongo.client import Database, translated
from voxtrude.mongo.schema import ANNOUNCED, META
from voxtrude.printer import PrinterId


class Heartbeat:
    """When ingest last ran: printers are not blamed for a silence that was ours."""

    def __init__(self, database: Database) -> None:
        self._collection = database[META]

    async def beat(self, now: datetime) -> None:
        """Note that ingest runs."""
        with translated():
            await self._collection.update_one(
                {"_id": "ingest"}, {"$set": {"alive_at": now}}, upsert=True
            )


class Announced:
    """For which printers the broker may hold a retained announcement of ours.

    It outlives the registration, which a TTL index may delete while nobody looks.
    """

    def __init__(self, database: Database) -> None:
        self._collection = database[ANNOUNCED]

    async def load(self) -> set[PrinterId]:
        """Return all of them."""
        with translated():
            return {PrinterId(document["_id"]) async for document in self._collection.find()}

    async def add(self, printers: Iterable[PrinterId]) -> None:
        """Note that these are about to be announced."""
        await write(
            self._collection,
            [
                UpdateOne({"_id": printer}, {"$setOnInsert": {"_id": printer}}, upsert=True)
                for printer in printers
            ],
        )

    async def remove(self, printers: Iterable[PrinterId]) -> None:
        """Note that these announcements were cleared."""
        with translated():
            await self._collection.delete_many({"_id": {"$in": list(printers)}})
