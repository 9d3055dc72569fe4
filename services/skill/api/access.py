"""Who asks: a program with an API token, and what its owner lets it do.

A route of the API asks for the token before it reads anything else of a request.
"""

import re
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Annotated, Any, cast

from fastapi import HTTPException, Security
from fastapi.routing import APIRoute
from fastapi.security import HTTPBearer, SecurityScopes
from starlette.requests import Request
from starlette.responses import Response

from services.skill.accounts.throttle import Limit, Throttle
from services.skill.roles import Roles, roles
from services.skill.web.network import network_of
from voxtrude.accounts import Account, Scope, Token
from voxtrude.process import utc_now
from voxtrude.registration import AccountId

WRONG = Limit("wrong tokens", 60, timedelta(hours=1))  # from one network
JSON = "application/json"
EVENTS = "text/event-stream"

_BEARER = re.compile(r"Bearer +(\S+) *", re.IGNORECASE)  # RFC 9110: names of schemes have no case
_LONGEST = 200  # characters of a header that can be one of our tokens

_NONE = "This needs an API token: make one on the page Account, and send it as a Bearer token."
_WRONG = "This token does not exist (any more)."

bearer = HTTPBearer(
    auto_error=False,  # Route has looked already
    scheme_name="token",
    description="An API token, made on the page Account. It starts with `vxt_`.",
)


@dataclass(frozen=True, slots=True)
class Caller:
    """A program, and whose it is."""

    token: Token
    account: Account

    @property
    def reach(self) -> Sequence[AccountId | None]:
        """Whose printers it sees."""
        return self.account.reach


class Route(APIRoute):
    """A route that answers nobody without a token, and talks JSON or what it says."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """Return what answers a request."""
        answer = super().get_route_handler()
        takes_json = self.body_field is not None
        gives = EVENTS if self.path.endswith("/stream") else JSON

        async def admitted(request: Request) -> Response:
            request.state.caller = await _found(request)
            if not _accepts(request.headers.getlist("accept"), gives):
                raise HTTPException(406, f"The answer is {gives}; your Accept does not take that.")
            if takes_json and not _is_json(request):
                raise HTTPException(415, f"Send {JSON}, and say so in Content-Type.")
            return await answer(request)

        return admitted


async def caller(
    request: Request, scopes: SecurityScopes, _token: Annotated[object, Security(bearer)]
) -> Caller:
    """Return who asks.

    Raises:
        HTTPException: 403; the token lacks a scope.
    """
    found = cast("Caller", request.state.caller)
    missing = [scope for scope in scopes.scopes if scope not in found.token.scopes]
    if missing:
        wanted = " ".join(missing)
        told = f'Bearer realm="voxtrude", error="insufficient_scope", scope="{wanted}"'
        raise HTTPException(
            403, f"This token lacks the scope {wanted}.", {"WWW-Authenticate": told}
        )
    return found


Reader = Annotated[Caller, Security(caller, scopes=[Scope.READ.value])]
Writer = Annotated[Caller, Security(caller, scopes=[Scope.WRITE.value])]
Exporter = Annotated[Caller, Security(caller, scopes=[Scope.EXPORT.value])]


async def still(role: Roles, known: Caller) -> Account | None:
    """Return the account as it is now; None where it or the token is gone meanwhile.

    Raises:
        LinkError: The database is away.
    """
    account = await role.office.account(known.account.id)
    if account is None:
        return None
    tokens = await role.office.tokens.of(account)
    return account if any(one.id == known.token.id for one in tokens) else None


async def _found(request: Request) -> Caller:
    """Return who sends this token.

    Raises:
        HTTPException: 401.
        Refusal: There were too many wrong ones from this network.
        LinkError: The database is away.
    """
    headers = request.headers.getlist("authorization")
    if not headers:
        raise HTTPException(401, _NONE, {"WWW-Authenticate": 'Bearer realm="voxtrude"'})
    sent = headers[0] if len(headers) == 1 and len(headers[0]) <= _LONGEST else ""
    role = roles(request)
    if (parts := _BEARER.fullmatch(sent)) and (found := await role.office.tokens.find(parts[1])):
        return Caller(*found)
    # A token cannot be guessed; who tries is slowed down, and does not slow others down there.
    throttle = Throttle(role.database, role.settings.web.secret, utc_now)
    await throttle.enter((WRONG, network_of(request)))
    told = 'Bearer realm="voxtrude", error="invalid_token"'
    raise HTTPException(401, _WRONG, {"WWW-Authenticate": told})


def _is_json(request: Request) -> bool:
    """Tell whether a body says that it is JSON; where there is none, nobody needs to say."""
    kind = request.headers.get("content-type")
    if kind is None:
        return "content-length" not in request.headers and (
            "transfer-encoding" not in request.headers
        )
    return kind.partition(";")[0].strip().lower() == JSON


def _accepts(headers: Sequence[str], kind: str) -> bool:
    """Tell whether an Accept header takes a media type (RFC 9110, 12.5.1); without one it does."""
    ranges = [one.strip().lower() for one in ",".join(headers).split(",") if one.strip()]
    if not ranges:
        return True
    weights: dict[str, bool] = {}
    for one in ranges:
        name, *parameters = (part.strip() for part in one.split(";"))
        weights[name] = not any(re.fullmatch(r"q=0(\.0{0,3})?", part) for part in parameters)
    wider = (kind, f"{kind.partition('/')[0]}/*", "*/*")
    return next((weights[name] for name in wider if name in weights), False)
