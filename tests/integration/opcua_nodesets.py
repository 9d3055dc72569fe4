"""What the NodeSets say, read without asyncua's importer: what a server is compared with."""

import xml.etree.ElementTree as ET
from collections.abc import Iterator
from dataclasses import dataclass

from asyncua import ua

from services.opcua_bridge.model import nodesets
from services.opcua_bridge.model.additive import nodeset
from services.opcua_bridge.model.nodesetxml import NODE_SET

Reference = tuple[ua.NodeId, ua.NodeId, bool, ua.NodeId]
"""Source, type, whether it is forward, target."""


@dataclass(frozen=True)
class Declared:
    """A node as a NodeSet declares it, with the namespaces of a server."""

    id: ua.NodeId
    name: ua.QualifiedName
    element: ET.Element
    references: tuple[Reference, ...]


def declared(namespaces: list[str]) -> Iterator[Declared]:
    """Return all nodes of all models, but for those that are for modelling tools only."""
    roots = [ET.parse(file).getroot() for file in nodesets.find(nodesets.DEFAULT)]  # noqa: S314
    for root in (*roots, ET.fromstring(nodeset())):  # noqa: S314  (the installed, and our own)
        indexes = [0, *(namespaces.index(uri.text or "") for uri in root.iter(f"{NODE_SET}Uri"))]
        aliases = {
            alias.get("Alias", ""): alias.text or "" for alias in root.iter(f"{NODE_SET}Alias")
        }
        tools = {node.get("NodeId") for node in root if node.get("DesignToolOnly")}
        for node in root:
            if node.get("NodeId") and node.get("NodeId") not in tools:
                yield _declared(node, indexes, aliases, tools)


def _declared(
    node: ET.Element, indexes: list[int], aliases: dict[str, str], tools: set[str | None]
) -> Declared:
    def id_(text: str) -> ua.NodeId:
        found = ua.NodeId.from_string(aliases.get(text, text))
        return ua.NodeId(found.Identifier, ua.Int16(indexes[found.NamespaceIndex]))

    own = id_(node.get("NodeId", ""))
    name = ua.QualifiedName.from_string(node.get("BrowseName", ""))
    references = tuple(
        (
            own,
            id_(reference.get("ReferenceType", "")),
            reference.get("IsForward") != "false",
            id_(reference.text or ""),
        )
        for reference in node.iter(f"{NODE_SET}Reference")
        if reference.text not in tools
    )
    return Declared(
        own, ua.QualifiedName(name.Name, indexes[name.NamespaceIndex]), node, references
    )
