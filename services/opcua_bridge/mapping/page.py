"""docs/opcua-mapping.md, made from the rows themselves: ``python -m`` this module writes it."""

import sys
from collections.abc import Iterable, Iterator
from pathlib import Path

from services.opcua_bridge.mapping import processvalues, stacklight, statemachines
from services.opcua_bridge.mapping.nodes import Kind, Name, Namespace, Node
from services.opcua_bridge.mapping.quality import Quality
from services.opcua_bridge.mapping.template import Shape, template
from voxtrude.printer import Outcome, Status

PAGE = Path("docs/opcua-mapping.md")
WHOLE = Shape(heaters=("tool0",), firmware=True, year=True, job=True, prognosis=True)
PREFIX = {
    Namespace.UA: "",
    Namespace.DI: "DI:",
    Namespace.IA: "IA:",
    Namespace.MACHINERY: "Machinery:",
    Namespace.IRDI: "IRDI:",
    Namespace.PADIM: "PADIM:",
    Namespace.PROCESS_VALUES: "ProcessValues:",
    Namespace.ISA95: "ISA95:",
    Namespace.JOBS: "Jobs:",
    Namespace.MACHINE_TOOL: "MachineTool:",
    Namespace.ADDITIVE: "AM:",
    Namespace.MACHINES: "Voxtrude:",
}
QUALITIES = {
    Quality.GOOD: "It is so.",
    Quality.LAST_USABLE: "It was so when it was observed; nobody knows about now: the printer is "
    "offline, its reading is old, or ingest cannot store what it hears.",
    Quality.INITIAL: "Never heard: a neutral value stands here (0, false or empty).",
    Quality.NO_COMMUNICATION: "Ingest or the broker is gone, so no printer can be told of.",
}
CODES = {
    Quality.GOOD: "Good",
    Quality.LAST_USABLE: "UncertainLastUsableValue",
    Quality.INITIAL: "UncertainInitialValue",
    Quality.NO_COMMUNICATION: "BadNoCommunication",
}

INTRODUCTION = """\
# What OctoPrint tells, as OPC UA nodes

<!-- Made by `python -m services.opcua_bridge.mapping.page`: change the rows, not this page. -->

Each printer is an `AdditiveManufacturingType` (OPC 40540) and so a `MachineToolType`
(OPC 40501-1) below `Machinery:Machines`. Its nodes have the NodeIds
`<printer id>/<path>` in the namespace `urn:voxtrude:machines`, which no rename changes; the
machine's own is `<printer id>`. Namespaces of the specifications are abbreviated; `Voxtrude:`
are names that no specification has, in `urn:voxtrude:machines`. Nothing can be written.

## States

A printer is *connected* when OctoPrint is online and has it. One whose OctoPrint is offline is
as one of unknown status; so is every printer while ingest or the broker is gone.
"""
FAULT = """\
A fault that stands makes `MachineryItemState` OutOfService and the red lamp shine, also once
OctoPrint has closed the connection and says "offline", until the printer is connected again or
OctoPrint itself is gone. A request for the user's attention makes the yellow lamp blink.
`MachineryOperationMode` is Maintenance while the printer's owner says so; else Setup while the
printer starts, waits for its user, or a tool or the bed is more than {heated:g} °C below its
target; else Processing in a job, and None without one.
"""
VALUES = """\
Item state, operation modes and stack light always tell the truth, so they are always Good. While
ingest hears printers and cannot store it, they stay as they were; once it is gone, no machine is
available.

Identification is always Good, too: what nobody told is empty, and a serial number nobody told is
the printer's id. All other values that change have one of these status codes:
"""
TIMES = """\
Source timestamps are the observation's, on Voxtrude's clock; of a value that rests on several
facts it is the newest one's. Operation modes rest on temperatures, too, which come so often that
their times count to the second, and the time connected counts minutes. What nobody observed, as a
name or a constant, is as old as this server. The server timestamp is when it learnt of the value.
"""
NODES = """\
The first column is a node's path, the second the namespace of its browse name. Each heater has
nodes as `tool0` has them here, under OctoPrint's name for it. ¹
"""
NOTES = """\
¹ OctoPrint-MQTT tells no limits, so `EURange` is what such machines are built for: {ranges}.

² Counted from the first live message that Voxtrude had of this printer (`totals.since` in its
[state](topics.md)), not over the machine's life; print time counts when its job has ended.

³ Unless `VOXTRUDE_OPCUA_JOB_ORDERS` is on: then it holds the job and the one before. Some
clients of 2024 die of structures in lists. The methods answer in any case.

Not filled, as OctoPrint does not tell it: `LastTransition` (a state is known, not what led to
it), `RemainingQuantity` and the name of a feedstock, `FeedOverride`, `Obligation`, `Tools`.
"""


def page() -> str:
    """Return the page."""
    heated = FAULT.format(heated=statemachines.HEATED)
    parts = [INTRODUCTION, *_states(), heated, *_outcomes(), "## Status codes\n", VALUES]
    parts += [
        *_qualities(),
        TIMES,
        "## Nodes\n",
        NODES,
        *_nodes(),
        NOTES.format(ranges=", ".join(_ranges())),
    ]
    return "\n".join(parts)


def _states() -> Iterator[str]:
    rows = []
    for status in Status:
        lamps = [lamp.name.lower() for lamp in stacklight.LAMPS if status in lamp.statuses]
        state = statemachines.ITEM_STATE[status].words.text
        rows.append((f"`{status.value}`", state, ", ".join(lamps) or "off"))
    yield from _table(("`status.state`", "MachineryItemState", "Stacklight"), rows)


def _outcomes() -> Iterator[str]:
    rows: list[tuple[str, ...]] = [
        ("`starting`, with a job", statemachines.INITIALIZING.words.text),
        ("a job that is paused", statemachines.INTERRUPTED.words.text),
        ("any other job", statemachines.RUNNING.words.text),
    ]
    for outcome in Outcome:
        text = statemachines.OF_OUTCOME[outcome].words.text
        rows.append((f"no job; the last one was `{outcome.value}`", text))
    rows.append(("no job was ever heard of", statemachines.ENDED.words.text))
    yield from _table(("the job", "ActiveProgram/State"), rows)


def _qualities() -> Iterator[str]:
    rows = [(CODES[quality], QUALITIES[quality]) for quality in Quality]
    yield from _table(("status code", "what it says"), rows)


def _nodes() -> Iterator[str]:
    rows = []
    for node in template(WHOLE):
        path = f"`{node.path}`" if node.path else "the machine"
        names = PREFIX[node.name.namespace].rstrip(":") if node.path else ""
        rows.append((path, names, _kind(node), node.fact))
    yield from _table(("node", "namespace", "type", "what fills it"), rows)


def _ranges() -> Iterator[str]:
    for heater, limits in (*processvalues.RANGES.items(), ("others", processvalues.TOOL_RANGE)):
        yield f"{heater} {limits.low:g} to {limits.high:g} °C"


def _kind(node: Node) -> str:
    if node.kind is Kind.METHOD:
        return "method"
    name = _name(node.type) if node.type else ""
    if node.data is None:
        return name
    many = "[]" if node.data.is_list else ""
    return f"{_name(node.data.type)}{many}"


def _name(name: Name) -> str:
    return f"{PREFIX[name.namespace]}{name.text}"


def _table(heading: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> Iterator[str]:
    yield f"| {' | '.join(heading)} |"
    yield f"| {' | '.join('---' for _ in heading)} |"
    for row in rows:
        yield f"| {' | '.join(row)} |"
    yield ""


if __name__ == "__main__":
    target = Path(sys.argv[1]) if len(sys.argv) > 1 else PAGE
    target.write_text(page(), encoding="utf-8")
