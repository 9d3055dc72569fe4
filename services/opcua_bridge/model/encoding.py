"""From our values to OPC UA's; of the modules that tell of machines the only one with asyncua."""

from collections.abc import Callable
from datetime import datetime
from functools import cache
from typing import Any, Protocol

from asyncua import ua

from services.opcua_bridge.mapping.nodes import Builtin, Data, Id, Name, Namespace, Reading
from services.opcua_bridge.mapping.quality import Quality
from services.opcua_bridge.mapping.structures import (
    Argument,
    JobOrder,
    JobResponse,
    JobState,
    Parameter,
    Place,
    Range,
    Run,
    Words,
)
from services.opcua_bridge.mapping.units import UNECE, Unit
from services.opcua_bridge.values import SharedValue
from voxtrude.process import utc_now

ENGLISH = "en"
STATUS = {quality: ua.StatusCode(ua.UInt32(quality.value)) for quality in Quality}
KINDS = {builtin: ua.VariantType(builtin.value) for builtin in Builtin}
SCALAR, LIST = -1, 1  # value ranks (Part 3, 8.6)


class Types(Protocol):
    """What an encoder asks of the catalog."""

    def index(self, namespace: Namespace) -> int:
        """Return a namespace's index."""

    def type(self, name: Name) -> ua.NodeId:
        """Return the NodeId of a type."""

    def node_id(self, node: Id) -> ua.NodeId:
        """Return a specification's NodeId."""

    def structure(self, name: Name) -> Callable[..., object]:
        """Return the Python class of a structure."""


class Encoder:
    """Makes values that nobody changes any more; of what is said often, one for all.

    ``since`` is the time of what is as old as the machine.
    """

    def __init__(self, catalog: Types, since: datetime | None = None) -> None:
        self._catalog = catalog
        self._since = since or utc_now()
        self._machines = ua.Int16(catalog.index(Namespace.MACHINES))
        self._makers: dict[type, Callable[[Any], object]] = {
            Words: cache(lambda words: ua.LocalizedText(words.text, ENGLISH)),
            Id: cache(catalog.node_id),
            Place: self._place,
            Range: cache(lambda limits: ua.Range(limits.low, limits.high)),
            Unit: cache(_unit),
            Argument: cache(self._argument),
            JobOrder: self._job_order_and_state,
            JobResponse: self._job_response,
        }

    def variant(self, data: Data, value: object) -> ua.Variant:
        """Return ``value`` as ``data`` says it is carried; a list is a tuple."""
        if isinstance(value, tuple):
            items = [self._made(data.builtin, item) for item in value]
            return ua.Variant(items, KINDS[data.builtin], None, is_array=True)
        return ua.Variant(self._made(data.builtin, value), KINDS[data.builtin], None, False)  # noqa: FBT003  (each name costs time here)

    def value(
        self, data: Data, reading: Reading, server_time: datetime | None = None
    ) -> SharedValue:
        """Return a reading as clients get it; ``server_time`` is now, if left out."""
        return SharedValue(
            self.variant(data, reading.value),
            STATUS[reading.quality],
            reading.at or self._since,
            server_time or utc_now(),
        )

    def job_response(self, response: JobResponse | None) -> ua.Variant:
        """Return what RequestJobResponseByJobOrderID gives; an empty one where there is none."""
        if response is None:
            made = self._isa95("JobResponse", JobState=[])
        else:
            made = self._job_response(response)
        return ua.Variant(made, ua.VariantType.ExtensionObject)

    def job_responses(self, responses: tuple[JobResponse, ...]) -> ua.Variant:
        """Return what RequestJobResponseByJobOrderState gives."""
        made = [self._job_response(response) for response in responses]
        return ua.Variant(made, ua.VariantType.ExtensionObject, None, is_array=True)

    def _made(self, builtin: Builtin, value: object) -> object:
        maker = self._makers.get(value.__class__)
        if maker is not None:
            return maker(value)
        if builtin is Builtin.LOCALIZED_TEXT and isinstance(value, str):
            return ua.LocalizedText(value)
        return value

    def _place(self, place: Place) -> ua.NodeId:
        identifier = ua.String(f"{place.machine}/{place.path}")
        return ua.NodeId(identifier, self._machines, ua.NodeIdType.String)

    def _argument(self, argument: Argument) -> ua.Argument:
        return ua.Argument(
            Name=argument.name,
            DataType=self._catalog.type(argument.type),
            ValueRank=LIST if argument.is_list else SCALAR,
            ArrayDimensions=[0] if argument.is_list else [],
        )

    def _job_order_and_state(self, order: JobOrder) -> object:
        made = self._isa95(
            "JobOrder",
            JobOrderID=order.id,
            Description=[ua.LocalizedText(order.description)],
            StartTime=order.started_at,
            EndTime=order.ended_at,
        )
        return self._isa95("JobOrderAndState", JobOrder=made, State=[self._state(order.state)])

    def _job_response(self, response: JobResponse) -> object:
        order = response.order
        return self._isa95(
            "JobResponse",
            JobResponseID=response.id,
            Description=ua.LocalizedText(order.description),
            JobOrderID=order.id,
            StartTime=order.started_at,
            EndTime=order.ended_at,
            JobState=[self._state(order.state)],
            JobResponseData=[self._parameter(parameter) for parameter in response.parameters],
        )

    def _parameter(self, parameter: Parameter) -> object:
        return self._isa95(
            "Parameter",
            ID=parameter.name,
            Value=self._parameter_value(parameter.value),
            EngineeringUnits=_unit(parameter.unit) if parameter.unit else None,
        )

    def _parameter_value(self, value: float | tuple[Run, ...]) -> ua.Variant:
        if isinstance(value, tuple):
            runs = [self._run(run) for run in value]
            return ua.Variant(runs, ua.VariantType.ExtensionObject, None, is_array=True)
        kind = ua.VariantType.Int32 if isinstance(value, int) else ua.VariantType.Double
        return ua.Variant(value, kind)

    def _run(self, run: Run) -> object:
        made = self._catalog.structure(Name(Namespace.ADDITIVE, "RunInfoDataType"))
        return made(
            Identifier=run.identifier,
            State=self._state(run.state),
            RemainingTime=run.remaining,
        )

    def _state(self, state: JobState) -> object:
        """Return a top-level state: its browse path is null, which on the wire is empty."""
        return self._isa95(
            "State",
            BrowsePath=ua.RelativePath(),
            StateText=ua.LocalizedText(state.text, ENGLISH),
            StateNumber=state.number,
        )

    def _isa95(self, name: str, **fields: object) -> object:
        made = self._catalog.structure(Name(Namespace.ISA95, f"ISA95{name}DataType"))
        return made(**fields)


def _unit(unit: Unit) -> ua.EUInformation:
    return ua.EUInformation(
        NamespaceUri=UNECE,
        UnitId=unit.number,
        DisplayName=ua.LocalizedText(unit.symbol, ENGLISH),
        Description=ua.LocalizedText(unit.name, ENGLISH),
    )
