"""The rows of all printers for one way of telling, made once for everybody who reads it so.

A row is made anew when its printer's document changed, and each few seconds since ages move
on. What changed in it is written as JSON once, whoever it goes to.
"""

import asyncio
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Protocol
from weakref import WeakValueDictionary

from pydantic_core import to_json

from services.skill.live.owners import Owned, Reach
from services.skill.live.rows import Slots, changes, head, row
from services.skill.live.standing import Lifetime
from voxtrude.accounts import Preferences
from voxtrude.documents import PrinterDocument
from voxtrude.notices import Condition
from voxtrude.printer import PrinterId
from voxtrude.process import utc_now

TICK = 10.0
"""Seconds after which a row is made anew although its printer said nothing."""

CHUNK = 50
"""Rows that are made before others may run."""


class Source(Protocol):
    """What a board shows; see ``fleet.Fleet``."""

    pipeline: Condition | None

    @property
    def is_complete(self) -> bool:
        """Whether all is known that there is."""

    def seen_by(self, reach: Reach) -> set[PrinterId]:
        """Return which printers belong to these owners."""

    def sees(self, reach: Reach, printer: PrinterId) -> bool:
        """Tell whether a printer belongs to one of these owners."""

    def document(self, printer: PrinterId) -> PrinterDocument | None:
        """Return a printer's newest document."""

    def owned(self, printer: PrinterId) -> Owned | None:
        """Return what its registration tells."""

    def changed(self, printer: PrinterId) -> int:
        """Return the revision at which a printer changed last."""


Making = Callable[
    [PrinterDocument, Condition | None, Preferences, datetime, Lifetime | None], Slots
]
"""What makes a row; see ``rows.row``."""


@dataclass(slots=True)
class _Line:
    """A row with what is needed to tell what changed in it since somebody saw it."""

    row: Slots
    made_at: datetime
    revision: int
    pipeline: Condition | None
    number: int  # of its last change
    before: int  # of the change before that
    numbers: dict[str, int]
    patch: bytes  # the last change
    whole: bytes | None = None

    def since(self, number: int) -> bytes:
        """Return what changed after ``number`` as JSON."""
        if number >= self.before:
            return self.patch
        if number < 0:
            if self.whole is None:
                self.whole = to_json(self.row)
            return self.whole
        return to_json(
            {slot: self.row.get(slot, "") for slot, one in self.numbers.items() if one > number}
        )


class Board:
    """Rows as readers with these preferences want them.

    ``after`` is the silence after which a printer is removed, ``make`` what makes a row.
    """

    def __init__(
        self,
        fleet: Source,
        preferences: Preferences,
        after: timedelta,
        make: Making = row,
    ) -> None:
        self._fleet = fleet
        self._preferences = preferences
        self._after = after
        self._make = make
        self._lines: dict[PrinterId, _Line] = {}
        self.number = 0

    async def look(self, printers: Iterable[PrinterId]) -> dict[PrinterId, _Line]:
        """Return these printers' lines as they are now."""
        found: dict[PrinterId, _Line] = {}
        now = utc_now()
        for index, printer in enumerate(printers):
            line = self._line(printer, now)
            if line:
                found[printer] = line
            if index % CHUNK == CHUNK - 1:
                await asyncio.sleep(0)
        return found

    def keeps(self, printer: PrinterId) -> bool:
        """Tell whether a printer's row is kept."""
        return printer in self._lines

    def forget(self, printers: Iterable[PrinterId]) -> None:
        """Drop the lines of those among these that are not registered any more."""
        for printer in printers:
            if self._fleet.owned(printer) is None:
                self._lines.pop(printer, None)

    def _line(self, printer: PrinterId, now: datetime) -> _Line | None:
        line = self._lines.get(printer)
        revision, pipeline = self._fleet.changed(printer), self._fleet.pipeline
        if (
            line
            and line.revision == revision
            and line.pipeline is pipeline
            and (now - line.made_at).total_seconds() < TICK
        ):
            return line
        document, owned = self._fleet.document(printer), self._fleet.owned(printer)
        if document is None or owned is None:
            self._lines.pop(printer, None)
            return None
        lifetime = Lifetime(owned.created_at, None if owned.kept else self._after)
        made = self._make(document, pipeline, self._preferences, now, lifetime)
        if line is None:
            self.number += 1
            numbers = dict.fromkeys(made, self.number)
            line = _Line(made, now, revision, pipeline, self.number, -1, numbers, to_json(made))
            self._lines[printer] = line
            return line
        told = changes(line.row, made)
        line.made_at, line.revision, line.pipeline = now, revision, pipeline
        if told:
            self.number += 1
            line.before, line.number = line.number, self.number
            line.row, line.patch, line.whole = made, to_json(told), None
            line.numbers |= dict.fromkeys(told, self.number)
        return line


class Boards:
    """One board a way of telling, as long as somebody looks at it."""

    def __init__(self, fleet: Source) -> None:
        self._fleet = fleet
        self._boards: WeakValueDictionary[tuple[Preferences, timedelta, Making], Board] = (
            WeakValueDictionary()
        )

    def board(self, preferences: Preferences, after: timedelta, make: Making = row) -> Board:
        """Return the board for these preferences."""
        found = self._boards.get((preferences, after, make))
        if found is None:
            found = Board(self._fleet, preferences, after, make)
            self._boards[preferences, after, make] = found
        return found


@dataclass(slots=True)
class Watcher:
    """One open page: what it has been told, and what it is to be told next.

    ``only`` is the printer of a page about one; whose it is, is asked each time.
    """

    fleet: Source
    board: Board
    reach: Reach
    only: PrinterId | None = None
    _told: int = -1
    _known: set[PrinterId] = field(default_factory=set)
    _head: Slots = field(default_factory=dict)
    _was_complete: bool = False

    async def next(self) -> bytes | None:
        """Return what changed since the last call, as JSON; None where nothing did.

        ``rows`` are changes by printer, ``gone`` printers that are not to be seen any more,
        ``head`` the slots above the list. ``all`` names every printer there is, so that a page
        can drop what it had from before.
        """
        mine = self.fleet.seen_by(self.reach)
        if self.only is not None:
            mine &= {self.only}
        lines = await self.board.look(mine)
        # Whose they are may have changed while rows were made.
        lines = {one: line for one, line in lines.items() if self.fleet.sees(self.reach, one)}
        number = self.board.number
        parts = [
            to_json(printer) + b":" + line.since(self._told if printer in self._known else -1)
            for printer, line in lines.items()
            if printer not in self._known or line.number > self._told
        ]
        message: list[bytes] = []
        if parts:
            message.append(b'"rows":{' + b",".join(parts) + b"}")
        if gone := self._known - lines.keys():
            self.board.forget(gone)
            message.append(b'"gone":' + to_json(sorted(gone)))
        above = head((line.row for line in lines.values()), self.fleet.pipeline)
        if told := changes(self._head, above):
            message.append(b'"head":' + to_json(told))
        complete = self.fleet.is_complete
        if complete and not self._was_complete:
            message.append(b'"all":' + to_json(sorted(mine)))
        self._was_complete = complete
        self._known, self._head, self._told = set(lines), above, number
        return b"{" + b",".join(message) + b"}" if message else None
