"""What somebody is told when it does not work: people a page, programs JSON.

Nothing of what was sent is told back, and no error of ours is shown.
"""

from collections.abc import Mapping
from typing import Any, cast

import structlog
from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, RedirectResponse, Response

from services.skill.accounts.refusals import Refusal
from services.skill.web import headers
from services.skill.web.pages import Signed, page
from voxtrude.errors import LinkError, SetupError

log = structlog.get_logger()

RETRY = 5  # seconds after which a peer may be back
MOST = 20  # mistakes that are told of one request
LONGEST = 100  # characters of a field's name that are told

REFUSED = {
    "throttled": 429,
    "taken": 409,
    "expired": 410,
    "wrong-login": 403,
    "wrong-code": 403,
    "wrong-password": 403,
    "factor-lost": 403,
    "not-verified": 403,
    "other-address": 403,
    "closed": 403,
    "gone": 410,
    "last-administrator": 409,
    "too-many": 409,
}
"""The statuses of refusals; the others are mistakes in what was sent: 422."""

_TITLES = {
    400: "That request makes no sense to us",
    401: "Please sign in",
    403: "That is not allowed",
    404: "There is nothing here",
    405: "That is not possible here",
    409: "That is not possible any more",
    410: "That link does not work any more",
    413: "That is too much",
    422: "Something in the form is missing or too long",
    429: "Too many attempts",
    500: "Something went wrong here",
    503: "Not available right now",
}
_TEXTS = {
    400: "Go back, reload the page, and try once more.",
    401: "Your session may have ended.",
    403: "Go back, reload the page, and try once more.",
    404: "The page may have moved, or it belongs to another account.",
    405: "Go back to the page that you came from.",
    413: "What you sent is larger than anything we accept.",
    422: "Go back and check what you filled in.",
    429: "Wait a while, then try again.",
    500: "It has been noted. Please try again in a minute.",
    503: "Please try again in a minute.",
}


def install(site: FastAPI) -> None:
    """Answer every error of ``site``."""
    site.add_exception_handler(HTTPException, _http)
    site.add_exception_handler(RequestValidationError, _unreadable)
    site.add_exception_handler(Refusal, _refused)
    site.add_exception_handler(LinkError, _away)
    site.add_exception_handler(SetupError, _wrong_setup)
    site.add_exception_handler(ClientDisconnect, _gone)
    site.add_exception_handler(Exception, _failed)


def status_of(refusal: Refusal) -> int:
    """Return the status that tells of a refusal."""
    return REFUSED.get(refusal.code, 422)


def again(
    request: Request,
    template: str,
    refusal: Refusal,
    *,
    visitor: Signed | None = None,
    **context: Any,  # noqa: ANN401  (whatever the template shows)
) -> Response:
    """Return the page of a form once more, with what was wrong as its ``problem``."""
    response = page(
        request,
        template,
        status=status_of(refusal),
        visitor=visitor,
        problem=refusal.text,
        **context,
    )
    if refusal.retry_after:
        response.headers["Retry-After"] = str(refusal.retry_after)
    return response


async def _http(request: Request, error: Exception) -> Response:
    error = cast("HTTPException", error)
    location = (error.headers or {}).get("Location")
    if location is not None and 300 <= error.status_code < 400:  # noqa: PLR2004  (redirects)
        return RedirectResponse(location, error.status_code)
    text = _TEXTS.get(error.status_code, "") if _is_phrase(error) else str(error.detail)
    return _answer(request, error.status_code, text, error.detail, error.headers)


async def _unreadable(request: Request, error: Exception) -> Response:
    mistakes = [
        {
            "loc": [_part(part) for part in one["loc"]],
            "msg": _plain(one["msg"]),
            "type": one["type"],
        }
        for one in cast("RequestValidationError", error).errors()[:MOST]
    ]
    return _answer(request, 422, _TEXTS[422], mistakes)


async def _refused(request: Request, error: Exception) -> Response:
    refusal = cast("Refusal", error)
    wait = {"Retry-After": str(refusal.retry_after)} if refusal.retry_after else None
    return _answer(request, status_of(refusal), refusal.text, refusal.text, wait)


async def _away(request: Request, _error: Exception) -> Response:
    text = (
        "The database or the broker is away for the moment. Nothing is lost: "
        "please try again in a minute."
    )
    return _answer(request, 503, text, text, {"Retry-After": str(RETRY)})


async def _wrong_setup(request: Request, error: Exception) -> Response:
    log.error("a request met a wrong setting", problem=str(error))
    text = "Something is not set up right on this server. Its log says what to change."
    return _answer(request, 503, text, text)


async def _gone(_request: Request, _error: Exception) -> Response:
    return Response(status_code=400)  # who went away in the middle of a request reads no answer


async def _failed(request: Request, error: Exception) -> Response:
    # Without the address, which may hold the code of a link.
    log.error("a request failed unexpectedly", exc_info=error)
    # The outermost of all: our middleware does not see this answer.
    return _answer(request, 500, _TEXTS[500], _TEXTS[500], headers.fixed(request.app.state.url))


def _answer(
    request: Request,
    status: int,
    text: str,
    detail: Any,  # noqa: ANN401  (a text, or FastAPI's list of mistakes)
    extra: Mapping[str, str] | None = None,
) -> Response:
    response: Response
    if request.url.path.startswith("/api/"):
        response = JSONResponse({"detail": detail}, status)
    else:
        visitor = cast("Signed | None", getattr(request.state, "visitor", None))
        title = _TITLES.get(status, "That did not work")
        response = page(
            request, "error.html", status=status, visitor=visitor, title=title, text=text
        )
    for name, value in (extra or {}).items():
        response.headers[name] = value
    return response


def _is_phrase(error: HTTPException) -> bool:
    """Tell whether nobody gave a reason, so that it is only HTTP's word for the status."""
    return error.detail == HTTPException(error.status_code).detail or error.status_code in {
        400,
        413,
    }


def _part(part: object) -> object:
    return part if isinstance(part, int) else _plain(str(part))[:LONGEST]


def _plain(text: str) -> str:
    """Return ``text`` without lone surrogates, which no answer can carry."""
    return text.encode("utf-8", "replace").decode()
