"""The state machines of a machine: which state each one is in, and the rows that show it.

The tables follow opcua-mapping.md. A state's ``Id`` names the state's own node in the
specification's namespace, its number is the specification's.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from services.opcua_bridge.mapping.nodes import Id, Name, Namespace, Node, Reading
from services.opcua_bridge.mapping.quality import Quality
from services.opcua_bridge.mapping.rows import NODE_ID, TEXT, UINT32, attribute, variable
from services.opcua_bridge.mapping.situation import Situation
from services.opcua_bridge.mapping.structures import Words
from voxtrude.documents import PrinterDocument
from voxtrude.printer import WORKING, Outcome, Status

MACHINERY, MACHINE_TOOL = Namespace.MACHINERY, Namespace.MACHINE_TOOL
FINITE_STATE = Name(Namespace.UA, "FiniteStateVariableType")


@dataclass(frozen=True, slots=True)
class State:
    """One state of a state machine."""

    words: Words
    id: Id
    number: int


Standing = tuple[State, Quality, datetime | None]
"""The state a machine is in, how good we know that, and since when."""


def _state(text: str, namespace: Namespace, node: int, number: int) -> State:
    return State(Words(text), Id(namespace, node), number)


NOT_AVAILABLE = _state("NotAvailable", MACHINERY, 5005, 0)
OUT_OF_SERVICE = _state("OutOfService", MACHINERY, 5004, 1)
NOT_EXECUTING = _state("NotExecuting", MACHINERY, 5007, 2)
EXECUTING = _state("Executing", MACHINERY, 5006, 3)

NO_MODE = _state("None", MACHINERY, 5024, 0)
MAINTENANCE = _state("Maintenance", MACHINERY, 5025, 1)
SETUP = _state("Setup", MACHINERY, 5027, 2)
PROCESSING = _state("Processing", MACHINERY, 5026, 3)

INITIALIZING = _state("Initializing", MACHINE_TOOL, 135, 0)
RUNNING = _state("Running", MACHINE_TOOL, 138, 1)
ENDED = _state("Ended", MACHINE_TOOL, 140, 2)
INTERRUPTED = _state("Interrupted", MACHINE_TOOL, 139, 3)
ABORTED = _state("Aborted", MACHINE_TOOL, 141, 4)

ITEM_STATE = {
    Status.UNKNOWN: NOT_AVAILABLE,
    Status.OFFLINE: NOT_AVAILABLE,
    Status.CONNECTING: NOT_AVAILABLE,
    Status.IDLE: NOT_EXECUTING,
    Status.UPLOADING: NOT_EXECUTING,
    Status.STARTING: EXECUTING,
    Status.PRINTING: EXECUTING,
    Status.PAUSING: EXECUTING,
    Status.PAUSED: NOT_EXECUTING,
    Status.RESUMING: EXECUTING,
    Status.CANCELLING: EXECUTING,
    Status.FINISHING: EXECUTING,
    Status.ERROR: OUT_OF_SERVICE,
}
"""What MachineryItemState says of each status; a fault that stands makes it OutOfService."""

OF_OUTCOME = {
    Outcome.DONE: ENDED,
    Outcome.CANCELLED: ABORTED,
    Outcome.FAILED: ABORTED,
    Outcome.INTERRUPTED: ABORTED,
}
"""What a program's state machine says of a job that is over."""

HEATED = 5.0
"""A heater that is less than this many degrees below its target is hot enough."""


def item_state(situation: Situation) -> State:
    """Return whether the machine is there, works, or is out of service."""
    return OUT_OF_SERVICE if situation.is_faulty else ITEM_STATE[situation.status]


def operation_mode(situation: Situation) -> State:
    """Return what the machine is used for: maintenance is its owner's word, and stands first."""
    document = situation.document
    if document.printer.maintenance:
        return MAINTENANCE
    if not situation.is_connected:
        return NO_MODE
    status = situation.status
    if status is Status.STARTING or document.attention or is_heating(document):
        return SETUP
    return PROCESSING if status in WORKING else NO_MODE


def is_heating(document: PrinterDocument) -> bool:
    """Tell whether a tool or the bed is on its way to its target."""
    for name, heater in document.temperatures.items():
        if heater.actual is None or not heater.target or not heater.current:
            continue
        waited_for = name == "bed" or name.startswith("tool")  # a chamber takes its time
        if waited_for and heater.actual < heater.target - HEATED:
            return True
    return False


def program_state(situation: Situation) -> State:
    """Return how the job is that is open, or how the last one ended."""
    document = situation.document
    if document.job is None:
        return OF_OUTCOME[document.last_job.outcome] if document.last_job else ENDED
    told = document.status.state if document.status else Status.UNKNOWN  # of whoever is away, too
    if document.job.paused_at or told is Status.PAUSED:
        return INTERRUPTED
    return INITIALIZING if told is Status.STARTING else RUNNING


def state_machine(
    itself: Node, initial: State, read: Callable[[Situation], Standing]
) -> tuple[Node, ...]:
    """Return the rows of a state machine, of which ``itself`` is the first."""

    def words(situation: Situation) -> Reading:
        state, quality, at = situation.once(read)
        return Reading(state.words, quality, at)

    def node_id(situation: Situation) -> Reading:
        state, quality, at = situation.once(read)
        return Reading(state.id, quality, at)

    def number(situation: Situation) -> Reading:
        state, quality, at = situation.once(read)
        return Reading(state.number, quality, at)

    ua, current = Namespace.UA, f"{itself.path}/CurrentState"
    return (
        itself,
        variable(
            current,
            ua,
            TEXT,
            initial.words,
            read=words,
            type_=FINITE_STATE,
            fact="the state's name",
        ),
        attribute(
            f"{current}/Id", ua, NODE_ID, initial.id, read=node_id, fact="the state's own node"
        ),
        attribute(
            f"{current}/Number", ua, UINT32, initial.number, read=number, fact="the state's number"
        ),
    )
