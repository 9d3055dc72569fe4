"""The stories a simulated printer can tell; each is a generator of what it says.

A story that ends leaves its printer as it is: connected and silent, or gone.
"""

from collections.abc import Callable, Iterator
from enum import StrEnum
from typing import TypeAlias

from voxtrude.simulator.machine import Dice, Machine
from voxtrude.simulator.payloads import GcodeFile, Step

Story: TypeAlias = Callable[[Machine], Iterator[Step]]

BRACKET = GcodeFile("bracket.gcode", size=482_113, duration=600, layers=40)
VASE = GcodeFile("spiral vase.gcode", size=1_204_377, duration=900, layers=120)
CLIP = GcodeFile("cable-clip.gcode", size=3_543, duration=60, layers=6)
FILES = (BRACKET, VASE, CLIP, GcodeFile("gear_24t.gcode", 903_551, duration=480, layers=50))

HOUR = 3600


class Scenario(StrEnum):
    """What can be asked for."""

    PRINTING = "printing"
    PAUSED = "paused"
    OFFLINE = "offline"
    ERROR = "error"
    IDLE = "idle"
    FINISHING = "finishing"
    RANDOM = "random"


FLEET = tuple(Scenario)
"""The order in which the printers of a fleet get their stories; then all are random."""


def scenario_of(index: int) -> Scenario:
    """Return the story of a fleet's printer, counted from 0."""
    return FLEET[index] if index < len(FLEET) else Scenario.RANDOM


def told(scenario: Scenario, dice: Dice, *, extended: bool = True) -> Iterator[Step]:
    """Tell a scenario from the moment when OctoPrint connects to the broker."""
    machine = Machine(dice, extended=extended)
    yield from machine.appear()
    yield from machine.connect()
    yield from _STORIES[scenario](machine)


def farewell(dice: Dice) -> Iterator[Step]:
    """Tell OctoPrint's own end, whatever it did before."""
    return Machine(dice).leave()


def _printing(machine: Machine) -> Iterator[Step]:
    yield from machine.upload(BRACKET)
    while True:
        yield from machine.pass_time(3)
        yield from machine.start(BRACKET)
        yield from machine.print_to(1.0)
        yield from machine.pass_time(10)


def _paused(machine: Machine) -> Iterator[Step]:
    yield from machine.upload(VASE)
    yield from machine.start(VASE)
    yield from machine.print_to(0.05)
    yield from machine.pause()
    while True:
        yield from machine.pass_time(HOUR)


def _offline(machine: Machine) -> Iterator[Step]:
    yield from machine.pass_time(4)
    yield machine.drop()


def _error(machine: Machine) -> Iterator[Step]:
    yield from machine.upload(CLIP)
    yield from machine.start(CLIP)
    yield from machine.print_to(0.13)
    yield from machine.fail()


def _idle(machine: Machine) -> Iterator[Step]:
    while True:
        yield from machine.pass_time(HOUR)


def _finishing(machine: Machine) -> Iterator[Step]:
    """Print something short again and again, so that an end is never far."""
    yield from machine.upload(CLIP)
    while True:
        yield from machine.start(CLIP)
        yield from machine.print_to(1.0)
        yield from machine.pass_time(10)


def _random(machine: Machine) -> Iterator[Step]:
    dice = machine.dice
    while True:
        yield from machine.pass_time(dice(3, 30))
        file = FILES[dice(0, len(FILES) - 1)]
        yield from machine.upload(file)
        yield from machine.start(file)
        if dice(1, 3) == 1:
            yield from machine.print_to(dice(10, 60) / 100)
            yield from machine.pause()
            yield from machine.pass_time(dice(5, 60))
            yield from machine.resume()
        if dice(1, 6) == 1:
            yield from machine.print_to(dice(61, 95) / 100)
            yield from machine.cancel()
        else:
            yield from machine.print_to(1.0)


_STORIES: dict[Scenario, Story] = {
    Scenario.PRINTING: _printing,
    Scenario.PAUSED: _paused,
    Scenario.OFFLINE: _offline,
    Scenario.ERROR: _error,
    Scenario.IDLE: _idle,
    Scenario.FINISHING: _finishing,
    Scenario.RANDOM: _random,
}
