"""Monitoring: what the machine does, and what has added up. Values of Duration are ms."""

from datetime import datetime

from services.opcua_bridge.mapping import counters
from services.opcua_bridge.mapping.buildingblocks import BLOCKS
from services.opcua_bridge.mapping.nodes import Link, Name, Namespace, Node, Reading
from services.opcua_bridge.mapping.quality import Quality
from services.opcua_bridge.mapping.rows import (
    BOOLEAN,
    DURATION,
    UINT32,
    UINT64,
    attribute,
    enumeration,
    thing,
    variable,
)
from services.opcua_bridge.mapping.situation import Situation
from services.opcua_bridge.mapping.statemachines import (
    EXECUTING,
    NO_MODE,
    NOT_AVAILABLE,
    Standing,
    is_heating,
    item_state,
    operation_mode,
    state_machine,
)
from voxtrude.printer import WORKING

PATH = "Monitoring"
OPERATION = f"{PATH}/MachineTool"
COUNTERS = f"{OPERATION}/OperationCounters"
UA, DI, MACHINERY, MACHINE_TOOL = (
    Namespace.UA,
    Namespace.DI,
    Namespace.MACHINERY,
    Namespace.MACHINE_TOOL,
)
MANUAL, AUTOMATIC, WITH_INTERVENTION, SERVICE, OTHER = 0, 1, 3, 4, 5  # MachineOperationMode


def rows() -> tuple[Node, ...]:
    """Return the rows of the machine's operation; process values and lights are elsewhere."""
    return (
        thing(PATH, MACHINE_TOOL, Name(MACHINE_TOOL, "MonitoringType")),
        thing(OPERATION, MACHINE_TOOL, Name(MACHINE_TOOL, "MachineOperationMonitoringType")),
        variable(
            f"{OPERATION}/OperationMode",
            MACHINE_TOOL,
            enumeration(MACHINE_TOOL, "MachineOperationMode"),
            OTHER,
            read=_mode,
            fact="4 in maintenance, 5 while the printer is not there or out of service, "
            "3 in a job that waits for its user, 1 in a job, 0 else",
        ),
        variable(
            f"{OPERATION}/IsWarmUp",
            MACHINE_TOOL,
            BOOLEAN,
            value=False,
            read=_warm_up,
            fact="whether a job waits for a tool or the bed, more than 5 °C below its target",
        ),
        *state_machine(
            thing(
                f"{OPERATION}/MachineryItemState",
                MACHINERY,
                Name(MACHINERY, "MachineryItemState_StateMachineType"),
                also=(BLOCKS,),
                fact="see the states above",
                link=Link.ADD_IN,
            ),
            NOT_AVAILABLE,
            _item_state,
        ),
        *state_machine(
            thing(
                f"{OPERATION}/MachineryOperationMode",
                MACHINERY,
                Name(MACHINE_TOOL, "MachineOperationModeStateMachineType"),
                also=(BLOCKS,),
                fact="Maintenance if its owner says so; Setup while it starts, heats up or waits "
                "for its user; Processing in a job; None else",
                link=Link.ADD_IN,
            ),
            NO_MODE,
            _operation_mode,
        ),
        *_counters(),
        thing(f"{PATH}/Health", MACHINERY, Name(UA, "FolderType"), fact="empty"),
    )


def _counters() -> tuple[Node, ...]:
    return (
        variable(
            f"{OPERATION}/PowerOnDuration",
            MACHINE_TOOL,
            UINT32,
            0,
            read=counters.power_on_hours,
            fact="time the printer was connected to OctoPrint, in whole hours ²",
        ),
        variable(
            f"{OPERATION}/PartsProducedInLifetime",
            MACHINE_TOOL,
            UINT64,
            0,
            read=counters.jobs_done,
            fact="jobs that were done ²",
        ),
        thing(
            COUNTERS,
            DI,
            Name(MACHINERY, "MachineryOperationCounterType"),
            link=Link.ADD_IN,
            also=(BLOCKS,),
        ),
        attribute(
            f"{COUNTERS}/PowerOnDuration",
            DI,
            DURATION,
            0.0,
            read=counters.power_on,
            fact="time the printer was connected to OctoPrint, in ms, minute by minute ²",
        ),
        attribute(
            f"{COUNTERS}/OperationDuration",
            DI,
            DURATION,
            0.0,
            read=counters.operation,
            fact="print time of the jobs that ended, in ms ²",
        ),
        attribute(
            f"{COUNTERS}/OperationCycleCounter",
            DI,
            UINT32,
            0,
            read=counters.jobs_ended,
            fact="jobs that ended, however they did ²",
        ),
    )


def _item_state(situation: Situation) -> Standing:
    return item_state(situation), Quality.GOOD, situation.changed_at


def _operation_mode(situation: Situation) -> Standing:
    return operation_mode(situation), Quality.GOOD, _mode_at(situation)


def _mode(situation: Situation) -> Reading:
    return Reading(_mode_of(situation), at=situation.changed_at)


def _mode_of(situation: Situation) -> int:
    document = situation.document
    if document.printer.maintenance:
        return SERVICE
    if not situation.is_connected:
        return OTHER
    if situation.status not in WORKING:
        return MANUAL
    return WITH_INTERVENTION if document.attention else AUTOMATIC


def _warm_up(situation: Situation) -> Reading:
    heats = item_state(situation) is EXECUTING and is_heating(situation.document)
    return Reading(heats, at=_mode_at(situation))


def _mode_at(situation: Situation) -> datetime | None:
    """Return the newest fact's time; readings count to the second, they come so often."""
    newest = situation.changed_at
    for heater in situation.document.temperatures.values():
        if newest is None or heater.observed_at > newest:
            second = heater.observed_at.replace(microsecond=0)
            newest = second if newest is None else max(newest, second)
    return newest
