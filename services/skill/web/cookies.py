"""Our cookies, and the token against forged forms that belongs to each.

Where the portal is reached by https they are ``__Host-`` cookies: no other host, no other path
and no plain connection can set or see them.
"""

import secrets
from dataclasses import dataclass
from datetime import timedelta
from hashlib import sha256
from hmac import compare_digest

from starlette.requests import Request
from starlette.responses import Response

LONGEST = 512  # characters; ours are much shorter


@dataclass(frozen=True, slots=True)
class Cookie:
    """One of our cookies; without ``lasts`` it goes with the browser's window."""

    name: str
    purpose: str
    lasts: timedelta | None = None

    def read(self, request: Request) -> str | None:
        """Return what the browser sent, if it can be ours."""
        value = request.cookies.get(self._named(request))
        return value if value and len(value) <= LONGEST and value.isascii() else None

    def set(self, request: Request, response: Response, value: str) -> None:
        """Let the browser keep ``value``."""
        response.set_cookie(
            self._named(request),
            value,
            max_age=int(self.lasts.total_seconds()) if self.lasts else None,
            path="/",
            secure=is_secure(request),
            httponly=True,
            samesite="lax",
        )

    def clear(self, request: Request, response: Response) -> None:
        """Let the browser forget it, if it has one."""
        if self._named(request) in request.cookies:
            response.delete_cookie(
                self._named(request),
                path="/",
                secure=is_secure(request),
                httponly=True,
                samesite="lax",
            )

    def _named(self, request: Request) -> str:
        return f"__Host-{self.name}" if is_secure(request) else self.name


SESSION = Cookie("voxtrude", "keeps you signed in", timedelta(days=180))
GUEST = Cookie("voxtrude-guest", "protects the forms of who is not signed in from being forged")
FACTOR = Cookie("voxtrude-factor", "remembers between the two steps of a sign-in that one is done")
COOKIES = (SESSION, GUEST, FACTOR)
"""All that we set; a session itself may end before its cookie."""


def is_secure(request: Request) -> bool:
    """Tell whether people reach the portal by https."""
    return str(request.app.state.url).startswith("https://")


def csrf(cookie: str) -> str:
    """Return the token that belongs to a cookie; it does not tell the cookie."""
    return sha256(b"csrf:" + cookie.encode()).hexdigest()


def matches(cookie: str | None, token: object) -> bool:
    """Tell in constant time whether ``token`` belongs to ``cookie``."""
    return (
        cookie is not None
        and isinstance(token, str)
        and compare_digest(csrf(cookie).encode(), token.encode("utf-8", "replace"))
    )


class GuestToken:
    """The token of a visitor who is not signed in.

    The cookie is made once a page asks for the token: a page without a form sets none.
    """

    def __init__(self, request: Request) -> None:
        self._known = GUEST.read(request)
        self._new: str | None = None

    def __html__(self) -> str:
        """Return the token, which needs no escaping."""
        if self._known:
            return csrf(self._known)
        self._new = self._new or secrets.token_urlsafe(32)
        return csrf(self._new)

    def __str__(self) -> str:
        """Return the token."""
        return self.__html__()

    def keep(self, request: Request, response: Response) -> None:
        """Set the cookie, if one was made."""
        if self._new:
            GUEST.set(request, response, self._new)
