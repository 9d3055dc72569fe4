"""Live changes, as server-sent events.

A stream ends within seconds of its session. A page that is told so (``over``) asks to sign in
again; after any other end its browser comes back by itself.
"""

import asyncio
from collections.abc import AsyncIterator
from datetime import datetime

from fastapi import APIRouter, HTTPException
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from services.skill.live.board import Watcher
from services.skill.live.facts import detail
from services.skill.live.rows import row
from services.skill.roles import Roles, roles
from services.skill.visitors import SignedIn, Visitor
from voxtrude.errors import LinkError
from voxtrude.printer import PrinterId
from voxtrude.process import utc_now
from voxtrude.registration import PRINTER_ID

router = APIRouter(include_in_schema=False)

CHECK = 3.0  # seconds between two looks at whether the session still stands
HEARTBEAT = 15.0  # seconds without news after which we show that we are there
RETRY = 2000  # milliseconds after which a browser comes back
FULL_RETRY = 30  # seconds after which one that was sent away may

HEADERS = {
    "Cache-Control": "no-store",
    "X-Accel-Buffering": "no",  # nginx would wait for more
}


@router.get("/live")
async def live(request: Request, visitor: SignedIn, printer: str | None = None) -> Response:
    """Tell what changes on the list, or with ``printer`` on the page of one."""
    if printer is not None and not PRINTER_ID.fullmatch(printer):
        raise HTTPException(404)
    found = roles(request)
    if found.fleet.turnstile.is_full(visitor.account.id):
        retry = {"Retry-After": str(FULL_RETRY)}
        raise HTTPException(429, "Too many pages of this account are open.", retry)
    only = PrinterId(printer) if printer else None
    return StreamingResponse(
        _told(found, visitor, only), media_type="text/event-stream", headers=HEADERS
    )


async def _told(found: Roles, visitor: Visitor, only: PrinterId | None) -> AsyncIterator[bytes]:
    fleet, account = found.fleet, visitor.account
    after = found.settings.keep.printers
    board = fleet.boards.board(account.preferences, after, detail if only else row)
    watcher = Watcher(fleet, board, account.reach, only)
    clock = asyncio.get_running_loop().time
    checked = spoke = clock()
    with fleet.turnstile.entered(account.id):
        yield f"retry: {RETRY}\n\n".encode()
        while True:
            now = clock()
            if now - checked > CHECK:
                checked = now
                if not await _stands(found, visitor, watcher, utc_now()):
                    yield b"event: over\ndata: {}\n\n"
                    return
            if message := await watcher.next():
                spoke = now
                yield b"data: " + message + b"\n\n"
            elif now - spoke > HEARTBEAT:
                spoke = now
                # A comment would do for proxies, but no script can see one.
                yield b"event: beat\ndata: {}\n\n"
            if not await fleet.beat():
                return


async def _stands(found: Roles, visitor: Visitor, watcher: Watcher, now: datetime) -> bool:
    """Tell whether the session and its account are still there; what it may see can change."""
    try:
        account = await found.office.account(visitor.account.id)
        if account is None:
            return False
        stands = await found.office.sessions.stands(visitor.session)
    except LinkError:
        return visitor.session.expires_at > now  # who was in stays in while nobody can tell
    watcher.reach = account.reach
    return stands
