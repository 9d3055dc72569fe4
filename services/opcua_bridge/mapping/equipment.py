"""Equipment: the feedstock of each tool, of which OctoPrint does not know what it is."""

from services.opcua_bridge.mapping.nodes import Name, Namespace, Node
from services.opcua_bridge.mapping.rows import STRING, attribute, thing, version

PATH = "Equipment"
FEEDSTOCK = f"{PATH}/Feedstock"
FIRST_TOOL = "tool0"


def rows(tools: tuple[str, ...]) -> tuple[Node, ...]:
    """Return the rows; a list of feedstock is never empty, so a printer has one tool at least."""
    additive = Namespace.ADDITIVE
    nodes = [
        thing(PATH, Namespace.MACHINE_TOOL, Name(additive, "EquipmentAMType")),
        thing(FEEDSTOCK, additive, Name(additive, "FeedstockListType")),
        version(FEEDSTOCK),
    ]
    for tool in tools or (FIRST_TOOL,):
        path = f"{FEEDSTOCK}/{tool}"
        nodes += [
            thing(path, Namespace.MACHINES, Name(additive, "FeedstockType"), fact="one a tool"),
            attribute(
                f"{path}/Identifier", additive, STRING, tool, fact="the tool, in OctoPrint's word"
            ),
        ]
    return tuple(nodes)
