"""What a change of a machine means for the address space: the facts of a ModelChangeEvent."""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import IntFlag

from asyncua import ua

from services.opcua_bridge.addressspace.plan import Plan, PlannedNode, parent
from voxtrude.printer import PrinterId

NODE_VERSION = "NodeVersion"


class Verb(IntFlag):
    """What happened to a node (Part 5, ModelChangeStructureDataType)."""

    NODE_ADDED = 1
    NODE_DELETED = 2
    REFERENCE_ADDED = 4
    REFERENCE_DELETED = 8


@dataclass(frozen=True, slots=True)
class ModelChange:
    """What happened to one node; ``machine`` is the one that it tells of."""

    machine: PrinterId
    affected: ua.NodeId
    type: ua.NodeId
    verb: Verb

    def structure(self) -> ua.ModelChangeStructureDataType:
        """Return it as an event's Changes field holds it."""
        return ua.ModelChangeStructureDataType(self.affected, self.type, int(self.verb))


def version_of(path: str) -> str:
    """Return where the NodeVersion of the node at ``path`` is, if it has one."""
    return f"{path}/{NODE_VERSION}".lstrip("/")


def verbs(old: Plan, new: Plan) -> Iterator[tuple[PlannedNode, Verb]]:
    """Return what happened to which node when ``new`` took the place of ``old``.

    Of a part that came or went only its head is told, and the node that it hangs on. Where
    that one has no NodeVersion nothing is told (Part 3, 9.32.2).
    """
    happened: dict[str, Verb] = {}
    for paths, head, above in (
        (vanished(old, new), Verb.NODE_DELETED, Verb.REFERENCE_DELETED),
        (vanished(new, old), Verb.NODE_ADDED, Verb.REFERENCE_ADDED),
    ):
        for path in paths:
            here = parent(path)
            stayed = here in old.nodes and here in new.nodes
            if stayed and same(old.nodes[here], new.nodes[here]) and version_of(here) in new.nodes:
                happened[path] = happened.get(path, Verb(0)) | head
                happened[here] = happened.get(here, Verb(0)) | above
    for path, verb in happened.items():
        yield new.nodes.get(path) or old.nodes[path], verb


def vanished(old: Plan, new: Plan) -> Iterator[str]:
    """Return the paths of the nodes of ``old`` that ``new`` does not have any more."""
    for path, node in old.nodes.items():
        now = new.nodes.get(path)
        if now is None or not same(node, now):
            yield path


def same(one: PlannedNode, other: PlannedNode) -> bool:
    """Return whether two nodes at one path are one node that has stayed."""
    return (
        one.node_class is other.node_class
        and one.type == other.type
        and one.name == other.name
        and one.node.link is other.node.link
    )
