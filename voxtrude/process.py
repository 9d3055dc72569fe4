"""How a service lives and dies: signals, exit codes, back-off while a peer is away.

A lost link ends the session: ``run`` waits and calls the service's ``run`` again, which
connects, loads and subscribes as it did at the start. There is no second start-up path
called "reconnect".
"""

import asyncio
import contextlib
import random
import signal
import sys
from collections.abc import Callable, Coroutine
from datetime import UTC, datetime
from typing import Any, NoReturn, TypeVar

import structlog

from voxtrude.errors import LinkError, SetupError

log = structlog.get_logger()

EXIT_SETUP = 78  # EX_CONFIG of sysexits.h: a restart will not help
EXIT_UNAVAILABLE = 69  # EX_UNAVAILABLE: a peer is away
EXIT_BUG = 70  # EX_SOFTWARE

FIRST_WAIT = 0.1
LONGEST_WAIT = 5.0

S = TypeVar("S")


def utc_now() -> datetime:
    """Return the time, aware and in UTC."""
    return datetime.now(UTC)


def configured(load: Callable[[], S], service: str) -> S:
    """Return the settings; a wrong one ends the process with one line that names it."""
    try:
        return load()
    except SetupError as error:
        sys.stderr.write(f"{service}: {error}\n")
        sys.exit(EXIT_SETUP)


class Patience:
    """How long to wait before the next try, and whether it is worth a line in the log.

    One line is said when trouble starts and one when it ends.
    """

    def __init__(self, first: float = FIRST_WAIT, longest: float = LONGEST_WAIT) -> None:
        self._first = first
        self._longest = longest
        self._wait = first
        self._troubled = False

    async def lose(self, event: str, reason: str) -> None:
        """Say once that ``event`` happened, and wait."""
        if not self._troubled:
            self._troubled = True
            log.warning(event, reason=reason)
        await self.wait()

    async def wait(self) -> None:
        """Wait with growing, jittered pauses, and say nothing."""
        # Jitter spreads clients that lost the same server; it guards no secret.
        await asyncio.sleep(self._wait * random.uniform(0.5, 1.0))  # noqa: S311
        self._wait = min(self._wait * 2, self._longest)

    def recover(self, event: str) -> None:
        """Say once that the trouble is over."""
        if self._troubled:
            log.info(event)
        self._troubled = False
        self.reset()

    def reset(self) -> None:
        """Begin with short pauses again, and say nothing."""
        self._wait = self._first


Session = Callable[[Callable[[], None]], Coroutine[Any, Any, None]]
"""A service's session: it calls its argument once all its links are up, and runs on."""


def run(session: Session) -> int:
    """Run sessions until one ends or a signal asks for it; return the exit code."""
    try:
        asyncio.run(_until_stopped(session))
    except SetupError as error:
        log.critical("setup is wrong", reason=str(error))
        return EXIT_SETUP
    except Exception:  # the one net under everything: a bug must be seen and end the process
        log.exception("unexpected error")
        return EXIT_BUG
    return 0


async def _until_stopped(session: Session) -> None:
    loop = asyncio.get_running_loop()
    task = asyncio.ensure_future(endure(session))
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, task.cancel)
    with contextlib.suppress(asyncio.CancelledError):
        await task


async def endure(session: Session) -> NoReturn:
    """Run sessions one after the other, each until its link is lost.

    Raises:
        SetupError: The operator must change something.
        CancelledError: A session ended by itself.
    """
    patience = Patience()
    while True:
        found: Exception | None = None
        # What is raised within an except* block may come out wrapped into a group, and so
        # may a cancellation that is waited through there.
        try:
            await session(lambda: patience.recover("link is back"))
        except* SetupError as group:
            found = _first(group)
        except* LinkError as group:
            found = found or _first(group)
        else:
            raise asyncio.CancelledError
        if isinstance(found, SetupError):
            raise found from None
        await patience.lose("link lost", str(found))


def _first(group: BaseExceptionGroup[Any]) -> Exception:
    error: BaseException = group
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return error if isinstance(error, Exception) else RuntimeError(str(error))
