"""Who is sampled when, and what of it is kept."""

from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from services.ingest import sampling
from services.ingest.sampling import MANY, REPEATED, SPARSE, Sampler, sampled
from services.ingest.shelf import Shelf
from voxtrude.errors import LinkError
from voxtrude.mongo.readings import Sample
from voxtrude.printer import (
    Fact,
    Job,
    JobId,
    Origin,
    PrinterId,
    PrinterState,
    PrintFile,
    Temperature,
)

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
ONE = PrinterId("prn-00000000000000aa")


class Kept:
    """A time series in memory."""

    def __init__(self) -> None:
        self.samples: list[Sample] = []
        self.forgotten: list[PrinterId] = []
        self.away = False

    async def save(self, samples: list[Sample]) -> None:
        if self.away:
            raise LinkError("the database is away")
        self.samples += samples

    async def forget(self, printers: Iterable[PrinterId]) -> None:
        self.forgotten += printers


def state(printer: PrinterId = ONE, actual: float | None = 200.0) -> PrinterState:
    reading = Temperature(actual, 210.0, NOON, Origin.LIVE)
    return PrinterState(printer=printer, temperatures={"tool0": reading})


def sampler(states: Iterable[PrinterState]) -> tuple[Sampler, Kept, Shelf]:
    shelf, kept = Shelf(), Kept()
    for one in states:
        shelf[one.printer] = one
    return Sampler(shelf, kept, lambda: NOON), kept, shelf


async def test_only_what_changed_is_kept() -> None:
    found, kept, shelf = sampler([state()])
    await found.round(0)
    assert kept.samples == []
    found.note([ONE])
    await found.round(10)
    found.note([ONE])
    await found.round(20)  # told again, and the same
    assert kept.samples == [Sample(ONE, NOON, None, {"tool0": (200.0, 210.0)})]
    shelf[ONE] = state(actual=201.0)
    found.note([ONE])
    await found.round(30)
    await found.round(40)
    assert len(kept.samples) == 2
    found.note([ONE])
    await found.round(30 + REPEATED)
    assert len(kept.samples) == 3


def test_only_what_is_current_is_kept() -> None:
    one = state()
    old = replace(one.temperatures["tool0"], current=False)
    assert sampled(replace(one, temperatures={"tool0": old}), NOON) is None
    assert sampled(state(actual=None), NOON) is None
    job = Job(
        id=JobId("j"),
        file=PrintFile("a", "a"),
        opened_at=NOON,
        origin=Origin.LIVE,
        progress=Fact(12.5, NOON, Origin.LIVE),
    )
    found = sampled(replace(one, temperatures={"tool0": old}, job=job), NOON)
    assert found == Sample(ONE, NOON, 12.5, {})


async def test_many_are_spread_and_nobody_is_left_out() -> None:
    fleet = [PrinterId(f"prn-{number:016x}") for number in range(3 * MANY)]
    found, kept, shelf = sampler([state(one) for one in fleet])
    rounds = int(SPARSE / sampling.ROUND)
    for number in range(2 * rounds):
        before = len(kept.samples)
        for one in fleet:
            shelf[one] = state(one, float(number))
        found.note(fleet)
        await found.round(number * sampling.ROUND)
        assert len(kept.samples) - before <= MANY
    for one in fleet[::500]:
        assert sum(sample.printer == one for sample in kept.samples) == 2


async def test_a_database_that_is_away_costs_readings_only() -> None:
    found, kept, shelf = sampler([state()])
    kept.away = True
    found.note([ONE])
    await found.round(0)
    kept.away = False
    shelf[ONE] = state(actual=1.0)
    found.note([ONE])
    await found.round(10)
    assert [sample.heaters["tool0"][0] for sample in kept.samples] == [1.0]


async def test_who_is_forgotten_is_not_sampled_again() -> None:
    found, kept, shelf = sampler([state()])
    found.note([ONE])
    shelf.drop(ONE)
    await found.forget([ONE])
    await found.round(0)
    assert kept.samples == []
    assert kept.forgotten == [ONE]


@pytest.mark.parametrize("printer", [PrinterId("prn-00000000000000bb")])
async def test_a_printer_without_a_state_is_passed_over(printer: PrinterId) -> None:
    found, kept, _ = sampler([state()])
    found.note([printer])
    await found.round(0)
    assert kept.samples == []
