"""What the handlers of requests may use; made once by the composition root."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from typing import cast

import structlog
from fastapi import Request

from services.skill.accounts.office import Office
from services.skill.live.fleet import Fleet
from services.skill.reporter import Reporter
from services.skill.settings import SkillSettings
from voxtrude import registrar
from voxtrude.errors import LinkError, SetupError
from voxtrude.mongo.client import Database
from voxtrude.registrar import Registrar

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Roles:
    """Everything that a request may need."""

    settings: SkillSettings
    database: Database
    office: Office
    fleet: Fleet
    reporter: Reporter
    _turn: asyncio.Lock = field(default_factory=asyncio.Lock, repr=False)

    @asynccontextmanager
    async def registrar(self) -> AsyncIterator[Registrar]:
        """Open the broker to change printers' logins; one at a time, as the account's session.

        Raises:
            LinkError: The broker is away, or does not let us; the log says which.
        """
        login = self.settings.registrar
        account = self.settings.portal.username
        async with self._turn, AsyncExitStack() as stack:
            try:
                found = await stack.enter_async_context(
                    registrar.opened(self.database, login, account)
                )
            except SetupError as error:
                # Whoever adds a printer cannot mend it, and what they entered is right.
                log.error("cannot change logins", reason=str(error), check="VOXTRUDE_PORTAL_*")  # noqa: TRY400  (one line)
                raise LinkError("the broker does not let the portal change logins") from None
            yield found


def roles(request: Request) -> Roles:
    """Return them to a handler."""
    return cast("Roles", request.state.roles)
