"""Job management (OPC 40001-3 on OPC 10031-4): read-only, so that it takes no orders.

The lists are empty unless ``filled``: a client of 2024 that is widely used dies of structures
in a list. The methods answer in any case, from ``job_response`` and ``job_responses``.
"""

from enum import IntEnum

from services.opcua_bridge.mapping.buildingblocks import BLOCKS
from services.opcua_bridge.mapping.nodes import (
    Builtin,
    Data,
    Id,
    Kind,
    Link,
    Name,
    Namespace,
    Node,
    Reading,
)
from services.opcua_bridge.mapping.production import began_at, last
from services.opcua_bridge.mapping.rows import (
    ARGUMENTS,
    STRING,
    STRINGS,
    UINT16,
    UINT64,
    attribute,
    leaf,
    thing,
    variable,
)
from services.opcua_bridge.mapping.situation import Situation
from services.opcua_bridge.mapping.statemachines import (
    ABORTED,
    ENDED,
    INITIALIZING,
    INTERRUPTED,
    OF_OUTCOME,
    RUNNING,
    Standing,
    State,
    program_state,
    state_machine,
)
from services.opcua_bridge.mapping.structures import (
    Argument,
    JobOrder,
    JobResponse,
    JobState,
    Parameter,
    Run,
    Words,
)
from services.opcua_bridge.mapping.units import PERCENT
from voxtrude.documents import JobDocument, PastJobDocument
from voxtrude.printer import Outcome

PATH = f"{BLOCKS}/JobManagement"
ORDERS = f"{PATH}/JobOrderControl"
RESULTS = f"{PATH}/JobOrderResults"
BY_ID = f"{RESULTS}/RequestJobResponseByJobOrderID"
BY_STATE = f"{RESULTS}/RequestJobResponseByJobOrderState"

UA, ISA95, JOBS = Namespace.UA, Namespace.ISA95, Namespace.JOBS
ORDER_LIST = Data(Name(ISA95, "ISA95JobOrderAndStateDataType"), Builtin.STRUCTURE, is_list=True)
RESPONSE = Name(ISA95, "ISA95JobResponseDataType")
RESPONSE_LIST = Data(RESPONSE, Builtin.STRUCTURE, is_list=True)
WORK_MASTERS = Data(Name(ISA95, "ISA95WorkMasterDataType"), Builtin.STRUCTURE, is_list=True)

MILLISECONDS = 1000.0
UNKNOWN, SUCCESSFUL, UNSUCCESSFUL = 0, 1, 2  # JobResult
RESULT_OF = {
    Outcome.DONE: SUCCESSFUL,
    Outcome.CANCELLED: UNSUCCESSFUL,
    Outcome.FAILED: UNSUCCESSFUL,
    Outcome.INTERRUPTED: UNKNOWN,
}
WAITING = State(Words("NotAllowedToStart"), Id(ISA95, 5035), 1)
OF_PROGRAM = {
    INITIALIZING: State(Words("Running"), Id(ISA95, 5037), 3),
    RUNNING: State(Words("Running"), Id(ISA95, 5037), 3),
    INTERRUPTED: State(Words("Interrupted"), Id(ISA95, 5038), 4),
    ENDED: State(Words("Ended"), Id(ISA95, 5039), 5),
    ABORTED: State(Words("Aborted"), Id(ISA95, 5040), 6),
}
"""A job order's state, by its program's."""


class Return(IntEnum):
    """What a method returns beside its result (OPC 10031-4, B.2); only OK is a success."""

    OK = 1 << 0
    UNKNOWN_ORDER = 1 << 1
    INVALID_STATE = 1 << 3


def rows(*, filled: bool) -> tuple[Node, ...]:
    """Return the rows; ``filled`` tells whether the lists hold what there is."""
    return (
        thing(PATH, JOBS, Name(JOBS, "JobManagementType"), link=Link.ADD_IN),
        *state_machine(
            thing(
                ORDERS,
                JOBS,
                Name(ISA95, "ISA95JobOrderReceiverObjectType"),
                fact="the state of the job, or of the last one",
            ),
            WAITING,
            _order_standing,
        ),
        variable(
            f"{ORDERS}/JobOrderList",
            ISA95,
            ORDER_LIST,
            (),
            read=_orders if filled else None,
            fact="empty ³",
        ),
        variable(f"{ORDERS}/WorkMaster", ISA95, WORK_MASTERS, (), fact="empty"),
        *(
            variable(f"{ORDERS}/{what}", ISA95, STRINGS, (), fact="empty")
            for what in (
                "EquipmentID",
                "MaterialClassID",
                "MaterialDefinitionID",
                "PersonnelID",
                "PhysicalAssetID",
            )
        ),
        attribute(
            f"{ORDERS}/MaxDownloadableJobOrders", ISA95, UINT16, 0, fact="0: it takes no orders"
        ),
        thing(RESULTS, JOBS, Name(ISA95, "ISA95JobResponseProviderObjectType")),
        variable(
            f"{RESULTS}/JobOrderResponseList",
            ISA95,
            RESPONSE_LIST,
            (),
            read=_responses if filled else None,
            fact="empty ³",
        ),
        *_method(
            BY_ID,
            Argument("JobOrderID", STRING.type),
            Argument("JobResponse", RESPONSE),
            "answers for the job and the last one: `JobResult`, `Runs`, `Progress`; "
            "`ReturnStatus` is 1, or 2 where the job is not known",
        ),
        *_method(
            BY_STATE,
            Argument("JobOrderState", Name(ISA95, "ISA95StateDataType"), is_list=True),
            Argument("JobResponses", RESPONSE, is_list=True),
            "those of the job and the last one that are in this state; `ReturnStatus` is 1, or 8 "
            "where there is no such state",
        ),
    )


def _method(path: str, taken: Argument, given: Argument, fact: str) -> tuple[Node, ...]:
    status = Argument("ReturnStatus", UINT64.type)
    return (
        Node(path=path, name=Name(ISA95, leaf(path)), kind=Kind.METHOD, fact=fact),
        attribute(f"{path}/InputArguments", UA, ARGUMENTS, (taken,), fact=f"`{taken.name}`"),
        attribute(
            f"{path}/OutputArguments",
            UA,
            ARGUMENTS,
            (given, status),
            fact=f"`{given.name}`, `{status.name}`",
        ),
    )


def job_response(situation: Situation, order: str) -> tuple[JobResponse | None, Return]:
    """Answer RequestJobResponseByJobOrderID.

    Where there is none the call's status is uncertain, so that the return status is told.
    """
    for response in known(situation):
        if response.order.id == order:
            return response, Return.OK
    return None, Return.UNKNOWN_ORDER


def job_responses(situation: Situation, state: int) -> tuple[tuple[JobResponse, ...], Return]:
    """Answer RequestJobResponseByJobOrderState for the number of a top-level state."""
    if state not in {WAITING.number, 2, *(state.number for state in OF_PROGRAM.values())}:
        return (), Return.INVALID_STATE
    return tuple(one for one in known(situation) if one.order.state.number == state), Return.OK


def known(situation: Situation) -> tuple[JobResponse, ...]:
    """Return what there is to tell: of the open job, and of the one that ended last."""
    document = situation.document
    found = []
    if document.job:
        found.append(_open(document.job, OF_PROGRAM[program_state(situation)]))
    if document.last_job:
        found.append(_ended(document.last_job))
    return tuple(found)


def _orders(situation: Situation) -> Reading:
    orders = tuple(response.order for response in known(situation))
    return Reading(orders, situation.live, _order_standing(situation)[2])


def _responses(situation: Situation) -> Reading:
    return Reading(known(situation), situation.live, _order_standing(situation)[2])


def _open(job: JobDocument, standing: State) -> JobResponse:
    state = _job_state(standing)
    order = JobOrder(job.id, job.file.path, job.started_at, None, state)
    left = job.time_left
    run = Run(job.id, state, left.seconds * MILLISECONDS if left else None)
    return JobResponse(job.id, order, _parameters(UNKNOWN, job.progress, run))


def _ended(job: PastJobDocument) -> JobResponse:
    state = _job_state(OF_PROGRAM[OF_OUTCOME[job.outcome]])
    order = JobOrder(job.id, job.file.path, job.started_at, job.ended_at, state)
    run = Run(job.id, state)
    return JobResponse(job.id, order, _parameters(RESULT_OF[job.outcome], job.progress, run))


def _parameters(result: int, progress: float | None, run: Run) -> tuple[Parameter, ...]:
    told = [Parameter("JobResult", result), Parameter("Runs", (run,))]
    if progress is not None:
        told.append(Parameter("Progress", progress, PERCENT))
    return tuple(told)


def _job_state(state: State) -> JobState:
    return JobState(state.words.text, state.number)


def _order_standing(situation: Situation) -> Standing:
    document = situation.document
    job = last(document)
    if job is None:
        if document.status is None:
            return WAITING, situation.unheard, None
        return WAITING, situation.live, document.status.observed_at
    return OF_PROGRAM[program_state(situation)], situation.live, began_at(document)
