"""Live changes for programs, as server-sent events."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing, suppress
from typing import Annotated, Any

from fastapi import APIRouter, HTTPException, Query
from fastapi.sse import format_sse_event
from pydantic import BaseModel
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from services.skill.api.access import EVENTS, JSON, Caller, Reader, Route, still
from services.skill.api.documents import Gone, Pipeline
from services.skill.api.ownership import find
from services.skill.api.problems import COMMON, FULL, UNKNOWN
from services.skill.api.requests import Watch
from services.skill.live.fleet import Batch
from services.skill.roles import Roles, roles
from voxtrude.documents import PrinterDocument
from voxtrude.errors import LinkError
from voxtrude.notices import Condition, EventDocument
from voxtrude.printer import PrinterId

router = APIRouter(prefix="/api/v1", route_class=Route, responses=COMMON, tags=["live"])

CHECK = 3.0  # seconds between two looks at whether the token still stands
HEARTBEAT = 15.0  # seconds without news after which we show that we are there
RETRY = 2000  # milliseconds after which a client comes back
FULL_RETRY = 30  # seconds after which one that was sent away may

TOLD: dict[str, type[BaseModel]] = {
    "printer": PrinterDocument,
    "gone": Gone,
    "event": EventDocument,
    "pipeline": Pipeline,
}
"""The events of a stream, and what their data is."""

_EXAMPLE = """retry: 2000

event: pipeline
data: {"state": "running"}

event: gone
data: {"printer": "prn-0123456789abcdef"}
"""
_EVENT = {
    "oneOf": [
        {
            "type": "object",
            "required": ["event", "data"],
            "properties": {
                "event": {"const": name},
                "data": {
                    "type": "string",
                    "contentMediaType": JSON,
                    "contentSchema": {"$ref": f"#/components/schemas/{model.__name__}"},
                },
            },
        }
        for name, model in TOLD.items()
    ]
}
_STREAM: dict[str, Any] = {
    "description": "A stream that does not end; the schema is of one event.",
    "content": {EVENTS: {"schema": _EVENT, "example": _EXAMPLE}},
}
_HEADERS = {"X-Accel-Buffering": "no"}  # nginx would wait for more


@router.get(
    "/stream",
    summary="Watch live",
    response_class=StreamingResponse,
    responses={200: _STREAM, **UNKNOWN, **FULL},
)
async def stream(request: Request, caller: Reader, watch: Annotated[Watch, Query()]) -> Response:
    """Tell what changes, as server-sent events whose data is JSON.

    First comes `pipeline` and each printer as it is, then what changes, at most twice a second:

    * `printer`: a whole `PrinterDocument` that is new or has changed
    * `gone`: a printer that was removed (`Gone`)
    * `event`: something happened (`EventDocument`)
    * `pipeline`: how the pipeline is (`Pipeline`); while it is not running, states are old

    Who reads slowly gets the newest of each printer only. A stream ends within seconds of its
    token. Connect again after any end: all comes anew.
    """
    role = roles(request)
    if watch.printer:
        await find(request, caller, watch.printer)
    if role.fleet.turnstile.is_full(caller.account.id):
        retry = {"Retry-After": str(FULL_RETRY)}
        raise HTTPException(429, "Too many streams of this account are open.", retry)
    only = PrinterId(watch.printer) if watch.printer else None
    return StreamingResponse(_told(role, caller, only), media_type=EVENTS, headers=_HEADERS)


async def _told(role: Roles, caller: Caller, only: PrinterId | None) -> AsyncGenerator[bytes]:
    clock = asyncio.get_running_loop().time
    spoke, told = clock(), False
    pipeline: Condition | None = None
    with role.fleet.turnstile.entered(caller.account.id):
        yield format_sse_event(retry=RETRY)
        async with aclosing(_batches(role, caller)) as batches:
            async for batch in batches:
                pieces = [] if batch is None else _events(batch, only)
                if batch is not None and (batch.pipeline is not pipeline or not told):
                    pipeline, told = batch.pipeline, True
                    pieces.insert(0, _event("pipeline", Pipeline(state=pipeline)))
                if pieces:
                    spoke = clock()
                    yield b"".join(pieces)
                elif clock() - spoke > HEARTBEAT:
                    spoke = clock()
                    yield format_sse_event(comment="still here")


async def _batches(role: Roles, caller: Caller) -> AsyncGenerator[Batch | None]:
    """Yield what is new, and None now and then, until the token is gone or sees other printers."""
    batches = role.fleet.documents(caller.reach)
    clock = asyncio.get_running_loop().time
    checked = clock()
    waiting = asyncio.ensure_future(anext(batches, None))
    try:
        while True:
            await asyncio.wait({waiting}, timeout=CHECK)
            if waiting.done():
                batch = waiting.result()
                if batch is None:
                    return  # we close
                yield batch
                waiting = asyncio.ensure_future(anext(batches, None))
            else:
                yield None
            if clock() - checked >= CHECK:
                checked = clock()
                if not await _stands(role, caller):
                    return
    finally:
        waiting.cancel()
        with suppress(asyncio.CancelledError):
            await waiting


async def _stands(role: Roles, caller: Caller) -> bool:
    try:
        account = await still(role, caller)
    except LinkError:
        return True  # who was in stays in while nobody can tell
    return account is not None and account.reach == caller.reach


def _events(batch: Batch, only: PrinterId | None) -> list[bytes]:
    """Return a batch as events: what is gone first, since it may be there again."""
    return [
        *(
            _event("gone", Gone(printer=printer))
            for printer in sorted(batch.gone)
            if only in {None, printer}
        ),
        *(
            _event("printer", document)
            for printer, document in sorted(batch.documents.items())
            if only in {None, printer}
        ),
        *(_event("event", event) for event in batch.events if only in {None, event.printer}),
    ]


def _event(name: str, data: BaseModel) -> bytes:
    return format_sse_event(event=name, data_str=data.model_dump_json())
