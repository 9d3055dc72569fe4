"""Real traffic as machines: each phase of a recording against machines.json.

That table was derived by hand from the recordings' outcomes. A row is the second, the item
state, the lamps that shine, the program's state, how good that is, and how good the first
tool's temperature is, where the outcome tells of it.
"""

import json
from pathlib import Path
from typing import Any

import pytest

from services.opcua_bridge.mapping.nodes import Reading
from tests.opcua_printers import ITEM_STATE, MODE, PROGRAM_STATE, lamps, machine, words
from tests.recordings.played import OUTCOMES, RECORDINGS, Played

MACHINES: dict[str, list[list[Any]]] = json.loads((RECORDINGS / "machines.json").read_text("utf-8"))
TOOL = "Monitoring/Process/tool0/AnalogSignal"


def name(outcome: Path) -> str:
    return outcome.name.split(".")[0]


def seen(read: dict[str, Reading], asked: list[Any]) -> list[Any]:
    return [
        asked[0],
        words(read[ITEM_STATE]),
        "+".join(lamps(read)),
        words(read[PROGRAM_STATE]),
        read[PROGRAM_STATE].quality.name.lower(),
        read[TOOL].quality.name.lower() if asked[5] else None,
    ]


@pytest.mark.parametrize("outcome", OUTCOMES, ids=name)
def test_a_recording_makes_a_machine(outcome: Path) -> None:
    played = Played(outcome)
    rows = MACHINES[name(outcome)]
    for (phase, state), asked in zip(played.phases(), rows, strict=True):
        assert asked[0] == phase["at"]
        assert seen(machine(state, registration=played.registration), asked) == asked


def test_the_warming_up_of_a_printer_is_its_setup() -> None:
    played = Played(RECORDINGS / "a_startup_connect_heat_idle.outcome.json")
    modes = {}
    for phase, state in played.phases():
        read = machine(state, registration=played.registration)
        modes[phase["at"]] = words(read[MODE])
    assert modes[12] == "None"
    assert modes[17] == "Setup"
    assert modes[28] == "None"
    assert modes[67.5] == "None"
