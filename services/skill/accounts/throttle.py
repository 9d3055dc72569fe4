"""Guessing is made slow: by account, and by network.

A try is counted before it is looked at, so that many at once gain nothing; one that was right
is taken back. Addresses and networks are kept as keyed hashes only, for an hour at most.
"""

import hmac
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import sha256

import structlog
from pydantic import SecretStr

from services.skill.accounts.keys import derived
from services.skill.accounts.refusals import Refusal
from voxtrude.mongo.client import Database
from voxtrude.mongo.counters import Counters

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Limit:
    """How often within which time."""

    name: str
    most: int
    lasts: timedelta


LOGIN = Limit("login", 10, timedelta(minutes=15))  # wrong passwords of one address
FACTOR = Limit("factor", 5, timedelta(minutes=15))  # wrong codes of one account
NETWORK = Limit("network", 50, timedelta(hours=1))  # whatever was wrong, from one network
REQUESTS = Limit("requests", 50, timedelta(hours=1))  # sign-ups and forgotten passwords from it
LETTERS = Limit("letters", 5, timedelta(hours=1))  # to one address

VISITS = Limit("visits", 20, timedelta(minutes=10))
"""So often may one account let us ask an OctoPrint: nobody looks for other machines with us."""


class Throttle:
    """Counts in the database: a restart forgives nothing."""

    def __init__(
        self, database: Database, secret: SecretStr, clock: Callable[[], datetime]
    ) -> None:
        self._counters = Counters(database)
        self._key = derived(secret, "counters")
        self._clock = clock

    async def enter(self, *tries: tuple[Limit, str]) -> None:
        """Count a try against each of these limits.

        Raises:
            Refusal: One of them is reached; it says for how long.
        """
        now = self._clock()
        waits = []
        for limit, whose in tries:
            if not whose:
                continue
            counter = await self._counters.add(self._id(limit, whose), now, limit.lasts)
            if counter.count > limit.most:
                waits.append(counter.expires_at - now)
            if counter.count == limit.most + 1:
                log.warning("tries are refused for a while", limit=limit.name)
        if waits:
            raise Refusal("throttled", retry_after=max(1, round(max(waits).total_seconds())))

    async def allows(self, limit: Limit, whose: str) -> bool:
        """Count one, and return whether it is within the limit."""
        counter = await self._counters.add(self._id(limit, whose), self._clock(), limit.lasts)
        return counter.count <= limit.most

    async def take_back(self, limit: Limit, whose: str) -> None:
        """Forget one try: it was right."""
        if whose:
            await self._counters.take_back(self._id(limit, whose))

    async def clear(self, *entries: tuple[Limit, str]) -> None:
        """Forget all tries of these."""
        await self._counters.clear([self._id(limit, whose) for limit, whose in entries])

    def _id(self, limit: Limit, whose: str) -> str:
        return hmac.new(self._key, f"{limit.name} {whose}".encode(), sha256).hexdigest()
