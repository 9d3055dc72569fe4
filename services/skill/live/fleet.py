"""Every printer as the broker tells of it, and whose it is as the database does.

Who watches is never waited for: a watcher asks twice a second for what has changed since it
asked last, so a slow one gets the newest only and costs no memory. Nothing is shown of a
printer that is not registered.
"""

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import dataclass

from services.skill.live.board import Boards
from services.skill.live.owners import Owned, Owners, Reach
from services.skill.live.shelf import Shelf
from services.skill.live.turnstile import Turnstile
from voxtrude.documents import PrinterDocument
from voxtrude.errors import LinkError
from voxtrude.feed import News
from voxtrude.mongo.client import Database
from voxtrude.mongo.printers import Printers
from voxtrude.notices import Condition, EventDocument
from voxtrude.printer import PrinterId
from voxtrude.process import endure
from voxtrude.registration import Registration

BEAT = 0.5
"""Seconds between two looks of a watcher."""

LOOK = 60
"""Seconds between two looks at which printers are kept for ever."""

EVENTS = 1000
"""So many events are remembered for watchers that have not seen them yet."""


@dataclass(frozen=True, slots=True)
class Batch:
    """What is new for one watcher; ``gone`` are printers that it does not see any more."""

    documents: Mapping[PrinterId, PrinterDocument]
    gone: frozenset[PrinterId]
    events: Sequence[EventDocument]
    pipeline: Condition | None


class Fleet:
    """The documents, fed with ``News`` by who follows the broker.

    ``pipeline`` is how ingest is, None while the broker is away. ``is_complete`` tells that
    all states were heard and all registrations read once.
    """

    def __init__(self, database: Database) -> None:
        self._printers = Printers(database)
        self._shelf = Shelf()
        self._owners = Owners()
        self._changed: dict[PrinterId, int] = {}
        self._events: deque[tuple[int, EventDocument]] = deque(maxlen=EVENTS)
        self._heard: set[PrinterId] | None = None  # since the session began
        self._closed = asyncio.Event()
        self._is_told = self._is_owned = False
        self._ingest: Condition | None = None
        self.revision = 0
        self.pipeline: Condition | None = None
        self.boards = Boards(self)
        self.turnstile = Turnstile()

    # The broker's side -------------------------------------------------------------------

    @property
    def count(self) -> int:
        """Of how many printers there is a document."""
        return len(self._shelf)

    @property
    def is_complete(self) -> bool:
        """Whether all is known that there is."""
        return self._is_told and self._is_owned

    def begin(self) -> None:
        """Expect all retained states anew; until they have come, what was known stays."""
        self._heard = set()
        self._ingest = None

    def use(self, news: News) -> None:
        """Take over what the broker has told."""
        for printer, document in news.states.items():
            if document is None:
                self._shelf.drop(printer)
            else:
                self._shelf.put(printer, document)
                if self._heard is not None:
                    self._heard.add(printer)
            self._touch(printer)
        for event in news.events:
            self.revision += 1
            self._events.append((self.revision, event))
        self._ingest = news.ingest or self._ingest
        if news.complete and self._heard is not None:
            for printer in self._shelf.printers() - self._heard:
                self._shelf.drop(printer)
                self._touch(printer)
            self._heard, self._is_told = None, True
            # An ingest that has never told of itself does not work either.
            self._ingest = self._ingest or Condition.STOPPED
        if self._heard is None:
            self.pipeline = self._ingest

    def lose(self) -> None:
        """Note that the broker went away: what is known is only the last that was told."""
        self.pipeline = self._ingest = self._heard = None

    def close(self) -> None:
        """End every stream."""
        self._closed.set()

    # The database's side -----------------------------------------------------------------

    async def run(self) -> None:
        """Follow whose printers they are, whether the database is there or not.

        Raises:
            SetupError: A registration cannot be read.
        """
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(endure(self._follow))
            tasks.create_task(endure(self._look_up_kept))

    async def _follow(self, heard: Callable[[], None]) -> None:
        """Read all registrations, then each that changes.

        Raises:
            LinkError: The database went away.
        """
        async with self._printers.changes() as changed:
            found: set[PrinterId] = set()
            async for registration in self._printers.each():
                self._own(registration)
                found.add(registration.id)
            for printer in self._owners.printers() - found:
                self._disown(printer)
            self._is_owned = True
            heard()
            async for printer in changed:
                registered = await self._printers.get(printer)
                if registered is None:
                    self._disown(printer)
                else:
                    self._own(registered)
        raise LinkError("the database has ended the stream of changes")

    async def _look_up_kept(self, heard: Callable[[], None]) -> None:
        """Note which printers are kept for ever, which no change of a registration tells.

        Raises:
            LinkError: The database went away.
        """
        while True:
            kept = await self._printers.kept()
            heard()
            for printer in self._owners.keep(kept):
                self._touch(printer)
            await asyncio.sleep(LOOK)

    def _own(self, registration: Registration) -> None:
        if self._owners.add(registration):
            self._touch(registration.id)

    def _disown(self, printer: PrinterId) -> None:
        if self._owners.remove(printer):
            self._touch(printer)

    def _touch(self, printer: PrinterId) -> None:
        self.revision += 1
        if printer in self._shelf or printer in self._owners:
            self._changed[printer] = self.revision
        else:
            self._changed.pop(printer, None)

    # The watchers' side ------------------------------------------------------------------

    def seen_by(self, reach: Reach) -> set[PrinterId]:
        """Return which printers belong to these owners."""
        return self._owners.seen_by(reach)

    def sees(self, reach: Reach, printer: PrinterId) -> bool:
        """Tell whether a printer belongs to one of these owners."""
        return self._owners.sees(reach, printer)

    def document(self, printer: PrinterId) -> PrinterDocument | None:
        """Return a printer's newest document; whoever shows it has looked whose it is."""
        return self._shelf.get(printer)

    def owned(self, printer: PrinterId) -> Owned | None:
        """Return what its registration tells."""
        return self._owners.get(printer)

    def changed(self, printer: PrinterId) -> int:
        """Return the revision at which a printer changed last."""
        return self._changed.get(printer, 0)

    async def beat(self) -> bool:
        """Wait until it is time to look again; tell whether there will be more to see."""
        try:
            async with asyncio.timeout(BEAT):
                await self._closed.wait()
        except TimeoutError:
            return True
        return False

    async def documents(self, reach: Reach) -> AsyncIterator[Batch]:
        """Yield all that these owners' printers are, then what changes, until we close.

        The first batch comes at once; the next ones at most twice a second. An empty one says
        that only ``pipeline`` changed.
        """
        known: set[PrinterId] = set()
        since, events_since, pipeline = -1, self.revision, self.pipeline
        while True:
            mine = self.seen_by(reach)
            at, now = self.revision, self.pipeline
            found = {
                printer: document
                for printer in mine
                if self.changed(printer) > since or printer not in known
                if (document := self.document(printer))
            }
            gone = frozenset(
                printer for printer in known if printer not in mine or printer not in self._shelf
            )
            news = [
                event
                for revision, event in self._events
                if revision > events_since and event.printer in mine
            ]
            if since < 0 or found or gone or news or now is not pipeline:
                yield Batch(found, gone, news, now)
            known = (known | found.keys()) - gone
            since, events_since, pipeline = at, at, now
            if not await self.beat():
                return
