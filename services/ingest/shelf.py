"""Many printers' states in little memory: packed, and unpacked one at a time.

As objects, a state with all its facts takes 5 kB; packed it takes a seventh of that, and
most printers are silent most of the time.
"""

import zlib
from collections.abc import Iterable, Iterator, Mapping, MutableMapping

from pydantic import TypeAdapter

from voxtrude.printer import PrinterId, PrinterState

LEVEL = 1  # of compression: the next ones take longer and hardly find more
ROOM = 4096  # bytes that hold most states, so that unpacking one does not take 16 KiB

_STATE = TypeAdapter(PrinterState)


class Shelf(MutableMapping[PrinterId, PrinterState]):
    """A mapping whose values are made anew at each look."""

    def __init__(self) -> None:
        self._packed: dict[PrinterId, bytes] = {}

    def __getitem__(self, printer: PrinterId) -> PrinterState:
        """Return a printer's state."""
        return _STATE.validate_json(zlib.decompress(self._packed[printer], bufsize=ROOM))

    def __setitem__(self, printer: PrinterId, state: PrinterState) -> None:
        """Keep a printer's state."""
        self._packed[printer] = zlib.compress(_STATE.dump_json(state, exclude_defaults=True), LEVEL)

    def __delitem__(self, printer: PrinterId) -> None:
        """Drop a printer's state."""
        del self._packed[printer]

    def __contains__(self, printer: object) -> bool:
        """Tell whether there is a state, without looking at it."""
        return printer in self._packed

    def __iter__(self) -> Iterator[PrinterId]:
        """Go through the printers, the one that was first put here first."""
        return iter(self._packed)

    def __len__(self) -> int:
        """Return of how many printers there is a state."""
        return len(self._packed)

    def part(self, printers: Iterable[PrinterId]) -> "Shelf":
        """Return these printers' states, as they are now, in no further memory."""
        some = Shelf()
        some._packed = {
            printer: self._packed[printer] for printer in printers if printer in self._packed
        }
        return some

    def take(self, states: Mapping[PrinterId, PrinterState]) -> None:
        """Keep all of ``states``; what is packed already is shared."""
        if isinstance(states, Shelf):
            self._packed.update(states._packed)  # noqa: SLF001  (another one of us)
        else:
            self.update(states)

    def drop(self, printer: PrinterId) -> None:
        """Drop a printer's state, if there is one, without looking at it."""
        self._packed.pop(printer, None)
