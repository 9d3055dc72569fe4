"""What the plugins call: is this key right, and how is the printer.

They read the answer's text and hardly its status; the page that verifies a key shows nothing
at all unless it is 200. So a plugin's own requests are always answered 200, as their servers
did; what no plugin sends gets the status that fits, with the same text.
"""

import time
from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import Any

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from services.skill.accounts.refusals import Refusal
from services.skill.accounts.throttle import Limit, Throttle
from services.skill.legacy import wire
from services.skill.legacy.pace import Pace
from services.skill.legacy.wire import Key
from services.skill.roles import Roles, roles
from services.skill.web.network import network_of
from voxtrude.credentials import hashed, new_secret
from voxtrude.errors import LinkError
from voxtrude.mongo.printers import Printers
from voxtrude.process import utc_now
from voxtrude.registration import Registration, Standing

router = APIRouter(include_in_schema=False)

WRONG = Limit("wrong printer keys", 1000, timedelta(hours=1))  # a plugin tries 120 times an hour
RETRY = "5"  # seconds after which a peer may be back

NOT_FOUND = "Printer registration not found: the key is wrong, or the printer was deleted."
REVOKED = "This printer's key is revoked."
PENDING = "This printer is just being added."
UNREADABLE = "This is no report of a printer."
TOO_OFTEN = "Too many reports: once a second is enough."
THROTTLED = "Too many wrong keys came from this network."
AWAY = "The server is busy for the moment. Nothing is wrong with the printer or its key."

CORS = {"Access-Control-Allow-Origin": "*"}
PREFLIGHT = {
    **CORS,
    "Access-Control-Allow-Methods": "POST",
    "Access-Control-Allow-Headers": "Content-Type",
    "Access-Control-Max-Age": "86400",
}
"""OctoPrint's own page asks, from wherever OctoPrint is; no cookie of ours goes with it."""

_NOBODY = hashed(new_secret())
"""Compared with where there is no printer, so that the time tells nothing."""

_pace = Pace(time.monotonic)


class _RefusedError(Exception):
    """What a plugin has sent is not taken."""

    def __init__(
        self, message: str, status: int = 200, headers: Mapping[str, str] | None = None
    ) -> None:
        self.answer = JSONResponse(wire.failure(message), status, dict(headers or {}))
        super().__init__(message)


async def verify(request: Request) -> Response:
    """Tell a plugin's page whether its key is right; the name may be any."""
    try:
        await _printer(request, wire.key(await _read(request)))
    except _RefusedError as refused:
        answer = refused.answer
    else:
        answer = JSONResponse(wire.SUCCESS)
    answer.headers.update(CORS)
    return answer


async def preflight() -> Response:
    """Let a browser call ``verify`` from OctoPrint's page."""
    return Response(status_code=204, headers=PREFLIGHT)


async def update(request: Request) -> Response:
    """Hand a plugin's report on; answer once the broker has it."""
    try:
        told = await _read(request)
        registration = await _printer(request, wire.key(told))
        await _hand_on(roles(request), registration, told)
    except _RefusedError as refused:
        return refused.answer
    return JSONResponse(wire.SUCCESS)


async def _hand_on(role: Roles, registration: Registration, told: Mapping[str, Any]) -> None:
    try:
        report = wire.report(registration.id, told, utc_now())
    except wire.UnreadableError:
        raise _RefusedError(UNREADABLE, 400) from None
    if not _pace.allows(registration.id):
        raise _RefusedError(TOO_OFTEN)
    try:
        await role.reporter.report(registration.id, report)
    except LinkError:
        raise _RefusedError(AWAY, 503, {"Retry-After": RETRY}) from None


async def _read(request: Request) -> Mapping[str, Any]:
    try:
        return wire.read(await request.body())
    except wire.UnreadableError:
        raise _RefusedError(UNREADABLE, 400) from None


async def _printer(request: Request, key: Key | None) -> Registration:
    """Return the printer that a key belongs to."""
    role = roles(request)
    try:
        registration = await _found(role, key)
        if registration is None:
            throttle = Throttle(role.database, role.settings.web.secret, utc_now)
            await throttle.enter((WRONG, network_of(request)))
            raise _RefusedError(NOT_FOUND)
    except LinkError:
        raise _RefusedError(AWAY, 503, {"Retry-After": RETRY}) from None
    except Refusal as refusal:
        wait = {"Retry-After": str(refusal.retry_after or RETRY)}
        raise _RefusedError(THROTTLED, 429, wait) from None
    if registration.standing is not Standing.ACTIVE:
        raise _RefusedError(REVOKED if registration.standing is Standing.REVOKED else PENDING)
    return registration


async def _found(role: Roles, key: Key | None) -> Registration | None:
    if key is None:
        return None
    registration = await Printers(role.database).get(key.printer)
    credential = registration.credential if registration else None
    matches = (credential or _NOBODY).matches(key.secret)
    return registration if credential and matches else None


def _add(name: str, answer: Callable[..., Any], method: str = "POST") -> None:
    """Add a route, also for a base URL that ends in a slash, which the plugins only glue on."""
    for path in (f"/api/{name}", f"/api/{name}/", f"//api/{name}"):
        router.add_api_route(path, answer, methods=[method])


_add("VerifyPrinterRegistration", verify)
_add("VerifyPrinterRegistration", preflight, "OPTIONS")
_add("UpdatePrinterStatus", update)
