"""What asyncua's importer gets wrong, and ours right.

A test that fails in its first half tells that asyncua has mended this bug: what works
around it in services/opcua_bridge/importing.py can go then.
"""

import asyncio
import secrets

import pytest
from asyncua import ua
from asyncua.common.xmlimporter import XmlImporter
from asyncua.server.server import Server
from asyncua.ua.attribute_ids import AttributeIds
from asyncua.ua.object_ids import ObjectIds
from asyncua.ua.uaerrors import BadParentNodeIdInvalid

from services.opcua_bridge.model.catalog import content
from services.opcua_bridge.model.importing import Importer

pytestmark = pytest.mark.integration
OBJECTS = '<Reference ReferenceType="i=35" IsForward="false">i=85</Reference>'
STRUCTURE = '<Reference ReferenceType="i=45" IsForward="false">i=22</Reference>'
IS_OBJECT = '<Reference ReferenceType="HasTypeDefinition">i=58</Reference>'
IS_PROPERTY = '<Reference ReferenceType="HasTypeDefinition">i=68</Reference>'
IS_ENCODING = '<Reference ReferenceType="HasTypeDefinition">i=76</Reference>'
TYPES = 'xmlns="http://opcfoundation.org/UA/2008/02/Types.xsd"'


@pytest.fixture(scope="module")
def server() -> Server:
    async def initialised() -> Server:
        server = Server()
        await server.init()
        return server

    return asyncio.run(initialised())


def node(element: str, number: int, name: str, references: str, rest: str = "", **more: str) -> str:
    attributes = "".join(f' {key}="{value}"' for key, value in more.items())
    return (
        f'<{element} NodeId="ns=1;i={number}" BrowseName="{name}"{attributes}>'
        f"<DisplayName>{name.partition(':')[2] or name}</DisplayName>"
        f"<References>{references}</References>{rest}</{element}>"
    )


class Imported:
    """The nodes of a NodeSet in a server."""

    def __init__(self, server: Server, index: int) -> None:
        self.space = server.iserver.aspace
        self.index = index

    def id(self, number: int) -> ua.NodeId:
        return ua.NodeId(ua.Int32(number), ua.Int16(self.index))

    def value(self, number: int, attribute: AttributeIds = AttributeIds.Value) -> object:
        return content(self.space[self.id(number)].attributes[attribute])

    def between(self, source: ua.NodeId, target: ua.NodeId) -> list[ua.ReferenceDescription]:
        return [found for found in self.space[source].references if found.NodeId == target]


async def imported(importer: XmlImporter, server: Server, *nodes: str) -> Imported:
    uri = f"urn:test:{secrets.token_hex(6)}"
    xml = (
        '<UANodeSet xmlns="http://opcfoundation.org/UA/2011/03/UANodeSet.xsd">'
        f"<NamespaceUris><Uri>{uri}</Uri></NamespaceUris>{''.join(nodes)}</UANodeSet>"
    )
    await importer.import_xml(xmlstring=xml)  # type: ignore[no-untyped-call]  # asyncua's
    return Imported(server, await server.get_namespace_index(uri))


async def by_asyncua(server: Server, *nodes: str) -> Imported:
    return await imported(XmlImporter(server), server, *nodes)


async def by_us(server: Server, *nodes: str) -> Imported:
    return await imported(Importer(server), server, *nodes)


async def test_what_is_for_modelling_tools_only(server: Server) -> None:
    draft = node("UAObject", 1, "1:Draft", IS_OBJECT, DesignToolOnly="true")
    with pytest.raises(BadParentNodeIdInvalid):
        await by_asyncua(server, draft)
    ours = await by_us(server, draft)
    assert ours.id(1) not in ours.space


async def test_a_type_definition_by_number(server: Server) -> None:
    references = OBJECTS + '<Reference ReferenceType="i=40">i=58</Reference>'
    thing = node("UAObject", 1, "1:Thing", references)
    objects = ua.NodeId(ua.Int32(ObjectIds.ObjectsFolder))
    theirs, ours = await by_asyncua(server, thing), await by_us(server, thing)
    [described] = theirs.between(objects, theirs.id(1))
    assert described.TypeDefinition.is_null()
    [described] = ours.between(objects, ours.id(1))
    assert described.TypeDefinition.Identifier == ObjectIds.BaseObjectType


async def test_a_variable_without_a_data_type(server: Server) -> None:
    variable = node("UAVariable", 1, "1:Anything", OBJECTS + IS_PROPERTY)
    theirs, ours = await by_asyncua(server, variable), await by_us(server, variable)
    assert theirs.value(1, AttributeIds.DataType) == ua.NodeId()
    assert ours.value(1, AttributeIds.DataType) == ua.NodeId(ua.Int32(ObjectIds.BaseDataType))


async def test_an_encoding_that_only_its_data_type_names(server: Server) -> None:
    nodes = (
        node(
            "UADataType",
            1,
            "1:Named",
            '<Reference ReferenceType="i=38">ns=1;i=2</Reference>' + STRUCTURE,
        ),
        node("UAObject", 2, "Default Binary", IS_ENCODING),
    )
    theirs, ours = await by_asyncua(server, *nodes), await by_us(server, *nodes)
    assert theirs.id(2) not in theirs.space
    assert ours.id(2) in ours.space


async def test_an_encoding_that_names_its_data_type(server: Server) -> None:
    field = '<Definition Name="1:Naming"><Field Name="Text" DataType="i=12"/></Definition>'
    named = '<Reference ReferenceType="i=38" IsForward="false">ns=1;i=1</Reference>'
    nodes = (
        node("UADataType", 1, "1:Naming", STRUCTURE, field),
        node("UAObject", 2, "Default Binary", IS_ENCODING + named),
    )
    theirs, ours = await by_asyncua(server, *nodes), await by_us(server, *nodes)
    definition = theirs.value(1, AttributeIds.DataTypeDefinition)
    assert isinstance(definition, ua.StructureDefinition)
    assert definition.DefaultEncodingId.is_null()
    definition = ours.value(1, AttributeIds.DataTypeDefinition)
    assert isinstance(definition, ua.StructureDefinition)
    assert definition.DefaultEncodingId == ours.id(2)


async def test_a_property_that_only_its_owner_names(server: Server) -> None:
    owned = '<Reference ReferenceType="i=46">ns=1;i=2</Reference>'
    nodes = (
        node("UAObject", 1, "1:Owner", OBJECTS + IS_OBJECT + owned),
        node("UAVariable", 2, "1:Owned", IS_PROPERTY, ParentNodeId="ns=1;i=1", DataType="i=12"),
    )
    theirs, ours = await by_asyncua(server, *nodes), await by_us(server, *nodes)
    kinds = {
        found.ReferenceTypeId.Identifier for found in theirs.between(theirs.id(1), theirs.id(2))
    }
    assert kinds == {ObjectIds.HasComponent, ObjectIds.HasProperty}
    [found] = ours.between(ours.id(1), ours.id(2))
    assert found.ReferenceTypeId.Identifier == ObjectIds.HasProperty


async def test_an_option_set_that_is_an_integer(server: Server) -> None:
    byte = '<Reference ReferenceType="i=45" IsForward="false">i=3</Reference>'
    bits = (
        '<Definition Name="1:Bits" IsOptionSet="true"><Field Name="First" Value="0"/></Definition>'
    )
    field = '<Definition Name="1:Holder"><Field Name="Bits" DataType="ns=1;i=1"/></Definition>'
    nodes = (
        node("UADataType", 1, "1:TestedBits", byte, bits),
        node("UADataType", 2, "1:TestedHolder", STRUCTURE, field),
    )
    with pytest.raises(RuntimeError, match="Unknown datatype"):
        await by_asyncua(server, *nodes)
    ours = await by_us(server, *nodes)
    assert ua.get_type(ours.id(1)) is ua.Byte
    definition = ours.value(1, AttributeIds.DataTypeDefinition)
    assert isinstance(definition, ua.EnumDefinition)
    assert [field.Name for field in definition.Fields] == ["First"]


async def test_names_and_ids_that_are_values(server: Server) -> None:
    name = (
        f"<QualifiedName {TYPES}> <NamespaceIndex>1</NamespaceIndex><Name>n</Name></QualifiedName>"
    )
    ids = (
        f"<ListOfNodeId {TYPES}> <NodeId> <Identifier>ns=1;i=7</Identifier></NodeId></ListOfNodeId>"
    )
    references = OBJECTS + IS_PROPERTY
    nodes = (
        node("UAVariable", 1, "1:Name", references, f"<Value>{name}</Value>", DataType="i=20"),
        node("UAVariable", 2, "1:Ids", references, f"<Value>{ids}</Value>", DataType="i=17"),
    )
    theirs, ours = await by_asyncua(server, *nodes), await by_us(server, *nodes)
    assert theirs.value(1) == ua.QualifiedName("n", 1)
    assert theirs.value(2) != [theirs.id(7)]
    assert ours.value(1) == ua.QualifiedName("n", ours.index)
    assert ours.value(2) == [ours.id(7)]


async def test_a_value_without_white_space(server: Server) -> None:
    def variable(space: str) -> str:
        item = f"<LocalizedText>{space}<Text>text</Text></LocalizedText>"
        value = f"<Value><ListOfLocalizedText {TYPES}>{space}{item}</ListOfLocalizedText></Value>"
        return node("UAVariable", 1, "1:Texts", OBJECTS + IS_PROPERTY, value, DataType="i=21")

    # Hence the indentation of our own NodeSet.
    assert (await by_asyncua(server, variable(""))).value(1) is None
    assert (await by_asyncua(server, variable(" "))).value(1) == [ua.LocalizedText("text")]


async def test_a_type_is_not_told_of_its_instances(server: Server) -> None:
    thing = node("UAObject", 1, "1:Thing", OBJECTS + IS_OBJECT)
    kind = ua.NodeId(ua.Int32(ObjectIds.BaseObjectType))
    theirs, ours = await by_asyncua(server, thing), await by_us(server, thing)
    assert theirs.between(kind, theirs.id(1))
    assert not ours.between(kind, ours.id(1))
    assert ours.between(ours.id(1), kind)
