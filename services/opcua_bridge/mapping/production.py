"""Production: the job that is open or ended last, as program, as plan, and as a number."""

from collections.abc import Callable
from datetime import datetime

from services.opcua_bridge.mapping import counters
from services.opcua_bridge.mapping.nodes import Id, Link, Name, Namespace, Node, Read, Reading
from services.opcua_bridge.mapping.rows import (
    BOOLEAN,
    DOUBLE,
    NODE_ID,
    RANGE,
    STRING,
    UINT16,
    UINT32,
    UNIT,
    attribute,
    thing,
    variable,
    version,
)
from services.opcua_bridge.mapping.situation import Situation
from services.opcua_bridge.mapping.statemachines import (
    ENDED,
    Standing,
    program_state,
    state_machine,
)
from services.opcua_bridge.mapping.structures import Place, Range
from services.opcua_bridge.mapping.units import PERCENT, SECOND, Unit
from voxtrude.documents import JobDocument, PastJobDocument, PrinterDocument
from voxtrude.printer import Outcome

PATH = "Production"
PROGRAM = f"{PATH}/ActiveProgram"
PLAN = f"{PATH}/ProductionPlan"
JOB = f"{PLAN}/Job"
UA, MACHINE_TOOL, OURS = Namespace.UA, Namespace.MACHINE_TOOL, Namespace.MACHINES
PROGRAM_STATE = Name(MACHINE_TOOL, "ProductionProgramStateMachineType")
NOWHERE = Id(UA, 0)
FULL = Range(0.0, 100.0)
DONE = 100.0

Told = tuple[object, datetime | None] | None
"""A value and when it was observed; None where nobody told it."""


def rows(*, job: bool) -> tuple[Node, ...]:
    """Return the rows; ``job`` tells whether there is one, open or ended."""
    return (
        thing(PATH, MACHINE_TOOL, Name(MACHINE_TOOL, "ProductionType")),
        *_program(),
        thing(PLAN, MACHINE_TOOL, Name(MACHINE_TOOL, "ProductionJobListType")),
        version(PLAN),
        *(_job() if job else ()),
        thing(f"{PATH}/Statistics", MACHINE_TOOL, Name(MACHINE_TOOL, "ProductionStatisticsType")),
        variable(
            f"{PATH}/Statistics/PartsProducedInLifetime",
            MACHINE_TOOL,
            UINT32,
            0,
            read=counters.jobs_done,
            fact="jobs that were done ²",
        ),
    )


def _program() -> tuple[Node, ...]:
    return (
        thing(PROGRAM, MACHINE_TOOL, Name(MACHINE_TOOL, "ProductionActiveProgramType")),
        attribute(f"{PROGRAM}/NumberInList", UA, UINT16, 0, fact="0"),
        attribute(
            f"{PROGRAM}/Name",
            MACHINE_TOOL,
            STRING,
            "",
            read=_live(_file, ""),
            fact="the job's file; of the last job, while there is none; else empty",
        ),
        variable(
            f"{PROGRAM}/JobIdentifier",
            MACHINE_TOOL,
            STRING,
            "",
            read=_live(_job_id, ""),
            fact="the job's id, or the last one's",
        ),
        variable(
            f"{PROGRAM}/JobNodeId",
            MACHINE_TOOL,
            NODE_ID,
            NOWHERE,
            read=_live(_job_place, NOWHERE),
            fact=f"`{JOB}`",
        ),
        *state_machine(
            thing(f"{PROGRAM}/State", MACHINE_TOOL, PROGRAM_STATE, fact="see the states above"),
            ENDED,
            _program_standing,
        ),
        *_number(
            "Progress",
            PERCENT,
            _progress,
            "how much of the file has gone; 100 once it is done",
            limits=FULL,
        ),
        *_number("PrintTime", SECOND, _print_time, "time printed, without pauses"),
        *_number("TimeLeft", SECOND, _time_left, "time that the job still takes; 0 after its end"),
        attribute(
            f"{PROGRAM}/TimeLeft/Basis",
            OURS,
            STRING,
            "",
            read=_live(_basis, ""),
            fact="`reported` by OctoPrint, `estimated` from progress, or `analysis` of the file",
        ),
    )


def _number(
    name: str,
    unit: Unit,
    told: Callable[[PrinterDocument], Told],
    fact: str,
    *,
    limits: Range | None = None,
) -> tuple[Node, ...]:
    path = f"{PROGRAM}/{name}"
    kind = Name(UA, "AnalogUnitRangeType" if limits else "AnalogUnitType")
    scale = [attribute(f"{path}/EngineeringUnits", UA, UNIT, unit, fact=unit.symbol)]
    if limits:
        scale.append(
            attribute(
                f"{path}/EURange", UA, RANGE, limits, fact=f"{limits.low:g} to {limits.high:g}"
            )
        )
    number = variable(path, OURS, DOUBLE, 0.0, read=_live(told, 0.0), type_=kind, fact=fact)
    return (number, *scale)


def _job() -> tuple[Node, ...]:
    program = f"{JOB}/ProductionPrograms/Program"
    return (
        thing(
            JOB,
            OURS,
            Name(MACHINE_TOOL, "ProductionJobType"),
            link=Link.ORDERED,
            fact="the job, or the last one; none before the first",
        ),
        attribute(f"{JOB}/NumberInList", UA, UINT16, 0, fact="0"),
        attribute(
            f"{JOB}/Identifier", MACHINE_TOOL, STRING, "", read=_live(_job_id, ""), fact="its id"
        ),
        variable(
            f"{JOB}/RunsCompleted",
            MACHINE_TOOL,
            UINT32,
            0,
            read=_live(_runs_completed, 0),
            fact="1 once it is done, else 0",
        ),
        variable(
            f"{JOB}/RunsPlanned", MACHINE_TOOL, UINT32, 1, fact="1: OctoPrint prints a file once"
        ),
        attribute(f"{JOB}/RunsPlanned/IsValid", MACHINE_TOOL, BOOLEAN, value=True, fact="true"),
        *state_machine(
            thing(
                f"{JOB}/State",
                MACHINE_TOOL,
                Name(MACHINE_TOOL, "ProductionJobStateMachineType"),
                fact="as the active program's",
            ),
            ENDED,
            _program_standing,
        ),
        thing(f"{JOB}/ProductionPrograms", MACHINE_TOOL, Name(UA, "OrderedListType")),
        thing(program, OURS, Name(MACHINE_TOOL, "ProductionProgramType"), link=Link.ORDERED),
        attribute(f"{program}/NumberInList", UA, UINT16, 0, fact="0"),
        attribute(
            f"{program}/Name", MACHINE_TOOL, STRING, "", read=_live(_file, ""), fact="its file"
        ),
        *state_machine(
            thing(f"{program}/State", MACHINE_TOOL, PROGRAM_STATE, fact="as the active program's"),
            ENDED,
            _program_standing,
        ),
    )


def last(document: PrinterDocument) -> JobDocument | PastJobDocument | None:
    """Return the job that is open, or else the one that ended last."""
    return document.job or document.last_job


def began_at(document: PrinterDocument) -> datetime | None:
    """Return when the job was begun, or ended: what is constant in it is as old as this."""
    job = document.job
    if job is None:
        return document.last_job.ended_at if document.last_job else None
    return job.started_at or job.progress_at or job.paused_at


def _live(told: Callable[[PrinterDocument], Told], neutral: object) -> Read:
    """Return how to read what a job tells; without a job the neutral value is the truth."""

    def read(situation: Situation) -> Reading:
        document = situation.document
        known = told(document)
        if known is not None:
            return Reading(known[0], situation.live, known[1])
        if last(document) is None and document.status is not None:
            return Reading(neutral, situation.live, document.status.observed_at)
        return Reading(neutral, situation.unheard)

    return read


def _program_standing(situation: Situation) -> Standing:
    document = situation.document
    known = last(document) is not None or document.status is not None
    at = document.last_job.ended_at if document.last_job and not document.job else None
    if document.job or at is None:
        moments = (
            began_at(document),
            document.job.paused_at if document.job else None,
            document.status.observed_at if document.status else None,
        )
        at = max((moment for moment in moments if moment), default=None)
    return program_state(situation), situation.live if known else situation.unheard, at


def _file(document: PrinterDocument) -> Told:
    job = last(document)
    return (job.file.name or job.file.path, began_at(document)) if job else None


def _job_id(document: PrinterDocument) -> Told:
    job = last(document)
    return (job.id, began_at(document)) if job else None


def _job_place(document: PrinterDocument) -> Told:
    if last(document) is None:
        return None
    return Place(document.printer.id, JOB), began_at(document)


def _progress(document: PrinterDocument) -> Told:
    job, past = document.job, document.last_job
    if job:
        return None if job.progress is None else (job.progress, job.progress_at)
    return None if past is None or past.progress is None else (past.progress, past.ended_at)


def _print_time(document: PrinterDocument) -> Told:
    job, past = document.job, document.last_job
    if job:
        return None if job.elapsed is None else (job.elapsed, job.elapsed_at)
    return None if past is None or past.duration is None else (past.duration, past.ended_at)


def _time_left(document: PrinterDocument) -> Told:
    job, past = document.job, document.last_job
    if job:
        return (job.time_left.seconds, job.time_left.observed_at) if job.time_left else None
    return (0.0, past.ended_at) if past else None


def _basis(document: PrinterDocument) -> Told:
    job, past = document.job, document.last_job
    if job:
        left = job.time_left
        return (left.basis.value, left.observed_at) if left else None
    return ("", past.ended_at) if past else None


def _runs_completed(document: PrinterDocument) -> Told:
    past = document.last_job
    done = past is not None and document.job is None and past.outcome is Outcome.DONE
    return int(done), began_at(document)
