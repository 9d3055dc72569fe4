"""What has to be done now and then: the first code, and warnings before printers are forgotten."""

import asyncio
from collections import defaultdict
from collections.abc import Callable
from datetime import datetime, timedelta

import structlog

from services.skill.accounts import letters
from services.skill.accounts.office import Office
from services.skill.mail import Undeliverable
from services.skill.settings import SkillSettings
from voxtrude.accounts import Purpose
from voxtrude.errors import LinkError
from voxtrude.mongo.client import Database
from voxtrude.mongo.printers import Printers
from voxtrude.mongo.tickets import LIFETIMES
from voxtrude.process import endure, utc_now
from voxtrude.registration import AccountId, Registration

log = structlog.get_logger()

ROUND = timedelta(minutes=1)
SILENCES = timedelta(hours=1)  # between two looks for silent printers
WARNED = 0.7  # of the time after which a printer is forgotten
RENEWED = LIFETIMES[Purpose.SETUP] * 0.9  # a code goes before it is worth nothing


class Upkeep:
    """One round a minute."""

    def __init__(
        self,
        settings: SkillSettings,
        database: Database,
        office: Office,
        clock: Callable[[], datetime] = utc_now,
    ) -> None:
        self._url = settings.url
        self._kept = settings.keep.printers
        self._office = office
        self._printers = Printers(database)
        self._clock = clock
        self._code_at: datetime | None = None
        self._silences_at: datetime | None = None

    async def run(self) -> None:
        """Do rounds for ever; while the database is away, none.

        Raises:
            SetupError: The database lets us do nothing.
        """
        await endure(self._rounds)

    async def _rounds(self, ready: Callable[[], None]) -> None:
        while True:
            await self.round()
            ready()
            await asyncio.sleep(ROUND.total_seconds())

    async def round(self) -> None:
        """Do what is due.

        Raises:
            LinkError: The database is away.
        """
        now = self._clock()
        await self._welcome(now)
        if self._office.can_mail and _is_due(self._silences_at, SILENCES, now):
            await self._warn(now)
            self._silences_at = now

    async def _welcome(self, now: datetime) -> None:
        """Tell whoever reads the log how to become the first administrator."""
        if not await self._office.is_new():
            self._code_at = None
        elif _is_due(self._code_at, RENEWED, now):
            code = await self._office.setup_code()
            # The one secret that is logged: until it is used there is nothing to protect.
            log.warning("nobody has an account yet", open=f"{self._url}/welcome", code=code)
            self._code_at = now

    async def _warn(self, now: datetime) -> None:
        """Write once a silence to the owners of printers that will be forgotten."""
        theirs: dict[AccountId, list[Registration]] = defaultdict(list)
        for one in await self._printers.silent(now - self._kept * WARNED):
            if one.owner is not None:
                theirs[one.owner].append(one)
        for owner, printers in theirs.items():
            account = await self._office.account(owner)
            if account is None:
                continue
            names = [one.name for one in printers]
            letter = letters.silent(self._url, names, self._kept * WARNED, self._kept)
            try:
                await self._office.write(account, letter)
            except Undeliverable as error:
                log.warning("a warning cannot be sent", reason=str(error))
            except LinkError as error:
                log.warning("warnings are not sent", reason=str(error))
                return  # the mail server is away: the next look tries again
            await self._printers.note_warned([one.id for one in printers], now)


def _is_due(last: datetime | None, every: timedelta, now: datetime) -> bool:
    return last is None or now - last >= every
