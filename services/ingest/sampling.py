"""Readings for charts: what is current, each ten seconds, and never in the pipeline's way.

A reading that is lost is a gap in a chart, so nothing is repeated and nobody waits.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable
from datetime import datetime
from itertools import islice
from typing import NamedTuple, Protocol

import structlog

from services.ingest.shelf import Shelf
from voxtrude.errors import LinkError, SetupError
from voxtrude.mongo.readings import Sample
from voxtrude.printer import PrinterId, PrinterState
from voxtrude.process import utc_now

log = structlog.get_logger()

ROUND = 10.0  # seconds
MANY = 1000
"""More printers than this are not sampled in one round, and each not so often."""

SPARSE = 30.0
"""Seconds between two samples of one printer where many have changed."""

REPEATED = 60.0
"""After so many seconds the same values are kept again: until then nothing has changed."""

CHUNK = 25  # states unpacked before others on this loop have their turn


class Store(Protocol):
    """What the sampler needs of the time series."""

    async def save(self, samples: list[Sample]) -> None:
        """Keep these."""

    async def forget(self, printers: Iterable[PrinterId]) -> None:
        """Delete what is kept of these."""


class _Last(NamedTuple):
    """What was kept of a printer, and when on the loop's clock."""

    at: float
    values: int


class Sampler:
    """Remembers who changed, and looks at some of them in each round, who waits longest first."""

    def __init__(
        self, states: Shelf, readings: Store, clock: Callable[[], datetime] = utc_now
    ) -> None:
        self._states = states
        self._readings = readings
        self._clock = clock
        self._changed: dict[PrinterId, None] = {}
        self._last: dict[PrinterId, _Last] = {}
        self._busy = asyncio.Lock()
        self._troubled = False

    def note(self, printers: Iterable[PrinterId]) -> None:
        """Take note of printers whose state has changed."""
        self._changed.update(dict.fromkeys(printers))

    async def forget(self, printers: Iterable[PrinterId]) -> None:
        """Delete the readings of printers that are gone, also those just being written."""
        async with self._busy:
            for printer in printers:
                self._changed.pop(printer, None)
                self._last.pop(printer, None)
            await self._readings.forget(printers)

    async def run(self) -> None:
        """Do rounds for ever."""
        loop = asyncio.get_running_loop()
        while True:
            await asyncio.sleep(ROUND)
            await self.round(loop.time())

    async def round(self, now: float) -> None:
        """Look at some of those who changed, and keep what is new."""
        async with self._busy:
            samples = [sample async for sample in self._samples(now)]
            if not samples:
                return
            try:
                await self._readings.save(samples)
            except (LinkError, SetupError) as error:
                if not self._troubled:
                    log.warning("readings are not kept", reason=str(error))
                self._troubled = True
            else:
                self._troubled = False

    async def _samples(self, now: float) -> AsyncIterator[Sample]:
        at = self._clock()
        for number, printer in enumerate(self._due(now)):
            if number % CHUNK == 0:
                await asyncio.sleep(0)
            self._changed.pop(printer, None)
            state = self._states.get(printer)
            sample = sampled(state, at) if state else None
            if sample is None:
                self._last.pop(printer, None)
                continue
            last, values = self._last.get(printer), _values(sample)
            if last is None or last.values != values or now - last.at >= REPEATED:
                self._last[printer] = _Last(now, values)
                yield sample

    def _due(self, now: float) -> list[PrinterId]:
        many = len(self._changed) > MANY
        waiting = (
            printer
            for printer in self._changed
            if not many
            or (last := self._last.get(printer)) is None
            or now - last.at >= SPARSE - ROUND / 2  # rounds are never on the dot
        )
        return list(islice(waiting, MANY))


def sampled(state: PrinterState, at: datetime) -> Sample | None:
    """Return what is current of a state, or None where nothing is."""
    heaters = {
        heater: (one.actual, one.target)
        for heater, one in state.temperatures.items()
        if one.current and one.actual is not None
    }
    progress = state.job.progress.value if state.job and state.job.progress else None
    if not heaters and progress is None:
        return None
    return Sample(state.printer, at, progress, heaters)


def _values(sample: Sample) -> int:
    return hash((sample.progress, tuple(sorted(sample.heaters.items()))))
