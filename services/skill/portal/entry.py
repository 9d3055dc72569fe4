"""How people come in: the first administrator, and everybody who has an account."""

from typing import Annotated
from urllib.parse import urlencode

from fastapi import APIRouter, Depends, Form, Query
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from services.skill.accounts.office import FactorAsked, Office
from services.skill.accounts.refusals import Refusal
from services.skill.roles import roles
from services.skill.visitors import Checked, Guest, SignedIn, guest
from services.skill.web import cookies
from services.skill.web.devices import device_of
from services.skill.web.errors import again
from services.skill.web.forms import HOME, Code, Email, Password, Text, done, next_path
from services.skill.web.locales import guessed
from services.skill.web.network import network_of
from services.skill.web.pages import page
from voxtrude.accounts import Account, Preferences

# Whoever is signed in is known on these pages, too: the token of a form is the session's then.
router = APIRouter(include_in_schema=False, dependencies=[Depends(guest)])

Next = Annotated[str, Query(alias="next", max_length=2000)]
NextField = Annotated[str, Form(alias="next", max_length=2000)]


def _office(request: Request) -> Office:
    return roles(request).office


def _preferences(request: Request, time_zone: Text = "") -> Preferences:
    return guessed(request.headers.get("accept-language", ""), time_zone)


TheOffice = Annotated[Office, Depends(_office)]
Guessed = Annotated[Preferences, Depends(_preferences)]


@router.get("/")
async def start(office: TheOffice, visitor: Guest) -> Response:
    """Lead everybody to where they begin."""
    if visitor:
        return to(HOME)
    return to("/welcome" if await office.is_new() else "/sign-in")


# The first administrator ---------------------------------------------------------------


@router.get("/welcome")
async def welcome(request: Request, office: TheOffice) -> Response:
    """Ask for the code that only the operator can read."""
    if not await office.is_new():
        return to("/")
    return page(request, "welcome.html", problem=None, email="")


@router.post("/welcome")
async def set_up(
    request: Request,
    office: TheOffice,
    preferences: Guessed,
    code: Code,
    email: Email,
    password: Password,
    _: Checked,
) -> Response:
    """Make the first administrator."""
    try:
        account = await office.set_up(
            code.strip(), email, password, preferences, network=network_of(request)
        )
    except Refusal as refusal:
        return again(request, "welcome.html", refusal, email=email)
    return await entered(request, office, account, done(HOME, "welcome"))


# Signing in and out --------------------------------------------------------------------


@router.get("/sign-in")
async def sign_in_page(
    request: Request, office: TheOffice, visitor: Guest, wanted: Next = ""
) -> Response:
    """Ask who it is."""
    target = next_path(wanted)
    if visitor:
        return to(target)
    if await office.is_new():
        return to("/welcome")
    return _sign_in_page(request, office, target)


@router.post("/sign-in")
async def sign_in(
    request: Request,
    office: TheOffice,
    email: Email,
    password: Password,
    _: Checked,
    wanted: NextField = "",
) -> Response:
    """Check a password."""
    target = next_path(wanted)
    try:
        found = await office.sign_in(email, password, network_of(request))
    except Refusal as refusal:
        return again(
            request,
            "sign_in.html",
            refusal,
            email=email,
            next=target,
            mode=office.sign_up_mode,
        )
    if isinstance(found, FactorAsked):
        response = to(f"/sign-in/code?{urlencode({'next': target})}")
        cookies.FACTOR.set(request, response, found.ticket)
        return response
    return await entered(request, office, found, target)


@router.post("/sign-in/code")
async def second_factor(
    request: Request, office: TheOffice, code: Code, _: Checked, wanted: NextField = ""
) -> Response:
    """Check the second factor's code."""
    target = next_path(wanted)
    ticket = cookies.FACTOR.read(request)
    if ticket is None:
        return to("/sign-in")
    try:
        account = await office.second_factor(ticket, code.strip(), network_of(request))
    except Refusal as refusal:
        if refusal.code == "expired":
            return again(
                request,
                "sign_in.html",
                refusal,
                email="",
                next=target,
                mode=office.sign_up_mode,
            )
        return again(request, "factor.html", refusal, next=target)
    return await entered(request, office, account, target)


@router.get("/sign-in/code")
async def second_factor_page(request: Request, wanted: Next = "") -> Response:
    """Ask for the second factor's code, once the password was right."""
    if cookies.FACTOR.read(request) is None:
        return to("/sign-in")
    return page(request, "factor.html", problem=None, next=next_path(wanted))


@router.post("/sign-out")
async def sign_out(request: Request, office: TheOffice, visitor: SignedIn, _: Checked) -> Response:
    """End this browser's session."""
    await office.sessions.end(visitor.account, visitor.session.id)
    response = to(done("/sign-in", "signed-out"))
    cookies.SESSION.clear(request, response)
    return response


def _sign_in_page(request: Request, office: Office, target: str) -> Response:
    return page(
        request, "sign_in.html", problem=None, email="", next=target, mode=office.sign_up_mode
    )


async def entered(request: Request, office: Office, account: Account, target: str) -> Response:
    """Begin a session of its own: whatever cookie the browser had before is worth nothing."""
    before = cookies.SESSION.read(request)
    found = await office.sessions.find(before) if before else None
    if found:
        session, former = found
        await office.sessions.end(former, session.id)
    cookie = await office.sessions.open(account, device_of(request), network_of(request))
    response = to(target)
    cookies.SESSION.set(request, response, cookie)
    cookies.GUEST.clear(request, response)
    cookies.FACTOR.clear(request, response)
    return response


def to(path: str) -> Response:
    """Return the way to another page of ours."""
    return RedirectResponse(path, 303)
