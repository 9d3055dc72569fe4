"""The one-node replica set of the native stack, and what a server tells of itself."""

import inspect
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from pymongo import AsyncMongoClient
from pymongo.errors import OperationFailure

from voxtrude.errors import LinkError
from voxtrude.mongo.client import CODEC, Database, Document, translated

NAME = "voxtrude"
TIMEOUT = 2000  # milliseconds

ALREADY_INITIALIZED = 23
NOT_YET_INITIALIZED = 94
NO_REPLICATION_ENABLED = 76


@dataclass(frozen=True, slots=True)
class Server:
    """What a server says of itself; ``replica_set`` None where it is none."""

    version: str
    replica_set: str | None
    is_primary: bool
    clock: datetime


async def initiate(url: str, host: str) -> None:
    """Make the server at ``url`` the only member of a replica set, known as ``host``.

    A server that is one already keeps its data; where it moved to another port, its
    configuration follows. Returns at once: it becomes primary within a second or two.

    Raises:
        LinkError: The server is not there (yet).
        SetupError: It does not let us.
    """
    member: Document = {"_id": 0, "host": host}
    async with _opened(url) as client:
        with translated():
            try:
                answer: Document = await client.admin.command("replSetGetConfig")
            except OperationFailure as error:
                if error.code != NOT_YET_INITIALIZED:
                    raise
                await _initiate(client, {"_id": NAME, "members": [member]})
                return
            config: Document = answer["config"]
            if [one["host"] for one in config["members"]] == [host]:
                return
            # Alone in its set, and not under its own address any more: it can elect nobody
            # until it is told by force.
            config["members"] = [{**config["members"][0], "host": host}]
            config["version"] += 1
            await client.admin.command("replSetReconfig", config, force=True)


async def is_primary(url: str) -> bool:
    """Tell whether the server accepts writes.

    Raises:
        LinkError: It is not there.
    """
    async with _opened(url) as client:
        with translated():
            hello: Document = await client.admin.command("hello")
    return bool(hello.get("isWritablePrimary"))


async def examine(database: Database) -> Server:
    """Ask the server what it is and what time it has.

    Raises:
        LinkError: It is away.
    """
    with translated():
        hello: Document = await database.admin.command("hello", codec_options=CODEC)
        build: Document = await database.admin.command("buildInfo")
    return Server(
        version=build["version"],
        replica_set=hello.get("setName"),
        is_primary=bool(hello.get("isWritablePrimary")),
        clock=hello["localTime"],
    )


async def _initiate(client: "AsyncMongoClient[Document]", config: Document) -> None:
    try:
        await client.admin.command("replSetInitiate", config)
    except OperationFailure as error:
        if error.code == NO_REPLICATION_ENABLED:
            raise LinkError("mongod was started without --replSet") from error
        if error.code != ALREADY_INITIALIZED:
            raise


@asynccontextmanager
async def _opened(url: str) -> "AsyncIterator[AsyncMongoClient[Document]]":
    """Speak with this server, whatever its set says of it."""
    with translated():
        client: Any = AsyncMongoClient(
            url, directConnection=True, serverSelectionTimeoutMS=TIMEOUT, tz_aware=True
        )
    try:
        yield client
    finally:
        closed = client.close()
        if inspect.isawaitable(closed):
            await closed
