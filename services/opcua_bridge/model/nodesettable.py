"""The words in which a NodeSet is written down as a table, one row a node."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from enum import Enum

from services.opcua_bridge.mapping.nodes import Id, Name, Namespace

_PROPERTY = Id(Namespace.UA, 68)
BASE_VARIABLE = Id(Namespace.UA, 63)
_ENCODING = Id(Namespace.UA, 76)
_ENUMERATION = Id(Namespace.UA, 29)
_ENUM_VALUE = Id(Namespace.UA, 7594)
_STRUCTURE = Id(Namespace.UA, 22)


class Kind(Enum):
    """What a row defines; the values are a NodeSet's elements."""

    OBJECT_TYPE = "UAObjectType"
    OBJECT = "UAObject"
    VARIABLE = "UAVariable"
    DATA_TYPE = "UADataType"


class Reference(Enum):
    """How a row hangs on its parent: reference types of namespace 0, by their numbers."""

    ENCODING = 38
    SUBTYPE = 45
    PROPERTY = 46
    COMPONENT = 47
    ADD_IN = 17604


class Rule(Enum):
    """Modelling rules (Part 3, 6.4.4), by their numbers in namespace 0."""

    MANDATORY = 78
    OPTIONAL = 80
    MANDATORY_PLACEHOLDER = 11510


@dataclass(frozen=True, slots=True)
class Field:
    """A field of a structure."""

    name: str
    data: Id
    is_optional: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One node; ``source`` says where its specification defines it: clause and table."""

    id: Id
    name: Name
    kind: Kind
    reference: Reference
    parent: Id | None = None
    source: str = ""
    type: Id | None = None
    data: Id | None = None
    rule: Rule | None = None
    items: tuple[str, ...] = ()
    """Of an enumeration, from 0."""

    fields: tuple[Field, ...] = ()
    """Of a structure."""

    value: str | bool | datetime | None = None

    def named(self) -> Iterator[Id]:
        """Return every other node that this one names."""
        for found in (self.parent, self.type, self.data, *(field.data for field in self.fields)):
            if found is not None:
                yield found


Rows = tuple[Row, ...]


class Table:
    """Rows of one namespace; what stands inside of another row is below it.

    ``prefixes`` are those of names of other namespaces: ``DI:Manufacturer``.
    """

    def __init__(self, namespace: Namespace, prefixes: Mapping[str, Namespace]) -> None:
        self._namespace = namespace
        self._prefixes = prefixes

    def id(self, number: int) -> Id:
        """Return a NodeId of this namespace."""
        return Id(self._namespace, number)

    def name(self, text: str) -> Name:
        """Read a name: of this namespace, unless it has a prefix."""
        prefix, _, rest = text.partition(":")
        if prefix in self._prefixes:
            return Name(self._prefixes[prefix], rest)
        return Name(self._namespace, text)

    def object_type(self, number: int, name: str, above: Id, *children: Rows) -> Rows:
        """Define a subtype of ``above``."""
        return _below(
            Row(
                id=self.id(number),
                name=self.name(name),
                kind=Kind.OBJECT_TYPE,
                reference=Reference.SUBTYPE,
                parent=above,
            ),
            children,
        )

    def object(
        self,
        number: int,
        name: str,
        type_: Id,
        rule: Rule | None,
        *children: Rows,
        reference: Reference = Reference.COMPONENT,
        parent: Id | None = None,
    ) -> Rows:
        """Define an object; ``parent`` only where that is no row of the table."""
        return _below(
            Row(
                id=self.id(number),
                name=self.name(name),
                kind=Kind.OBJECT,
                reference=reference,
                type=type_,
                rule=rule,
                parent=parent,
            ),
            children,
        )

    def variable(
        self,
        number: int,
        name: str,
        data: Id,
        rule: Rule,
        *children: Rows,
        type_: Id = BASE_VARIABLE,
    ) -> Rows:
        """Define a variable that is a component."""
        return _below(
            Row(
                id=self.id(number),
                name=self.name(name),
                kind=Kind.VARIABLE,
                reference=Reference.COMPONENT,
                type=type_,
                data=data,
                rule=rule,
            ),
            children,
        )

    def property(
        self,
        number: int,
        name: str,
        data: Id,
        rule: Rule | None = None,
        value: str | bool | datetime | None = None,  # noqa: FBT001  (a value)
    ) -> Rows:
        """Define a property."""
        row = Row(
            id=self.id(number),
            name=self.name(name),
            kind=Kind.VARIABLE,
            reference=Reference.PROPERTY,
            type=_PROPERTY,
            data=data,
            rule=rule,
            value=value,
        )
        return (row,)

    def enumeration(self, number: int, name: str, values: int, *items: str) -> Rows:
        """Define an enumeration; ``values`` is the number of its EnumValues."""
        head = self._data_type(number, name, _ENUMERATION)
        listed = replace(self.property(values, "0:EnumValues", _ENUM_VALUE)[0], items=items)
        return _below(replace(head, items=items), ((listed,),))

    def structure(
        self, number: int, name: str, encodings: tuple[int, int, int], *fields: Field
    ) -> Rows:
        """Define a structure and its encodings: binary, XML, JSON."""
        head = replace(self._data_type(number, name, _STRUCTURE), fields=fields)
        forms = zip(encodings, ("Binary", "XML", "JSON"), strict=True)
        return _below(
            head,
            tuple(
                self.object(
                    encoding, f"0:Default {form}", _ENCODING, None, reference=Reference.ENCODING
                )
                for encoding, form in forms
            ),
        )

    def _data_type(self, number: int, name: str, above: Id) -> Row:
        return Row(
            id=self.id(number),
            name=self.name(name),
            kind=Kind.DATA_TYPE,
            reference=Reference.SUBTYPE,
            parent=above,
        )


def sourced(source: str, *groups: Rows) -> Rows:
    """Say where rows are defined."""
    return tuple(replace(row, source=source) for rows in groups for row in rows)


def _below(head: Row, children: tuple[Rows, ...]) -> Rows:
    rows = (row for group in children for row in group)
    return (head, *(row if row.parent else replace(row, parent=head.id) for row in rows))
