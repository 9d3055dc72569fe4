"""Reads the types that machines use, from the server that has the machines."""

from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass, field

from asyncua import ua
from asyncua.ua.attribute_ids import AttributeIds
from asyncua.ua.object_ids import ObjectIds

from voxtrude.opcua.check.services import Services
from voxtrude.opcua.check.tree import Instance
from voxtrude.opcua.check.types import ENUMERATION, Declaration, Name, Rule, Types, local, numeric

_DEPTH = 12  # declarations may loop: groups of groups (Part 100)
_RULES = {numeric(rule.value): rule for rule in Rule}


@dataclass(slots=True)
class _Draft:
    """A declaration while it is read."""

    node_id: ua.NodeId
    name: Name
    node_class: ua.NodeClass
    depth: int
    type: ua.NodeId | None = None
    rule: Rule | None = None
    children: "list[_Draft]" = field(default_factory=list)
    data_type: ua.NodeId | None = None
    value_rank: int | None = None
    notifies: bool = False


async def read(services: Services, namespaces: tuple[str, ...], used: Iterable[Instance]) -> Types:
    """Read the types of instances, their supertypes, and what all of them declare."""
    types = Types(namespaces)
    instances = list(used)
    hierarchical = await _subtypes(services, ObjectIds.HierarchicalReferences)
    hierarchical -= await _subtypes(services, ObjectIds.HasSubtype)
    classes = {instance.type for instance in instances if instance.type is not None}
    await _ancestors(services, types, classes)
    drafts = await _declarations(services, types, hierarchical)
    data_types = {draft.data_type for draft in drafts} | {one.data_type for one in instances}
    classes = {draft.type for draft in drafts if draft.type is not None}
    await _ancestors(services, types, {one for one in data_types if one is not None} | classes)
    await _enumerations(services, types, (one for one in data_types if one is not None))
    return types


async def _subtypes(services: Services, root: int) -> set[ua.NodeId]:
    found = {numeric(root)}
    frontier = list(found)
    while frontier:
        answers = await services.browse(frontier, ObjectIds.HasSubtype)
        frontier = [
            local(reference.NodeId)
            for browsed in answers
            for reference in browsed.references
            if local(reference.NodeId) not in found
        ]
        found.update(frontier)
    return found


async def _ancestors(services: Services, types: Types, wanted: Iterable[ua.NodeId]) -> None:
    """Learn the supertypes of types, and all their names."""
    asked = set(types.names)
    frontier = [one for one in dict.fromkeys(wanted) if one not in asked]
    while frontier:
        asked.update(frontier)
        names = await services.read([(one, AttributeIds.BrowseName) for one in frontier])
        for one, answer in zip(frontier, names, strict=True):
            name = answer.Value.Value if answer.Value is not None else None
            if isinstance(name, ua.QualifiedName):
                types.names[one] = Name(name.NamespaceIndex, name.Name or "")
        answers = await services.browse(frontier, ObjectIds.HasSubtype, ua.BrowseDirection.Inverse)
        above: list[ua.NodeId] = []
        for one, browsed in zip(frontier, answers, strict=True):
            for reference in browsed.references:
                types.supertypes[one] = local(reference.NodeId)
                above.append(types.supertypes[one])
        frontier = [one for one in dict.fromkeys(above) if one not in asked]


async def _declarations(
    services: Services, types: Types, hierarchical: set[ua.NodeId]
) -> list[_Draft]:
    """Read the declarations of every known type; returns them all."""
    roots = {
        one: _Draft(one, name, ua.NodeClass.ObjectType, 0) for one, name in types.names.items()
    }
    everything: list[_Draft] = []
    frontier = list(roots.values())
    while frontier:
        answers = await services.browse([draft.node_id for draft in frontier])
        following: list[_Draft] = []
        for draft, browsed in zip(frontier, answers, strict=True):
            below: set[ua.NodeId] = set()
            for reference in browsed.references:
                target = local(reference.NodeId)
                if reference.ReferenceTypeId == numeric(ObjectIds.HasModellingRule):
                    draft.rule = _RULES.get(target)
                elif reference.ReferenceTypeId == numeric(ObjectIds.HasTypeDefinition):
                    draft.type = target
                elif local(reference.ReferenceTypeId) in hierarchical and target not in below:
                    below.add(target)
                    name = reference.BrowseName
                    child = _Draft(
                        target,
                        Name(name.NamespaceIndex, name.Name or ""),
                        ua.NodeClass(reference.NodeClass),
                        draft.depth + 1,
                    )
                    draft.children.append(child)
                    if child.depth < _DEPTH:
                        following.append(child)
        # What has no rule is no declaration, and neither is what hangs below it.
        everything += [draft for draft in frontier if draft.rule is not None]
        ruled = {id(draft) for draft in frontier if draft.rule is not None or draft.depth == 0}
        kept = {id(c) for draft in frontier if id(draft) in ruled for c in draft.children}
        frontier = [draft for draft in following if id(draft) in kept]
    await _attributes(services, everything)
    for one, root in roots.items():
        types.declared[one] = _finished(root.children)
    return everything


async def _attributes(services: Services, drafts: list[_Draft]) -> None:
    questions: list[tuple[_Draft, AttributeIds]] = []
    for draft in drafts:
        if draft.node_class is ua.NodeClass.Variable:
            questions += [(draft, AttributeIds.DataType), (draft, AttributeIds.ValueRank)]
        elif draft.node_class is ua.NodeClass.Object:
            questions.append((draft, AttributeIds.EventNotifier))
    answers = await services.read([(draft.node_id, attribute) for draft, attribute in questions])
    for (draft, attribute), answer in zip(questions, answers, strict=True):
        value = answer.Value.Value if answer.Value is not None else None
        if attribute is AttributeIds.DataType:
            draft.data_type = None if value is None or value.is_null() else value
        elif attribute is AttributeIds.ValueRank:
            draft.value_rank = value
        else:
            draft.notifies = bool((value or 0) & 1)


def _finished(drafts: list[_Draft]) -> tuple[Declaration, ...]:
    return tuple(
        Declaration(
            name=draft.name,
            node_class=draft.node_class,
            rule=draft.rule,
            type=draft.type,
            data_type=draft.data_type,
            value_rank=draft.value_rank,
            notifies=draft.notifies,
            children=_finished(draft.children),
        )
        for draft in drafts
        if draft.rule is not None
    )


async def _enumerations(services: Services, types: Types, used: Iterable[ua.NodeId]) -> None:
    """Learn the values of enumerations: from the definition, or as servers told it before 1.04."""
    wanted = [one for one in dict.fromkeys(used) if types.is_a(one, ENUMERATION)]
    definitions = await services.read([(one, AttributeIds.DataTypeDefinition) for one in wanted])
    older: deque[ua.NodeId] = deque()
    for one, answer in zip(wanted, definitions, strict=True):
        definition = answer.Value.Value if answer.Value is not None else None
        if isinstance(definition, ua.EnumDefinition):
            values = (field.Value for field in definition.Fields or ())
            types.enumerations[one] = frozenset(values)
        else:
            older.append(one)
    answers = await services.browse(older, ObjectIds.HasProperty)
    for one, browsed in zip(older, answers, strict=True):
        for reference in browsed.references:
            (answer,) = await services.read([(local(reference.NodeId), AttributeIds.Value)])
            listed = answer.Value.Value if answer.Value is not None else None
            if reference.BrowseName.Name == "EnumStrings" and isinstance(listed, list):
                types.enumerations[one] = frozenset(range(len(listed)))
            elif reference.BrowseName.Name == "EnumValues" and isinstance(listed, list):
                types.enumerations[one] = frozenset(entry.Value for entry in listed)
