"""Adding and changing printers, in the database and at the running broker at once."""

import fcntl
import os
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass, replace

from broker.control import Control
from voxtrude import dynsec, files, mqtt
from voxtrude.cli.site import Site
from voxtrude.credentials import hashed, new_secret
from voxtrude.dynsec import REGISTRAR
from voxtrude.errors import LinkError, SetupError
from voxtrude.mongo.client import connect
from voxtrude.mongo.printers import Printers
from voxtrude.process import utc_now
from voxtrude.registration import (
    Registration,
    Standing,
    checked_base,
    checked_name,
    new_printer_id,
    standard_base,
)

ONE_BY_ONE = 1  # commands a batch, which every version can take


@dataclass(frozen=True, slots=True)
class Added:
    """A registration with the secret that is shown once."""

    registration: Registration
    secret: str


@dataclass(frozen=True, slots=True)
class Registry:
    """The registrations, with the broker's ear; open it with ``opened``."""

    printers: Printers
    control: Control

    async def add(self, name: str, base_topic: str | None = None) -> Added:
        """Register a printer; it may log in as soon as this returns.

        Raises:
            SetupError: Its name or base topic cannot be.
            LinkError: Broker or database went away; then nothing of it remains.
        """
        printer = new_printer_id()
        secret = new_secret()
        now = utc_now()
        registration = Registration(
            id=printer,
            name=checked_name(name),
            base_topic=checked_base(base_topic) if base_topic else standard_base(printer),
            created_at=now,
            alive_at=now,
            credential=hashed(secret),
        )
        known = await self.printers.registrations()
        if printer in dynsec.contested([*known, registration]):
            raise SetupError(f"the base topic {registration.base_topic} overlaps another printer's")
        await self.printers.add(registration)
        try:
            await self.control.execute(dynsec.create_printer(registration, secret))
            await self.printers.set_standing(printer, Standing.ACTIVE)
        except BaseException:
            with suppress(LinkError):
                await self.printers.remove(printer)
            with suppress(LinkError):
                await self.control.execute(dynsec.delete(printer))
            raise
        return Added(replace(registration, standing=Standing.ACTIVE), secret)

    async def rotate(self, name_or_id: str) -> Added:
        """Give a printer another secret; whoever uses the old one is cut off.

        Raises:
            SetupError: There is no such printer.
            LinkError: The broker went away; then the old secret stays.
        """
        registration = await self.printers.find(name_or_id)
        secret = new_secret()
        await self.printers.rotate(registration.id, hashed(secret))
        try:
            await self.control.execute(dynsec.set_password(registration.id, secret))
        except LinkError:
            if registration.credential:
                await self.printers.rotate(registration.id, registration.credential)
            raise
        return Added(registration, secret)

    async def remove(self, name_or_id: str) -> Registration:
        """Forget a printer and all that was kept of it; its session ends at once."""
        registration = await self.printers.find(name_or_id)
        await self.printers.remove(registration.id)
        await self.control.execute(dynsec.delete(registration.id))
        return registration


@asynccontextmanager
async def opened(site: Site) -> AsyncIterator[Registry]:
    """Open database and broker, one command after the other.

    Raises:
        LinkError: One of them is away.
        SetupError: One of them refused us.
    """
    login = site.login(REGISTRAR)
    with _alone(site):
        async with (
            connect(site.mongo) as database,
            mqtt.connect(login, REGISTRAR) as connection,
        ):
            control = Control(connection, batch=ONE_BY_ONE)
            await control.open()
            yield Registry(Printers(database), control)


@contextmanager
def _alone(site: Site) -> Iterator[None]:
    """Wait for others on this machine: the account has one session at a time."""
    if site.stack is None:
        yield
        return
    handle = os.open(
        site.data_dir / "registrar.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, files.PRIVATE
    )
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)
