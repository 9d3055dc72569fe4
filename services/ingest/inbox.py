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
from collections.abc import Iterable

from voxtrude.printer import PrinterId

MARK = struct.Struct("<HI")
"""A packet id and a checksum of topic and payload: enough within one window of messages."""

BATCH = struct.Struct("<I")
ENTRY = BATCH.size + MARK.size

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
        self._entries: dict[PrinterId, bytearray] = {}  # each a batch and a mark
        self._confirmed = 0
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
        self._entries.setdefault(printer, bytearray()).extend(BATCH.pack(batch) + one)

    def saw_fresh(self, batch: int) -> None:
        """Note that this batch has a message that is no duplicate.

        The broker repeats before it goes on, so all repetitions are now in this batch or
        an earlier one.
        """
        if self._fresh is None:
            self._fresh = batch

    def confirm(self, batch: int) -> None:
        """Note that the broker has read the acknowledgements up to this batch."""
        self._confirmed = max(self._confirmed, batch)
        if self._fresh is not None and self._fresh <= batch:
            self._earlier.clear()

    def applied(self, printer: PrinterId) -> bytes:
        """Return what to store with the printer: the marks that may still be needed."""
        entries = self._entries.get(printer, bytearray())
        old = 0
        while old < len(entries) and BATCH.unpack_from(entries, old)[0] <= self._confirmed:
            old += ENTRY
        del entries[:old]
        marks = self._earlier.get(printer, b"")
        marks += b"".join(
            entries[start + BATCH.size : start + ENTRY] for start in range(0, len(entries), ENTRY)
        )
        return marks[-MAX_MARKS * MARK.size :]

    def forget(self, printers: Iterable[PrinterId]) -> None:
        """Drop the marks of printers that are gone."""
        for printer in printers:
            self._earlier.pop(printer, None)
            self._entries.pop(printer, None)
