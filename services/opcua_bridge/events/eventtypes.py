"""The event types of the address space: how they descend, and which fields they declare."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property

from asyncua import ua
from asyncua.server.address_space import AddressSpace
from asyncua.ua.object_ids import ObjectIds

from services.opcua_bridge.events.event import Path


def standard(number: int) -> ua.NodeId:
    """Return a NodeId of namespace 0."""
    return ua.NodeId(ua.Int32(number))


BASE = standard(ObjectIds.BaseEventType)
CONDITION = standard(ObjectIds.ConditionType)
HAS_SUBTYPE = standard(ObjectIds.HasSubtype)
DECLARES = frozenset(
    standard(number)
    for number in (
        ObjectIds.HasComponent,
        ObjectIds.HasOrderedComponent,
        ObjectIds.HasProperty,
        ObjectIds.HasAddIn,
    )
)
DEEPEST = 4
"""How many names a field's path has at most; standard event types use three."""


@dataclass(frozen=True, eq=False)
class EventTypes:
    """The event types of ``space``, read once: they do not change while a server runs.

    Keep one for all filters.
    """

    space: AddressSpace
    _supertypes: dict[ua.NodeId, tuple[ua.NodeId, ...]] = field(default_factory=dict)
    _fields: dict[ua.NodeId, dict[Path, ua.NodeClass]] = field(default_factory=dict)

    def derives(self, type_: ua.NodeId, base: ua.NodeId) -> bool:
        """Tell whether ``type_`` is ``base`` or one of its subtypes."""
        return base in self.lineage(type_)

    def known(self, type_: ua.NodeId) -> bool:
        """Tell whether ``type_`` is an event type of this server."""
        return self.derives(type_, BASE) and type_ in self.space

    def lineage(self, type_: ua.NodeId) -> tuple[ua.NodeId, ...]:
        """Return ``type_`` and its supertypes, up to the root."""
        found = self._supertypes.get(type_)
        if found is None:
            lineage = [type_]
            while (above := self._supertype(lineage[-1])) and above not in lineage:
                lineage.append(above)
            found = tuple(lineage)
            if type_ in self.space:  # or clients could fill the memory with made-up types
                self._supertypes[type_] = found
        return found

    def declared(self, type_: ua.NodeId, path: Path) -> ua.NodeClass | None:
        """Return what stands at ``path`` in events of ``type_``; None where nothing ever does.

        For BaseEventType it is what stands there in an event of any type (Part 4, 7.22.3).
        """
        if type_ == BASE:
            return self._anywhere.get(path)
        for each in self.lineage(type_):
            if (found := self._own(each).get(path)) is not None:
                return found
        return None

    @cached_property
    def _anywhere(self) -> dict[Path, ua.NodeClass]:
        everything: dict[Path, ua.NodeClass] = {}
        open_: list[ua.NodeId] = [BASE]
        seen: set[ua.NodeId] = set()
        while open_:
            type_ = open_.pop()
            if type_ in seen:
                continue
            seen.add(type_)
            everything.update(self._own(type_))
            open_.extend(
                reference.NodeId
                for reference in self._references(type_)
                if reference.IsForward and reference.ReferenceTypeId == HAS_SUBTYPE
            )
        return everything

    def _own(self, type_: ua.NodeId) -> dict[Path, ua.NodeClass]:
        """Return what ``type_`` itself declares."""
        found = self._fields.get(type_)
        if found is None:
            found = dict(self._below(type_, ()))
            if type_ in self.space:
                self._fields[type_] = found
        return found

    def _below(self, node: ua.NodeId, above: Path) -> Iterator[tuple[Path, ua.NodeClass]]:
        for reference in self._references(node):
            if (
                reference.IsForward
                and reference.ReferenceTypeId in DECLARES
                and reference.NodeClass in {ua.NodeClass.Object, ua.NodeClass.Variable}
            ):
                name = reference.BrowseName
                path = (*above, (name.NamespaceIndex, name.Name or ""))
                yield path, reference.NodeClass
                if len(path) < DEEPEST:
                    yield from self._below(reference.NodeId, path)

    def _supertype(self, type_: ua.NodeId) -> ua.NodeId | None:
        for reference in self._references(type_):
            if not reference.IsForward and reference.ReferenceTypeId == HAS_SUBTYPE:
                above: ua.NodeId = reference.NodeId
                return above
        return None

    def _references(self, node: ua.NodeId) -> list[ua.ReferenceDescription]:
        data = self.space.get(node)
        return data.references if data else []
