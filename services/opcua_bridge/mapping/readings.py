"""From what we know of a printer to the values of its machine: pure, and quick."""

from collections.abc import Sequence

from services.opcua_bridge.mapping.nodes import Node, Reading
from services.opcua_bridge.mapping.situation import Situation


def readings(nodes: Sequence[Node], situation: Situation) -> dict[str, Reading]:
    """Return what the nodes read in a situation, by path; constants are none of it."""
    return {node.path: node.read(situation) for node in nodes if node.read is not None}
