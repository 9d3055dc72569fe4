"""Guessing passwords is made slow, and nobody is locked out by somebody else's guesses.

Who fails waits longer and longer before the next try is looked at: by user and address
together, and (later) by address alone, for who tries many names. The right password comes in
from wherever it is given, at the most some seconds late.
"""

from collections import OrderedDict
from collections.abc import Callable, Hashable
from dataclasses import dataclass

FREE = 3  # failures of one user at one address that cost nothing
FREE_EACH = 20  # failures at one address, whoever it was
FIRST = 0.5  # seconds
LONGEST = 4.0  # seconds: shorter than a client waits for an answer
FORGIVEN = 900.0  # seconds after the last failure
KEPT = 2_000


@dataclass(slots=True)
class _Failures:
    count: int = 0
    last: float = 0.0


class Throttle:
    """Counts failures; ``clock`` returns seconds."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._failures: OrderedDict[Hashable, _Failures] = OrderedDict()

    def pause(self, user: str, address: str) -> float:
        """Return how many seconds the next try has to wait."""
        each = self._wait((user, address), FREE)
        return max(each, self._wait(address, FREE_EACH))

    def failed(self, user: str, address: str) -> bool:
        """Count a failure; return whether it looks like guessing from this one on."""
        now = self._clock()
        for key in ((user, address), address):
            failures = self._current(key) or _Failures()
            failures.count += 1
            failures.last = now
            self._failures[key] = failures
            self._failures.move_to_end(key)
        while len(self._failures) > KEPT:
            self._failures.popitem(last=False)
        return self._failures[user, address].count == FREE

    def succeeded(self, user: str, address: str) -> None:
        """Forget the user's failures at the address."""
        self._failures.pop((user, address), None)

    def _wait(self, key: Hashable, free: int) -> float:
        failures = self._current(key)
        if failures is None or failures.count < free:
            return 0.0
        doublings = min(failures.count - free, 16)
        return float(min(FIRST * 2**doublings, LONGEST))

    def _current(self, key: Hashable) -> _Failures | None:
        failures = self._failures.get(key)
        if failures is not None and self._clock() - failures.last > FORGIVEN:
            del self._failures[key]
            return None
        return failures
