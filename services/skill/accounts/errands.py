"""What is done after the answer was given: nobody can tell from its time what it was."""

import asyncio
from collections.abc import Coroutine
from typing import Any

import structlog

from voxtrude.errors import LinkError, SetupError

log = structlog.get_logger()

MOST = 200  # at once; whoever asks for more is a flood


class Errands:
    """Tasks that nobody waits for."""

    def __init__(self) -> None:
        self._tasks: set[asyncio.Task[None]] = set()

    def start(self, errand: Coroutine[Any, Any, None]) -> None:
        """Do it soon; a peer that is away is a line in the log."""
        if len(self._tasks) >= MOST:
            errand.close()
            log.warning("too much to do at once: a message to somebody was left out")
            return
        task = asyncio.get_running_loop().create_task(_done(errand))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def settle(self) -> None:
        """Return once everything is done."""
        while self._tasks:
            await asyncio.wait(self._tasks)


async def _done(errand: Coroutine[Any, Any, None]) -> None:
    try:
        await errand
    except (LinkError, SetupError) as error:
        log.warning("a message to somebody was not sent", reason=str(error))
