"""MachineryBuildingBlocks: where a client finds every building block that a machine has.

A block that has its place elsewhere hangs here, too (OPC 40001-1, 6).
"""

from services.opcua_bridge.mapping.nodes import Name, Namespace, Node
from services.opcua_bridge.mapping.rows import thing

BLOCKS = "MachineryBuildingBlocks"


def rows() -> tuple[Node, ...]:
    """Return the folder; the blocks come after it."""
    return (
        thing(
            BLOCKS,
            Namespace.MACHINERY,
            Name(Namespace.UA, "FolderType"),
            fact="identification, item state, operation mode and counters hang here, too",
        ),
    )
