"""A server's own types: what they declare, and what an instance of them must have.

Pure: read once from the server, then asked. Numbers of namespaces are the server's.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from enum import Enum
from typing import NamedTuple

from asyncua import ua
from asyncua.ua.object_ids import ObjectIds


def numeric(number: int, namespace: int = 0) -> ua.NodeId:
    """Make a NodeId of numbers; asyncua has types of its own for them."""
    return ua.NodeId(ua.Int32(number), ua.Int16(namespace))


def local(node: ua.NodeId) -> ua.NodeId:
    """Return an ExpandedNodeId of this server as the NodeId that it is."""
    return ua.NodeId(node.Identifier, node.NamespaceIndex, node.NodeIdType)


ENUMERATION = numeric(ObjectIds.Enumeration)
STRUCTURE = numeric(ObjectIds.Structure)
BASE_DATA_TYPE = numeric(ObjectIds.BaseDataType)
_LAST_BUILTIN = 25


class Name(NamedTuple):
    """A browse name; asyncua's QualifiedName cannot be a key."""

    namespace: int
    text: str


class Rule(Enum):
    """The modelling rules (Part 3, 6.4.4); the values are their NodeIds."""

    MANDATORY = ObjectIds.ModellingRule_Mandatory
    OPTIONAL = ObjectIds.ModellingRule_Optional
    EXPOSES = ObjectIds.ModellingRule_ExposesItsArray
    OPTIONAL_PLACEHOLDER = ObjectIds.ModellingRule_OptionalPlaceholder
    MANDATORY_PLACEHOLDER = ObjectIds.ModellingRule_MandatoryPlaceholder


@dataclass(frozen=True, slots=True, kw_only=True)
class Declaration:
    """An instance declaration, with those below it."""

    name: Name
    node_class: ua.NodeClass
    rule: Rule
    type: ua.NodeId | None = None
    data_type: ua.NodeId | None = None
    value_rank: int | None = None
    notifies: bool = False
    children: tuple["Declaration", ...] = ()

    @property
    def is_placeholder(self) -> bool:
        """Whether the name stands for any name."""
        return self.rule in (Rule.OPTIONAL_PLACEHOLDER, Rule.MANDATORY_PLACEHOLDER)

    @property
    def is_mandatory(self) -> bool:
        """Whether each instance has it."""
        return self.rule is Rule.MANDATORY


@dataclass(slots=True)
class Types:
    """All that was read of the types; a type is its NodeId."""

    namespaces: tuple[str, ...] = ()
    names: dict[ua.NodeId, Name] = field(default_factory=dict)
    supertypes: dict[ua.NodeId, ua.NodeId] = field(default_factory=dict)
    declared: dict[ua.NodeId, tuple[Declaration, ...]] = field(default_factory=dict)
    """What each type declares itself, without what it inherits."""

    enumerations: dict[ua.NodeId, frozenset[int]] = field(default_factory=dict)
    _inherited: dict[ua.NodeId, tuple[Declaration, ...]] = field(default_factory=dict)

    def lineage(self, type_id: ua.NodeId) -> Iterator[ua.NodeId]:
        """Yield the type, its supertype, and so on."""
        seen: set[ua.NodeId] = set()
        following: ua.NodeId | None = type_id
        while following is not None and following not in seen:
            seen.add(following)
            yield following
            following = self.supertypes.get(following)

    def is_a(self, type_id: ua.NodeId, other: ua.NodeId) -> bool:
        """Tell whether a type is the other one or a subtype of it."""
        return other in self.lineage(type_id)

    def called(self, type_id: ua.NodeId | None) -> str:
        """Return a type's name for people."""
        if type_id is None or type_id.is_null():
            return "no type"
        name = self.names.get(type_id)
        return name.text if name else type_id.to_string()

    def uri(self, name: Name) -> str:
        """Return the namespace of a name."""
        known = name.namespace < len(self.namespaces)
        return self.namespaces[name.namespace] if known else f"namespace {name.namespace}"

    def descends(self, type_id: ua.NodeId, uri: str, *names: str) -> bool:
        """Tell whether a type is, or comes from, one with such a namespace and name."""
        for ancestor in self.lineage(type_id):
            name = self.names.get(ancestor)
            if name and name.text in names and self.uri(name) == uri:
                return True
        return False

    def declarations(self, type_id: ua.NodeId) -> tuple[Declaration, ...]:
        """Return what an instance of the type can and must have, inherited ones included."""
        if type_id not in self._inherited:
            found: tuple[Declaration, ...] = ()
            for ancestor in self.lineage(type_id):
                found = self.merged(self.declared.get(ancestor, ()), found)
            self._inherited[type_id] = found
        return self._inherited[type_id]

    def merged(
        self, base: Iterable[Declaration], override: Iterable[Declaration]
    ) -> tuple[Declaration, ...]:
        """Put two lists of declarations together: of a name's two, each tightens the other."""
        found = {declaration.name: declaration for declaration in base}
        for declaration in override:
            known = found.get(declaration.name)
            found[declaration.name] = self._tightened(known, declaration) if known else declaration
        return tuple(found.values())

    def _tightened(self, base: Declaration, override: Declaration) -> Declaration:
        return replace(
            override,
            rule=base.rule if base.is_mandatory else override.rule,
            type=self._tighter(base.type, override.type),
            data_type=self._tighter(base.data_type, override.data_type),
            value_rank=(
                base.value_rank
                if override.value_rank is None or not fits(override.value_rank, base.value_rank)
                else override.value_rank
            ),
            notifies=base.notifies or override.notifies,
            children=self.merged(base.children, override.children),
        )

    def _tighter(self, base: ua.NodeId | None, override: ua.NodeId | None) -> ua.NodeId | None:
        if base is None or override is None:
            return override or base
        return base if self.is_a(base, override) else override

    def carriers(self, data_type: ua.NodeId) -> frozenset[ua.VariantType] | None:
        """Return the built-in types that can carry a data type; None where any can."""
        for ancestor in self.lineage(data_type):
            if ancestor == BASE_DATA_TYPE:
                return None
            if ancestor == ENUMERATION:
                return frozenset({ua.VariantType.Int32})
            if ancestor in _ABSTRACT:
                return _ABSTRACT[ancestor]
            number = ancestor.Identifier
            if ancestor.NamespaceIndex == 0 and isinstance(number, int) and number < _LAST_BUILTIN:
                if number == ObjectIds.Structure:
                    return frozenset({ua.VariantType.ExtensionObject})
                return frozenset({ua.VariantType(number)})
        return None  # the server tells no supertypes: nothing to compare with

    def enumeration(self, data_type: ua.NodeId) -> frozenset[int]:
        """Return the values of an enumeration; nothing where the server tells none."""
        return self.enumerations.get(data_type, frozenset())


def fits(value_rank: int, declared: int | None) -> bool:
    """Tell whether a value rank is as the declared one allows (Part 3, 5.6.2)."""
    match declared:
        case None | ua.ValueRank.Any:
            return True
        case ua.ValueRank.ScalarOrOneDimension:
            return value_rank in (ua.ValueRank.Scalar, ua.ValueRank.OneDimension, declared)
        case ua.ValueRank.OneOrMoreDimensions:
            return value_rank >= ua.ValueRank.OneOrMoreDimensions
        case _:
            return value_rank == declared


_SIGNED = frozenset(
    {ua.VariantType.SByte, ua.VariantType.Int16, ua.VariantType.Int32, ua.VariantType.Int64}
)
_UNSIGNED = frozenset(
    {ua.VariantType.Byte, ua.VariantType.UInt16, ua.VariantType.UInt32, ua.VariantType.UInt64}
)
_ABSTRACT = {
    numeric(ObjectIds.Integer): _SIGNED,
    numeric(ObjectIds.UInteger): _UNSIGNED,
    numeric(ObjectIds.Number): _SIGNED | _UNSIGNED | {ua.VariantType.Float, ua.VariantType.Double},
}
