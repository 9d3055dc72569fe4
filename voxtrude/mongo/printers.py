"""Registrations: which printers there are, and whether the broker lets them in."""

from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import asdict
from datetime import datetime
from itertools import islice

from pydantic import TypeAdapter, ValidationError
from pymongo import UpdateOne
from pymongo.errors import DuplicateKeyError

from voxtrude.credentials import Credential
from voxtrude.errors import SetupError
from voxtrude.mongo.bulk import write
from voxtrude.mongo.client import Database, Document, aggregated, translated
from voxtrude.mongo.schema import JOBS, LOGINS, PRINTERS, QUARANTINE, READINGS, STATES
from voxtrude.printer import PrinterId
from voxtrude.registration import AccountId, Factory, Identification, Registration, Standing

BATCH = 500  # documents fetched or written at once

_REGISTRATION = TypeAdapter(Registration)


class Printers:
    """The collection of registrations."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._collection = database[PRINTERS]

    async def registrations(self, alive_after: datetime | None = None) -> list[Registration]:
        """Return all registrations, oldest first; with a moment, only those not yet expired."""
        return [registration async for registration in self.each(alive_after)]

    async def each(self, alive_after: datetime | None = None) -> AsyncIterator[Registration]:
        """Yield the same one by one: a large fleet's are many megabytes."""
        query: Document = (
            {"$or": [{"alive_at": None}, {"alive_at": {"$gt": alive_after}}]} if alive_after else {}
        )
        with translated():
            found = self._collection.find(query, batch_size=BATCH).sort("created_at", 1)
            async for document in found:
                yield _from_document(document)

    async def get(self, printer: PrinterId) -> Registration | None:
        """Return one registration."""
        with translated():
            document = await self._collection.find_one({"_id": printer})
        return _from_document(document) if document else None

    async def owned(self, reach: Sequence[AccountId | None]) -> list[Registration]:
        """Return the printers of these owners (None: of nobody), oldest first."""
        with translated():
            return [
                _from_document(document)
                async for document in self._collection.find(
                    {"owner": {"$in": list(reach)}}, batch_size=BATCH
                ).sort("created_at", 1)
            ]

    async def owned_one(
        self, printer: PrinterId, reach: Sequence[AccountId | None]
    ) -> Registration | None:
        """Return one of these owners' printers; None where it is another's, or is not."""
        with translated():
            document = await self._collection.find_one(
                {"_id": printer, "owner": {"$in": list(reach)}}
            )
        return _from_document(document) if document else None

    async def count(self, owner: AccountId) -> int:
        """Return how many printers an account has."""
        with translated():
            return await self._collection.count_documents({"owner": owner})

    async def counts(self) -> dict[AccountId | None, int]:
        """Return how many printers each account has; None stands for those of nobody."""
        group: Document = {"_id": "$owner", "count": {"$sum": 1}}
        return {
            one["_id"]: one["count"]
            async for one in aggregated(self._collection, [{"$group": group}])
        }

    async def give(self, printer: PrinterId, owner: AccountId | None) -> None:
        """Give a printer to an account, or to the installation."""
        await self._set(printer, {"owner": owner})

    async def keep(self, printer: PrinterId, alive_at: datetime | None) -> None:
        """Keep a registration for ever (None), or again until it was silent for too long."""
        await self._set(printer, {"alive_at": alive_at})

    async def kept(self) -> set[PrinterId]:
        """Return the printers that are kept for ever."""
        with translated():
            found = self._collection.find({"alive_at": None}, {"_id": 1}, batch_size=BATCH)
            return {PrinterId(document["_id"]) async for document in found}

    async def find(self, name_or_id: str) -> Registration:
        """Return the registration with this id, or with this name if only one has it.

        Raises:
            SetupError: There is none, or the name is ambiguous.
        """
        with translated():
            found = [
                _from_document(document)
                async for document in self._collection.find(
                    {"$or": [{"_id": name_or_id}, {"name": name_or_id}]}
                )
            ]
        if not found:
            raise SetupError(f"there is no printer {name_or_id!r}; see `voxtrude printer list`")
        if len(found) > 1:
            ids = ", ".join(registration.id for registration in found)
            raise SetupError(f"{len(found)} printers are called {name_or_id!r}: say which of {ids}")
        return found[0]

    async def add(self, registration: Registration) -> None:
        """Store a new registration.

        Raises:
            SetupError: Its base topic belongs to another printer.
        """
        document = asdict(registration)
        document["_id"] = document.pop("id")
        document["standing"] = registration.standing.value
        with translated():
            try:
                await self._collection.insert_one(document)
            except DuplicateKeyError:
                raise SetupError(
                    f"the base topic {registration.base_topic} belongs to another printer"
                ) from None

    async def rename(self, printer: PrinterId, name: str) -> None:
        """Give a printer another name; its id, topics and history stay."""
        await self._set(printer, {"name": name})

    async def identify(self, printer: PrinterId, identification: Identification) -> None:
        """Replace what stands on a machine's plate."""
        await self._set(printer, {"identification": asdict(identification)})

    async def place(self, printer: PrinterId, factory: Factory) -> None:
        """Replace where a machine stands on a factory floor.

        Raises:
            SetupError: Another machine is served on that port.
        """
        if factory.opcua_port is not None:
            with translated():
                other = await self._collection.find_one(
                    {"factory.opcua_port": factory.opcua_port, "_id": {"$ne": printer}}
                )
            if other:
                raise SetupError(f"port {factory.opcua_port} belongs to {other['name']!r}")
        await self._set(printer, {"factory": asdict(factory)})

    async def rotate(self, printer: PrinterId, credential: Credential) -> None:
        """Replace a printer's secret."""
        await self._set(printer, {"credential": asdict(credential)})

    async def set_standing(self, printer: PrinterId, standing: Standing) -> None:
        """Note how the printer stands with the broker."""
        await self._set(printer, {"standing": standing.value})

    async def remove(self, printer: PrinterId) -> None:
        """Delete a registration and everything that was kept of the printer."""
        with translated():
            await self._collection.delete_one({"_id": printer})
            await self._database[STATES].delete_one({"_id": printer})
            await self._database[JOBS].delete_many({"printer": printer})
            await self._database[QUARANTINE].delete_many({"printer": printer})
            await self._database[LOGINS].delete_one({"_id": printer})
            await self._database[READINGS].delete_many({"printer": printer})

    async def touch(self, alive: Mapping[PrinterId, datetime]) -> None:
        """Note when each printer was last alive; a registration that is kept stays kept."""
        moments = iter(alive.items())
        while some := list(islice(moments, BATCH)):
            await write(
                self._collection,
                [
                    UpdateOne(
                        {"_id": printer, "alive_at": {"$type": "date", "$lt": at}},
                        {"$set": {"alive_at": at}},
                    )
                    for printer, at in some
                ],
            )

    async def silent(self, since: datetime) -> list[Registration]:
        """Return owned printers silent since then whose owner was not warned of it, oldest first.

        One that is kept for ever is never silent.
        """
        query: Document = {
            "owner": {"$type": "string"},
            "alive_at": {"$type": "date", "$lte": since},
            # Whoever was warned of an earlier silence is warned of this one, too.
            "$expr": {"$lte": [{"$ifNull": ["$warned_at", None]}, "$alive_at"]},
        }
        with translated():
            return [
                _from_document(document)
                async for document in self._collection.find(query, batch_size=BATCH).sort(
                    "alive_at", 1
                )
            ]

    async def note_warned(self, printers: Iterable[PrinterId], now: datetime) -> None:
        """Note that their owner was warned; nothing else changes."""
        with translated():
            await self._collection.update_many(
                {"_id": {"$in": list(printers)}}, {"$set": {"warned_at": now}}
            )

    @asynccontextmanager
    async def changes(self) -> AsyncIterator[AsyncIterator[PrinterId]]:
        """Follow registrations: yield the printer that was added, changed or removed.

        Open it before ``registrations`` is read, and nothing is missed.
        """
        # That a printer is alive is noted each minute, for all of them.
        untouched: Document = {
            f"updateDescription.updatedFields.{field}": {"$exists": False}
            for field in ("alive_at", "warned_at")
        }
        # Not as $nor of two: MongoDB 6.0 rewrites that into an empty one, and fails.
        pipeline: list[Document] = [
            {"$match": {"$or": [{"operationType": {"$ne": "update"}}, untouched]}},
            {"$project": {"documentKey": 1}},
        ]
        async with self._database.watch(PRINTERS, pipeline) as stream:

            async def printers() -> AsyncIterator[PrinterId]:
                with translated():
                    async for change in stream:
                        if "documentKey" in change:
                            yield PrinterId(change["documentKey"]["_id"])

            yield printers()

    async def _set(self, printer: PrinterId, fields: Document) -> None:
        with translated():
            result = await self._collection.update_one({"_id": printer}, {"$set": fields})
        if not result.matched_count:
            raise SetupError(f"there is no printer {printer!r}; see `voxtrude printer list`")

    async def missing(self, printers: Iterable[PrinterId]) -> set[PrinterId]:
        """Return which of these are not registered (any more)."""
        wanted = set(printers)
        with translated():
            found = [
                document["_id"]
                async for document in self._collection.find(
                    {"_id": {"$in": list(wanted)}}, {"_id": 1}
                )
            ]
        return wanted - set(found)


def _from_document(document: Document) -> Registration:
    fields = {**document, "id": document["_id"]}
    del fields["_id"]
    try:
        return _REGISTRATION.validate_python(fields)
    except ValidationError as error:
        raise SetupError(
            f"the registration {document['_id']} in the database cannot be read "
            f"({error.error_count()} fields); remove it or restore a backup"
        ) from None
