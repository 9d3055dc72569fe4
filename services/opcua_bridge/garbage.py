"""When Python's garbage collector runs: once a minute, and not whenever it likes.

Nearly all of our garbage is freed by reference counting. Left to itself the collector walks
through every machine again and again, a tenth of a second each time with a thousand of them,
while all clients wait.
"""

import asyncio
import gc
from collections.abc import Iterator
from contextlib import contextmanager

PERIOD = 60.0  # seconds


@contextmanager
def loading() -> Iterator[None]:
    """Collect nothing while the types are loaded, and never look at them again.

    They are ten thousand nodes that stay for ever; collecting meanwhile would double the time.
    """
    gc.disable()
    try:
        yield
    finally:
        gc.collect()
        gc.freeze()
        gc.enable()


async def collect() -> None:
    """Collect once a minute, and only then, until we are cancelled."""
    gc.disable()
    try:
        while True:
            await asyncio.sleep(PERIOD)
            gc.collect()
    finally:
        gc.enable()
