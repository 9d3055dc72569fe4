"""One machine: what is its own, and its nodes as they look at this moment."""

from dataclasses import dataclass

from asyncua import ua
from asyncua.ua.attribute_ids import AttributeIds
from asyncua.ua.status_codes import StatusCodes

from services.opcua_bridge.addressspace.plan import Plan, PlannedNode
from services.opcua_bridge.addressspace.watching import VALUE, Watchers
from services.opcua_bridge.values import SharedValue
from voxtrude.printer import PrinterId

_NODE_ID = int(AttributeIds.NodeId)
_BROWSE_NAME = int(AttributeIds.BrowseName)
_DISPLAY_NAME = int(AttributeIds.DisplayName)


@dataclass(slots=True, eq=False)
class Machine:
    """A machine that is there; its names are the ones that the reference to it tells."""

    id: PrinterId
    namespace: int
    plan: Plan
    values: dict[str, SharedValue]
    watchers: Watchers
    reference: ua.ReferenceDescription

    @property
    def name(self) -> str:
        """What people call it."""
        name: str = self.reference.BrowseName.Name
        return name

    def node_id(self, path: str = "") -> ua.NodeId:
        """Return the NodeId of one of its nodes."""
        return node_id(self.id, path, self.namespace)

    def own(self, node: PlannedNode) -> tuple[int, ...]:
        """Return the attributes that are not the same for every machine of the shape."""
        names = () if node.path else (_BROWSE_NAME, _DISPLAY_NAME)
        value = () if node.value is None else (VALUE,)
        return (_NODE_ID, *names, *value)

    def has(self, node: PlannedNode, attribute: int) -> bool:
        """Return whether the node has the attribute."""
        return attribute in node.attributes or attribute in self.own(node)

    def read(self, node: PlannedNode, attribute: int) -> ua.DataValue:
        """Return an attribute's value, or a DataValue that says that there is none."""
        if attribute == VALUE and node.value is not None:
            return self.values.get(node.path, node.value)
        constant = node.attributes.get(attribute)
        if constant is not None:
            return constant
        if attribute == _NODE_ID:
            return ua.DataValue(ua.Variant(self.node_id(node.path), ua.VariantType.NodeId))
        if attribute == _BROWSE_NAME:
            name = self.reference.BrowseName
            return ua.DataValue(ua.Variant(name, ua.VariantType.QualifiedName))
        if attribute == _DISPLAY_NAME:
            text = self.reference.DisplayName
            return ua.DataValue(ua.Variant(text, ua.VariantType.LocalizedText))
        return ua.DataValue(StatusCode=ua.StatusCode(ua.UInt32(StatusCodes.BadAttributeIdInvalid)))

    def references(self, node: PlannedNode) -> list[ua.ReferenceDescription]:
        """Return the references between the node and others of the machine."""
        references = []
        for one in node.references:
            target = one.target
            name, text = target.name, target.display_name
            if not target.path:
                name, text = self.reference.BrowseName, self.reference.DisplayName
            references.append(
                ua.ReferenceDescription(
                    one.type,
                    one.forward,
                    self.node_id(target.path),
                    name,
                    text,
                    target.node_class,
                    target.type,
                )
            )
        return references


def node_id(machine: PrinterId, path: str, namespace: int) -> ua.NodeId:
    """Return the NodeId of a machine's node."""
    identifier = f"{machine}/{path}" if path else machine
    return ua.NodeId(identifier, namespace)  # type: ignore[arg-type]  # it means str and int
