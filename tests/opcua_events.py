"""What tests of events need: event types beside the standard's, events, and filters."""

from collections.abc import Iterable
from copy import copy
from datetime import UTC, datetime
from typing import Any

from asyncua import ua
from asyncua.server.address_space import NodeManagementService
from asyncua.ua.attribute_ids import AttributeIds
from asyncua.ua.object_ids import ObjectIds

from services.opcua_bridge.addressspace.space import MachineSpace
from services.opcua_bridge.events.event import Event
from services.opcua_bridge.mapping.nodes import Namespace
from services.opcua_bridge.model.catalog import Catalog
from tests import opcua_machines
from voxtrude.printer import PrinterId

TOOL: Any = 1
"""The index of MachineTool's namespace; here it is the machines' own, too."""

AT = datetime(2026, 11, 20, 12, tzinfo=UTC)
PRINTER = PrinterId("prn-00000000000000aa")


def node_id(identifier: Any, namespace: Any = 0) -> ua.NodeId:  # noqa: ANN401  (asyncua's)
    return ua.NodeId(identifier, namespace)


ALERT, NOTIFICATION, PROGRAM, JOB = (node_id(number, TOOL) for number in (39, 35, 17, 31))
TYPES = {
    ALERT: (ObjectIds.AlarmConditionType, "AlertType", ("ErrorCode",)),
    NOTIFICATION: (ObjectIds.BaseEventType, "NotificationEventType", ("Identifier",)),
    PROGRAM: (
        ObjectIds.TransitionEventType,
        "ProductionProgramTransitionEventType",
        ("Name", "JobIdentifier"),
    ),
    JOB: (
        ObjectIds.TransitionEventType,
        "ProductionJobTransitionEventType",
        ("Identifier", "RunsCompleted", "RunsPlanned"),
    ),
}


def space() -> MachineSpace:
    """Return a space with the standard's event types and MachineTool's."""
    made = opcua_machines.furnished()
    add_types(made)
    return made


def add_types(made: MachineSpace) -> None:
    service = NodeManagementService(made)
    number = 9_000
    for type_, (above, name, fields) in TYPES.items():
        parent = made[node_id(above)]
        owned = made[node_id(above)] = copy(parent)  # others use the standard's as well
        owned.references = list(parent.references)
        _add(service, type_, name, ua.ObjectTypeAttributes(), node_id(above), "HasSubtype")
        for field in fields:
            number += 1
            node = node_id(number, TOOL)
            _add(service, node, field, ua.VariableAttributes(), type_, "HasProperty")


def _add(
    service: NodeManagementService,
    node: ua.NodeId,
    name: str,
    attributes: ua.ObjectTypeAttributes | ua.VariableAttributes,
    parent: ua.NodeId,
    reference: str,
) -> None:
    is_type = isinstance(attributes, ua.ObjectTypeAttributes)
    attributes.DisplayName = ua.LocalizedText(name)
    item = ua.AddNodesItem(
        ParentNodeId=parent,
        ReferenceTypeId=node_id(getattr(ObjectIds, reference)),
        RequestedNewNodeId=node,
        BrowseName=ua.QualifiedName(name, TOOL),
        NodeClass=ua.NodeClass.ObjectType if is_type else ua.NodeClass.Variable,
        NodeAttributes=attributes,
        TypeDefinition=ua.NodeId() if is_type else node_id(ObjectIds.PropertyType),
    )
    (result,) = service.add_nodes([item])
    result.StatusCode.check()


def catalog() -> Catalog:
    """Return a catalog that knows what events need."""
    types = {(TOOL, name): type_ for type_, (_, name, _) in TYPES.items()}
    return Catalog({Namespace.UA: 0, Namespace.MACHINE_TOOL: TOOL}, types)


def event(type_: int | ua.NodeId = ObjectIds.BaseEventType, **fields: object) -> Event:
    """Return an event; ``fields`` replace what it says otherwise."""
    said: dict[str, Any] = {
        "id": b"one",
        "type": type_ if isinstance(type_, ua.NodeId) else node_id(type_),
        "machine": PRINTER,
        "source": node_id(ObjectIds.Server),
        "source_name": "left",
        "at": AT,
        "received_at": AT,
        "message": "benchy.gcode is done",
        "severity": 300,
    }
    return Event(**said | fields)


def field(
    path: str = "Message",
    type_: int | ua.NodeId = ObjectIds.BaseEventType,
    *,
    namespace: int = 0,
    attribute: int = AttributeIds.Value,
    index_range: str | None = None,
) -> ua.SimpleAttributeOperand:
    """Return the operand for a field; names stand between slashes."""
    return ua.SimpleAttributeOperand(
        TypeDefinitionId=type_ if isinstance(type_, ua.NodeId) else node_id(type_),
        BrowsePath=[ua.QualifiedName(name, namespace) for name in path.split("/") if name],
        AttributeId=attribute,
        IndexRange=index_range,
    )


def literal(value: object, type_: ua.VariantType | None = None) -> ua.LiteralOperand:
    return ua.LiteralOperand(ua.Variant(value, type_) if type_ else ua.Variant(value))


def element(operator: ua.FilterOperator, *operands: object) -> ua.ContentFilterElement:
    return ua.ContentFilterElement(operator, list(operands))


def event_filter(
    *elements: ua.ContentFilterElement, select: Iterable[ua.SimpleAttributeOperand] | None = None
) -> ua.EventFilter:
    """Return a filter; it selects the message unless ``select`` says otherwise."""
    selected = [field()] if select is None else list(select)
    return ua.EventFilter(SelectClauses=selected, WhereClause=ua.ContentFilter(list(elements)))
