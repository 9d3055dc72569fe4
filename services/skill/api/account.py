"""The account whose token it is."""

from typing import Any

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from services.skill import belongings
from services.skill.api.access import JSON, Exporter, Route
from services.skill.api.documents import AccountDocument
from services.skill.api.problems import COMMON
from services.skill.roles import roles
from services.skill.web.downloads import spooled

router = APIRouter(prefix="/api/v1/account", route_class=Route, responses=COMMON, tags=["account"])

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
    return await spooled(belongings.told(roles(request), caller.account))
