"""Continuation points: the references that a client has not fetched yet (Part 4, 7.9)."""

from collections.abc import Callable
from dataclasses import dataclass

from asyncua import ua

from voxtrude.printer import PrinterId

Admits = Callable[[PrinterId], bool]
"""Whether a machine exists for a client."""


@dataclass(frozen=True, slots=True)
class Pending:
    """What is left of one node's references, and how the client wants them."""

    references: list[ua.ReferenceDescription]
    at_once: int
    result_mask: int
    admits: Admits


class ContinuationPoints:
    """One session's; they end with it."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._pending: dict[bytes, Pending] = {}
        self._count = 0

    def __len__(self) -> int:
        """Return how many there are."""
        return len(self._pending)

    @property
    def full(self) -> bool:
        """Whether there is no room for one more."""
        return len(self._pending) >= self._limit

    def keep(self, pending: Pending) -> bytes:
        """Return the name under which the rest can be asked for."""
        self._count += 1
        point = self._count.to_bytes(8, "big")
        self._pending[point] = pending
        return point

    def take(self, point: bytes | None) -> Pending | None:
        """Return what is left, and forget the point; None if there is no such point."""
        return self._pending.pop(point or b"", None)
