"""How many streams an account has open at once."""

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

from voxtrude.registration import AccountId

LIMIT = 50


class Turnstile:
    """Counts who comes in and who goes."""

    def __init__(self, limit: int = LIMIT) -> None:
        self._limit = limit
        self._inside: Counter[AccountId] = Counter()

    def is_full(self, account: AccountId) -> bool:
        """Tell whether an account has as many open as it may."""
        return self._inside[account] >= self._limit

    @contextmanager
    def entered(self, account: AccountId) -> Iterator[None]:
        """Count one stream until the block ends."""
        self._inside[account] += 1
        try:
            yield
        finally:
            self._inside[account] -= 1
            if not self._inside[account]:
                del self._inside[account]
