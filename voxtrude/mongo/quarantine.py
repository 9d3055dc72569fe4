"""Messages that we could not read, kept for a while so that somebody can look at them."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from pymongo import InsertOne

from voxtrude.mongo.bulk import write
from voxtrude.mongo.client import Database, Document, translated
from voxtrude.mongo.schema import QUARANTINE
from voxtrude.printer import PrinterId

LIMIT = 50_000
"""More than this is never kept: the oldest go first."""

SAMPLE = 200
MAX_TOPIC = 256
MAX_REASON = 300


@dataclass(frozen=True, slots=True)
class Specimen:
    """One unreadable message; ``sample`` is the beginning of its payload."""

    at: datetime
    """When it came."""
    printer: PrinterId | None
    """Whose topic it came on."""
    topic: str
    """The topic."""
    reason: str
    """Why it could not be read."""
    size: int
    """How many bytes it had."""
    sample: bytes
    """Its first bytes, to find out what was wrong."""


class Quarantine:
    """The collection of unreadable messages, limited in number and in time."""

    def __init__(self, database: Database) -> None:
        self._collection = database[QUARANTINE]
        self._since_trimmed = 0

    async def save(self, specimens: Sequence[Specimen]) -> None:
        """Keep these."""
        await write(self._collection, [InsertOne(_document(one)) for one in specimens])
        self._since_trimmed += len(specimens)
        if self._since_trimmed > LIMIT // 10:
            await self.trim()

    async def trim(self) -> None:
        """Delete the oldest beyond the limit."""
        self._since_trimmed = 0
        with translated():
            newest = self._collection.find({}, {"at": 1}).sort([("at", -1)]).skip(LIMIT).limit(1)
            async for document in newest:
                await self._collection.delete_many({"at": {"$lte": document["at"]}})

    async def latest(self, limit: int = 50, printer: PrinterId | None = None) -> list[Document]:
        """Return the newest, newest first."""
        with translated():
            return [
                document
                async for document in self._collection.find({"printer": printer} if printer else {})
                .sort([("at", -1)])
                .limit(limit)
            ]

    async def count(self) -> int:
        """Return how many are kept."""
        with translated():
            return int(await self._collection.count_documents({}))


def _document(specimen: Specimen) -> Document:
    return {
        "at": specimen.at,
        "printer": specimen.printer,
        "topic": specimen.topic[:MAX_TOPIC].replace("\0", ""),
        "reason": specimen.reason[:MAX_REASON],
        "size": specimen.size,
        "sample": specimen.sample[:SAMPLE],
    }
