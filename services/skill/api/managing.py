"""How printers are added, changed and removed; nothing here reaches a printer."""

from dataclasses import replace
from enum import Enum

import structlog
from fastapi import APIRouter, HTTPException, Response
from starlette.requests import Request

from services.skill import belongings
from services.skill.api.access import Route, Writer
from services.skill.api.documents import KeyDocument, RegistrationDocument, WayDocument
from services.skill.api.ownership import Written, changing, find, registrar
from services.skill.api.problems import BODY, COMMON, TAKEN, UNKNOWN
from services.skill.api.requests import NewPrinter, PrinterChange
from services.skill.onboarding import fragments
from services.skill.roles import roles
from voxtrude.errors import SetupError
from voxtrude.process import utc_now
from voxtrude.registrar import Added
from voxtrude.registration import Standing, checked_base, checked_name, checked_plate

log = structlog.get_logger()

_TAGS: list[str | Enum] = ["managing printers"]

router = APIRouter(prefix="/api/v1/printers", route_class=Route, responses=COMMON, tags=_TAGS)
one = APIRouter(
    prefix="/api/v1/printers/{printer}",
    route_class=Route,
    responses={**COMMON, **UNKNOWN},
    tags=_TAGS,
)


@router.post("", status_code=201, summary="Add a printer", responses={**BODY, **TAKEN})
async def add(
    request: Request, response: Response, caller: Writer, sent: NewPrinter
) -> KeyDocument:
    """Register a printer; its key is told this once, with the settings for OctoPrint's plugin."""
    role = roles(request)
    try:
        base = checked_base(sent.base_topic) if sent.base_topic else None
    except SetupError as error:
        raise HTTPException(409, _sentence(error)) from None
    try:
        added = await belongings.add(role, caller.account, sent.name, base)
    except SetupError as error:
        raise HTTPException(409, _sentence(error)) from None
    response.headers["Location"] = f"/api/v1/printers/{added.registration.id}"
    return _told(request, added)


@one.patch("", summary="Change a printer", responses=BODY)
async def change(
    request: Request, caller: Writer, registration: Written, sent: PrinterChange
) -> RegistrationDocument:
    """Change its name, what stands on its plate, or whether it is kept; the rest stays."""
    async with changing(request) as printers:
        if sent.name is not None:
            await printers.rename(registration.id, checked_name(sent.name))
        if sent.plate is not None:
            fields = sent.plate.model_dump(exclude_unset=True)
            plate = checked_plate(replace(registration.identification, **fields))
            await printers.identify(registration.id, plate)
        if sent.keep is not None:
            await printers.keep(registration.id, None if sent.keep else utc_now())
    return RegistrationDocument.of(await find(request, caller, registration.id))


@one.post("/rotate", summary="Make a new key")
async def rotate(request: Request, registration: Written) -> KeyDocument:
    """Give a printer another key; whoever uses the old one is cut off at once."""
    async with registrar(request) as opened:
        added = await opened.rotate(registration)
    log.info("key rotated", printer=registration.id)
    return _told(request, added)


@one.post("/revoke", summary="Revoke its key")
async def revoke(request: Request, registration: Written) -> RegistrationDocument:
    """Let a printer in no more; its connection ends at once, and what is known of it stays."""
    async with registrar(request) as opened:
        await opened.revoke(registration.id)
    log.info("key revoked", printer=registration.id)
    return RegistrationDocument.of(replace(registration, standing=Standing.REVOKED))


@one.post("/admit", summary="Let it in again")
async def admit(request: Request, registration: Written) -> RegistrationDocument:
    """Let a revoked printer in again, with the key that it had."""
    async with registrar(request) as opened:
        await opened.admit(registration.id)
    log.info("key admitted", printer=registration.id)
    return RegistrationDocument.of(replace(registration, standing=Standing.ACTIVE))


@one.delete("", status_code=204, summary="Delete a printer")
async def remove(request: Request, registration: Written) -> None:
    """Delete a printer and everything that was kept of it; its connection ends at once."""
    async with registrar(request) as opened:
        await opened.remove(registration.id)
    log.info("printer removed", printer=registration.id)


def _told(request: Request, added: Added) -> KeyDocument:
    settings = roles(request).settings
    return KeyDocument(
        registration=RegistrationDocument.of(added.registration),
        username=added.registration.id,
        key=added.secret,
        plugin_key=fragments.plugin_key(added.registration, added.secret),
        ways=[
            WayDocument.of(added, way, settings.url)
            for way in fragments.ways(settings.plugin, settings.public.host)
        ],
    )


def _sentence(error: SetupError) -> str:
    text = str(error)
    return f"{text[0].upper()}{text[1:]}."
