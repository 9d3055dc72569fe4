import asyncio
from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from asyncua import ua
from asyncua.common.instantiate_util import instantiate
from asyncua.common.utils import Buffer
from asyncua.server.server import Server
from asyncua.ua.attribute_ids import AttributeIds
from asyncua.ua.object_ids import ObjectIds
from asyncua.ua.ua_binary import extensionobject_from_binary, extensionobject_to_binary

from services.opcua_bridge.mapping.nodes import Id, Name, Namespace
from services.opcua_bridge.model import nodesets
from services.opcua_bridge.model.additive import TABLE, nodeset
from services.opcua_bridge.model.catalog import Catalog, content
from services.opcua_bridge.model.models import ADDITIVE, PUBLISHED, Model
from services.opcua_bridge.model.nodesetxml import NODE_SET, document
from tests.integration.opcua_nodesets import Declared, Reference, declared
from tests.integration.opcua_servers import typed_server
from voxtrude.errors import SetupError

pytestmark = pytest.mark.integration
Typed = tuple[Server, Catalog]
MACHINE = Name(Namespace.ADDITIVE, "AdditiveManufacturingType")
HEADER = 7 + 1 + 4
"""Bytes of an ExtensionObject before its body: a numeric NodeId, a flag, the length."""

MANDATORY = {
    "",
    "Identification",
    "Identification/AMTechnologyIdentifier",
    "Identification/Manufacturer",
    "Identification/ProductInstanceUri",
    "Identification/SerialNumber",
    "Equipment",
    "Monitoring",
    "Monitoring/MachineTool",
    "Monitoring/MachineTool/OperationMode",
    "Notification",
    "Production",
    "Production/ActiveProgram",
    "Production/ActiveProgram/Name",
    "Production/ActiveProgram/NumberInList",
    "Production/ActiveProgram/State",
    "Production/ActiveProgram/State/CurrentState",
    "Production/ActiveProgram/State/CurrentState/Id",
    "Production/ActiveProgram/State/CurrentState/Number",
}
"""Below a machine, by its type and the types of what it holds."""

ONE_WAY = {ObjectIds.HasTypeDefinition, ObjectIds.HasModellingRule}


@pytest.fixture(scope="module")
def typed() -> Typed:
    return asyncio.run(typed_server(type_dictionaries=True))


@pytest.fixture(scope="module")
def nodes(typed: Typed) -> list[Declared]:
    namespaces = asyncio.run(typed[0].get_namespace_array())
    return list(declared(namespaces))


@pytest.mark.parametrize("model", [*PUBLISHED, ADDITIVE], ids=lambda model: model.namespace)
async def test_a_model_is_there_in_its_release(typed: Typed, model: Model) -> None:
    server, _ = typed
    described = await server.nodes.namespaces.get_child(
        ua.QualifiedName(model.namespace, await server.get_namespace_index(model.namespace))
    )
    version = await described.get_child("0:NamespaceVersion")
    published = await described.get_child("0:NamespacePublicationDate")
    assert await version.read_value() == model.version
    assert f"{await published.read_value():%Y-%m-%d}" == model.published


def test_every_node_is_there_under_its_name(typed: Typed, nodes: list[Declared]) -> None:
    space = typed[0].iserver.aspace
    assert len(nodes) > 2800
    for node in nodes:
        assert content(space[node.id].attributes[AttributeIds.BrowseName]) == node.name
    known = {node.id for node in nodes}
    assert not {id_ for id_ in space.keys() if id_.NamespaceIndex} - known  # noqa: SIM118


def test_the_references_are_those_declared_and_no_others(
    typed: Typed, nodes: list[Declared]
) -> None:
    space = typed[0].iserver.aspace
    said: set[Reference] = set()
    for node in nodes:
        said.update(node.references)
        said.update((to, kind, not ahead, of) for of, kind, ahead, to in node.references)
    there = {
        (id_, found.ReferenceTypeId, found.IsForward, found.NodeId)
        for id_ in space.keys()  # noqa: SIM118  (an AddressSpace is no mapping)
        for found in space[id_].references
        if id_.NamespaceIndex or found.NodeId.NamespaceIndex
    }
    assert there <= said
    missing = said - there
    assert {kind.Identifier for _, kind, _, _ in missing} <= ONE_WAY
    assert not any(ahead for _, _, ahead, _ in missing)


def test_every_reference_shows_the_type_of_its_target(typed: Typed) -> None:
    space = typed[0].iserver.aspace
    for id_ in space.keys():  # noqa: SIM118  (an AddressSpace is no mapping)
        for found in space[id_].references:
            if found.NodeClass in (ua.NodeClass.Object, ua.NodeClass.Variable):
                assert not found.TypeDefinition.is_null(), (id_, found)


def test_every_value_is_there_but_for_matrices(typed: Typed, nodes: list[Declared]) -> None:
    space = typed[0].iserver.aspace
    lost: Counter[str] = Counter()
    for node in nodes:
        for value in node.element.findall(f"{NODE_SET}Value/*"):
            said = "".join(value.itertext()).strip()
            if said and content(space[node.id].attributes[AttributeIds.Value]) is None:
                lost[value.tag.partition("}")[2]] += 1
    assert lost == {"Matrix": 23}  # of PADIM's curves, which no printer has


def test_every_data_type_is_one(typed: Typed, nodes: list[Declared]) -> None:
    space = typed[0].iserver.aspace
    for node in nodes:
        data_type = space[node.id].attributes.get(AttributeIds.DataType)
        if data_type is not None:
            assert content(data_type) in space


def test_nothing_is_writable(typed: Typed) -> None:
    space = typed[0].iserver.aspace
    levels = {
        content(space[id_].attributes[attribute])
        for id_ in space.keys()  # noqa: SIM118  (an AddressSpace is no mapping)
        for attribute in (AttributeIds.AccessLevel, AttributeIds.UserAccessLevel)
        if attribute in space[id_].attributes
    }
    assert levels <= {0, 1}


def test_attributes_that_a_node_does_not_have_are_not_null(typed: Typed) -> None:
    space = typed[0].iserver.aspace
    optional = AttributeIds.ArrayDimensions, AttributeIds.DataTypeDefinition
    found = [
        content(space[id_].attributes[attribute])
        for id_ in space.keys()  # noqa: SIM118  (an AddressSpace is no mapping)
        for attribute in optional
        if attribute in space[id_].attributes
    ]
    assert found
    assert None not in found


async def test_a_machine_is_a_machine_tool(typed: Typed) -> None:
    server, catalog = typed
    [above] = await server.get_node(catalog.type(MACHINE)).get_references(
        ObjectIds.HasSubtype, ua.BrowseDirection.Inverse
    )
    assert above.NodeId == catalog.type(Name(Namespace.MACHINE_TOOL, "MachineToolType"))
    assert catalog.type(MACHINE) == catalog.node_id(Id(Namespace.ADDITIVE, 1005))
    assert above.BrowseName == catalog.name(Name(Namespace.MACHINE_TOOL, "MachineToolType"))


async def test_the_mandatory_nodes_of_a_machine(typed: Typed) -> None:
    server, catalog = typed
    made = await instantiate(
        server.nodes.objects,
        server.get_node(catalog.type(MACHINE)),
        bname=ua.QualifiedName("machine", catalog.index(Namespace.MACHINES)),
        idx=catalog.index(Namespace.MACHINES),
        instantiate_optional=False,
    )
    paths = set()
    for node in made:
        named = [await server.get_node(above).read_browse_name() for above in await node.get_path()]
        paths.add("/".join(name.Name for name in named[3:]))
    assert paths == MANDATORY


def round_trip(value: Any) -> Any:  # noqa: ANN401  (any structure)
    return extensionobject_from_binary(Buffer(extensionobject_to_binary(value)))


def test_structures_go_through_their_binary_form(typed: Typed) -> None:
    _, catalog = typed
    states = catalog.structure(Name(Namespace.ISA95, "ISA95StateDataType"))
    runs = catalog.structure(Name(Namespace.ADDITIVE, "RunInfoDataType"))
    responses = catalog.structure(Name(Namespace.ISA95, "ISA95JobResponseDataType"))
    parameters = catalog.structure(Name(Namespace.ISA95, "ISA95ParameterDataType"))
    ended = states(StateText=ua.LocalizedText("Ended"), StateNumber=5)
    run = runs(CurrentLayer=3, Identifier="run", State=ended, RemainingTime=1500.0)
    data = parameters(ID="Runs", Value=ua.Variant([run], ua.VariantType.ExtensionObject))
    response = responses(
        JobResponseID="response",
        JobOrderID="order",
        EndTime=datetime(2026, 1, 2, tzinfo=UTC),
        JobState=[ended],
        JobResponseData=[data],
    )
    there = round_trip(response)
    assert there == response
    assert there.JobResponseData[0].Value.Value[0].CurrentLayer == 3
    assert there.StartTime is None


async def test_every_structure_has_its_binary_encoding(typed: Typed, nodes: list[Declared]) -> None:
    server, _ = typed
    structures = 0
    for node in nodes:
        definition = server.iserver.aspace[node.id].attributes.get(AttributeIds.DataTypeDefinition)
        if definition is not None and isinstance(content(definition), ua.StructureDefinition):
            encoding = server.get_node(content(definition).DefaultEncodingId)
            assert (await encoding.read_browse_name()).Name == "Default Binary", node.name
            structures += 1
    assert structures > 20


def test_an_option_set_takes_one_byte(typed: Typed) -> None:
    _, catalog = typed
    outputs = catalog.structure(Name(Namespace.JOBS, "OutputInformationDataType"))
    output = outputs(ItemNumber="item", OutputInfo=ua.Byte(5), LotNumber="lot")
    assert round_trip(output) == output
    # The mask of the optional fields, the item's length and text, the byte, the lot's.
    assert len(extensionobject_to_binary(output)) - HEADER == 4 + (4 + 4) + 1 + (4 + 3)


def test_two_enumerations_of_one_name_are_told_apart(typed: Typed) -> None:
    _, catalog = typed
    jobs = catalog.structure(Name(Namespace.JOBS, "ProcessIrregularity"))
    tools = catalog.structure(Name(Namespace.MACHINE_TOOL, "ProcessIrregularity"))
    assert jobs is not tools


async def test_type_dictionaries_are_hidden(typed: Typed) -> None:
    server, catalog = await typed_server()
    space, whole = server.iserver.aspace, typed[0].iserver.aspace
    for id_ in space.keys():  # noqa: SIM118  (an AddressSpace is no mapping)
        assert all(found.NodeId in space for found in space[id_].references)
    machines = catalog.index(Namespace.MACHINES)
    hidden = {
        id_
        for id_ in whole.keys()  # noqa: SIM118
        if id_ not in space and id_.NamespaceIndex != machines
    }
    kinds = {
        found.NodeId.Identifier
        for id_ in hidden
        for found in whole[id_].references
        if found.ReferenceTypeId.Identifier == ObjectIds.HasTypeDefinition
    }
    assert kinds == {
        ObjectIds.DataTypeDictionaryType,
        ObjectIds.DataTypeDescriptionType,
        ObjectIds.PropertyType,
    }


async def test_the_official_additive_file_takes_the_place_of_the_table(tmp_path: Path) -> None:
    file = tmp_path / "additive.xml"
    file.write_text(nodeset(), encoding="utf-8")
    server = Server()
    await server.init()
    catalog = await nodesets.load(server, additive=file)
    assert catalog.type(MACHINE) == catalog.node_id(Id(Namespace.ADDITIVE, 1005))


async def test_an_additive_file_that_cannot_be_loaded_is_told(tmp_path: Path) -> None:
    lost = replace(TABLE[0], parent=Id(Namespace.MACHINE_TOOL, 99_999))
    file = tmp_path / "additive.xml"
    file.write_text(document(ADDITIVE, PUBLISHED, [lost]), encoding="utf-8")
    server = Server()
    await server.init()
    with pytest.raises(SetupError, match=r"VOXTRUDE_OPCUA_ADDITIVE_NODESET: .* cannot be loaded"):
        await nodesets.load(server, additive=file)
