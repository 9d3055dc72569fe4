"""NodeSets into asyncua's address space, whole: what its importer gets wrong is put right.

The import is always strict. Lenient, asyncua 2.1.0 leaves out some 75 nodes of our models
and says so only in its log. Every method here that works around one of its bugs has a test
which fails as soon as asyncua no longer has it.
"""

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, TypeAlias

from asyncua import ua
from asyncua.common.xmlimporter import XmlImporter
from asyncua.server.address_space import AddressSpace, AttributeValue, NodeData
from asyncua.server.server import Server
from asyncua.ua.attribute_ids import AttributeIds
from asyncua.ua.object_ids import ObjectIds

from services.opcua_bridge.model.catalog import content

STANDS_ON = {
    "asyncua.common.xmlimporter:XmlImporter": "81a50cbe6698b85e",
    "asyncua.common.xmlparser:XMLParser": "a319ef5c1cf554d4",
    "asyncua.common.structures104:load_basetype_alias_xml_import": "98bac089d0651552",
}


def _ua(number: int) -> ua.NodeId:
    return ua.NodeId(ua.Int32(number))


_HAS_ENCODING = _ua(ObjectIds.HasEncoding)
_HAS_SUBTYPE = _ua(ObjectIds.HasSubtype)
_HAS_TYPE_DEFINITION = _ua(ObjectIds.HasTypeDefinition)
_HAS_PROPERTY = _ua(ObjectIds.HasProperty)
_HAS_COMPONENT = _ua(ObjectIds.HasComponent)
_DEFINED_BY_ASYNCUA = {
    _ua(ObjectIds.Enumeration),
    _ua(ObjectIds.Structure),
}
_BASE_DATA_TYPE = _ua(ObjectIds.BaseDataType)
_VARIABLES = {"UAVariable", "UAVariableType"}
_ONE_WAY = {_HAS_TYPE_DEFINITION, _ua(ObjectIds.HasModellingRule)}
_INTEGERS = {_ua(number) for number in range(ObjectIds.SByte, ObjectIds.UInt64 + 1)}
_DICTIONARIES = (
    _ua(ObjectIds.OPCBinarySchema_TypeSystem),
    _ua(ObjectIds.XmlSchema_TypeSystem),
)
_READABLE = ua.AccessLevel.CurrentRead.mask


Parsed: TypeAlias = Any
"""asyncua's own NodeData of a parsed node: as far as types go, all its attributes are None."""


class Importer(XmlImporter):
    """Imports one NodeSet after the other; asyncua's own is untyped, hence the ignores."""

    def __init__(self, server: Server) -> None:
        super().__init__(server, strict_mode=True, auto_load_definitions=True)
        self._space: AddressSpace = server.iserver.aspace
        self._binary_encodings: dict[ua.NodeId, ua.NodeId] = {}

    async def load(self, file: Path | None = None, xml: str | None = None) -> None:
        """Import a NodeSet from a file or from its text; raise whatever asyncua raises."""
        await self.import_xml(file, xml)  # type: ignore[no-untyped-call]

    def make_objects(self, node_data: list[Parsed]) -> list[Parsed]:
        """Leave out what is for modelling tools only, and complete the rest.

        asyncua does not know DesignToolOnly, and refuses the nine such objects of DI, which
        have no parent: BadParentNodeIdInvalid. It reads a type definition only where the
        reference is called by its alias, else browsing gives a null TypeDefinition. And a
        variable without a DataType gets the null NodeId instead of BaseDataType (Part 6,
        F.9 and F.10).
        """
        root: Any = self.parser.root  # type: ignore[attr-defined]
        drafts = {node.get("NodeId") for node in root if node.get("DesignToolOnly") == "true"}
        kept = [data for data in node_data if data.nodeid not in drafts]
        for data in kept:
            data.refs = [reference for reference in data.refs if reference.target not in drafts]
        made: list[Parsed] = super().make_objects(kept)  # type: ignore[no-untyped-call]
        for data in made:
            for reference in data.refs:
                if reference.forward and reference.reftype == _HAS_TYPE_DEFINITION:
                    data.typedef = reference.target
            if data.datatype is None and data.nodetype in _VARIABLES:
                data.datatype = _BASE_DATA_TYPE
        return made

    def _add_missing_parents(self, dnodes: list[Parsed]) -> None:
        """Hang every node on its parent by a reference that the NodeSet has.

        asyncua looks for a missing parent in forward HasComponent and HasProperty
        references only, and drops the encodings of PADIM, which their data types name by
        HasEncoding. And where only the parent names the reference, it adds HasComponent:
        the properties of PADIM's types become components, too, and one path to them
        becomes two.
        """
        super()._add_missing_parents(dnodes)  # type: ignore[no-untyped-call]
        encoded: dict[ua.NodeId, ua.NodeId] = {}
        links: dict[tuple[ua.NodeId, ua.NodeId], list[ua.NodeId]] = {}
        for data in dnodes:
            for reference in data.refs:
                ends = (data.nodeid, reference.target)
                parent, child = ends if reference.forward else reversed(ends)
                links.setdefault((parent, child), []).append(reference.reftype)
                if reference.reftype == _HAS_ENCODING:
                    encoded[child] = parent
        for data in dnodes:
            if not data.parent:
                data.parent = encoded.get(data.nodeid)
            declared = links.get((data.parent, data.nodeid), [])
            if declared and data.parentlink not in declared:
                data.parentlink = declared[0]
            if data.nodeid in encoded and data.browsename.Name == "Default Binary":
                self._binary_encodings[encoded[data.nodeid]] = data.nodeid

    async def add_datatype(
        self,
        obj: Parsed,
        no_namespace_migration: bool = False,  # noqa: FBT001, FBT002  (asyncua's signature)
    ) -> ua.NodeId:
        """Take an option set that is derived from an integer for that integer.

        asyncua knows neither the data type (Jobs' OutputInfoType) afterwards nor any
        structure that has a field of it, without which MachineTool cannot be loaded.
        """
        definition: ua.EnumDefinition | None = None
        if obj.definitions and self._is_integer(obj.parent):
            definition = self._get_edef(obj)  # type: ignore[no-untyped-call]
            obj.definitions = []
        node_id: ua.NodeId = await super().add_datatype(  # type: ignore[no-untyped-call]
            obj, no_namespace_migration
        )
        if definition is not None:
            self._space[node_id].attributes[AttributeIds.DataTypeDefinition] = AttributeValue(
                ua.DataValue(ua.Variant(definition, ua.VariantType.ExtensionObject))
            )
        return node_id

    def _get_sdef(self, obj: Parsed) -> ua.StructureDefinition:
        """Name the binary encoding of a structure.

        asyncua takes the first encoding that the data type itself names, whichever that
        is, and none where the encodings name the data type (DI): such a structure cannot
        be sent.
        """
        definition: ua.StructureDefinition = super()._get_sdef(obj)  # type: ignore[no-untyped-call]
        if obj.nodeid in self._binary_encodings:
            definition.DefaultEncodingId = self._binary_encodings[obj.nodeid]
        return definition

    def _is_integer(self, data_type: ua.NodeId) -> bool:
        while data_type not in _INTEGERS:
            if data_type in _DEFINED_BY_ASYNCUA or data_type not in self._space:
                return False
            above = [
                reference.NodeId
                for reference in self._space[data_type].references
                if reference.ReferenceTypeId == _HAS_SUBTYPE and not reference.IsForward
            ]
            if not above:
                return False
            data_type = above[0]
        return True

    async def _add_variable_value(self, obj: Parsed) -> ua.Variant:
        """Bring names and NodeIds that are values into this server's namespaces.

        asyncua translates those of the nodes themselves, but keeps the file's namespace
        indexes in values (DefaultInstanceBrowseName), and makes lists of NodeIds whose
        identifier is the whole text (PADIM's ValueAsDictionaryEntries).
        """
        if obj.valuetype == "QualifiedName":
            return ua.Variant(self._migrate_ns(obj.value), ua.VariantType.QualifiedName)
        if obj.valuetype == "NodeId":
            return ua.Variant(self._to_migrated_nodeid(obj.value), ua.VariantType.NodeId)
        if obj.valuetype == "ListOfNodeId":
            ids = [self._to_migrated_nodeid(text) for text in obj.value]
            return ua.Variant(ids, ua.VariantType.NodeId)
        value: ua.Variant = await super()._add_variable_value(obj)  # type: ignore[no-untyped-call]
        return value

    async def _add_missing_reverse_references(  # type: ignore[override]  # it says Node wrongly
        self, new_nodes: list[ua.NodeId]
    ) -> set[ua.NodeId]:
        """Let both ends of a reference know of it, but for the ends that nobody asks.

        asyncua browses every node for it and tells each type of every instance, and the
        modelling rules of all nodes that have them: twice the time of the whole import,
        for inverse references that servers need not have (Part 3, 7.12 and 7.13).
        """
        missing = []
        for node_id in new_nodes:
            for reference in self._space[node_id].references:
                other = self._space.get(reference.NodeId)
                if reference.ReferenceTypeId in _ONE_WAY or other is None:
                    continue
                if not any(
                    back.NodeId == node_id and back.ReferenceTypeId == reference.ReferenceTypeId
                    for back in other.references
                ):
                    missing.append(
                        ua.AddReferencesItem(
                            SourceNodeId=reference.NodeId,
                            TargetNodeId=node_id,
                            ReferenceTypeId=reference.ReferenceTypeId,
                            IsForward=not reference.IsForward,
                        )
                    )
        await self._add_references(missing)  # type: ignore[no-untyped-call]
        return set()


def hide_type_dictionaries(space: AddressSpace) -> None:
    """Take the companion specifications' type dictionaries away, and what describes them.

    They are deprecated since OPC UA 1.04 (Part 5, Annex D), and gateways of 2024 crash on
    those of Jobs and ISA-95. Clients of today read DataTypeDefinition instead.
    """
    for system in _DICTIONARIES:
        remove(
            space,
            [
                reference.NodeId
                for reference in space[system].references
                if reference.IsForward
                and reference.ReferenceTypeId == _HAS_COMPONENT
                and reference.NodeId.NamespaceIndex
            ],
        )


def remove(space: AddressSpace, nodes: Iterable[ua.NodeId]) -> None:
    """Take nodes away with their components and properties, and all references to them."""
    found, gone = list(nodes), set[ua.NodeId]()
    while found:
        node_id = found.pop()
        gone.add(node_id)
        found += [
            reference.NodeId
            for reference in space[node_id].references
            if reference.IsForward and reference.ReferenceTypeId in (_HAS_COMPONENT, _HAS_PROPERTY)
        ]
    for node_id in gone:
        del space[node_id]
    for _, node in _nodes(space):
        if any(reference.NodeId in gone for reference in node.references):
            node.references[:] = [
                reference for reference in node.references if reference.NodeId not in gone
            ]


def protect(space: AddressSpace) -> None:
    """Let every variable be read, at the most.

    Several NodeSets declare their variables writable (AccessLevel 3), which says what a
    machine may allow. This server takes no writes: a client shall see that.
    """
    for _, node in _nodes(space):
        for attribute in (AttributeIds.AccessLevel, AttributeIds.UserAccessLevel):
            level = node.attributes.get(attribute)
            if level is not None and content(level) & ~_READABLE:
                readable = ua.Variant(content(level) & _READABLE, ua.VariantType.Byte)
                level.value = ua.DataValue(readable)


def leave_out(space: AddressSpace) -> None:
    """Take away the optional attributes that asyncua keeps as null where a node has none.

    A client shall read BadAttributeIdInvalid (Part 4, 5.11.2), and not a good null of no type.
    """
    for _, node in _nodes(space):
        for attribute in (AttributeIds.ArrayDimensions, AttributeIds.DataTypeDefinition):
            if attribute in node.attributes and content(node.attributes[attribute]) is None:
                del node.attributes[attribute]


def _nodes(space: AddressSpace) -> Iterator[tuple[ua.NodeId, NodeData]]:
    for node_id in space.keys():  # noqa: SIM118  (an AddressSpace is no mapping)
        yield node_id, space[node_id]
