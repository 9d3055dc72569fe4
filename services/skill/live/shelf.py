"""Many printers' documents in little memory.

As an object a document takes some 16 kB, packed less than one. Those that were put here last
stay objects; with a few hundred printers that is all of them, and nothing is ever packed.
"""

import zlib
from collections import OrderedDict

from voxtrude.documents import PrinterDocument
from voxtrude.printer import PrinterId

OPEN = 1000  # documents that stay objects
LEVEL = 1  # of compression: the next ones take longer and hardly find more
ROOM = 4096  # bytes that hold most documents, so that unpacking one does not take 16 KiB


class Shelf:
    """Documents by their printers."""

    def __init__(self) -> None:
        self._open: OrderedDict[PrinterId, PrinterDocument] = OrderedDict()
        self._packed: dict[PrinterId, bytes] = {}

    def __len__(self) -> int:
        """Return how many there are."""
        return len(self._open) + len(self._packed)

    def __contains__(self, printer: PrinterId) -> bool:
        """Tell whether there is one."""
        return printer in self._open or printer in self._packed

    def get(self, printer: PrinterId) -> PrinterDocument | None:
        """Return a printer's document."""
        found = self._open.get(printer)
        if found is None and printer in self._packed:
            packed = zlib.decompress(self._packed[printer], bufsize=ROOM)
            found = PrinterDocument.model_validate_json(packed)
        return found

    def put(self, printer: PrinterId, document: PrinterDocument) -> None:
        """Keep a document; the one that was put here longest ago may be packed for it."""
        self._packed.pop(printer, None)
        self._open[printer] = document
        self._open.move_to_end(printer)
        if len(self._open) > OPEN:
            oldest, told = self._open.popitem(last=False)
            self._packed[oldest] = zlib.compress(told.model_dump_json().encode(), LEVEL)

    def drop(self, printer: PrinterId) -> None:
        """Forget a document, if there is one."""
        self._open.pop(printer, None)
        self._packed.pop(printer, None)

    def printers(self) -> set[PrinterId]:
        """Return of which printers there is one."""
        return {*self._open, *self._packed}
