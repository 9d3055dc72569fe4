"""What the specifications' nodes are called in this server: namespaces, types, NodeIds."""

from collections.abc import Iterator, Mapping
from typing import Any, TypeAlias

from asyncua import ua
from asyncua.server.address_space import AddressSpace, AttributeValue
from asyncua.ua.attribute_ids import AttributeIds

from services.opcua_bridge.mapping.nodes import Id, Name, Namespace

PythonClass: TypeAlias = type[Any]
TYPES = frozenset(
    {
        ua.NodeClass.ObjectType,
        ua.NodeClass.VariableType,
        ua.NodeClass.ReferenceType,
        ua.NodeClass.DataType,
    }
)


class Catalog:
    """The namespaces' indexes and the types by their names: read once, looked up often.

    What is not there is a KeyError: a mistake of ours, since the models are checked when
    they are loaded.
    """

    def __init__(
        self, indexes: Mapping[Namespace, int], types: Mapping[tuple[int, str], ua.NodeId]
    ) -> None:
        self._indexes = dict(indexes)
        self._types = {
            Name(namespace, text): types[found, text]
            for namespace, index in indexes.items()
            for found, text in types
            if found == index
        }

    @classmethod
    def of(cls, space: AddressSpace, namespaces: list[str]) -> "Catalog":
        """Read it from an address space into which all models are imported."""
        indexes = {namespace: namespaces.index(namespace) for namespace in Namespace}
        return cls(indexes, dict(_types(space)))

    def index(self, namespace: Namespace) -> int:
        """Return a namespace's index in this server."""
        return self._indexes[namespace]

    def type(self, name: Name) -> ua.NodeId:
        """Return the type of this name: of objects, variables, references or data."""
        return self._types[name]

    def structure(self, name: Name) -> PythonClass:
        """Return the Python class of a structure or an enumeration.

        asyncua also binds it to ``ua`` by its name alone, of which two specifications may
        have one each (ProcessIrregularity).
        """
        return ua.get_type(self._types[name])

    def node_id(self, node: Id) -> ua.NodeId:
        """Return a specification's NodeId as it is in this server."""
        return ua.NodeId(ua.Int32(node.number), ua.Int16(self._indexes[node.namespace]))

    def name(self, name: Name) -> ua.QualifiedName:
        """Return a qualified name as it is in this server."""
        return ua.QualifiedName(name.text, self._indexes[name.namespace])


def content(attribute: AttributeValue) -> Any:  # noqa: ANN401  (any attribute's)
    """Return what an attribute holds, without its DataValue and Variant."""
    held = attribute.value
    return held.Value.Value if held is not None and held.Value is not None else None


def _types(space: AddressSpace) -> Iterator[tuple[tuple[int, str], ua.NodeId]]:
    for node_id in space.keys():  # noqa: SIM118  (an AddressSpace is no mapping)
        attributes = space[node_id].attributes
        if content(attributes[AttributeIds.NodeClass]) in TYPES:
            name = content(attributes[AttributeIds.BrowseName])
            yield (name.NamespaceIndex, name.Name), node_id
