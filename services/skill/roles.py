"""What the handlers of requests may use; made once by the composition root."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import cast

from fastapi import Request

from services.skill.accounts.office import Office
from services.skill.live.fleet import Fleet
from services.skill.reporter import Reporter
from services.skill.settings import SkillSettings
from voxtrude import registrar
from voxtrude.mongo.client import Database
from voxtrude.registrar import Registrar


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
            LinkError: The broker is away.
        """
        login = self.settings.registrar
        account = self.settings.portal.username
        async with self._turn, registrar.opened(self.database, login, account) as found:
            yield found


def roles(request: Request) -> Roles:
    """Return them to a handler."""
    return cast("Roles", request.state.roles)
