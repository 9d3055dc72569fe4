"""The models of ``voxtrude.accounts`` as documents: their ``id`` is the ``_id``."""

from typing import TypeVar

from pydantic import ValidationError

from voxtrude.accounts import Stored
from voxtrude.errors import SetupError
from voxtrude.mongo.client import Document

M = TypeVar("M", bound=Stored)


def to_document(model: Stored) -> Document:
    """Return what is stored."""
    fields = model.model_dump()
    return {"_id": fields.pop("id"), **fields}


def from_document(kind: type[M], document: Document) -> M:
    """Read what is stored.

    Raises:
        SetupError: Something else has written it.
    """
    fields = {**document, "id": document["_id"]}
    try:
        return kind.model_validate(fields)
    except ValidationError as error:
        raise SetupError(
            f"a document of {kind.__name__.lower()}s in the database cannot be read "
            f"({error.error_count()} fields); remove it or restore a backup"
        ) from None
