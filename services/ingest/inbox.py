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

Mark = bytes

UNTIL_FRESH = -1
"""The batch of the marks that an earlier session left behind."""


def mark(mid: int, topic: str, payload: bytes) -> Mark:
    """Return the mark of a delivery."""
    return MARK.pack(mid, zlib.crc32(payload, zlib.crc32(topic.encode())))


class Inbox:
    """The marks of all printers, in memory.

    A batch is a number that grows; ``limit`` is how many unacknowledged messages the
    broker sends at the most, and so how many it can ever repeat.
    """

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._marks: dict[PrinterId, list[tuple[int, Mark]]] = {}
        self._confirmed = 0
        self._fresh: int | None = None

    def restore(self, printer: PrinterId, applied: bytes) -> None:
        """Take the marks that an earlier session stored."""
        if applied and len(applied) % MARK.size == 0:
            self._marks[printer] = [
                (UNTIL_FRESH, applied[start : start + MARK.size])
                for start in range(0, len(applied), MARK.size)
            ]

    def knows(self, printer: PrinterId, one: Mark) -> bool:
        """Tell whether a duplicate was written before."""
        return any(known == one for _, known in self._marks.get(printer, ()))

    def add(self, batch: int, printer: PrinterId, one: Mark) -> None:
        """Note that a message is part of this batch."""
        self._marks.setdefault(printer, []).append((batch, one))

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

    def applied(self, printer: PrinterId) -> bytes:
        """Return what to store with the printer: the marks that may still be needed."""
        marks = [
            (batch, one) for batch, one in self._marks.get(printer, ()) if self._is_needed(batch)
        ][-self._limit :]
        if marks:
            self._marks[printer] = marks
        else:
            self._marks.pop(printer, None)
        return b"".join(one for _, one in marks)

    def forget(self, printers: Iterable[PrinterId]) -> None:
        """Drop the marks of printers that are gone."""
        for printer in printers:
            self._marks.pop(printer, None)

    def _is_needed(self, batch: int) -> bool:
        if batch == UNTIL_FRESH:
            return self._fresh is None or self._fresh > self._confirmed
        return batch > self._confirmed
