"""What charts are drawn from: temperatures and progress, kept for a short time.

A time series of MongoDB: it packs one printer's readings, and lets them expire by itself.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from pymongo import InsertOne, WriteConcern

from voxtrude.mongo.bulk import write
from voxtrude.mongo.client import CODEC, Database, Document, aggregated, translated
from voxtrude.mongo.schema import READINGS
from voxtrude.printer import PrinterId

QUICK = WriteConcern(w=1)
"""A lost reading is a gap in a chart: nobody waits for the disk."""


@dataclass(frozen=True, slots=True)
class Sample:
    """One printer's readings at one moment; each heater's actual and target in degrees Celsius.

    ``progress`` is in percent, and None where there is no job.
    """

    printer: PrinterId
    """Which printer it is."""
    at: datetime
    """When it was read."""
    progress: float | None = None
    """The progress of its print, in percent."""
    heaters: Mapping[str, tuple[float | None, float | None]] = field(default_factory=dict)
    """Each heater's temperature and target."""


class Readings:
    """The time series of samples."""

    def __init__(self, database: Database) -> None:
        self._collection = database.handle.get_collection(
            READINGS, codec_options=CODEC, write_concern=QUICK
        )

    async def save(self, samples: Sequence[Sample]) -> None:
        """Keep these; one that the database does not take is left out.

        Raises:
            LinkError: The database is away.
        """
        await write(self._collection, [InsertOne(_document(one)) for one in samples])

    async def forget(self, printers: Iterable[PrinterId]) -> None:
        """Delete the readings of these printers."""
        with translated():
            await self._collection.delete_many({"printer": {"$in": list(printers)}})

    async def series(
        self, printer: PrinterId, since: datetime, until: datetime, points: int
    ) -> list[Sample]:
        """Return a printer's readings as at most ``points`` samples, oldest first.

        The time is cut into that many equal bins; each that holds readings gives a sample at
        their mean moment, with the mean of what was read and the last of the targets.

        Raises:
            LinkError: The database is away.
        """
        if points < 1 or since >= until:
            return []
        milliseconds = (until - since).total_seconds() * 1000
        pipeline = _pipeline(printer, since, until, milliseconds / points)
        return [
            _from_document(printer, document)
            async for document in aggregated(self._collection, pipeline)
        ]


def _document(sample: Sample) -> Document:
    # A field a heater and value: columns are what a time series packs well. No heater's name
    # has a dot or a dollar sign (services.ingest.octoprint).
    heaters = {
        name: {key: value for key, value in (("a", actual), ("t", target)) if value is not None}
        for name, (actual, target) in sample.heaters.items()
    }
    document: Document = {"at": sample.at, "printer": sample.printer, "heaters": heaters}
    if sample.progress is not None:
        document["progress"] = sample.progress
    return document


def _pipeline(printer: PrinterId, since: datetime, until: datetime, width: float) -> list[Document]:
    """Return what the server does; ``width`` of a bin is in milliseconds."""
    offset = {"$subtract": ["$at", {"$literal": since}]}
    return [
        {"$match": {"printer": {"$eq": printer}, "at": {"$gte": since, "$lt": until}}},
        {"$sort": {"at": 1}},
        {
            "$project": {
                "at": {"$toLong": "$at"},
                "progress": 1,
                "bin": {"$floor": {"$divide": [offset, width]}},
                "heaters": {"$objectToArray": "$heaters"},
            }
        },
        {"$unwind": {"path": "$heaters", "preserveNullAndEmptyArrays": True}},
        {
            "$group": {
                "_id": {"bin": "$bin", "heater": "$heaters.k"},
                "at": {"$avg": "$at"},
                "progress": {"$avg": "$progress"},
                "actual": {"$avg": "$heaters.v.a"},
                "target": {"$last": "$heaters.v.t"},
            }
        },
        {
            "$group": {
                "_id": "$_id.bin",
                "at": {"$avg": "$at"},
                "progress": {"$avg": "$progress"},
                "heaters": {"$push": {"k": "$_id.heater", "a": "$actual", "t": "$target"}},
            }
        },
        {"$sort": {"_id": 1}},
        {"$set": {"at": {"$toDate": "$at"}}},
    ]


def _from_document(printer: PrinterId, document: Document) -> Sample:
    return Sample(
        printer=printer,
        at=document["at"],
        progress=document["progress"],
        heaters={
            one["k"]: (one.get("a"), one.get("t"))
            for one in sorted(document["heaters"], key=lambda each: each.get("k") or "")
            if one.get("k")
        },
    )
