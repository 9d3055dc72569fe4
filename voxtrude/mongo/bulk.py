"""Writing many documents at once, when some of them may be poison.

An unordered bulk write stores the good ones and names the bad ones. A document that the
driver cannot even encode fails the whole call before anything is sent: then the batch is
halved until the culprit stands alone.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

from bson.errors import BSONError
from pymongo import DeleteMany, InsertOne, ReplaceOne, UpdateOne
from pymongo.errors import BulkWriteError

from voxtrude.errors import LinkError
from voxtrude.mongo.client import NOT_NOW, Collection, Document, translated

Operation: TypeAlias = InsertOne[Document] | ReplaceOne[Document] | UpdateOne | DeleteMany

DUPLICATE = 11000


@dataclass(frozen=True, slots=True)
class Rejection:
    """One document that the database will never take: its place in the batch, and why."""

    index: int
    reason: str


async def write(collection: Collection, operations: Sequence[Operation]) -> list[Rejection]:
    """Write all that can be written; return what cannot.

    Raises:
        LinkError: The database is away, or its answer says nothing about the documents.
        SetupError: It does not let us write.
    """
    if not operations:
        return []
    return await _write(collection, list(enumerate(operations)))


async def _write(
    collection: Collection, operations: list[tuple[int, Operation]]
) -> list[Rejection]:
    try:
        with translated():
            try:
                await collection.bulk_write(
                    [operation for _, operation in operations], ordered=False
                )
            except BulkWriteError as error:
                return await _sort_out(collection, operations, error.details)
    except (BSONError, OverflowError, ValueError, TypeError, RecursionError) as error:
        return await _halve(collection, operations, f"{type(error).__name__}: not storable")
    return []


async def _sort_out(
    collection: Collection,
    operations: list[tuple[int, Operation]],
    details: Any,  # noqa: ANN401  (the driver's untyped answer)
) -> list[Rejection]:
    errors = details.get("writeErrors", [])
    if not errors or any(error["code"] in NOT_NOW for error in errors):
        raise LinkError("the database has not confirmed a write")
    again = [operations[error["index"]] for error in errors if error["code"] == DUPLICATE]
    bad = [
        Rejection(operations[error["index"]][0], f"refused by the database, code {error['code']}")
        for error in errors
        if error["code"] != DUPLICATE
    ]
    # Two upserts of one new document met: the second now finds it. An insert that meets
    # itself was written by an attempt whose answer got lost.
    again = [(index, one) for index, one in again if not isinstance(one, InsertOne)]
    return bad + (await _write(collection, again) if again else [])


async def _halve(
    collection: Collection, operations: list[tuple[int, Operation]], reason: str
) -> list[Rejection]:
    if len(operations) == 1:
        return [Rejection(operations[0][0], reason)]
    middle = len(operations) // 2
    return [
        *await _write(collection, operations[:middle]),
        *await _write(collection, operations[middle:]),
    ]
