"""Somebody's own data: taken along, and deleted."""

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from services.skill import belongings
from services.skill.accounts.refusals import Refusal
from services.skill.roles import roles
from services.skill.visitors import Checked, SignedIn, Visitor
from services.skill.web import cookies
from services.skill.web.downloads import spooled
from services.skill.web.errors import status_of
from services.skill.web.forms import Password, Text
from services.skill.web.network import network_of
from services.skill.web.pages import page
from voxtrude.errors import LinkError
from voxtrude.mongo.printers import Printers

router = APIRouter(prefix="/account", include_in_schema=False)

CONFIRMATION = "delete my account"
AWAY = (
    "The broker or the database is away, and your printers must be disconnected first. "
    "Your account is still there: please try again in a minute."
)


@router.get("/data")
async def data_page(request: Request, visitor: SignedIn) -> Response:
    """Show what somebody may do with the own data."""
    return page(request, "data.html", visitor=visitor)


@router.get("/export")
async def export(request: Request, visitor: SignedIn) -> Response:
    """Send everything that is kept of the account as a file."""
    return await spooled(
        belongings.told(roles(request), visitor.account),
        {"Content-Disposition": 'attachment; filename="voxtrude-export.json"'},
    )


@router.get("/delete")
async def delete_page(request: Request, visitor: SignedIn) -> Response:
    """Say what will be gone, and ask for the password."""
    return await _delete_page(request, visitor)


@router.post("/delete")
async def delete(
    request: Request, visitor: SignedIn, _: Checked, password: Password, confirmation: Text
) -> Response:
    """Delete the account, its printers, and everything that was kept of them."""
    account, role = visitor.account, roles(request)
    if " ".join(confirmation.lower().split()) != CONFIRMATION:
        problem = f"Nothing was deleted. Type “{CONFIRMATION}” to show that you mean it."
        return await _delete_page(request, visitor, problem, 422)
    try:
        await role.office.confirm_password(account, password, network_of(request))
        await belongings.remove(role, account)
    except Refusal as refusal:
        response = await _delete_page(request, visitor, refusal.text, status_of(refusal))
        if refusal.retry_after:
            response.headers["Retry-After"] = str(refusal.retry_after)
        return response
    except LinkError:
        return await _delete_page(request, visitor, AWAY, 503)
    response = page(request, "goodbye.html")
    cookies.SESSION.clear(request, response)
    return response


async def _delete_page(
    request: Request, visitor: Visitor, problem: str | None = None, status: int = 200
) -> Response:
    printers = await Printers(roles(request).database).owned([visitor.account.id])
    return page(
        request,
        "delete.html",
        status=status,
        visitor=visitor,
        problem=problem,
        printers=printers,
        confirmation=CONFIRMATION,
    )
