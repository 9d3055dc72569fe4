"""Which messages are already in the database, though the broker sends them again.

The broker repeats what was not acknowledged when a connection broke, marked as
duplicate and under its old packet id. Some of it may have been written: an
acknowledgement comes after the write, and both the process and the link can die in
between. So each printer's document carries marks of the messages in it that may come
again, changed in the same write as its state. A mark goes when the broker is known to
have read the acknowledgement.
"""

import struct
import zlib
from collections import deque
from collections.abc import Iterable

from voxtrude.printer import PrinterId

MARK = struct.Struct("<HI")
"""A packet id and a checksum of topic and payload: enough within one window of messages."""

MAX_MARKS = 65_535
"""Marks kept of one printer, as many as there are packet ids.

Receive Maximum bounds what is unacknowledged, but not with Mosquitto before 2.0.15: there
each acknowledgement lets go of as many messages as if it were the only one.
"""

Mark = bytes


def mark(mid: int, topic: str, payload: bytes) -> Mark:
    """Return the mark of a delivery."""
    return MARK.pack(mid, zlib.crc32(payload, zlib.crc32(topic.encode())))


class Inbox:
    """The marks of all printers, in memory, packed one after the other.

    A batch is a number that grows. An inbox lives as long as one connection: what is
    repeated on it was sent on an earlier one, so only that one's marks are looked up.
    """

    def __init__(self) -> None:
        self._earlier: dict[PrinterId, bytes] = {}
        self._batches: deque[tuple[int, dict[PrinterId, bytearray]]] = deque()
        self._fresh: int | None = None

    def restore(self, printer: PrinterId, applied: bytes) -> None:
        """Take the marks that an earlier session stored."""
        if applied and len(applied) % MARK.size == 0:
            self._earlier[printer] = applied

    def knows(self, printer: PrinterId, one: Mark) -> bool:
        """Tell whether a duplicate was written before."""
        marks = self._earlier.get(printer, b"")
        at = marks.find(one)
        while at % MARK.size and at > 0:  # found across two marks
            at = marks.find(one, at + 1)
        return at >= 0

    def add(self, batch: int, printer: PrinterId, one: Mark) -> None:
        """Note that a message is part of this batch."""
        if not self._batches or self._batches[-1][0] != batch:
            self._batches.append((batch, {}))
        self._batches[-1][1].setdefault(printer, bytearray()).extend(one)

    def saw_fresh(self, batch: int) -> None:
        """Note that this batch has a message that is no duplicate.

        The broker repeats before it goes on, so all repetitions are now in this batch or
        an earlier one.
        """
        if self._fresh is None:
            self._fresh = batch

    def confirm(self, batch: int) -> None:
        """Note that the broker has read the acknowledgements up to this batch."""
        while self._batches and self._batches[0][0] <= batch:
            self._batches.popleft()
        if self._fresh is not None and self._fresh <= batch:
            self._earlier.clear()

    def applied(self, printer: PrinterId) -> bytes:
        """Return what to store with the printer: the marks that may still be needed."""
        marks = self._earlier.get(printer, b"")
        marks += b"".join(of[printer] for _, of in self._batches if printer in of)
        return marks[-MAX_MARKS * MARK.size :]

    def forget(self, printers: Iterable[PrinterId]) -> None:
        """Drop the marks of printers that are gone."""
        for printer in printers:
            self._earlier.pop(printer, None)
            for _, of in self._batches:
                of.pop(printer, None)
