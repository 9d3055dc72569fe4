"""The account whose token it is."""

import tempfile
from collections.abc import Iterator
from typing import IO, Any

from fastapi import APIRouter
from starlette.background import BackgroundTask
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from services.skill import belongings
from services.skill.api.access import JSON, Exporter, Route
from services.skill.api.documents import AccountDocument
from services.skill.api.problems import COMMON
from services.skill.roles import roles

router = APIRouter(prefix="/api/v1/account", route_class=Route, responses=COMMON, tags=["account"])

IN_MEMORY = 1024 * 1024  # bytes of an export; the rest lies in a file meanwhile
PIECE = 64 * 1024  # bytes

_EXPORT: dict[str, Any] = {
    "type": "object",
    "required": ["exported_at", "account", "sessions", "tokens", "printers"],
    "properties": {
        "exported_at": {"type": "string", "format": "date-time"},
        "account": {"type": "object"},
        **{
            name: {"type": "array", "items": {"type": "object"}}
            for name in ("sessions", "tokens", "printers")
        },
    },
}


@router.get("", summary="Look at the account")
async def account(caller: Exporter) -> AccountDocument:
    """Return the account whose token it is."""
    return AccountDocument.of(caller.account)


@router.get(
    "/export",
    summary="Export everything",
    response_class=StreamingResponse,
    responses={
        200: {"description": "Everything that is kept.", "content": {JSON: {"schema": _EXPORT}}}
    },
)
async def export(request: Request, caller: Exporter) -> Response:
    """Return everything that is kept of the account and of its printers, without secrets."""
    # It is complete before the first byte goes: a database that goes away ends in an error.
    file = tempfile.SpooledTemporaryFile(IN_MEMORY, mode="w+b")  # noqa: SIM115  (closed once it is sent)
    try:
        async for piece in belongings.told(roles(request), caller.account):
            file.write(piece.encode("utf-8", "replace"))
    except BaseException:
        file.close()
        raise
    file.seek(0)
    return StreamingResponse(_pieces(file), media_type=JSON, background=BackgroundTask(file.close))


def _pieces(file: IO[bytes]) -> Iterator[bytes]:
    while piece := file.read(PIECE):
        yield piece
