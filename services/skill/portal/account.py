"""What somebody may see and change of the own account."""

from typing import Annotated

from fastapi import APIRouter, Form, Path
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from services.skill.accounts.refusals import Refusal
from services.skill.portal.durations import in_words
from services.skill.roles import roles
from services.skill.visitors import Checked, SignedIn, Visitor
from services.skill.web import locales
from services.skill.web.errors import again
from services.skill.web.forms import Code, Password, Text, done
from services.skill.web.network import network_of
from services.skill.web.pages import page
from voxtrude.accounts import Preferences, Scale, Scope

router = APIRouter(prefix="/account", include_in_schema=False)

Id = Annotated[str, Path(max_length=200)]
SCOPES = (
    (Scope.READ, "See printers", "States, temperatures, jobs, and live changes."),
    (Scope.WRITE, "Manage printers", "Add, rename, give new keys, revoke and delete."),
    (Scope.EXPORT, "Read the account", "Your e-mail address, and the export of everything."),
)


@router.get("")
async def preferences(request: Request, visitor: SignedIn) -> Response:
    """Show who it is, and how things are told."""
    return _preferences(request, visitor)


@router.post("/preferences")
async def prefer(
    request: Request,
    visitor: SignedIn,
    _: Checked,
    locale: Text,
    scale: Annotated[Scale, Form()],
    time_zone: Text = "",
) -> Response:
    """Change how things are told."""
    if locale not in locales.LOCALES or (time_zone and not locales.checked_zone(time_zone)):
        return _preferences(request, visitor, "Choose a language and a time zone of the lists.")
    wanted = Preferences(
        locale=locale, time_zone=locales.checked_zone(time_zone) if time_zone else None, scale=scale
    )
    await roles(request).office.prefer(visitor.account, wanted)
    return _to(done("/account", "preferences-saved"))


# Password ------------------------------------------------------------------------------


@router.get("/password")
async def password_page(request: Request, visitor: SignedIn) -> Response:
    """Ask for the old password and a new one."""
    return page(request, "password.html", visitor=visitor, problem=None)


@router.post("/password")
async def change_password(
    request: Request, visitor: SignedIn, _: Checked, old: Password, new: Password
) -> Response:
    """Change the password; every other session ends."""
    office = roles(request).office
    try:
        await office.change_password(visitor.account, old, new, visitor.session)
    except Refusal as refusal:
        return again(request, "password.html", refusal, visitor=visitor)
    return _to(done("/account/password", "password-changed"))


# Second factor -------------------------------------------------------------------------


@router.get("/totp")
async def totp_page(request: Request, visitor: SignedIn) -> Response:
    """Show the secret to scan, or that there is one."""
    factor = (
        None if visitor.account.totp else await roles(request).office.begin_totp(visitor.account)
    )
    return page(request, "totp.html", visitor=visitor, factor=factor, problem=None)


@router.post("/totp")
async def confirm_totp(
    request: Request, visitor: SignedIn, _: Checked, secret: Code, code: Code
) -> Response:
    """Turn the second factor on, once an app has shown a right code for it."""
    office = roles(request).office
    try:
        await office.confirm_totp(visitor.account, secret, code.strip())
    except Refusal as refusal:
        factor = await office.begin_totp(visitor.account, secret)
        return again(request, "totp.html", refusal, visitor=visitor, factor=factor)
    return _to(done("/account/totp", "factor-on"))


@router.post("/totp/remove")
async def remove_totp(
    request: Request, visitor: SignedIn, _: Checked, password: Password
) -> Response:
    """Turn the second factor off."""
    try:
        await roles(request).office.remove_totp(visitor.account, password, network_of(request))
    except Refusal as refusal:
        return again(request, "totp.html", refusal, visitor=visitor, factor=None)
    return _to(done("/account/totp", "factor-off"))


# Sessions ------------------------------------------------------------------------------


@router.get("/sessions")
async def sessions_page(request: Request, visitor: SignedIn) -> Response:
    """Show which browsers are signed in."""
    sessions = await roles(request).office.sessions.of(visitor.account)
    return page(request, "sessions.html", visitor=visitor, sessions=sessions)


@router.post("/sessions/{session}/end")
async def end_session(request: Request, visitor: SignedIn, _: Checked, session: Id) -> Response:
    """Sign another browser out."""
    await roles(request).office.sessions.end(visitor.account, session)
    return _to(done("/account/sessions", "session-ended"))


@router.post("/sessions/end")
async def end_sessions(request: Request, visitor: SignedIn, _: Checked) -> Response:
    """Sign all other browsers out."""
    await roles(request).office.sessions.end_all(visitor.account, visitor.session)
    return _to(done("/account/sessions", "sessions-ended"))


# Tokens --------------------------------------------------------------------------------


@router.get("/tokens")
async def tokens_page(request: Request, visitor: SignedIn) -> Response:
    """Show the tokens, of which the secret is known to nobody here."""
    return await _tokens(request, visitor)


@router.post("/tokens")
async def make_token(
    request: Request,
    visitor: SignedIn,
    _: Checked,
    name: Text,
    scopes: Annotated[list[Scope], Form(max_length=len(Scope))] = [],  # noqa: B006  (never changed)
) -> Response:
    """Make a token and show it this once."""
    if not scopes:
        return await _tokens(request, visitor, "Choose at least one thing that it may do.", name)
    chosen = [scope for scope, _name, _text in SCOPES if scope in scopes]
    try:
        token, plain = await roles(request).office.tokens.make(visitor.account, name, chosen)
    except Refusal as refusal:
        return await _tokens(request, visitor, refusal.text, name)
    return page(request, "token.html", visitor=visitor, name=token.name, plain=plain)


@router.post("/tokens/{token}/remove")
async def remove_token(request: Request, visitor: SignedIn, _: Checked, token: Id) -> Response:
    """Revoke a token."""
    await roles(request).office.tokens.remove(visitor.account, token)
    return _to(done("/account/tokens", "token-removed"))


def _preferences(request: Request, visitor: Visitor, problem: str | None = None) -> Response:
    return page(
        request,
        "account.html",
        status=422 if problem else 200,
        visitor=visitor,
        problem=problem,
        locales=locales.names(),
        zones=locales.zones(),
    )


async def _tokens(
    request: Request, visitor: Visitor, problem: str | None = None, name: str = ""
) -> Response:
    return page(
        request,
        "tokens.html",
        status=422 if problem else 200,
        visitor=visitor,
        problem=problem,
        name=name,
        tokens=await roles(request).office.tokens.of(visitor.account),
        scopes=SCOPES,
        idle=in_words(roles(request).settings.keep.tokens),
    )


def _to(path: str) -> Response:
    return RedirectResponse(path, 303)
