"""How often a printer may report: once a second, and some times more in a burst.

A plugin reports at each event of a print besides its regular times, so that several come at
once, and the last of them matters most.
"""

from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass

from voxtrude.printer import PrinterId

BURST = 10
EACH = 1.0  # seconds
MOST = 20_000  # printers that are remembered; who is forgotten may begin anew


@dataclass(slots=True)
class _Bucket:
    left: float
    at: float


class Pace:
    """One bucket a printer; ``clock`` tells seconds."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._buckets: OrderedDict[PrinterId, _Bucket] = OrderedDict()

    def allows(self, printer: PrinterId) -> bool:
        """Count one report, and tell whether it may pass."""
        now = self._clock()
        bucket = self._buckets.setdefault(printer, _Bucket(BURST, now))
        self._buckets.move_to_end(printer)
        if len(self._buckets) > MOST:
            self._buckets.popitem(last=False)
        bucket.left = min(BURST, bucket.left + (now - bucket.at) / EACH)
        bucket.at = now
        if bucket.left < 1:
            return False
        bucket.left -= 1
        return True
