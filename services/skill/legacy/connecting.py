"""The page that Octolexa and Octovox open to register a printer: our sign-in, then its key.

They speak of OAuth's code flow, and expect that their key is shown at its end. So it is: their
``redirect_uri`` is compared with our own address and never followed.
"""

from typing import Annotated
from urllib.parse import parse_qs, quote, unquote, urlsplit

from fastapi import APIRouter, Form, Query
from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response

from services.skill import belongings
from services.skill.legacy import wire
from services.skill.onboarding import fragments
from services.skill.roles import roles
from services.skill.visitors import Checked, SignedIn, Visitor
from services.skill.web.forms import LONGEST_NEXT
from services.skill.web.pages import page
from voxtrude.errors import SetupError
from voxtrude.process import utc_now
from voxtrude.registration import checked_name

router = APIRouter(include_in_schema=False)

FORM = "/connect/printer"
LONGEST = 1000  # characters of a field; the registration's own limits are told in words
OPEN_PAGE = "Open the plugin's settings and request the registration there."

Line = Annotated[str, Form(max_length=LONGEST)]


@router.get("/connect")
@router.get("/connect/octolexa")
@router.get("/connect/octovox")
@router.get("/api/CreatePrinterRegistration")
async def begin(request: Request) -> Response:
    """Take a plugin's request over: its name for the printer, and whether it will report here."""
    target = _target(_name(request.url.query), elsewhere=_is_elsewhere(request))
    return RedirectResponse(target, 303)


@router.post("/api/CreatePrinterRegistration")
async def create() -> Response:
    """Say that a printer is registered by its owner, on a page."""
    return JSONResponse(wire.failure(OPEN_PAGE))


@router.get(FORM)
async def form(
    request: Request,
    visitor: SignedIn,
    name: Annotated[str, Query(max_length=LONGEST)] = "",
    elsewhere: Annotated[str, Query(max_length=1)] = "",
) -> Response:
    """Ask whether the printer is to be added."""
    return _form(request, visitor, name, elsewhere=bool(elsewhere))


@router.post(FORM)
async def add(
    request: Request,
    visitor: SignedIn,
    _checked: Checked,
    *,
    name: Line = "",
    since: Line = "",
    elsewhere: Line = "",
) -> Response:
    """Register the printer, and show what to paste into the plugin, this once."""
    role = roles(request)
    try:
        name = checked_name(name)
    except SetupError as error:
        text = str(error)
        return _form(
            request,
            visitor,
            name,
            elsewhere=bool(elsewhere),
            mistake=f"{text[0].upper()}{text[1:]}.",
        )
    if again := await belongings.added_since(role, visitor.account, name, since):
        return RedirectResponse(f"/printers/{again.id}", 303)
    added = await belongings.add(role, visitor.account, name)
    return page(
        request,
        "plugin_key.html",
        visitor=visitor,
        registration=added.registration,
        key=fragments.plugin_key(added.registration, added.secret),
        elsewhere=bool(elsewhere),
    )


def _form(
    request: Request, visitor: Visitor, name: str, *, elsewhere: bool, mistake: str = ""
) -> Response:
    return page(
        request,
        "connect.html",
        status=422 if mistake else 200,
        visitor=visitor,
        action=FORM,
        name=name,
        mistake=mistake,
        elsewhere=elsewhere,
        since=utc_now().isoformat(),
    )


def _name(query: str) -> str:
    """Return the printer's name in a plugin's query.

    It comes last, and the plugins do not escape it: all that follows is the name.
    """
    _, found, rest = f"&{query}".rpartition("&state=")
    return unquote(rest)[:LONGEST] if found else ""


def _is_elsewhere(request: Request) -> bool:
    """Tell whether the plugin says that it will report to somebody else."""
    told = parse_qs(request.url.query, max_num_fields=100).get("redirect_uri", [""])[0]
    if not told:
        return False
    try:
        there = urlsplit(told)
    except ValueError:
        return True
    ours = {
        str(request.app.state.url),
        f"{request.url.scheme}://{request.headers.get('host', '')}",
    }
    return f"{there.scheme}://{there.netloc}".lower() not in {one.lower() for one in ours}


def _target(name: str, *, elsewhere: bool) -> str:
    """Return the form's address, short and plain enough to come back to after signing in."""
    name = wire.visible(name)
    marked = f"{FORM}?elsewhere={'1' if elsewhere else ''}&name="
    while len(marked + quote(name, safe="")) > LONGEST_NEXT:
        name = name[:-1]
    return marked + quote(name, safe="")
