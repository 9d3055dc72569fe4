"""The database's documents as files, and back: BSON as the server sends it.

Indexes and validators are no part of it: ``migrate`` makes them. Memory is bounded by a
batch, whatever the size of a collection.
"""

from typing import IO, Any

from bson import decode_file_iter
from bson.codec_options import CodecOptions
from bson.errors import BSONError
from bson.raw_bson import RawBSONDocument
from pymongo.errors import BulkWriteError

from voxtrude.errors import LinkError, SetupError
from voxtrude.mongo.client import Database, translated
from voxtrude.mongo.schema import (
    ACCOUNTS,
    ANNOUNCED,
    JOBS,
    META,
    PRINTERS,
    QUARANTINE,
    STATES,
    TOKENS,
    UNKNOWN,
)

COLLECTIONS = (PRINTERS, STATES, JOBS, QUARANTINE, UNKNOWN, ANNOUNCED, META, ACCOUNTS, TOKENS)
"""Not sessions, single-use links and counters: whoever was signed in signs in again."""

BATCH = 500

_RAW: CodecOptions[RawBSONDocument] = CodecOptions(document_class=RawBSONDocument)


async def dump(database: Database, collection: str, file: IO[bytes]) -> int:
    """Write a collection's documents to ``file``; return how many bytes they are.

    Raises:
        LinkError: The database went away.
    """
    size = 0
    with translated():
        batches: Any = database[collection].find_raw_batches({})
        async for batch in batches:
            size += file.write(batch)
    return size


async def load(database: Database, collection: str, file: IO[bytes]) -> int:
    """Insert the documents in ``file``; return how many.

    Raises:
        SetupError: The file is damaged, or holds what this version does not take.
        LinkError: The database went away.
    """
    target: Any = database[collection]
    count = 0
    batch: list[RawBSONDocument] = []

    async def insert() -> None:
        with translated():
            try:
                await target.insert_many(batch)
            except BulkWriteError as error:
                raise _refused(collection, error) from None

    try:
        for document in decode_file_iter(file, _RAW):
            batch.append(document)
            if len(batch) == BATCH:
                await insert()
                count += len(batch)
                batch = []
        if batch:
            await insert()
    except BSONError as error:
        raise SetupError(f"the backup of {collection} is damaged: {error}") from None
    if collection == STATES:
        # These marks are about messages of a broker that this one is not.
        with translated():
            await target.update_many({}, {"$unset": {"applied": ""}})
    return count + len(batch)


async def is_empty(database: Database) -> bool:
    """Tell whether nothing of worth is stored."""
    with translated():
        for name in (PRINTERS, STATES, JOBS, ACCOUNTS):
            if await database[name].find_one({}, {"_id": 1}) is not None:
                return False
    return True


async def clear(database: Database) -> None:
    """Delete every document; collections and indexes stay."""
    with translated():
        for name in COLLECTIONS:
            await database[name].delete_many({})


def _refused(collection: str, error: BulkWriteError) -> Exception:
    errors = error.details.get("writeErrors", [])
    if not errors:
        return LinkError("the database has not confirmed a write")
    return SetupError(
        f"the database refuses a document of {collection} in the backup (code {errors[0]['code']})"
    )
