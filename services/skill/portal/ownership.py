"""Which printer a page is about, one of the visitor's or there is nothing; and its changes."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Annotated

from fastapi import Depends, HTTPException
from starlette.requests import Request

from services.skill.roles import roles
from services.skill.visitors import SignedIn
from voxtrude.accounts import digest
from voxtrude.errors import SetupError
from voxtrude.mongo.printers import Printers
from voxtrude.printer import PrinterId
from voxtrude.registrar import Registrar
from voxtrude.registration import PRINTER_ID, Registration


async def owned(request: Request, visitor: SignedIn, printer: str) -> Registration:
    """Return the printer in the path.

    Raises:
        HTTPException: 404, whether it is another's or is not at all.
        LinkError: The database is away.
    """
    if not PRINTER_ID.fullmatch(printer):
        raise HTTPException(404)
    printers = Printers(roles(request).database)
    found = await printers.owned_one(PrinterId(printer), visitor.account.reach)
    if found is None:
        raise HTTPException(404)
    return found


Owned = Annotated[Registration, Depends(owned)]


@asynccontextmanager
async def changing(request: Request) -> AsyncIterator[Printers]:
    """Change a registration; one that is gone meanwhile is not there.

    Raises:
        HTTPException: 404.
        LinkError: The database is away.
    """
    try:
        yield Printers(roles(request).database)
    except SetupError:
        raise HTTPException(404) from None


@asynccontextmanager
async def registrar(request: Request) -> AsyncIterator[Registrar]:
    """Change a registration at the broker, too.

    Raises:
        HTTPException: 404.
        LinkError: Broker or database are away.
        SetupError: The broker refused us.
    """
    async with roles(request).registrar() as opened:
        try:
            yield opened
        except SetupError:
            raise HTTPException(404) from None


def key_mark(registration: Registration) -> str:
    """Return what changes with each new key, and tells nothing of it."""
    credential = registration.credential
    return digest(f"{credential.salt}:{credential.digest}")[:16] if credential else ""
