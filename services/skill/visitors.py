"""Who asks for a page: an account that is signed in, or a guest; and whether a form is ours."""

from dataclasses import dataclass
from typing import Annotated
from urllib.parse import quote, urlsplit

from fastapi import Depends, HTTPException
from starlette.requests import Request

from services.skill.roles import roles
from services.skill.web import cookies
from voxtrude.accounts import Account, Role, Session

FORGED = "This form is too old, or it was not sent from this site. Reload the page and try again."


@dataclass(frozen=True, slots=True)
class Visitor:
    """Somebody who is signed in; ``csrf`` goes into each form."""

    account: Account
    session: Session
    csrf: str

    @property
    def is_administrator(self) -> bool:
        """Whether it administrates this installation."""
        return self.account.role is Role.ADMIN


async def guest(request: Request) -> Visitor | None:
    """Return who is signed in, if anybody is.

    Raises:
        LinkError: The database is away.
    """
    cookie = cookies.SESSION.read(request)
    found = await roles(request).office.sessions.find(cookie) if cookie else None
    if cookie is None or found is None:
        return None
    session, account = found
    visitor = Visitor(account, session, cookies.csrf(cookie))
    request.state.visitor = visitor  # so that a page about an error knows, too
    return visitor


async def signed_in(
    request: Request, visitor: Annotated[Visitor | None, Depends(guest)]
) -> Visitor:
    """Return who is signed in; anybody else is asked to, and comes back here."""
    if visitor:
        return visitor
    accepted = request.headers.get("accept", "*/*")
    if "text/html" not in accepted and "*/*" not in accepted:
        raise HTTPException(401)
    target = "/sign-in"
    if request.method == "GET":
        path = request.url.path + (f"?{request.url.query}" if request.url.query else "")
        target += f"?next={quote(path, safe='/')}"
    raise HTTPException(303, headers={"Location": target})


async def administrator(visitor: Annotated[Visitor, Depends(signed_in)]) -> Visitor:
    """Return the administrator who asks; for others there is nothing."""
    if not visitor.is_administrator:
        raise HTTPException(404)
    return visitor


async def checked(request: Request, visitor: Annotated[Visitor | None, Depends(guest)]) -> None:
    """Refuse a form that another site sent, or that is not of this visitor.

    Raises:
        HTTPException: 403.
    """
    holder = cookies.SESSION if visitor else cookies.GUEST
    token = (await request.form()).get("csrf")
    if not (comes_from_us(request) and cookies.matches(holder.read(request), token)):
        raise HTTPException(403, FORGED)


def comes_from_us(request: Request) -> bool:
    """Tell whether a browser says that our own page sent this, or says nothing about it."""
    if request.headers.get("sec-fetch-site", "same-origin") not in {"same-origin", "none"}:
        return False
    origin = request.headers.get("origin")
    if origin is None:
        return True
    # Host is one of our names: who answers to others has been refused before.
    same = {request.app.state.url, f"{request.url.scheme}://{request.headers.get('host', '')}"}
    return origin in {_origin(one) for one in same}


def _origin(url: str) -> str:
    """Return a URL's origin as a browser writes it: without a standard port."""
    parts = urlsplit(url)
    standard = {"http": ":80", "https": ":443"}[parts.scheme]
    return f"{parts.scheme}://{parts.netloc.lower().removesuffix(standard)}"


Guest = Annotated[Visitor | None, Depends(guest)]
SignedIn = Annotated[Visitor, Depends(signed_in)]
Administrator = Annotated[Visitor, Depends(administrator)]
Checked = Annotated[None, Depends(checked)]
