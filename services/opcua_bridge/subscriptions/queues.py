"""What waits in a monitored item until it is published (OPC 10000-4, 5.13.1.5)."""

from abc import ABC, abstractmethod
from typing import Generic, TypeVar

from asyncua import ua

from services.opcua_bridge.values import status

_OVERFLOW = 0x480
"""The info type DataValue and its overflow bit, of a status code (OPC 10000-4, 7.39.1)."""

Entry = TypeVar("Entry")


class Queue(ABC, Generic[Entry]):
    """Entries in the order in which they came; ``size`` is how many fit."""

    __slots__ = ("discard_oldest", "entries", "size")

    def __init__(self, size: int, *, discard_oldest: bool) -> None:
        self.entries: list[Entry] = []
        self.size = size
        self.discard_oldest = discard_oldest

    def push(self, entry: Entry) -> None:
        """Add ``entry``; when there is no room, another one goes."""
        entries = self.entries
        if len(entries) < self.size:
            entries.append(entry)
        elif self.size == 1:
            entries[0] = entry
        elif self.discard_oldest:
            del entries[0]
            entries.append(entry)
            self.mark(0)
        else:
            entries[-1] = entry
            self.mark(-1)

    def resize(self, size: int, *, discard_oldest: bool) -> None:
        """Have room for ``size`` entries from now on; those that do not fit go."""
        self.size = size
        self.discard_oldest = discard_oldest
        excess = len(self.entries) - size
        if excess <= 0:
            return
        if discard_oldest or size == 1:
            del self.entries[:excess]
            if size > 1:
                self.mark(0)
        else:
            del self.entries[size - 1 : -1]
            self.mark(-1)

    def take(self, room: int) -> list[Entry]:
        """Return the first entries, as many as there is ``room`` for, and forget them."""
        if len(self.entries) <= room:
            taken, self.entries = self.entries, []
        else:
            taken = self.entries[:room]
            del self.entries[:room]
        return taken

    @abstractmethod
    def mark(self, index: int) -> None:
        """Let the entry at ``index`` say that others have been lost."""


class ValueQueue(Queue[ua.DataValue]):
    """Values; one beside which others were lost carries the overflow bit."""

    __slots__ = ()

    def mark(self, index: int) -> None:
        """Replace the entry with a copy that has the bit: the value itself is shared."""
        value = self.entries[index]
        code = value.StatusCode.value if value.StatusCode else 0
        if code & _OVERFLOW == _OVERFLOW:
            return
        self.entries[index] = ua.DataValue(
            value.Value,
            status(code | _OVERFLOW),
            value.SourceTimestamp,
            value.ServerTimestamp,
        )


class EventQueue(Queue[bytes]):
    """Events' fields in their binary form; ``lost`` tells that an overflow event is due."""

    __slots__ = ("lost",)

    def __init__(self, size: int, *, discard_oldest: bool) -> None:
        super().__init__(size, discard_oldest=discard_oldest)
        self.lost = False

    def push(self, entry: bytes) -> None:
        """Add ``entry``; unlike values, events are lost from a queue of one as well."""
        self.lost = self.lost or len(self.entries) >= self.size
        super().push(entry)

    def resize(self, size: int, *, discard_oldest: bool) -> None:
        """Have room for ``size`` events from now on; those that do not fit are lost."""
        self.lost = self.lost or len(self.entries) > size
        super().resize(size, discard_oldest=discard_oldest)

    def mark(self, index: int) -> None:  # noqa: ARG002 - the queue is marked, not the entry
        """Remember that events were lost."""
        self.lost = True
