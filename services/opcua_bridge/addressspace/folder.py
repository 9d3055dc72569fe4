"""The folder that organizes the machines: its references, and the version of its contents."""

from asyncua import ua
from asyncua.server.address_space import AddressSpace, NodeData, NodeManagementService
from asyncua.ua.attribute_ids import AttributeIds
from asyncua.ua.object_ids import ObjectIds

from services.opcua_bridge.addressspace.modelchanges import NODE_VERSION
from services.opcua_bridge.values import SharedValue
from voxtrude.process import utc_now

STANDS_ON: dict[str, str] = {
    "asyncua.server.address_space:NodeManagementService._add_node": "6abfea3019376a04",
}

ORGANIZES = ua.NodeId(ua.Int32(ObjectIds.Organizes))
HAS_TYPE_DEFINITION = ua.NodeId(ua.Int32(ObjectIds.HasTypeDefinition))
_HAS_PROPERTY = ua.NodeId(ua.Int32(ObjectIds.HasProperty))


class Folder:
    """One node of a NodeSet; machines come to its references, and go.

    No specification gives Machinery's folder a NodeVersion. We do: without it nobody could
    be told that machines come and go (Part 3, 9.32.2).
    """

    def __init__(self, space: AddressSpace, folder: ua.NodeId, namespace: int) -> None:
        self.id = folder
        self._node = space[folder]
        self._version = 0
        self.back = described(self._node, ORGANIZES, forward=False)
        """A machine's reference to the folder."""
        self.version_id = self._find_version() or self._add_version(space, namespace)

    @property
    def type(self) -> ua.NodeId:
        """The folder's type."""
        found: ua.NodeId = self.back.TypeDefinition
        return found

    def add(self, reference: ua.ReferenceDescription) -> None:
        """Organize a machine."""
        self._node.references.append(reference)

    def replace(self, old: ua.ReferenceDescription, new: ua.ReferenceDescription) -> None:
        """Call a machine by its new name; its place among the others stays."""
        self._node.references[self._index(old)] = new

    def remove(self, reference: ua.ReferenceDescription) -> None:
        """Organize a machine no more."""
        del self._node.references[self._index(reference)]

    def next_version(self) -> SharedValue:
        """Return a NodeVersion that nobody has had yet, nor had before a restart."""
        now = utc_now()
        self._version = max(self._version + 1, int(now.timestamp() * 1000))
        text = ua.Variant(str(self._version), ua.VariantType.String)
        return SharedValue(text, SourceTimestamp=now, ServerTimestamp=now)

    def _index(self, reference: ua.ReferenceDescription) -> int:
        # By identity: comparing descriptions field by field takes a thousand times as long.
        return next(i for i, one in enumerate(self._node.references) if one is reference)

    def _find_version(self) -> ua.NodeId | None:
        name = ua.QualifiedName(NODE_VERSION)
        for one in self._node.references:
            if one.IsForward and one.ReferenceTypeId == _HAS_PROPERTY and one.BrowseName == name:
                found: ua.NodeId = one.NodeId
                return found
        return None

    def _add_version(self, space: AddressSpace, namespace: int) -> ua.NodeId:
        """Add the property; a number in our namespace, where machines have strings."""
        first = self.next_version()
        attributes = ua.VariableAttributes()
        attributes.DisplayName = ua.LocalizedText(NODE_VERSION)
        attributes.Value = first.Value
        attributes.DataType = ua.NodeId(ua.Int32(ObjectIds.String))
        attributes.ValueRank = ua.ValueRank.Scalar
        attributes.AccessLevel = attributes.UserAccessLevel = ua.AccessLevel.CurrentRead.mask
        item = ua.AddNodesItem(
            ParentNodeId=self.id,
            ReferenceTypeId=_HAS_PROPERTY,
            RequestedNewNodeId=ua.NodeId(ua.Int32(1), ua.Int16(namespace)),
            BrowseName=ua.QualifiedName(NODE_VERSION),
            NodeClass=ua.NodeClass.Variable,
            NodeAttributes=attributes,
            TypeDefinition=ua.NodeId(ua.Int32(ObjectIds.PropertyType)),
        )
        (result,) = NodeManagementService(space).add_nodes([item])
        result.StatusCode.check()
        added: ua.NodeId = result.AddedNodeId
        node = space[added]
        node.attributes[AttributeIds.Value].value = first
        del node.attributes[AttributeIds.ArrayDimensions]  # which asyncua adds, as a null
        return added


def described(
    node: NodeData, reference_type: ua.NodeId, *, forward: bool
) -> ua.ReferenceDescription:
    """Return a reference to ``node`` with all that Browse tells of it."""
    types = [
        one.NodeId
        for one in node.references
        if one.IsForward and one.ReferenceTypeId == HAS_TYPE_DEFINITION
    ]
    return ua.ReferenceDescription(
        reference_type,
        forward,
        node.nodeid,
        _of(node, AttributeIds.BrowseName),
        _of(node, AttributeIds.DisplayName),
        _of(node, AttributeIds.NodeClass),
        types[0] if types else ua.NodeId(),
    )


def _of(node: NodeData, attribute: AttributeIds) -> object:
    value = node.attributes[attribute].value
    return None if value is None or value.Value is None else value.Value.Value
