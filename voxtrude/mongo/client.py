"""Opening the database, and the map from the driver's errors to ours."""

import inspect
from collections.abc import AsyncIterable, AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from datetime import UTC, timedelta
from typing import Any, TypeAlias, cast

from bson.codec_options import CodecOptions, TypeRegistry
from motor.motor_asyncio import AsyncIOMotorClient
from pymongo import AsyncMongoClient, WriteConcern
from pymongo.asynchronous.change_stream import AsyncCollectionChangeStream
from pymongo.asynchronous.collection import AsyncCollection
from pymongo.asynchronous.database import AsyncDatabase
from pymongo.errors import (
    AutoReconnect,
    ConfigurationError,
    ConnectionFailure,
    InvalidURI,
    OperationFailure,
    PyMongoError,
    ServerSelectionTimeoutError,
    WaitQueueTimeoutError,
    WriteConcernError,
)

from voxtrude.errors import LinkError, SetupError
from voxtrude.settings import Mongo

Document: TypeAlias = dict[str, Any]
Collection: TypeAlias = AsyncCollection[Document]
ChangeStream: TypeAlias = AsyncCollectionChangeStream[Document]

AWAY = (
    AutoReconnect,
    ConnectionFailure,
    ServerSelectionTimeoutError,
    WaitQueueTimeoutError,
    WriteConcernError,
)

NOT_NOW = frozenset({11600, 11602, 91, 189, 10107, 13435, 13436, 64, 50, 262, 317, 136, 237})
"""Codes of a server that shuts down, steps down or runs out of time: the same works later."""

NOT_ALLOWED = frozenset({13, 18})  # Unauthorized, AuthenticationFailed

TIMEOUT = timedelta(seconds=5)


def _plain(value: Any) -> Any:  # noqa: ANN401  (the driver asks for whatever it cannot write)
    if isinstance(value, timedelta):
        return value.total_seconds()
    raise TypeError(f"MongoDB has no type for {type(value).__name__}")


CODEC: CodecOptions[Document] = CodecOptions(
    tz_aware=True, tzinfo=UTC, type_registry=TypeRegistry(fallback_encoder=_plain)
)
"""Dates are aware and in UTC; durations are seconds."""

DURABLE = WriteConcern(w="majority", j=True)
"""A write that was confirmed survives the death of the server."""


@dataclass(frozen=True, slots=True)
class Database:
    """The open database."""

    handle: AsyncDatabase[Document]
    admin: AsyncDatabase[Document]
    driver: str

    def __getitem__(self, name: str) -> Collection:
        """Return a collection whose writes are durable once they are confirmed."""
        return self.handle.get_collection(name, codec_options=CODEC, write_concern=DURABLE)

    @asynccontextmanager
    async def watch(self, name: str, pipeline: list[Document]) -> AsyncIterator[ChangeStream]:
        """Follow changes of a collection; the drivers differ in when they connect."""
        with translated():
            opened: Any = self[name].watch(pipeline)
            stream: ChangeStream = await opened if inspect.isawaitable(opened) else opened
            async with stream:
                yield stream


async def aggregated(collection: Collection, pipeline: list[Document]) -> AsyncIterator[Document]:
    """Yield what an aggregation returns; the drivers differ in when they ask.

    Raises:
        LinkError: The database is away.
    """
    with translated():
        opened: Any = collection.aggregate(pipeline)
        found = await opened if inspect.isawaitable(opened) else opened
        async for document in cast("AsyncIterable[Document]", found):
            yield document


@contextmanager
def translated() -> Iterator[None]:
    """Let no error of the driver out."""
    try:
        yield
    except (InvalidURI, ConfigurationError) as error:
        raise SetupError(f"VOXTRUDE_MONGO_URL: {error}") from error
    except AWAY as error:
        raise LinkError(f"the database is away: {_brief(error)}") from error
    except OperationFailure as error:
        if error.code in NOT_ALLOWED:
            raise SetupError(
                f"VOXTRUDE_MONGO_URL: the database refused us: {_brief(error)}"
            ) from error
        raise LinkError(f"the database failed: {_brief(error)}") from error
    except PyMongoError as error:
        raise LinkError(f"the database failed: {_brief(error)}") from error


def _brief(error: Exception) -> str:
    """Return the first sentence; the driver appends its view of the whole topology."""
    return (
        str(error).split(", full error")[0].split(" (configured timeouts")[0].split(", Timeout:")[0]
    )


@asynccontextmanager
async def connect(settings: Mongo, *, patient: bool = False) -> AsyncIterator[Database]:
    """Open the database; ``patient`` does not ask whether it is there.

    Raises:
        LinkError: It is not there.
        SetupError: The URL or its credentials are wrong.
    """
    limit = int(TIMEOUT.total_seconds() * 1000)
    options: Document = {
        "tz_aware": True,
        "serverSelectionTimeoutMS": limit,
        "connectTimeoutMS": limit,
        # People wait for a page; a service has time.
        "socketTimeoutMS": limit if patient else 4 * limit,
        "appname": "voxtrude",
    }
    url = settings.url.get_secret_value()
    with translated():
        try:
            client: Any = (
                AsyncIOMotorClient(url, **options)
                if settings.driver == "motor"
                else AsyncMongoClient(url, **options)
            )
        except ValueError as error:  # a port that is no number is no InvalidURI to the driver
            raise SetupError(f"VOXTRUDE_MONGO_URL: {error}") from None
    try:
        if not patient:
            with translated():
                await client.admin.command("ping")
        yield Database(
            handle=cast("AsyncDatabase[Document]", client[settings.database]),
            admin=cast("AsyncDatabase[Document]", client["admin"]),
            driver=settings.driver,
        )
    finally:
        closed = client.close()
        if inspect.isawaitable(closed):
            await closed
