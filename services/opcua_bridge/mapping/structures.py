"""Values that are more than a number or a text: what ``encoding`` makes OPC UA's own of."""

from dataclasses import dataclass
from datetime import datetime

from services.opcua_bridge.mapping.nodes import Name
from services.opcua_bridge.mapping.units import Unit


@dataclass(frozen=True, slots=True)
class Words:
    """A text of ours, in English; people's names are plain ``str`` and have no language."""

    text: str


@dataclass(frozen=True, slots=True)
class Place:
    """The NodeId of one of a machine's own nodes."""

    machine: str
    path: str


@dataclass(frozen=True, slots=True)
class Range:
    """The least and the greatest value in normal operation (Part 8, 5.6.2)."""

    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Argument:
    """What a method takes or gives."""

    name: str
    type: Name
    is_list: bool = False


@dataclass(frozen=True, slots=True)
class JobState:
    """A job order's state (OPC 10031-4, ISA95StateDataType)."""

    text: str
    number: int


@dataclass(frozen=True, slots=True)
class Run:
    """One run of a job (OPC 40540, RunInfoDataType); ``remaining`` is ms."""

    identifier: str
    state: JobState
    remaining: float | None = None


@dataclass(frozen=True, slots=True)
class Parameter:
    """One number of a job, or its runs (OPC 10031-4, ISA95ParameterDataType)."""

    name: str
    value: float | int | tuple[Run, ...]
    unit: Unit | None = None


@dataclass(frozen=True, slots=True)
class JobOrder:
    """A job, and how it is (OPC 10031-4, ISA95JobOrderAndStateDataType)."""

    id: str
    description: str
    started_at: datetime | None
    ended_at: datetime | None
    state: JobState


@dataclass(frozen=True, slots=True)
class JobResponse:
    """What became of a job (OPC 10031-4, ISA95JobResponseDataType)."""

    id: str
    order: JobOrder
    parameters: tuple[Parameter, ...]
