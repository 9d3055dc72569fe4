"""What the machines of one shape have in common: compiled once, shared by all of them.

A machine's nodes are made when somebody looks at them. What they are made from stands here:
attributes and constant values ready to be sent, references that name their target by path.
"""

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import lru_cache
from types import MappingProxyType
from typing import NamedTuple, Protocol

from asyncua import ua
from asyncua.ua.attribute_ids import AttributeIds
from asyncua.ua.object_ids import ObjectIds
from asyncua.ua.status_codes import StatusCodes

from services.opcua_bridge.mapping.nodes import Data, Kind, Link, Name, Node, Reading
from services.opcua_bridge.values import SharedValue
from voxtrude.process import utc_now

_TYPES = {Kind.OBJECT: ObjectIds.BaseObjectType, Kind.VARIABLE: ObjectIds.PropertyType}


class Types(Protocol):
    """What a plan asks of the catalog."""

    def type(self, name: Name) -> ua.NodeId:
        """Return the NodeId of a type."""

    def name(self, name: Name) -> ua.QualifiedName:
        """Return the name with its namespace's index."""


class Encodes(Protocol):
    """What a plan asks of the encoder."""

    def value(self, data: Data, reading: Reading) -> SharedValue:
        """Return the reading as OPC UA has it."""


@dataclass(frozen=True, slots=True, eq=False)
class Reference:
    """A reference between two nodes of one machine, told by the target's path."""

    type: ua.NodeId
    forward: bool
    target: "PlannedNode"


@dataclass(slots=True, eq=False)
class PlannedNode:
    """One node as every machine of the shape has it; nobody changes it once it is planned.

    ``attributes`` lacks the NodeId, and for the machine itself the names: they are its own.
    ``value`` is a variable's until the machine has another one; ``type`` is null for methods.
    """

    node: Node
    node_class: ua.NodeClass
    name: ua.QualifiedName
    display_name: ua.LocalizedText
    type: ua.NodeId
    attributes: Mapping[int, SharedValue]
    value: SharedValue | None
    references: list[Reference] = field(default_factory=list)

    @property
    def path(self) -> str:
        """The path below the machine; empty for the machine itself."""
        return self.node.path


@dataclass(frozen=True, slots=True, eq=False)
class Plan:
    """The nodes of a machine, by path; the machine itself is at the empty path."""

    nodes: Mapping[str, PlannedNode]

    @classmethod
    def of(cls, nodes: Sequence[Node], catalog: Types, encoder: Encodes) -> "Plan":
        """Compile ``nodes``; parents come before their children.

        Raises:
            ValueError: Two nodes have one path, or a node hangs on nothing.
        """
        now = utc_now()
        planned: dict[str, PlannedNode] = {}
        for node in nodes:
            if node.path in planned:
                raise ValueError(f"two nodes at {node.path!r}")
            here = planned[node.path] = _planned(node, catalog, encoder, now)
            if not node.path:
                continue
            link = ua.NodeId(ua.Int32(node.link.value))
            for path in (parent(node.path), *node.also):
                above = planned.get(path)
                if above is None:
                    raise ValueError(f"nothing above {node.path!r}")
                above.references.append(Reference(link, forward=True, target=here))
                here.references.append(Reference(link, forward=False, target=above))
        if "" not in planned:
            raise ValueError("no machine among the nodes")
        return cls(MappingProxyType(planned))

    @property
    def machine(self) -> PlannedNode:
        """The machine itself."""
        return self.nodes[""]


def parent(path: str) -> str:
    """Return the path of the node that the one at ``path`` hangs on."""
    return path.rpartition("/")[0]


def _planned(node: Node, catalog: Types, encoder: Encodes, now: datetime) -> PlannedNode:
    node_class = ua.NodeClass(node.kind.value)
    names = _names(node.name.text, catalog.name(node.name).NamespaceIndex)
    kind = _type(node, catalog)
    attributes = {
        AttributeIds.NodeClass: _constant(node_class, ua.VariantType.Int32),
        AttributeIds.Description: _NO_DESCRIPTION,
        AttributeIds.WriteMask: _constant(0, ua.VariantType.UInt32),
        AttributeIds.UserWriteMask: _constant(0, ua.VariantType.UInt32),
    }
    if node.path:
        attributes |= {
            AttributeIds.BrowseName: names.browse_name,
            AttributeIds.DisplayName: names.display_name,
        }
    value = None
    match node.kind:
        case Kind.OBJECT:
            notifier = ua.EventNotifier.SubscribeToEvents.mask if node.notifies else 0
            attributes[AttributeIds.EventNotifier] = _constant(notifier, ua.VariantType.Byte)
        case Kind.METHOD:
            attributes |= {
                AttributeIds.Executable: _constant(value=True, kind=ua.VariantType.Boolean),
                AttributeIds.UserExecutable: _constant(value=True, kind=ua.VariantType.Boolean),
            }
        case Kind.VARIABLE:
            if node.data is None:
                raise ValueError(f"{node.path!r} is a variable without a data type")
            attributes |= _variable(node.data, catalog)
            value = _value(node, node.data, encoder, now)
    return PlannedNode(
        node=node,
        node_class=node_class,
        name=names.name,
        display_name=names.text,
        type=kind,
        attributes=MappingProxyType({int(one): value for one, value in attributes.items()}),
        value=value,
    )


def _variable(data: Data, catalog: Types) -> dict[AttributeIds, SharedValue]:
    rank = ua.ValueRank.OneDimension if data.is_list else ua.ValueRank.Scalar
    access = ua.AccessLevel.CurrentRead.mask
    attributes = {
        AttributeIds.DataType: _constant(catalog.type(data.type), ua.VariantType.NodeId),
        AttributeIds.ValueRank: _constant(int(rank), ua.VariantType.Int32),
        AttributeIds.AccessLevel: _constant(access, ua.VariantType.Byte),
        AttributeIds.UserAccessLevel: _constant(access, ua.VariantType.Byte),
        # Zero: told when it changes, not sampled (Part 3, 5.6.2).
        AttributeIds.MinimumSamplingInterval: _constant(0.0, ua.VariantType.Double),
        AttributeIds.Historizing: _constant(value=False, kind=ua.VariantType.Boolean),
    }
    if data.is_list:
        attributes[AttributeIds.ArrayDimensions] = _ANY_LENGTH
    return attributes


def _value(node: Node, data: Data, encoder: Encodes, now: datetime) -> SharedValue:
    if node.value is None and node.read is not None:
        waiting = ua.StatusCode(ua.UInt32(StatusCodes.BadWaitingForInitialData))
        return SharedValue(StatusCode=waiting, SourceTimestamp=now, ServerTimestamp=now)
    return encoder.value(data, Reading(node.value, at=now))


def _type(node: Node, catalog: Types) -> ua.NodeId:
    if node.kind is Kind.METHOD:
        return ua.NodeId()
    if node.type is not None:
        return catalog.type(node.type)
    if node.kind is Kind.VARIABLE and node.link is not Link.PROPERTY:
        return ua.NodeId(ua.Int32(ObjectIds.BaseDataVariableType))
    return ua.NodeId(ua.Int32(_TYPES[node.kind]))


@lru_cache(maxsize=None, typed=True)
def _constant(value: Hashable, kind: ua.VariantType) -> SharedValue:
    """Return a value that all nodes of all plans share; there are few of them."""
    return SharedValue(ua.Variant(value, kind))


class _Names(NamedTuple):
    name: ua.QualifiedName
    text: ua.LocalizedText
    browse_name: SharedValue
    display_name: SharedValue


@lru_cache(maxsize=4096)
def _names(text: str, index: int) -> _Names:
    name, shown = ua.QualifiedName(text, index), ua.LocalizedText(text)
    return _Names(
        name,
        shown,
        SharedValue(ua.Variant(name, ua.VariantType.QualifiedName)),
        SharedValue(ua.Variant(shown, ua.VariantType.LocalizedText)),
    )


_NO_DESCRIPTION = SharedValue(ua.Variant(ua.LocalizedText(), ua.VariantType.LocalizedText))
_ANY_LENGTH = SharedValue(ua.Variant([0], ua.VariantType.UInt32))
