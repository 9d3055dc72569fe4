"""Reads the machines of a server, all of them level by level."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from asyncua import ua
from asyncua.ua.attribute_ids import AttributeIds
from asyncua.ua.object_ids import ObjectIds

from voxtrude.opcua.check.services import Browsed, Services
from voxtrude.opcua.check.tree import MACHINERY, Instance
from voxtrude.opcua.check.types import Name, local, numeric

MACHINES = 1001  # the folder's NodeId, OPC 40001-1
LARGEST = 20_000  # nodes: a reference that leads out of the machine ends here

_PROPERTY = numeric(ObjectIds.PropertyType)
_FOLLOWED = (ua.NodeClass.Object, ua.NodeClass.Variable, ua.NodeClass.Method)


@dataclass(frozen=True, slots=True)
class Machines:
    """What hangs below the Machines folder; ``passed`` were not looked at."""

    status: ua.StatusCode
    partial: bool = False
    machines: tuple[Instance, ...] = ()
    passed: int = 0


async def read(services: Services, namespaces: Sequence[str], limit: int | None) -> Machines:
    """Read the machines with all below them; ``limit`` is how many at most."""
    folder = numeric(MACHINES, namespaces.index(MACHINERY))
    (browsed,) = await services.browse([folder], ObjectIds.HierarchicalReferences)
    found: dict[ua.NodeId, Instance] = {}
    for reference in browsed.references:
        if reference.NodeClass is ua.NodeClass.Object:
            found.setdefault(_node(reference), _instance(reference, None))
    machines = tuple(found.values())[:limit]
    await _grow(services, machines)
    await _fill(services, machines)
    return Machines(browsed.status, browsed.partial, machines, len(found) - len(machines))


async def _grow(services: Services, machines: Sequence[Instance]) -> None:
    known = {id(machine): {machine.node_id: machine} for machine in machines}
    frontier = [(machine, machine) for machine in machines]
    await _ask_types(services, list(machines))
    while frontier:
        answers = await services.browse(
            [instance.node_id for _, instance in frontier], ObjectIds.HierarchicalReferences
        )
        following: list[tuple[Instance, Instance]] = []
        for (machine, parent), browsed in zip(frontier, answers, strict=True):
            new = _children(parent, browsed, known[id(machine)])
            following += [(machine, child) for child in new]
        await _ask_types(services, [instance for _, instance in following])
        # A property has nothing below it (Part 3, 4.5.2).
        frontier = [(machine, child) for machine, child in following if child.type != _PROPERTY]


def _children(
    parent: Instance, browsed: Browsed, known: dict[ua.NodeId, Instance]
) -> list[Instance]:
    """Hang what was browsed on its parent; return the nodes that were not known yet."""
    new: list[Instance] = []
    below: set[ua.NodeId] = set()
    for reference in browsed.references:
        node = _node(reference)
        if reference.NodeClass not in _FOLLOWED or node in below or len(known) > LARGEST:
            continue  # one child may hang on its parent by two references
        below.add(node)
        child = known.get(node)
        if child is None:
            child = known[node] = _instance(reference, parent)
            new.append(child)
        parent.children.append(child)
    return new


def _instance(reference: ua.ReferenceDescription, parent: Instance | None) -> Instance:
    name = Name(reference.BrowseName.NamespaceIndex, reference.BrowseName.Name or "")
    above = f"{parent.path}/" if parent is not None and parent.path else ""
    told = reference.TypeDefinition
    return Instance(
        node_id=_node(reference),
        name=name,
        path=f"{above}{name.text}" if parent is not None else "",
        node_class=ua.NodeClass(reference.NodeClass),
        type=None if told is None or told.is_null() else local(told),
    )


async def _ask_types(services: Services, instances: list[Instance]) -> None:
    """Look up the types that Browse did not tell."""
    silent = [
        instance
        for instance in instances
        if instance.type is None and instance.node_class is not ua.NodeClass.Method
    ]
    if not silent:
        return
    answers = await services.browse(
        [instance.node_id for instance in silent], ObjectIds.HasTypeDefinition
    )
    for instance, browsed in zip(silent, answers, strict=True):
        for reference in browsed.references:
            instance.type = _node(reference)
            instance.type_is_told = False


async def _fill(services: Services, machines: Sequence[Instance]) -> None:
    """Read the attributes of all nodes."""
    everything = [instance for machine in machines for instance in machine.walk()]
    variables = [instance for instance in everything if instance.is_variable]
    asked = (
        AttributeIds.Value,
        AttributeIds.DataType,
        AttributeIds.ValueRank,
        AttributeIds.AccessLevel,
    )
    answers = await services.read(
        [(instance.node_id, attribute) for instance in variables for attribute in asked]
    )
    for place, instance in enumerate(variables):
        value, data_type, rank, access = answers[place * len(asked) : (place + 1) * len(asked)]
        instance.value = value
        instance.data_type = _plain(data_type)
        instance.value_rank = _plain(rank)
        instance.access = _plain(access)
    objects = [one for one in everything if one.node_class is ua.NodeClass.Object]
    notifiers = await services.read(
        [(instance.node_id, AttributeIds.EventNotifier) for instance in objects]
    )
    for instance, notifier in zip(objects, notifiers, strict=True):
        instance.notifies = bool((_plain(notifier) or 0) & 1)


def _plain(answer: ua.DataValue) -> Any:  # noqa: ANN401  (an attribute: the caller knows its type)
    return answer.Value.Value if answer.Value is not None else None


def _node(reference: ua.ReferenceDescription) -> ua.NodeId:
    return local(reference.NodeId)
