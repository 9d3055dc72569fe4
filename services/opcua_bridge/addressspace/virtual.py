"""The nodes as asyncua's services look for them: its own, and the machines'.

A machine's node is made when somebody looks at it, and forgotten. asyncua keeps every node
and every attribute of it as an object: hundreds of MB for a thousand machines.
"""

from collections.abc import Iterator

from asyncua import ua
from asyncua.server.address_space import AddressSpace, AttributeValue, NodeData
from asyncua.ua.attribute_ids import AttributeIds
from asyncua.ua.status_codes import StatusCodes

from services.opcua_bridge.addressspace.folder import HAS_TYPE_DEFINITION, Folder, described
from services.opcua_bridge.addressspace.machine import Machine, node_id
from services.opcua_bridge.addressspace.plan import PlannedNode
from voxtrude.printer import PrinterId

STANDS_ON: dict[str, str] = {
    "asyncua.server.address_space:AddressSpace.get": "abea36924fed4a33",
    "asyncua.server.address_space:AddressSpace.__getitem__": "03bf9e0e797d4393",
    "asyncua.server.address_space:AddressSpace.__contains__": "4d5fd2235b5b6cbb",
    "asyncua.server.address_space:AddressSpace.keys": "ee2747f19a9350ba",
    "asyncua.server.address_space:AddressSpace.read_attribute_value": "836c43c0cc2d4b01",
    "asyncua.server.address_space:AddressSpace.write_attribute_value": "5887d38687e80d67",
    "asyncua.server.address_space:NodeData": "51c3f67d8d4413d8",
    "asyncua.server.address_space:AttributeValue": "bf371805587b36d4",
}


class VirtualNodes(AddressSpace):
    """An address space that has machines; how they came there is ``MachineSpace``'s."""

    def __init__(self) -> None:
        super().__init__()
        self._machines: dict[str, Machine] = {}
        self._types: dict[ua.NodeId, ua.ReferenceDescription] = {}
        self._namespace = -1
        self._folder: Folder | None = None

    def furnish(self, folder: ua.NodeId, namespace: int) -> None:
        """Let ``folder`` organize machines, whose NodeIds are in the namespace.

        All types have been loaded: from here on nobody adds one.
        """
        self._folder = Folder(self, folder, namespace)
        self._namespace = namespace

    @property
    def furnished(self) -> bool:
        """Whether the types are complete."""
        return self._folder is not None

    @property
    def folder(self) -> Folder:
        """The folder that organizes the machines."""
        if self._folder is None:
            raise RuntimeError("the address space is not furnished yet")
        return self._folder

    def machines(self) -> Iterator[PrinterId]:
        """Return the machines that are there."""
        return (machine.id for machine in self._machines.values())

    def node_id(self, machine: PrinterId, path: str = "") -> ua.NodeId:
        """Return the NodeId of a machine's node."""
        return node_id(machine, path, self._namespace)

    def machine_of(self, node_id: ua.NodeId) -> PrinterId | None:
        """Return the machine that is there and that the NodeId is of."""
        if node_id.NamespaceIndex != self._namespace or not isinstance(node_id.Identifier, str):
            return None
        machine = self._machines.get(node_id.Identifier.partition("/")[0])
        return None if machine is None else machine.id

    def read_attribute_value(self, nodeid: ua.NodeId, attr: int) -> ua.DataValue:
        """Return an attribute's value, or a DataValue that says why there is none."""
        found = self._find(nodeid)
        if found is None:
            return super().read_attribute_value(nodeid, attr)
        machine, node = found
        return machine.read(node, attr)

    async def write_attribute_value(
        self, nodeid: ua.NodeId, attr: int, value: ua.DataValue
    ) -> ua.StatusCode:
        """Write an ordinary node's attribute; a machine has ``write``."""
        if self._find(nodeid) is None:
            return await super().write_attribute_value(nodeid, attr, value)
        return ua.StatusCode(ua.UInt32(StatusCodes.BadNotWritable))

    def references(self, node_id: ua.NodeId) -> list[ua.ReferenceDescription] | None:
        """Return a node's references, which nobody changes; None if there is no such node."""
        found = self._find(node_id)
        if found is None:
            node = self._nodes.get(node_id)
            return None if node is None else node.references
        machine, planned = found
        references = machine.references(planned)
        if not planned.path:
            references.append(self.folder.back)
        if not planned.type.is_null():
            references.append(self._typed(planned.type))
        return references

    def planned(self, node_id: ua.NodeId) -> tuple[PrinterId, PlannedNode] | None:
        """Return the machine and the plan of its node; None if it is no machine's."""
        found = self._find(node_id)
        return found and (found[0].id, found[1])

    def get(self, nodeid: ua.NodeId) -> NodeData | None:
        """Return a node, or None; a machine's is made for the caller alone."""
        found = self._find(nodeid)
        if found is None:
            return self._nodes.get(nodeid)
        machine, planned = found
        node = NodeData(nodeid)
        for attribute in (*machine.own(planned), *planned.attributes):
            value = AttributeValue(machine.read(planned, attribute))
            node.attributes[AttributeIds(attribute)] = value
        node.references = self.references(nodeid) or []
        return node

    def __getitem__(self, nodeid: ua.NodeId) -> NodeData:
        """Return a node as ``get`` does."""
        node = self.get(nodeid)
        if node is None:
            raise KeyError(nodeid)
        return node

    def __contains__(self, nodeid: ua.NodeId) -> bool:
        """Return whether there is such a node."""
        return self._find(nodeid) is not None or nodeid in self._nodes

    def keys(self) -> Iterator[ua.NodeId]:
        """Return the NodeIds of all nodes."""
        yield from tuple(self._nodes)
        for machine in tuple(self._machines.values()):
            yield from (machine.node_id(path) for path in machine.plan.nodes)

    def _find(self, node_id: ua.NodeId) -> tuple[Machine, PlannedNode] | None:
        identifier = node_id.Identifier
        if node_id.NamespaceIndex != self._namespace or not isinstance(identifier, str):
            return None
        name, slash, path = identifier.partition("/")
        machine = self._machines.get(name)
        node = None if machine is None else machine.plan.nodes.get(path)
        if machine is None or node is None or (slash and not path):
            return None
        return machine, node

    def _typed(self, type_id: ua.NodeId) -> ua.ReferenceDescription:
        known = self._types.get(type_id)
        if known is None:
            node = self._nodes[type_id]
            known = self._types[type_id] = described(node, HAS_TYPE_DEFINITION, forward=True)
        return known
