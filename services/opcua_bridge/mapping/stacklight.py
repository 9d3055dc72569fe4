"""The stack light: red, yellow, green and white, as a machine of the factory has them."""

from collections.abc import Callable
from dataclasses import dataclass

from services.opcua_bridge.mapping.nodes import Link, Name, Namespace, Node, Reading
from services.opcua_bridge.mapping.rows import (
    BOOLEAN,
    UINT32,
    attribute,
    enumeration,
    thing,
    variable,
)
from services.opcua_bridge.mapping.situation import Situation
from voxtrude.printer import WORKING, Status

PATH = "Monitoring/Stacklight"
IA = Namespace.IA
SEGMENTED = 0  # StacklightOperationMode
CONTINUOUS, BLINKING = 0, 1  # SignalModeLight
RED, GREEN, YELLOW, WHITE = 1, 2, 4, 7  # SignalColor


@dataclass(frozen=True, slots=True)
class Lamp:
    """One lamp: it is on in these states of the printer, and where ``also`` says so."""

    name: str
    colour: int
    statuses: frozenset[Status]
    also: Callable[[Situation], bool]
    fact: str


def calls(situation: Situation) -> bool:
    """Tell whether the printer waits for its user."""
    return situation.document.attention is not None and situation.is_connected


def _never(_: Situation) -> bool:
    return False


LAMPS = (
    Lamp(
        "Red",
        RED,
        frozenset({Status.ERROR}),
        lambda situation: situation.is_faulty,
        "on: stopped by an error",
    ),
    Lamp(
        "Yellow",
        YELLOW,
        frozenset({Status.PAUSED}),
        calls,
        "on: paused, or the printer waits for its user",
    ),
    Lamp("Green", GREEN, WORKING - {Status.PAUSED}, _never, "on: at work"),
    Lamp("White", WHITE, frozenset({Status.IDLE, Status.UPLOADING}), _never, "on: ready"),
)


def rows() -> tuple[Node, ...]:
    """Return the rows; of a printer that is not there no lamp is on."""
    nodes = [
        thing(PATH, Namespace.MACHINE_TOOL, Name(IA, "BasicStacklightType")),
        attribute(
            f"{PATH}/StacklightMode",
            IA,
            enumeration(IA, "StacklightOperationMode"),
            SEGMENTED,
            fact="0, segmented",
        ),
    ]
    for number, lamp in enumerate(LAMPS):
        nodes += _lamp(number, lamp)
    return tuple(nodes)


def _lamp(number: int, lamp: Lamp) -> tuple[Node, ...]:
    def on(situation: Situation) -> Reading:
        shines = situation.status in lamp.statuses or lamp.also(situation)
        return Reading(shines, at=situation.changed_at)

    def mode(situation: Situation) -> Reading:
        return Reading(BLINKING if calls(situation) else CONTINUOUS, at=situation.changed_at)

    path = f"{PATH}/{lamp.name}"
    light = enumeration(IA, "SignalModeLight")
    blinks = lamp.also is calls
    return (
        thing(path, Namespace.MACHINES, Name(IA, "StackElementLightType"), link=Link.ORDERED),
        attribute(f"{path}/NumberInList", Namespace.UA, UINT32, number, fact="from the top"),
        attribute(f"{path}/SignalOn", IA, BOOLEAN, value=False, read=on, fact=lamp.fact),
        variable(
            f"{path}/SignalColor",
            IA,
            enumeration(IA, "SignalColor"),
            lamp.colour,
            fact=str(lamp.colour),
        ),
        variable(
            f"{path}/SignalMode",
            IA,
            light,
            CONTINUOUS,
            read=mode if blinks else None,
            fact="1, blinking, while the printer waits for its user; else 0"
            if lamp.also is calls
            else "0, continuous",
        ),
    )
