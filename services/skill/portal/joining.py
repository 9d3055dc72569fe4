"""How people get an account, confirm an address, and get back in without their password."""

from typing import Annotated

from fastapi import APIRouter, Depends, Path
from starlette.requests import Request
from starlette.responses import Response

from services.skill.accounts.office import Office
from services.skill.accounts.refusals import Refusal
from services.skill.portal.durations import in_words
from services.skill.portal.entry import Guessed, TheOffice, entered, to
from services.skill.visitors import Checked, Guest, guest
from services.skill.web import cookies
from services.skill.web.errors import again
from services.skill.web.forms import HOME, Email, Password, done
from services.skill.web.network import network_of
from services.skill.web.pages import page
from voxtrude.accounts import Account, Purpose
from voxtrude.mongo.tickets import LIFETIMES

# Whoever is signed in is known on these pages, too: the token of a form is the session's then.
router = APIRouter(include_in_schema=False, dependencies=[Depends(guest)])

LinkCode = Annotated[str, Path(max_length=200)]


# Signing up ----------------------------------------------------------------------------


@router.get("/sign-up")
async def sign_up_page(request: Request, office: TheOffice, visitor: Guest) -> Response:
    """Ask a newcomer for an address and a password, where anybody may come."""
    if visitor:
        return to(HOME)
    if await office.is_new():
        return to("/welcome")
    return page(request, "sign_up.html", problem=None, email="", mode=office.sign_up_mode)


@router.post("/sign-up")
async def sign_up(
    request: Request,
    office: TheOffice,
    preferences: Guessed,
    email: Email,
    password: Password,
    _: Checked,
) -> Response:
    """Make an account, or send a mail to make sure of the address."""
    try:
        account = await office.sign_up(
            email, password, preferences, invite=None, network=network_of(request)
        )
    except Refusal as refusal:
        return again(request, "sign_up.html", refusal, email=email, mode=office.sign_up_mode)
    return await _signed_up(request, office, account)


@router.get("/join/{code}")
async def join_page(request: Request, office: TheOffice, code: LinkCode) -> Response:
    """Show who was invited what the invitation is for."""
    ticket = await office.invitation(code)
    return page(request, "join.html", problem=None, email=ticket.email or "", code=code)


@router.post("/join/{code}")
async def join(
    request: Request,
    office: TheOffice,
    preferences: Guessed,
    code: LinkCode,
    email: Email,
    password: Password,
    _: Checked,
) -> Response:
    """Make an account for who was invited."""
    try:
        account = await office.sign_up(
            email, password, preferences, invite=code, network=network_of(request)
        )
    except Refusal as refusal:
        return again(request, "join.html", refusal, email=email, code=code)
    return await _signed_up(request, office, account)


@router.get("/verify/{code}")
async def verify_page(request: Request, code: LinkCode) -> Response:
    """Ask for a click: programs that look at mails follow every link in them."""
    return page(request, "verify.html", problem=None, code=code)


@router.post("/verify/{code}")
async def verify(request: Request, office: TheOffice, code: LinkCode, _: Checked) -> Response:
    """Confirm an address."""
    try:
        await office.verify(code)
    except Refusal as refusal:
        return again(request, "verify.html", refusal, code=code)
    return to(done("/sign-in", "verified"))


# A forgotten password ------------------------------------------------------------------


@router.get("/forgot")
async def forgot_page(request: Request, office: TheOffice) -> Response:
    """Ask to which address a link shall go."""
    return page(request, "forgot.html", problem=None, can_mail=office.can_mail)


@router.post("/forgot")
async def forgot(request: Request, office: TheOffice, email: Email, _: Checked) -> Response:
    """Send a link, and say the same whether somebody has this address or not."""
    try:
        await office.forgot(email, network_of(request))
    except Refusal as refusal:
        return again(request, "forgot.html", refusal, can_mail=office.can_mail)
    return page(
        request,
        "sent.html",
        title="Look into your mail",
        text="If there is an account with this address, a link to set a new password is on its "
        "way. It works once, and only for a short time.",
    )


@router.get("/reset/{code}")
async def reset_page(request: Request, code: LinkCode) -> Response:
    """Ask for a new password."""
    return page(request, "reset.html", problem=None, code=code)


@router.post("/reset/{code}")
async def reset(
    request: Request, office: TheOffice, code: LinkCode, password: Password, _: Checked
) -> Response:
    """Set a new password; every session ends."""
    try:
        await office.reset(code, password)
    except Refusal as refusal:
        return again(request, "reset.html", refusal, code=code)
    response = to(done("/sign-in", "password-reset"))
    cookies.SESSION.clear(request, response)
    return response


async def _signed_up(request: Request, office: Office, account: Account | None) -> Response:
    if account:
        return await entered(request, office, account, done(HOME, "welcome"))
    return page(
        request,
        "sent.html",
        title="Look into your mail",
        text="A link to confirm your address is on its way. It works once, within "
        f"{in_words(LIFETIMES[Purpose.VERIFY])}.",
    )
