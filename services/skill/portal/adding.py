"""How a printer is added, and the page that shows its key, once."""

import asyncio
from pathlib import Path
from typing import Annotated

import structlog
from fastapi import APIRouter, Form, HTTPException
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from services.skill import belongings
from services.skill.accounts.refusals import Refusal
from services.skill.live.phrases import age
from services.skill.onboarding import fragments
from services.skill.portal import connecting
from services.skill.roles import roles
from services.skill.visitors import Administrator, Checked, SignedIn, Visitor
from services.skill.web.errors import status_of
from services.skill.web.pages import page
from voxtrude.errors import SetupError
from voxtrude.mongo.unknown import UnknownPrinters
from voxtrude.process import utc_now
from voxtrude.registrar import Added
from voxtrude.registration import checked_base, checked_name

log = structlog.get_logger()

router = APIRouter(include_in_schema=False)
router.include_router(connecting.router)

LONGEST = 1000  # characters of a field; the registration's own limits are told in words
REGISTRATION = "/connect"  # where the plugins Octolexa and Octovox send their users
CERTIFICATE = "application/x-x509-ca-cert"

Line = Annotated[str, Form(max_length=LONGEST)]


@router.get("/printers/add")
async def form(request: Request, visitor: SignedIn, base: str = "") -> Response:
    """Ask for a name; ``base`` is a base topic that somebody publishes under already."""
    return _form(request, visitor, base_topic=base[:LONGEST])


@router.post("/printers/add")
async def add(
    request: Request,
    visitor: SignedIn,
    _checked: Checked,
    *,
    name: Line = "",
    base_topic: Line = "",
    how: Line = "",
    since: Line = "",
) -> Response:
    """Register a printer; show its key, or go on to where OctoPrint is set up for them."""
    role, account = roles(request), visitor.account
    base_topic = base_topic.strip()
    mistakes = _mistakes(name, base_topic)
    if mistakes:
        return _form(request, visitor, 422, name, base_topic, how, mistakes)
    if again := await belongings.added_since(role, account, checked_name(name), since):
        return RedirectResponse(f"/printers/{again.id}/connection", 303)
    try:
        added = await belongings.add(role, account, name, base_topic or None)
    except Refusal as refusal:
        mistakes = {"": refusal.text}
        return _form(request, visitor, status_of(refusal), name, base_topic, how, mistakes)
    except SetupError as error:
        mistakes = {"base_topic": sentence(error)}
        return _form(request, visitor, 409, name, base_topic, how, mistakes)
    if how == "configure":
        return RedirectResponse(f"/printers/{added.registration.id}/configure", 303)
    return key_page(request, visitor, added)


def key_page(request: Request, visitor: Visitor, added: Added, *, is_new: bool = True) -> Response:
    """Show a printer's key: the only time that it leaves us."""
    settings = roles(request).settings
    registration, secret = added.registration, added.secret
    ways = fragments.ways(settings.plugin, settings.public.host)
    variants = []
    for way in ways:
        plugin = fragments.settings(registration, secret, way)
        variants.append(
            {
                "way": way,
                "entries": fragments.entries(registration, secret, way),
                "yaml": fragments.config_yaml(plugin),
                "curl": fragments.curl(plugin),
            }
        )
    response = page(
        request,
        "key.html",
        visitor=visitor,
        registration=registration,
        variants=variants,
        is_loopback=any(way.is_loopback for way in ways),
        registration_url=settings.url + REGISTRATION,
        plugin_key=fragments.plugin_key(registration, secret),
        ca_path=fragments.CA_PATH,
        is_new=is_new,
    )
    response.headers["Cache-Control"] = "no-store"
    return response


@router.get("/broker-ca.crt")
async def authority(request: Request) -> Response:
    """Return the certificate of the authority that signed the broker's; it is no secret."""
    path = roles(request).settings.plugin.ca_file
    content = await asyncio.to_thread(_read, path) if path else None
    if content is None:
        raise HTTPException(404)
    disposition = 'attachment; filename="voxtrude-ca.crt"'
    return Response(content, 200, {"Content-Disposition": disposition}, CERTIFICATE)


@router.get("/admin/strangers")
async def strangers(request: Request, visitor: Administrator) -> Response:
    """Show who publishes and belongs to nobody."""
    now = utc_now()
    found = await UnknownPrinters(roles(request).database).latest()
    rows = [
        {
            "base": one["_id"],
            "age": age(now - one["seen_at"]),
            "can_add": not _mistakes("a printer", one["_id"]),
        }
        for one in found
    ]
    return page(request, "strangers.html", visitor=visitor, rows=rows)


def _form(
    request: Request,
    visitor: Visitor,
    status: int = 200,
    name: str = "",
    base_topic: str = "",
    how: str = "",
    mistakes: dict[str, str] | None = None,
) -> Response:
    return page(
        request,
        "add.html",
        status=status,
        visitor=visitor,
        name=name,
        base_topic=base_topic,
        how=how or "show",
        mistakes=mistakes or {},
        since=utc_now().isoformat(),
    )


def _mistakes(name: str, base_topic: str) -> dict[str, str]:
    found = {}
    try:
        checked_name(name)
    except SetupError as error:
        found["name"] = sentence(error)
    try:
        if base_topic:
            checked_base(base_topic)
    except SetupError as error:
        found["base_topic"] = sentence(error)
    return found


def sentence(error: SetupError) -> str:
    """Return an error as people are told it."""
    text = str(error)
    return f"{text[0].upper()}{text[1:]}."


def _read(path: Path) -> bytes | None:
    try:
        return path.read_bytes()
    except OSError as error:
        log.error("cannot read VOXTRUDE_PLUGIN_CA_FILE", reason=error.strerror)  # noqa: TRY400  (the setting says it all)
        return None
