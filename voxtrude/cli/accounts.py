"""``voxtrude account …`` and ``voxtrude admin code``: who may sign in at the portal."""

import asyncio
from typing import Annotated, TypeAlias

import typer

from voxtrude.accounts import Account, Purpose, Role, checked_email
from voxtrude.cli import registry, site
from voxtrude.cli.options import AsJson, DataDir
from voxtrude.cli.output import age, console, show_facts, show_json, show_table
from voxtrude.cli.site import Site
from voxtrude.errors import SetupError
from voxtrude.mongo.accounts import Accounts
from voxtrude.mongo.client import Database, connect
from voxtrude.mongo.printers import Printers
from voxtrude.mongo.sessions import StoredSessions
from voxtrude.mongo.tickets import LIFETIMES, Tickets
from voxtrude.printer import PrinterId
from voxtrude.process import utc_now
from voxtrude.registration import AccountId

app = typer.Typer(help="Accounts of people, for the portal.", no_args_is_help=True)
admin = typer.Typer(help="The portal's first administrator.", no_args_is_help=True)

Email: TypeAlias = Annotated[str, typer.Argument(help="The account's e-mail address.")]


@admin.command("code")
def code(data_dir: DataDir = None, *, as_json: AsJson = False) -> None:
    """Make a new code for the first administrator; the one before ends."""
    where = site.find(data_dir)

    async def work() -> str:
        async with connect(where.mongo) as database:
            if made := await setup_code(database):
                return made
            known = await Accounts(database).all(utc_now())
        names = ", ".join(one.email for one in known if one.role is Role.ADMIN)
        raise SetupError(
            f"there is an administrator already: {names}; `voxtrude account reset` lets one in "
            "who has forgotten the password"
        )

    made = asyncio.run(work())
    if as_json:
        show_json({"url": where.portal, "code": made})
    else:
        show_setup(where.portal, made)


def show_setup(url: str, code: str) -> None:
    """Say how the first account is made."""
    console.print("Open the portal and make the first account with this code:", style="bold")
    show_facts([("portal", url), ("code", code)])


@app.command("list")
def show_list(data_dir: DataDir = None, *, as_json: AsJson = False) -> None:
    """List who may sign in."""
    where = site.find(data_dir)

    async def work() -> list[tuple[Account, int]]:
        async with connect(where.mongo) as database:
            known = await Accounts(database).all(utc_now())
            return [(one, len(await Printers(database).owned((one.id,)))) for one in known]

    rows = asyncio.run(work())
    now = utc_now()
    if as_json:
        show_json(
            [
                {
                    "id": one.id,
                    "email": one.email,
                    "role": one.role.value,
                    "created_at": one.created_at,
                    "verified_at": one.verified_at,
                    "second_factor": one.totp is not None,
                    "printers": count,
                }
                for one, count in rows
            ]
        )
        return
    show_table(
        ("e-mail", "role", "printers", "second factor", "made"),
        (
            (
                one.email,
                one.role.value,
                str(count),
                "yes" if one.totp else "",
                age(one.created_at, now),
            )
            for one, count in rows
        ),
    )


@app.command()
def invite(
    email: Annotated[
        str | None, typer.Argument(help="The only address that it works for; default: any.")
    ] = None,
    data_dir: DataDir = None,
    *,
    as_json: AsJson = False,
) -> None:
    """Make a link by which one person makes an account; send it yourself."""
    where = site.find(data_dir)
    if where.settings.accounts.sign_up == "off":
        raise SetupError("VOXTRUDE_ACCOUNTS_SIGN_UP: off lets nobody make an account")
    address = checked_email(email) if email else None

    async def work() -> str:
        async with connect(where.mongo) as database:
            if address and await Accounts(database).find(address, utc_now()):
                raise SetupError(f"{address} has an account already")
            return await Tickets(database).issue(Purpose.INVITE, utc_now(), email=address)

    _show_link(where, Purpose.INVITE, asyncio.run(work()), as_json=as_json)


@app.command()
def reset(
    email: Email,
    *,
    second_factor: Annotated[
        bool, typer.Option("--second-factor", help="Turn the second factor off, which was lost.")
    ] = False,
    data_dir: DataDir = None,
    as_json: AsJson = False,
) -> None:
    """Make a link by which somebody chooses a new password; send it yourself."""
    where = site.find(data_dir)

    async def work() -> str:
        async with connect(where.mongo) as database:
            known = await find(database, email)
            if second_factor:
                await Accounts(database).set_totp(known.id, None)
            return await Tickets(database).issue(Purpose.RESET, utc_now(), account=known.id)

    _show_link(where, Purpose.RESET, asyncio.run(work()), as_json=as_json)


@app.command()
def role(
    email: Email,
    role: Annotated[Role, typer.Argument(help="What it may do besides its own printers.")],
    data_dir: DataDir = None,
    *,
    as_json: AsJson = False,
) -> None:
    """Make an account an administrator, or a member again."""
    where = site.find(data_dir)

    async def work() -> Account:
        async with connect(where.mongo) as database:
            known = await find(database, email)
            if role is not Role.ADMIN:
                await _spare_the_last(database, known)
            await Accounts(database).set_role(known.id, role)
            return known

    changed = asyncio.run(work())
    if as_json:
        show_json({"id": changed.id, "email": changed.email, "role": role.value})
    else:
        console.print(f"{changed.email} is {role.value} now", markup=False)


@app.command()
def remove(email: Email, data_dir: DataDir = None, *, as_json: AsJson = False) -> None:
    """Delete an account with its printers and all that was kept of them."""
    where = site.find(data_dir)

    async def work() -> tuple[Account, list[PrinterId]]:
        async with registry.opened(where) as opened, connect(where.mongo) as database:
            known = await find(database, email)
            await _spare_the_last(database, known)
            # Nobody may add a printer meanwhile.
            await StoredSessions(database).remove_all(known.id)
            owned = [one.id for one in await opened.printers.owned((known.id,))]
            for printer in owned:
                await opened.remove(printer)
            await Accounts(database).remove(known.id)
            return known, owned

    removed, printers = asyncio.run(work())
    if as_json:
        show_json({"id": removed.id, "email": removed.email, "printers": printers})
    else:
        console.print(f"{removed.email} is forgotten, with {len(printers)} printers", markup=False)


# For other commands ------------------------------------------------------------------------


async def find(database: Database, email: str) -> Account:
    """Return somebody's account.

    Raises:
        SetupError: There is none with this address.
        LinkError: The database is away.
    """
    known = await Accounts(database).find(email, utc_now())
    if known is None:
        raise SetupError(f"there is no account {email!r}; see `voxtrude account list`")
    return known


async def setup_code(database: Database) -> str | None:
    """Return a new code for the first administrator; None where there is one.

    Raises:
        LinkError: The database is away.
    """
    if not await lacks_administrator(database):
        return None
    return await Tickets(database).issue(Purpose.SETUP, utc_now())


async def lacks_administrator(database: Database) -> bool:
    """Tell whether nobody administrates this installation yet.

    Raises:
        LinkError: The database is away.
    """
    return not await Accounts(database).count(utc_now(), Role.ADMIN)


async def addresses(database: Database) -> dict[AccountId | None, str]:
    """Return the e-mail address of each account.

    Raises:
        LinkError: The database is away.
    """
    return {one.id: one.email for one in await Accounts(database).all(utc_now())}


async def _spare_the_last(database: Database, known: Account) -> None:
    """Refuse to leave accounts behind without an administrator."""
    accounts = Accounts(database)
    now = utc_now()
    if known.role is not Role.ADMIN or await accounts.count(now, Role.ADMIN) > 1:
        return
    if await accounts.count(now) > 1:
        raise SetupError(
            f"{known.email} is the only administrator: `voxtrude account role EMAIL admin` "
            "makes another one first"
        )


def _show_link(where: Site, purpose: Purpose, code: str, *, as_json: bool) -> None:
    path = "join" if purpose is Purpose.INVITE else "reset"
    link = f"{where.portal}/{path}/{code}"
    expires_at = utc_now() + LIFETIMES[purpose]
    if as_json:
        show_json({"url": link, "expires_at": expires_at})
    else:
        console.print(
            f"It works once, until {expires_at:%Y-%m-%d %H:%M} UTC:", style="bold", markup=False
        )
        console.print(link, markup=False, soft_wrap=True)
