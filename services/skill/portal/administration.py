"""What an administrator may do: see who has an account, invite, help back in, remove."""

from typing import Annotated

from fastapi import APIRouter, Depends, Form, HTTPException, Path
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from services.skill import belongings
from services.skill.accounts.refusals import Refusal
from services.skill.portal.durations import in_words
from services.skill.roles import roles
from services.skill.visitors import Administrator, Checked, Visitor, administrator
from services.skill.web.errors import status_of
from services.skill.web.forms import Email, Text, done
from services.skill.web.pages import page
from voxtrude.accounts import Account, Purpose, Role, email_key
from voxtrude.errors import LinkError
from voxtrude.mongo.printers import Printers
from voxtrude.mongo.tickets import LIFETIMES
from voxtrude.registration import AccountId

router = APIRouter(prefix="/admin", include_in_schema=False)

AWAY = (
    "The broker or the database is away, and the printers must be disconnected first. "
    "The account is still there: please try again in a minute."
)

Id = Annotated[AccountId, Path(max_length=64)]


@router.get("")
async def accounts_page(request: Request, visitor: Administrator) -> Response:
    """Show all accounts."""
    return await _accounts(request, visitor)


@router.post("/invite")
async def invite(
    request: Request, visitor: Administrator, _: Checked, email: Email = ""
) -> Response:
    """Make an invitation; its link is shown this once, and mailed where an address is given."""
    office = roles(request).office
    address = email.strip() or None
    try:
        code = await office.invite(address)
    except Refusal as refusal:
        return await _accounts(request, visitor, refusal)
    mailed = address is not None and office.can_mail
    return page(
        request,
        "link.html",
        visitor=visitor,
        title="The invitation",
        text=f"It is on its way to {address}, too." if mailed else "Send this link to the person.",
        note=f"It works once, within {in_words(LIFETIMES[Purpose.INVITE])}. "
        "Whoever has it can make an account.",
        link=f"{request.app.state.url}/join/{code}",
    )


@router.post("/accounts/{account}/reset")
async def reset_link(request: Request, visitor: Administrator, _: Checked, account: Id) -> Response:
    """Make a link with which somebody sets a new password."""
    found = await _account(request, account)
    code = await roles(request).office.reset_code(found.id)
    return page(
        request,
        "link.html",
        visitor=visitor,
        title="A link for a new password",
        text=f"Send it to {found.email}, by a way that you trust.",
        note=f"It works once, within {in_words(LIFETIMES[Purpose.RESET])}. "
        "Whoever has it can sign in as this person, unless there is a second step.",
        link=f"{request.app.state.url}/reset/{code}",
    )


@router.get("/accounts/{account}")
async def account_page(request: Request, visitor: Administrator, account: Id) -> Response:
    """Show one account, and what can be done about it."""
    return await _account_page(request, visitor, await _account(request, account))


@router.post("/accounts/{account}/role")
async def appoint(
    request: Request,
    visitor: Administrator,
    _: Checked,
    account: Id,
    role: Annotated[Role, Form()],
) -> Response:
    """Make somebody an administrator, or a member again."""
    found = await _account(request, account)
    try:
        await roles(request).office.appoint(found.id, role)
    except Refusal as refusal:
        return await _account_page(request, visitor, found, refusal.text, status_of(refusal))
    if found.id == visitor.account.id and role is not Role.ADMIN:
        return RedirectResponse("/account", 303)
    return RedirectResponse(done(f"/admin/accounts/{found.id}", "role-changed"), 303)


@router.post("/accounts/{account}/totp/remove", dependencies=[Depends(administrator)])
async def drop_totp(request: Request, _: Checked, account: Id) -> Response:
    """Let somebody in without the second step, who has lost it."""
    found = await _account(request, account)
    await roles(request).office.drop_totp(found.id)
    return RedirectResponse(done(f"/admin/accounts/{found.id}", "factor-dropped"), 303)


@router.post("/accounts/{account}/remove")
async def remove(
    request: Request, visitor: Administrator, _: Checked, account: Id, confirmation: Text
) -> Response:
    """Delete somebody's account and printers."""
    found = await _account(request, account)
    if found.id == visitor.account.id:
        raise HTTPException(409, "Delete your own account on its page.")
    if email_key(confirmation) != found.key:
        problem = "Nothing was deleted: that is not the address of this account."
        return await _account_page(request, visitor, found, problem, 422)
    try:
        await belongings.remove(roles(request), found)
    except Refusal as refusal:
        return await _account_page(request, visitor, found, refusal.text, status_of(refusal))
    except LinkError:
        return await _account_page(request, visitor, found, AWAY, 503)
    return RedirectResponse(done("/admin", "account-removed"), 303)


async def _accounts(request: Request, visitor: Visitor, refusal: Refusal | None = None) -> Response:
    role = roles(request)
    accounts = await role.office.accounts()
    printers = await Printers(role.database).counts()
    return page(
        request,
        "admin.html",
        status=status_of(refusal) if refusal else 200,
        visitor=visitor,
        problem=refusal.text if refusal else None,
        accounts=accounts,
        printers=printers,
        can_mail=role.office.can_mail,
        mode=role.office.sign_up_mode,
    )


async def _account_page(
    request: Request,
    visitor: Visitor,
    account: Account,
    problem: str | None = None,
    status: int = 200,
) -> Response:
    printers = await Printers(roles(request).database).count(account.id)
    return page(
        request,
        "admin_account.html",
        status=status,
        visitor=visitor,
        problem=problem,
        account=account,
        printers=printers,
    )


async def _account(request: Request, account: AccountId) -> Account:
    found = await roles(request).office.account(account)
    if found is None:
        raise HTTPException(404)
    return found
