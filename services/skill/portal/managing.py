"""How a printer is changed: its name, its plate, its key, and how long it is kept."""

from typing import Annotated

import structlog
from fastapi import APIRouter, Form
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from services.skill.portal.adding import key_page, sentence
from services.skill.portal.durations import in_words
from services.skill.portal.ownership import Owned, changing, key_mark, registrar
from services.skill.roles import roles
from services.skill.visitors import Administrator, Checked, SignedIn, Visitor
from services.skill.web.forms import done
from services.skill.web.pages import page
from voxtrude.errors import SetupError
from voxtrude.process import utc_now
from voxtrude.registration import (
    FIRST_YEAR,
    LAST_YEAR,
    MAX_NAME,
    MAX_PLATE,
    Identification,
    Registration,
    Standing,
    checked_name,
    checked_plate,
)

log = structlog.get_logger()

router = APIRouter(prefix="/printers/{printer}", include_in_schema=False)

LONGEST = 1000  # characters of a field; the registration's own limits are told in words

Line = Annotated[str, Form(max_length=LONGEST)]


@router.get("/settings")
async def settings(request: Request, visitor: SignedIn, registration: Owned) -> Response:
    """Show everything that can be changed."""
    return _settings(request, visitor, registration)


@router.post("/settings/name")
async def rename(
    request: Request, visitor: SignedIn, registration: Owned, _checked: Checked, name: Line = ""
) -> Response:
    """Give it another name; id, topics and history stay."""
    try:
        name = checked_name(name)
    except SetupError as error:
        return _settings(request, visitor, registration, {"name": sentence(error)}, name=name)
    async with changing(request) as printers:
        await printers.rename(registration.id, name)
    return _back(registration, "printer-renamed")


@router.post("/settings/plate")
async def identify(  # noqa: PLR0913  (a field of the form each)
    request: Request,
    visitor: SignedIn,
    registration: Owned,
    _checked: Checked,
    *,
    manufacturer: Line = "",
    model: Line = "",
    serial_number: Line = "",
    location: Line = "",
    year: Line = "",
) -> Response:
    """Say what stands on its plate."""
    given = Identification(manufacturer, model, serial_number, location)
    try:
        plate = checked_plate(
            Identification(manufacturer, model, serial_number, location, _year(year))
        )
    except SetupError as error:
        return _settings(
            request, visitor, registration, {"plate": sentence(error)}, plate=given, year=year
        )
    async with changing(request) as printers:
        await printers.identify(registration.id, plate)
    return _back(registration, "printer-saved")


@router.post("/settings/keep")
async def keep(
    request: Request, _visitor: SignedIn, registration: Owned, _checked: Checked, *, lasting: Line
) -> Response:
    """Keep it for ever, or until it was silent for too long."""
    async with changing(request) as printers:
        await printers.keep(registration.id, None if lasting == "yes" else utc_now())
    return _back(registration, "printer-saved")


@router.post("/settings/owner")
async def give(
    request: Request, visitor: Administrator, registration: Owned, _checked: Checked, *, to: Line
) -> Response:
    """Make it the administrator's own, or the installation's."""
    async with changing(request) as printers:
        await printers.give(registration.id, visitor.account.id if to == "me" else None)
    return _back(registration, "printer-saved")


@router.post("/key")
async def rotate(
    request: Request,
    visitor: SignedIn,
    registration: Owned,
    _checked: Checked,
    *,
    mark: Line,
) -> Response:
    """Make a new key and show it, once; the old one ends."""
    # A page that is loaded again sends its form again: that is no wish for another key.
    if mark != key_mark(registration):
        return RedirectResponse(f"/printers/{registration.id}/connection", 303)
    async with registrar(request) as opened:
        added = await opened.rotate(registration)
    log.info("key rotated", printer=registration.id)
    return key_page(request, visitor, added, is_new=False)


@router.post("/revoke")
async def revoke(
    request: Request, _visitor: SignedIn, registration: Owned, _checked: Checked
) -> Response:
    """Let it in no more; its connection ends at once."""
    async with registrar(request) as opened:
        await opened.revoke(registration.id)
    log.info("key revoked", printer=registration.id)
    return _back(registration, "printer-revoked")


@router.post("/admit")
async def admit(
    request: Request, _visitor: SignedIn, registration: Owned, _checked: Checked
) -> Response:
    """Let it in again, with the key that it had."""
    async with registrar(request) as opened:
        await opened.admit(registration.id)
    log.info("key admitted", printer=registration.id)
    return _back(registration, "printer-admitted")


@router.get("/remove")
async def confirm(request: Request, visitor: SignedIn, registration: Owned) -> Response:
    """Say what is deleted, and ask."""
    return page(request, "remove.html", visitor=visitor, registration=registration)


@router.post("/remove")
async def remove(
    request: Request, _visitor: SignedIn, registration: Owned, _checked: Checked
) -> Response:
    """Delete it and everything that was kept of it; its connection ends at once."""
    async with registrar(request) as opened:
        await opened.remove(registration.id)
    log.info("printer removed", printer=registration.id)
    return RedirectResponse(done("/printers", "printer-removed"), 303)


def _settings(
    request: Request,
    visitor: Visitor,
    registration: Registration,
    mistakes: dict[str, str] | None = None,
    name: str | None = None,
    plate: Identification | None = None,
    year: str | None = None,
) -> Response:
    shown = plate or registration.identification
    return page(
        request,
        "settings.html",
        status=422 if mistakes else 200,
        visitor=visitor,
        printer=registration,
        registration=registration,
        name=registration.name if name is None else name,
        plate=shown,
        year=str(shown.year_of_construction or "") if year is None else year,
        mistakes=mistakes or {},
        is_revoked=registration.standing is Standing.REVOKED,
        silence=in_words(roles(request).settings.keep.printers),
        mark=key_mark(registration),
        max_name=MAX_NAME,
        max_plate=MAX_PLATE,
        years=(FIRST_YEAR, LAST_YEAR),
    )


def _back(registration: Registration, code: str) -> Response:
    return RedirectResponse(done(f"/printers/{registration.id}/settings", code), 303)


def _year(text: str) -> int | None:
    text = text.strip()
    if not text:
        return None
    if not (text.isascii() and text.isdecimal() and len(text) <= len(str(LAST_YEAR))):
        raise SetupError(f"a year is a number from {FIRST_YEAR} to {LAST_YEAR}")
    return int(text)
