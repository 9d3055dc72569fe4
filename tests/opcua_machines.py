"""Small machines, and an address space with the types of namespace 0 to put them into."""

from functools import cache
from typing import Any

from asyncua import ua
from asyncua.server.address_space import NodeData, NodeManagementService
from asyncua.server.standard_address_space import standard_address_space
from asyncua.ua.object_ids import ObjectIds

from services.opcua_bridge.addressspace.plan import Plan
from services.opcua_bridge.addressspace.space import MachineSpace
from services.opcua_bridge.mapping.nodes import (
    Builtin,
    Data,
    Kind,
    Link,
    Name,
    Namespace,
    Node,
    Reading,
)
from services.opcua_bridge.values import SharedValue
from voxtrude.printer import PrinterId

OURS = 1
DOUBLE = Data(Name(Namespace.UA, "Double"), Builtin.DOUBLE)
STRING = Data(Name(Namespace.UA, "String"), Builtin.STRING)
STRINGS = Data(Name(Namespace.UA, "String"), Builtin.STRING, is_list=True)
ARGUMENTS = Data(Name(Namespace.UA, "Argument"), Builtin.STRUCTURE, is_list=True)
A, B = PrinterId("prn-a"), PrinterId("prn-b")


def ours(identifier: Any) -> ua.NodeId:  # noqa: ANN401  # of any kind
    return ua.NodeId(identifier, ua.Int16(OURS))


def content(value: ua.DataValue) -> Any:  # noqa: ANN401  # any value
    """Return what the value is, and the code of one that is not good."""
    assert value.StatusCode is not None
    assert value.Value is not None
    return value.Value.Value if value.StatusCode.is_good() else value.StatusCode.value


def own(text: str) -> Name:
    return Name(Namespace.MACHINES, text)


def standard(text: str) -> Name:
    return Name(Namespace.UA, text)


def later(_situation: object) -> Reading:
    raise AssertionError("nobody reads a situation here")


ROOT = Node(path="", name=own("machine"), kind=Kind.OBJECT, notifies=True)
NODES = (
    ROOT,
    Node(path="Bed", name=own("Bed"), kind=Kind.OBJECT),
    Node(path="Bed/Actual", name=own("Actual"), kind=Kind.VARIABLE, data=DOUBLE, value=0.0),
    Node(path="Bed/Target", name=own("Target"), kind=Kind.VARIABLE, data=DOUBLE, read=later),
    Node(
        path="Bed/Tag",
        name=own("Tag"),
        kind=Kind.VARIABLE,
        link=Link.PROPERTY,
        data=STRING,
        value="bed",
    ),
    Node(path="Jobs", name=own("Jobs"), kind=Kind.OBJECT),
    Node(
        path="Jobs/NodeVersion",
        name=standard("NodeVersion"),
        kind=Kind.VARIABLE,
        link=Link.PROPERTY,
        data=STRING,
        value="0",
    ),
    Node(
        path="Jobs/Names",
        name=own("Names"),
        kind=Kind.VARIABLE,
        data=STRINGS,
        value=["a", "b", "c"],
    ),
    Node(path="Jobs/Ask", name=own("Ask"), kind=Kind.METHOD),
    Node(
        path="Jobs/Ask/InputArguments",
        name=standard("InputArguments"),
        kind=Kind.VARIABLE,
        link=Link.PROPERTY,
        data=ARGUMENTS,
        value=[
            ua.Argument(Name="JobOrderID", DataType=ua.NodeId(ua.Int32(ObjectIds.String))),
            ua.Argument(Name="Share", DataType=ua.NodeId(ua.Int32(ObjectIds.Number))),
        ],
    ),
)
JOB = Node(path="Jobs/Now", name=own("Now"), kind=Kind.OBJECT)
JOB_NAME = Node(
    path="Jobs/Now/Name", name=own("Name"), kind=Kind.VARIABLE, data=STRING, value="cube"
)


MACHINES = ours(1001)


class Types:
    """The types of namespace 0."""

    def type(self, name: Name) -> ua.NodeId:
        return ua.NodeId(getattr(ObjectIds, name.text))

    def name(self, name: Name) -> ua.QualifiedName:
        return ua.QualifiedName(name.text, 0 if name.namespace is Namespace.UA else OURS)


class Encoder:
    """Values as they are."""

    def value(self, data: Data, reading: Reading) -> SharedValue:
        return value(reading.value, data.builtin)


def value(of: object, builtin: Builtin = Builtin.DOUBLE) -> SharedValue:
    return SharedValue(ua.Variant(of, ua.VariantType(builtin.value)))


def plan(*nodes: Node) -> Plan:
    return Plan.of(nodes or NODES, Types(), Encoder())


@cache
def _standard_nodes() -> dict[ua.NodeId, NodeData]:
    space = MachineSpace()
    standard_address_space.fill_address_space(NodeManagementService(space))  # type: ignore[no-untyped-call]
    return {node_id: space[node_id] for node_id in space.keys()}  # noqa: SIM118  # no mapping


def furnished() -> MachineSpace:
    """Return a space with namespace 0, and a folder of its own for machines."""
    space = MachineSpace()
    for node_id, node in _standard_nodes().items():
        space[node_id] = node
    item = ua.AddNodesItem(
        RequestedNewNodeId=MACHINES,
        BrowseName=ua.QualifiedName("Machines", OURS),
        NodeClass=ua.NodeClass.Object,
        NodeAttributes=ua.ObjectAttributes(DisplayName=ua.LocalizedText("Machines")),
        TypeDefinition=ua.NodeId(ua.Int32(ObjectIds.FolderType)),
    )
    # No parent: the nodes of namespace 0 are shared by all tests.
    refused = list(NodeManagementService(space).try_add_nodes([item], check=False))
    assert not refused
    space.furnish(MACHINES, OURS)
    return space
