"""What the broker said of the printers' logins: one document a printer.

One more is of the refused logins that the broker did not name, ``UNNAMED``: Mosquitto 2.0
does not say whose password was wrong.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from itertools import islice
from typing import Literal

from pydantic import ValidationError
from pymongo import UpdateOne

from voxtrude.accounts import Login
from voxtrude.mongo.bulk import write
from voxtrude.mongo.client import Database, Document, translated
from voxtrude.mongo.printers import Printers
from voxtrude.mongo.schema import LOGINS
from voxtrude.printer import PrinterId

EVICTIONS = 5
"""So many of the newest are kept."""

UNNAMED = PrinterId("unnamed")
"""Stands for whoever was refused and not named."""

BATCH = 500  # documents written at once


@dataclass(frozen=True, slots=True)
class Tidings:
    """What the broker has said of one printer since it was last written down.

    ``refusals`` counts; each moment is the newest, ``evicted_at`` has each of them.
    """

    updated_at: datetime
    connected_at: datetime | None = None
    protocol: Literal["3.1", "3.1.1", "5"] | None = None
    disconnected_at: datetime | None = None
    refused_at: datetime | None = None
    refusals: int = 0
    evicted_at: tuple[datetime, ...] = ()


class Logins:
    """The collection of logins."""

    def __init__(self, database: Database) -> None:
        self._collection = database[LOGINS]
        self._printers = Printers(database)

    async def get(self, printer: PrinterId) -> Login | None:
        """Return what is known of one printer."""
        return (await self.some([printer])).get(printer)

    async def unnamed(self) -> Login | None:
        """Return what is known of the refused logins that the broker did not name."""
        return await self.get(UNNAMED)

    async def some(self, printers: Iterable[PrinterId]) -> dict[PrinterId, Login]:
        """Return what is known of these printers, as far as we can read it."""
        found: dict[PrinterId, Login] = {}
        with translated():
            async for document in self._collection.find({"_id": {"$in": list(printers)}}):
                if login := _from_document(document):
                    found[login.printer] = login
        return found

    async def save(self, tidings: Mapping[PrinterId, Tidings]) -> None:
        """Note these; who is not registered is passed over.

        Raises:
            LinkError: The database is away; a part may have been written.
        """
        rest = iter(tidings.items())
        while some := dict(islice(rest, BATCH)):
            await self._save(some)

    async def _save(self, tidings: Mapping[PrinterId, Tidings]) -> None:
        strangers = await self._printers.missing(tidings.keys() - {UNNAMED})
        known = [printer for printer in tidings if printer not in strangers]
        await write(
            self._collection,
            [UpdateOne({"_id": one}, _update(tidings[one]), upsert=True) for one in known],
        )
        # The broker tells of the end of a printer that is being removed, too.
        removed = await self._printers.missing(set(known) - {UNNAMED})
        if removed:
            with translated():
                await self._collection.delete_many({"_id": {"$in": list(removed)}})


def _update(one: Tidings) -> Document:
    moments = {
        "updated_at": one.updated_at,
        "connected_at": one.connected_at,
        "disconnected_at": one.disconnected_at,
        "refused_at": one.refused_at,
    }
    update: Document = {"$max": {name: at for name, at in moments.items() if at}}
    if one.protocol:
        update["$set"] = {"protocol": one.protocol}
    if one.refusals:
        update["$inc"] = {"refusals": one.refusals}
    if one.evicted_at:
        newest = {"$each": list(one.evicted_at), "$slice": -EVICTIONS}
        update["$push"] = {"evicted_at": newest}
    return update


def _from_document(document: Document) -> Login | None:
    try:
        return Login.model_validate({**document, "printer": document["_id"]})
    except ValidationError:
        return None
