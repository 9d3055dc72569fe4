"""Adding and changing printers, in the database and at the running broker at once."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, replace

import structlog

from voxtrude import dynsec, leftovers, mqtt
from voxtrude.control import Control
from voxtrude.credentials import hashed, new_secret
from voxtrude.errors import LinkError, SetupError
from voxtrude.mongo.client import Database
from voxtrude.mongo.printers import Printers
from voxtrude.mongo.states import States
from voxtrude.mongo.unknown import UnknownPrinters
from voxtrude.printer import PrinterId
from voxtrude.process import utc_now
from voxtrude.registration import (
    AccountId,
    Registration,
    Standing,
    checked_base,
    checked_name,
    new_printer_id,
    standard_base,
)
from voxtrude.settings import Mqtt

log = structlog.get_logger()

ONE_BY_ONE = 1  # commands a batch, which every version can take


@dataclass(frozen=True, slots=True)
class Added:
    """A registration with the secret that is shown once."""

    registration: Registration
    secret: str


@dataclass(frozen=True, slots=True)
class Registrar:
    """The registrations, with the broker's ear; open it with ``opened``."""

    printers: Printers
    control: Control
    states: States
    unknown: UnknownPrinters
    login: Mqtt

    async def add(
        self, name: str, base_topic: str | None = None, owner: AccountId | None = None
    ) -> Added:
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
            owner=owner,
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

    async def rotate(self, registration: Registration) -> Added:
        """Give a printer another secret; whoever uses the old one is cut off.

        Raises:
            SetupError: There is no such printer any more.
            LinkError: The broker went away; then the old secret stays.
        """
        secret = new_secret()
        await self.printers.rotate(registration.id, hashed(secret))
        try:
            await self.control.execute(dynsec.set_password(registration.id, secret))
        except LinkError:
            if registration.credential:
                await self.printers.rotate(registration.id, registration.credential)
            raise
        return Added(registration, secret)

    async def revoke(self, printer: PrinterId) -> None:
        """Let a printer in no more; what is known of it stays. Its session ends at once."""
        await self.printers.set_standing(printer, Standing.REVOKED)
        await self.control.execute(dynsec.disable(printer))

    async def admit(self, printer: PrinterId) -> None:
        """Let a revoked printer in again, with the secret that it had."""
        await self.printers.set_standing(printer, Standing.ACTIVE)
        await self.control.execute(dynsec.enable(printer))

    async def remove(self, printer: PrinterId) -> None:
        """Forget a printer and all that was kept of it; its session ends at once.

        Raises:
            LinkError: The database is away, and nothing was done; or the broker is, and the
                printer is forgotten all the same: its account ends once the broker is back.
        """
        registration = await self.printers.get(printer)
        if registration:
            await self._clear(registration)
        await self.printers.remove(printer)
        if registration:
            base = registration.base_topic
            await self.unknown.forget(base)
            await self.unknown.forget(base.removesuffix("/"))
        await self.control.execute(dynsec.delete(printer))

    async def _clear(self, registration: Registration) -> None:
        """Take off the broker what it has kept, as far as that can be done."""
        state = await self.states.get(registration.id)
        try:
            await leftovers.clear(self.control, self.login, registration, state)
        except (LinkError, SetupError, TimeoutError) as error:
            log.warning(
                "messages of a removed printer may be left at the broker",
                printer=registration.id,
                reason=str(error),
            )


@asynccontextmanager
async def opened(database: Database, login: Mqtt, account: str) -> AsyncIterator[Registrar]:
    """Open the broker as ``account``, which has one session at a time.

    Raises:
        LinkError: The broker is away.
        SetupError: It refused us.
    """
    async with mqtt.connect(login, account) as connection:
        control = Control(connection, batch=ONE_BY_ONE)
        await control.open()
        yield Registrar(
            Printers(database), control, States(database), UnknownPrinters(database), login
        )
