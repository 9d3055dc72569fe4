"""Notification: where a machine's messages come from, and when its job will end."""

from services.opcua_bridge.mapping.nodes import Name, Namespace, Node, Reading
from services.opcua_bridge.mapping.production import JOB
from services.opcua_bridge.mapping.rows import (
    NODE_ID,
    STRING,
    UTC_TIME,
    attribute,
    thing,
    variable,
    version,
)
from services.opcua_bridge.mapping.situation import Situation
from services.opcua_bridge.mapping.structures import Place
from voxtrude.documents import PrinterDocument, TimeLeftDocument

PATH = "Notification"
MESSAGES = f"{PATH}/Messages"
PROGNOSES = f"{PATH}/Prognoses"
JOB_END = f"{PROGNOSES}/JobEnd"
MACHINE_TOOL = Namespace.MACHINE_TOOL


def rows(*, prognosis: bool) -> tuple[Node, ...]:
    """Return the rows; there is a prognosis while the end of a job is in sight."""
    nodes = (
        thing(PATH, MACHINE_TOOL, Name(MACHINE_TOOL, "NotificationType"), notifies=True),
        thing(
            MESSAGES,
            MACHINE_TOOL,
            Name(MACHINE_TOOL, "MessagesType"),
            notifies=True,
            fact="the source of the machine's events",
        ),
        thing(PROGNOSES, MACHINE_TOOL, Name(MACHINE_TOOL, "PrognosisListType")),
        version(PROGNOSES),
    )
    return (*nodes, *_job_end()) if prognosis else nodes


def _job_end() -> tuple[Node, ...]:
    return (
        thing(
            JOB_END,
            Namespace.MACHINES,
            Name(MACHINE_TOOL, "ProductionJobEndPrognosisType"),
            fact="there while a job runs whose end is in sight",
        ),
        attribute(
            f"{JOB_END}/PredictedTime",
            MACHINE_TOOL,
            UTC_TIME,
            None,
            read=_predicted,
            fact="when the job will end, as of the value's time",
        ),
        variable(
            f"{JOB_END}/SourceIdentifier",
            MACHINE_TOOL,
            STRING,
            "",
            read=_source,
            fact="the job's id",
        ),
        variable(
            f"{JOB_END}/JobNodeId",
            MACHINE_TOOL,
            NODE_ID,
            None,
            read=_job,
            fact=f"`{JOB}`",
        ),
    )


def prognosis(document: PrinterDocument) -> TimeLeftDocument | None:
    """Return what is left of the open job, where it has an end in sight."""
    left = document.job.time_left if document.job else None
    return left if left and left.finish_at else None


def _predicted(situation: Situation) -> Reading:
    left = prognosis(situation.document)
    if left is None:
        return Reading(None, situation.unheard)
    return Reading(left.finish_at, situation.live, left.observed_at)


def _source(situation: Situation) -> Reading:
    job = situation.document.job
    if job is None:
        return Reading("", situation.unheard)
    return Reading(job.id, situation.live, job.started_at)


def _job(situation: Situation) -> Reading:
    document = situation.document
    at = document.job.started_at if document.job else None
    return Reading(Place(document.printer.id, JOB), situation.live, at)
