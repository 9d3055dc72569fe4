"""The load that every OPC UA server of a benchmark carries: machines, and ten of their values.

The machines are ours, of nodes and documents as the bridge has them. The servers beside it
get as many plain objects and variables, with the same NodeIds: ``Tree`` in a JSON file.
"""

import json
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from services.opcua_bridge.mapping.nodes import Builtin, Kind, Node
from services.opcua_bridge.mapping.template import shape, template
from voxtrude.documents import PrinterDocument

HEATERS = ("tool0", "tool1", "bed", "chamber")
PROCESS = "Monitoring/Process"
CHANGING = (
    f"{PROCESS}/z/AnalogSignal",
    *(f"{PROCESS}/{heater}/AnalogSignal" for heater in HEATERS),
    *(f"{PROCESS}/{heater}/ProcessValueSetpoint" for heater in HEATERS),
    "Production/ActiveProgram/Progress",
)
"""What changes once a second in every machine: ten doubles."""

BEGAN = datetime.now(UTC)
"""Since when what does not change is so."""

TICK = 0.01  # seconds between two looks at what is due
AT_ONCE = 0.05  # seconds of the load that are written in one go, at most
BEHIND = 0.5  # seconds: a server that is later than that gives up the time, not the values
_NUMBERS = {Builtin.BYTE, Builtin.UINT16, Builtin.INT32, Builtin.UINT32, Builtin.UINT64}


@dataclass(frozen=True, slots=True)
class Order:
    """What a server is to do; ``tree`` is the file of ``Tree``."""

    port: int
    machines: int
    tree: str
    cpu: int | None = None


@dataclass(frozen=True, slots=True)
class Tree:
    """One machine without types: path and kind (object, double, number, text) of each node."""

    nodes: list[tuple[str, str]]
    changing: list[str]

    def save(self, path: Path) -> None:
        """Write it down."""
        path.write_text(json.dumps(asdict(self)))


def name(number: int) -> str:
    """Return a machine's id; baseline/opcua_server.js makes the same."""
    return f"prn-{number:016x}"


def names(machines: int) -> list[str]:
    """Return the identifiers of all changing variables."""
    return [f"{name(machine)}/{path}" for machine in range(machines) for path in CHANGING]


def document(number: int, value: float = 0.0, at: datetime | None = None) -> PrinterDocument:
    """Return what is told of a printer whose changing values are all ``value``, since ``at``."""
    at = at or BEGAN
    fact: dict[str, Any] = {"observed_at": BEGAN, "origin": "live"}
    changing = {**fact, "observed_at": at}
    file = {"name": "benchy.gcode", "path": "benchy.gcode", "storage": "local", "size": 1_000_000}
    return PrinterDocument.model_validate(
        {
            "printer": {
                "id": name(number),
                "name": f"Printer {number}",
                "base_topic": f"octoPrint/{name(number)}/",
                "year_of_construction": 2024,
            },
            "seen_at": at,
            "link": {"state": "connected", **fact},
            "presence": {"state": "online", **fact},
            "octoprint": {"state": "running", **fact},
            "status": {
                "state": "printing",
                "octoprint_state": "PRINTING",
                "text": "Printing",
                **fact,
            },
            "fault": None,
            "attention": None,
            "firmware": {"text": "Marlin 2.1", **fact},
            "temperatures": {
                heater: {"actual": value, "target": value, "current": True, **changing}
                for heater in HEATERS
            },
            "height": {"mm": value, **changing},
            "selected_file": file,
            "metadata": {},
            "job": {
                "id": f"job-{number}",
                "file": file,
                "origin": "live",
                "started_at": BEGAN,
                "progress": value,
                "progress_at": at,
                "elapsed": 0.0,
                "elapsed_at": at,
                "time_left": None,
                "paused_at": None,
            },
            "last_job": None,
        }
    )


def nodes() -> tuple[Node, ...]:
    """Return the nodes of the machines, which are all of one shape."""
    return template(shape(document(0)))


def tree() -> Tree:
    """Return the machines' nodes for servers that know none of our types."""
    return Tree([(node.path, _kind(node)) for node in nodes() if node.path], list(CHANGING))


def _kind(node: Node) -> str:
    if node.kind is not Kind.VARIABLE or node.data is None:
        return "object"
    if node.data.builtin is Builtin.DOUBLE:
        return "double"
    return "number" if node.data.builtin in _NUMBERS else "text"


class Pace:
    """Which machine's values are due when: each machine's once a second, evenly spread."""

    def __init__(self, machines: int) -> None:
        self._machines = machines
        self._began = time.monotonic()
        self._done = 0

    def due(self) -> Iterator[tuple[int, float]]:
        """Return machines, and the value that each of their variables gets.

        No more than a part of a second at once, so that a server that is late still
        publishes, and one that is later than ``BEHIND`` goes on from there. So no variable is
        written twice within a publishing interval, and the values count up without a gap.
        """
        late = int((time.monotonic() - self._began) * self._machines) - self._done
        if late > BEHIND * self._machines:
            self._began += late / self._machines
            late = 0
        for _ in range(min(late, max(int(AT_ONCE * self._machines), 1))):
            round_, machine = divmod(self._done, self._machines)
            self._done += 1
            yield machine, round_ + 1.0
