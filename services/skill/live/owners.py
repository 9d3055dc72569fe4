"""Whose printers they are, as the registrations say."""

from collections.abc import Iterator, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, replace
from datetime import datetime

from voxtrude.printer import PrinterId
from voxtrude.registration import AccountId, Registration

Reach = Sequence[AccountId | None]
"""Whose printers somebody sees; None stands for those of nobody."""


@dataclass(frozen=True, slots=True)
class Owned:
    """What a registration tells of a printer that its document does not."""

    owner: AccountId | None
    created_at: datetime
    kept: bool  # it is never removed


class Owners:
    """All registrations, by printer and by owner."""

    def __init__(self) -> None:
        self._owned: dict[PrinterId, Owned] = {}
        self._of: dict[AccountId | None, set[PrinterId]] = {}

    def __contains__(self, printer: PrinterId) -> bool:
        """Tell whether a printer is registered."""
        return printer in self._owned

    def printers(self) -> AbstractSet[PrinterId]:
        """Return all that are registered."""
        return self._owned.keys()

    def get(self, printer: PrinterId) -> Owned | None:
        """Return what a printer's registration tells."""
        return self._owned.get(printer)

    def add(self, registration: Registration) -> bool:
        """Note a registration; tell whether it says anything new."""
        now = Owned(registration.owner, registration.created_at, registration.alive_at is None)
        if now == self._owned.get(registration.id):
            return False
        self.remove(registration.id)
        self._owned[registration.id] = now
        self._of.setdefault(now.owner, set()).add(registration.id)
        return True

    def remove(self, printer: PrinterId) -> bool:
        """Forget a printer; tell whether it was known."""
        before = self._owned.pop(printer, None)
        if before is None:
            return False
        mine = self._of[before.owner]
        mine.discard(printer)
        if not mine:
            del self._of[before.owner]
        return True

    def keep(self, kept: AbstractSet[PrinterId]) -> Iterator[PrinterId]:
        """Note which printers are never removed; yield those for which that is new."""
        for printer, owned in list(self._owned.items()):
            if owned.kept is not (printer in kept):
                self._owned[printer] = replace(owned, kept=printer in kept)
                yield printer

    def seen_by(self, reach: Reach) -> set[PrinterId]:
        """Return which printers belong to these owners."""
        return set[PrinterId]().union(*(self._of.get(owner, ()) for owner in reach))

    def sees(self, reach: Reach, printer: PrinterId) -> bool:
        """Tell whether a printer belongs to one of these owners."""
        owned = self._owned.get(printer)
        return owned is not None and owned.owner in reach
