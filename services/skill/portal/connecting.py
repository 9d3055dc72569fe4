"""How OctoPrint gets in touch: set up from here, and watched until its first message."""

from typing import Annotated, Any

import structlog
from fastapi import APIRouter, Form
from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response

from services.skill.accounts.refusals import Refusal
from services.skill.live.phrases import age
from services.skill.onboarding import diagnosis, fragments
from services.skill.onboarding.addresses import Ports
from services.skill.onboarding.fragments import Way
from services.skill.onboarding.inquiry import gathered
from services.skill.onboarding.obstacles import Obstacle
from services.skill.onboarding.octoprint import visited
from services.skill.portal.ownership import Owned, key_mark, registrar
from services.skill.roles import Roles, roles
from services.skill.visitors import Checked, SignedIn, Visitor
from services.skill.web.forms import done
from services.skill.web.pages import page
from voxtrude.errors import LinkError
from voxtrude.process import utc_now
from voxtrude.registration import Registration

log = structlog.get_logger()

router = APIRouter(prefix="/printers/{printer}", include_in_schema=False)

LONGEST = 1000  # characters of a field
Line = Annotated[str, Form(max_length=LONGEST)]


@router.get("/configure")
async def form(request: Request, visitor: SignedIn, registration: Owned) -> Response:
    """Ask for OctoPrint's address and a key to it."""
    return _form(request, visitor, registration)


@router.post("/configure")
async def configure(
    request: Request,
    visitor: SignedIn,
    registration: Owned,
    _checked: Checked,
    *,
    address: Line = "",
    api_key: Line = "",
    way: Line = "",
    ca_path: Line = "",
) -> Response:
    """Give the printer a new key, and tell OctoPrint."""
    role = roles(request)
    rotated = False
    try:
        await _count(role, visitor)
        chosen = _chosen(role, way)
        async with visited(address, api_key, Ports.of(role.settings)) as octoprint:
            await octoprint.check()
            async with registrar(request) as opened:
                added = await opened.rotate(registration)
            rotated = True
            path = ca_path.strip() or fragments.CA_PATH
            await octoprint.save(fragments.settings(registration, added.secret, chosen, path))
    except Obstacle as obstacle:
        log.info("OctoPrint not set up", printer=registration.id, reason=obstacle.code)
        return _form(
            request,
            visitor,
            registration,
            obstacle=obstacle,
            rotated=rotated,
            entered={"address": address, "way": way, "ca_path": ca_path},
        )
    log.info("OctoPrint set up", printer=registration.id)
    return RedirectResponse(done(f"/printers/{registration.id}/connection", "configured"), 303)


@router.get("/connection")
async def connection(request: Request, visitor: SignedIn, registration: Owned) -> Response:
    """Show how far the printer has come, and what is in its way."""
    return page(request, "waiting.html", visitor=visitor, **await _situation(request, registration))


@router.get("/connection.json")
async def look(request: Request, visitor: SignedIn, registration: Owned) -> Response:
    """Tell the same to the page's script."""
    try:
        situation = await _situation(request, registration)
    except LinkError:
        return JSONResponse({"detail": "the database is away"}, 503)
    part = page(request, "connection.html", visitor=visitor, **situation)
    return JSONResponse(
        {
            "received": situation["received"],
            "said": situation["said"],
            "findings": [one.code for one in situation["findings"]],
            "html": bytes(part.body).decode(),
        }
    )


async def _situation(request: Request, registration: Registration) -> dict[str, Any]:
    role, now = roles(request), utc_now()
    evidence, unreadable = await gathered(role.database, registration, role.fleet.pipeline)
    steps, found = diagnosis.steps(evidence), diagnosis.findings(evidence, now)
    received = diagnosis.is_received(evidence)
    return {
        "printer": registration,
        "registration": registration,
        "ways": _ways(role),
        "steps": [(one, age(now - one.at) if one.at else None) for one in steps],
        "findings": found,
        "received": received,
        # For screen readers: one sentence that changes when something happens.
        "said": found[0].sentence
        if found and not received
        else next((one.sentence for one in steps if one.progress != "done"), steps[-1].sentence),
        "unreadable": [
            {"topic": one["topic"], "reason": one["reason"], "age": age(now - one["at"])}
            for one in unreadable
        ],
    }


async def _count(role: Roles, visitor: Visitor) -> None:
    try:
        await role.office.count_visit(visitor.account)
    except Refusal:
        raise Obstacle("too-often") from None


def _chosen(role: Roles, way: str) -> Way:
    ways = _ways(role)
    if not ways:
        raise Obstacle("no-way")
    return next((one for one in ways if one.name == way), ways[0])


def _ways(role: Roles) -> tuple[Way, ...]:
    return fragments.ways(role.settings.plugin, role.settings.public.host)


def _form(
    request: Request,
    visitor: Visitor,
    registration: Registration,
    *,
    obstacle: Obstacle | None = None,
    rotated: bool = False,
    entered: dict[str, str] | None = None,
) -> Response:
    ways = _ways(roles(request))
    return page(
        request,
        "configure.html",
        status=422 if obstacle else 200,
        visitor=visitor,
        registration=registration,
        ways=ways,
        is_loopback=any(one.is_loopback for one in ways),
        obstacle=obstacle,
        rotated=rotated,
        entered={"address": "", "way": "", "ca_path": "", **(entered or {})},
        ca_path=fragments.CA_PATH,
        mark=key_mark(registration),
    )
