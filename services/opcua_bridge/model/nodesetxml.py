"""The XML of a NodeSet (Part 6, Annex F), written from a table of its nodes."""

import xml.etree.ElementTree as ET
from collections.abc import Iterable, Sequence
from datetime import datetime

from services.opcua_bridge.mapping.nodes import Id, Namespace
from services.opcua_bridge.model.models import Model
from services.opcua_bridge.model.nodesettable import Kind, Reference, Row

NODE_SET = "{http://opcfoundation.org/UA/2011/03/UANodeSet.xsd}"
TYPES = "{http://opcfoundation.org/UA/2008/02/Types.xsd}"

_HAS_MODELLING_RULE, _HAS_TYPE_DEFINITION = "i=37", "i=40"


def document(model: Model, requires: Iterable[Model], rows: Sequence[Row]) -> str:
    """Return the NodeSet of ``model`` as XML."""
    named = {found.namespace for row in rows for found in row.named()}
    named |= {row.name.namespace for row in rows}
    others = sorted(named - {model.namespace, Namespace.UA})
    writer = _Writer([Namespace.UA, model.namespace, *others], rows)
    root = ET.Element(f"{NODE_SET}UANodeSet")
    uris = ET.SubElement(root, f"{NODE_SET}NamespaceUris")
    for uri in (model.namespace, *others):
        ET.SubElement(uris, f"{NODE_SET}Uri").text = uri
    models = ET.SubElement(root, f"{NODE_SET}Models")
    own = ET.SubElement(models, f"{NODE_SET}Model", _described(model))
    for required in requires:
        ET.SubElement(own, f"{NODE_SET}RequiredModel", _described(required))
    root.extend(writer.node(row) for row in rows)
    # asyncua takes an element without text of its own for a null: indentation is text.
    ET.indent(root)
    return ET.tostring(root, encoding="unicode")


def _described(model: Model) -> dict[str, str]:
    return {
        "ModelUri": model.namespace,
        "Version": model.version,
        "PublicationDate": f"{model.midnight:%Y-%m-%dT%H:%M:%SZ}",
    }


class _Writer:
    """Writes rows with the namespace indexes of one NodeSet."""

    def __init__(self, uris: list[str], rows: Sequence[Row]) -> None:
        self._uris = uris
        self._encodings: dict[Id, list[Id]] = {}
        for row in rows:
            if row.reference is Reference.ENCODING and row.parent:
                self._encodings.setdefault(row.parent, []).append(row.id)

    def node(self, row: Row) -> ET.Element:
        node = ET.Element(NODE_SET + row.kind.value, NodeId=self._id(row.id))
        node.set("BrowseName", f"{self._uris.index(row.name.namespace)}:{row.name.text}")
        ET.SubElement(node, f"{NODE_SET}DisplayName").text = row.name.text
        references = ET.SubElement(node, f"{NODE_SET}References")
        if row.type:
            _refer(references, _HAS_TYPE_DEFINITION, self._id(row.type))
        if row.rule:
            _refer(references, _HAS_MODELLING_RULE, f"i={row.rule.value}")
        if row.parent:
            parent = _refer(references, f"i={row.reference.value}", self._id(row.parent))
            parent.set("IsForward", "false")
            if row.kind in (Kind.OBJECT, Kind.VARIABLE):
                node.set("ParentNodeId", self._id(row.parent))
        for encoding in self._encodings.get(row.id, ()):
            _refer(references, f"i={Reference.ENCODING.value}", self._id(encoding))
        if row.data:
            node.set("DataType", self._id(row.data))
        if row.kind is Kind.DATA_TYPE:
            self._define(node, row)
        elif row.items:
            node.set("ValueRank", "1")
            node.set("ArrayDimensions", str(len(row.items)))
            _list_items(ET.SubElement(node, f"{NODE_SET}Value"), row.items)
        elif row.value is not None:
            _hold(ET.SubElement(node, f"{NODE_SET}Value"), row.value)
        return node

    def _define(self, node: ET.Element, row: Row) -> None:
        name = node.get("BrowseName", "")
        definition = ET.SubElement(node, f"{NODE_SET}Definition", Name=name)
        for value, item in enumerate(row.items):
            ET.SubElement(definition, f"{NODE_SET}Field", Name=item, Value=str(value))
        for field in row.fields:
            found = ET.SubElement(definition, f"{NODE_SET}Field", Name=field.name)
            found.set("DataType", self._id(field.data))
            if field.is_optional:
                found.set("IsOptional", "true")

    def _id(self, node: Id) -> str:
        index = self._uris.index(node.namespace)
        return f"ns={index};i={node.number}" if index else f"i={node.number}"


def _refer(references: ET.Element, kind: str, target: str) -> ET.Element:
    reference = ET.SubElement(references, f"{NODE_SET}Reference", ReferenceType=kind)
    reference.text = target
    return reference


def _hold(value: ET.Element, content: str | bool | datetime) -> None:  # noqa: FBT001  (a value)
    if isinstance(content, bool):
        ET.SubElement(value, f"{TYPES}Boolean").text = str(content).lower()
    elif isinstance(content, datetime):
        ET.SubElement(value, f"{TYPES}DateTime").text = f"{content:%Y-%m-%dT%H:%M:%SZ}"
    else:
        ET.SubElement(value, f"{TYPES}String").text = content


def _list_items(value: ET.Element, items: Iterable[str]) -> None:
    """Write EnumValues (Part 3, 8.39)."""
    values = ET.SubElement(value, f"{TYPES}ListOfExtensionObject")
    for number, item in enumerate(items):
        wrapped = ET.SubElement(values, f"{TYPES}ExtensionObject")
        kind = ET.SubElement(wrapped, f"{TYPES}TypeId")
        ET.SubElement(kind, f"{TYPES}Identifier").text = "i=7616"  # EnumValueType's XML encoding
        body = ET.SubElement(wrapped, f"{TYPES}Body")
        content = ET.SubElement(body, f"{TYPES}EnumValueType")
        ET.SubElement(content, f"{TYPES}Value").text = str(number)
        shown = ET.SubElement(content, f"{TYPES}DisplayName")
        ET.SubElement(shown, f"{TYPES}Text").text = item
