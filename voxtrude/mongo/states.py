"""The latest state of each printer: one document a printer, replaced as a whole.

Besides the state a document holds ``applied``: which of the broker's messages are in it
that the broker may send again (see services.ingest.inbox). Both change in one write.
"""

from collections.abc import AsyncIterator, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from itertools import islice
from typing import Any

from pydantic import TypeAdapter, ValidationError
from pymongo import ReplaceOne

from voxtrude.mongo.bulk import Rejection, write
from voxtrude.mongo.client import Database, Document, aggregated, translated
from voxtrude.mongo.schema import STATES
from voxtrude.printer import Link, Origin, PrinterId, PrinterState

VERSION = 1
BATCH = 200  # documents fetched or written at once

_STATE = TypeAdapter(PrinterState)


@dataclass(frozen=True, slots=True)
class Kept:
    """A state with the mark of what is in it."""

    state: PrinterState
    applied: bytes = b""


@dataclass(frozen=True, slots=True)
class Census:
    """How many printers are in each state and presence, and when the last one was heard.

    What was never told is ``unknown``.
    """

    printers: Mapping[tuple[str, str], int]
    seen_at: datetime | None


class States:
    """The collection of latest states."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._collection = database[STATES]

    async def load(self, alive_after: datetime | None = None) -> dict[PrinterId, PrinterState]:
        """Return the states of all printers heard of after ``alive_after``."""
        return {kept.state.printer: kept.state for kept in await self.load_kept(alive_after)}

    async def load_kept(self, alive_after: datetime | None = None) -> list[Kept]:
        """Return states with their marks; one that we cannot read is left out."""
        return [kept async for kept in self.each(alive_after)]

    async def each(self, alive_after: datetime | None = None) -> AsyncIterator[Kept]:
        """Yield the same one by one: a large fleet's are many megabytes."""
        query: Document = (
            {"$or": [{"alive_at": None}, {"alive_at": {"$gt": alive_after}}]} if alive_after else {}
        )
        with translated():
            async for document in self._collection.find(query, batch_size=BATCH):
                if kept := from_document(document):
                    yield kept

    async def get(self, printer: PrinterId) -> PrinterState | None:
        """Return one printer's state."""
        with translated():
            document = await self._collection.find_one({"_id": printer})
        kept = from_document(document) if document else None
        return kept.state if kept else None

    async def some(self, printers: Iterable[PrinterId]) -> dict[PrinterId, PrinterState]:
        """Return the states of these printers, as far as they have one that we can read."""
        with translated():
            found = [
                from_document(document)
                async for document in self._collection.find(
                    {"_id": {"$in": list(printers)}}, batch_size=BATCH
                )
            ]
        return {kept.state.printer: kept.state for kept in found if kept}

    async def save(self, kept: Iterable[Kept]) -> list[Rejection]:
        """Replace what is known of these printers, durably; return what cannot be stored.

        Raises:
            LinkError: The database is away; nothing or a part was written, and writing
                the same again is harmless.
        """
        rejections: list[Rejection] = []
        rest, written = iter(kept), 0
        while documents := [to_document(one) for one in islice(rest, BATCH)]:
            operations = [ReplaceOne({"_id": one["_id"]}, one, upsert=True) for one in documents]
            rejections += [
                Rejection(written + one.index, one.reason)
                for one in await write(self._collection, operations)
            ]
            written += len(documents)
        return rejections

    async def touch(self, now: datetime) -> None:
        """Keep printers alive whose connection we know to stand: an idle one is silent."""
        connected = {
            "state.link.value": Link.CONNECTED.value,
            "state.link.origin": {"$in": [Origin.LIVE.value, Origin.INFERRED.value]},
        }
        with translated():
            await self._collection.update_many(connected, {"$max": {"alive_at": now}})

    async def alive(self, after: datetime) -> dict[PrinterId, datetime]:
        """Return which printers were alive after a moment, and when last."""
        with translated():
            return {
                PrinterId(document["_id"]): document["alive_at"]
                async for document in self._collection.find(
                    {"alive_at": {"$gt": after}}, {"alive_at": 1}, batch_size=BATCH
                )
            }

    async def census(self) -> Census:
        """Count all printers.

        Raises:
            LinkError: The database is away.
        """
        told = {
            "state": {"$ifNull": ["$state.status.value.status", "unknown"]},
            "presence": {"$ifNull": ["$state.presence.value", "unknown"]},
        }
        seen_at = {"$max": "$state.seen_at"}
        counted: Document = {"_id": told, "count": {"$sum": 1}, "seen_at": seen_at}
        groups = [one async for one in aggregated(self._collection, [{"$group": counted}])]
        return Census(
            {(one["_id"]["state"], one["_id"]["presence"]): one["count"] for one in groups},
            max((one["seen_at"] for one in groups if one["seen_at"]), default=None),
        )

    async def forget(self, printers: Iterable[PrinterId]) -> None:
        """Delete the states of these printers."""
        with translated():
            await self._collection.delete_many({"_id": {"$in": list(printers)}})

    async def printers(self) -> set[PrinterId]:
        """Return which printers have a state."""
        with translated():
            return {PrinterId(one) for one in await self._collection.distinct("_id")}


def to_document(kept: Kept) -> Document:
    """Return what is stored."""
    state = kept.state
    stored: dict[str, Any] = _STATE.dump_python(state, exclude_defaults=True)
    del stored["printer"]
    return {
        "_id": state.printer,
        "version": VERSION,
        # None, so without an end of its own, where all we know is from the broker's memory:
        # then it goes with its registration.
        "alive_at": alive_at(state),
        "applied": kept.applied,
        "state": stored,
    }


def alive_at(state: PrinterState) -> datetime | None:
    """Return when the printer last showed life: it spoke, or its connection ended."""
    link = state.link
    moments = [state.seen_at, link.observed_at if link and link.origin is Origin.LIVE else None]
    return max((moment for moment in moments if moment), default=None)


def from_document(document: Document) -> Kept | None:
    """Read a stored state; None where it is of a version that we cannot read."""
    try:
        state = _STATE.validate_python({**document["state"], "printer": document["_id"]})
    except (ValidationError, KeyError, TypeError):
        return None
    return Kept(state, bytes(document.get("applied", b"")))
