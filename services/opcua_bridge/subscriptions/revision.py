"""What a monitored item gets of what is asked for it (OPC 10000-4, 5.13.2 and 7.21)."""

from typing import Protocol

from asyncua import ua
from asyncua.ua.attribute_ids import AttributeIds
from asyncua.ua.object_ids import ObjectIds
from asyncua.ua.status_codes import StatusCodes

from services.opcua_bridge.limits import Limits
from services.opcua_bridge.subscriptions import deadbands
from services.opcua_bridge.subscriptions.dataitems import Watched
from services.opcua_bridge.subscriptions.deadbands import Changed, FilterError
from voxtrude.printer import PrinterId

_HAS_PROPERTY = ua.NodeId(ua.Int32(ObjectIds.HasProperty))
_EU_RANGE = ua.QualifiedName("EURange", 0)
_BINARY = ua.QualifiedName("Default Binary", 0)


class Space(Watched, Protocol):
    """The part of the address space that monitored items need."""

    def references(self, node_id: ua.NodeId) -> list[ua.ReferenceDescription] | None:
        """Return a node's references; None if there is no such node."""

    def machine_of(self, node_id: ua.NodeId) -> PrinterId | None:
        """Return whose node it is; None for everybody's."""


def queue_size(asked: ua.MonitoringParameters, limits: Limits) -> int:
    """Return how many values a queue holds; 0 and 1 mean one."""
    size: int = asked.QueueSize
    return max(1, min(size, limits.queue))


def event_queue_size(asked: ua.MonitoringParameters, limits: Limits) -> int:
    """Return how many events a queue holds; 0 means as many as there can be."""
    size: int = asked.QueueSize
    return min(size or limits.queue, limits.queue)


def check_encoding(space: Space, wanted: ua.ReadValueId) -> None:
    """Refuse an encoding that is none of ours (OPC 10000-4, 5.11.2.2)."""
    asked = wanted.DataEncoding
    if asked is None or not asked.Name:
        return
    value = space.read_attribute_value(wanted.NodeId, AttributeIds(wanted.AttributeId)).Value
    structured = value is not None and value.VariantType is ua.VariantType.ExtensionObject
    if wanted.AttributeId != AttributeIds.Value or not structured:
        raise FilterError(StatusCodes.BadDataEncodingInvalid)
    if asked != _BINARY:
        raise FilterError(StatusCodes.BadDataEncodingUnsupported)


def changed(space: Space, node_id: ua.NodeId, attribute: AttributeIds, asked: object) -> Changed:
    """Return the filter that is ``asked`` for; raise FilterError."""
    if asked is None:
        return deadbands.value_changed
    value = space.read_attribute_value(node_id, attribute)
    return deadbands.compiled(asked, attribute, value, lambda: _eu_range(space, node_id))


def _eu_range(space: Space, node_id: ua.NodeId) -> tuple[float, float] | None:
    """Return the limits that the node's property EURange says, as it is now."""
    for reference in space.references(node_id) or ():
        if (
            reference.IsForward
            and reference.ReferenceTypeId == _HAS_PROPERTY
            and reference.BrowseName == _EU_RANGE
        ):
            value = space.read_attribute_value(reference.NodeId, AttributeIds.Value).Value
            if value is not None and isinstance(value.Value, ua.Range):
                return value.Value.Low, value.Value.High
    return None
