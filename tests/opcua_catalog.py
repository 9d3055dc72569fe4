"""A catalog for tests that need no types: its NodeIds are made up."""

from collections.abc import Callable

from asyncua import ua

from services.opcua_bridge.mapping.nodes import Id, Name, Namespace

INDEXES = {namespace: index for index, namespace in enumerate(Namespace)}


class Catalog:
    """It knows no structures of the specifications."""

    def index(self, namespace: Namespace) -> int:
        return INDEXES[namespace]

    def type(self, name: Name) -> ua.NodeId:
        return ua.NodeId(ua.String(name.text), ua.Int16(INDEXES[name.namespace]))

    def node_id(self, node: Id) -> ua.NodeId:
        return ua.NodeId(ua.Int32(node.number), ua.Int16(INDEXES[node.namespace]))

    def structure(self, name: Name) -> Callable[..., object]:
        raise KeyError(name)
