"""Which printer a request is about: one of the caller's, or there is nothing."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Annotated

from fastapi import Depends, HTTPException, Path
from starlette.requests import Request

from services.skill.api.access import Caller, Reader, Writer
from services.skill.roles import roles
from voxtrude.errors import SetupError
from voxtrude.mongo.printers import Printers
from voxtrude.printer import PrinterId
from voxtrude.registrar import Registrar
from voxtrude.registration import PRINTER_ID, Registration

PATTERN = f"^{PRINTER_ID.pattern}$"
NONE = "There is no such printer."

Id = Annotated[
    str, Path(pattern=PATTERN, description="the printer's id", examples=["prn-0123456789abcdef"])
]


async def find(request: Request, caller: Caller, printer: str) -> Registration:
    """Return a printer of the caller's.

    Raises:
        HTTPException: 404, whether it is another's or is not at all.
        LinkError: The database is away.
    """
    printers = Printers(roles(request).database)
    found = await printers.owned_one(PrinterId(printer), caller.reach)
    if found is None:
        raise HTTPException(404, NONE)
    return found


async def _to_read(request: Request, caller: Reader, printer: Id) -> Registration:
    return await find(request, caller, printer)


async def _to_write(request: Request, caller: Writer, printer: Id) -> Registration:
    return await find(request, caller, printer)


Read = Annotated[Registration, Depends(_to_read)]
Written = Annotated[Registration, Depends(_to_write)]


@asynccontextmanager
async def changing(request: Request) -> AsyncIterator[Printers]:
    """Change a registration in the database.

    Raises:
        HTTPException: 404; it is gone meanwhile.
        LinkError: The database is away.
    """
    try:
        yield Printers(roles(request).database)
    except SetupError:
        raise HTTPException(404, NONE) from None


@asynccontextmanager
async def registrar(request: Request) -> AsyncIterator[Registrar]:
    """Change a registration at the broker, too.

    Raises:
        HTTPException: 404; it is gone meanwhile.
        LinkError: Broker or database are away.
        SetupError: The broker refused us.
    """
    async with roles(request).registrar() as opened:
        try:
            yield opened
        except SetupError:
            raise HTTPException(404, NONE) from None
