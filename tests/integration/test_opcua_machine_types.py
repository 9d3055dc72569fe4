"""A machine's nodes against the types of the specifications, and its structures on the wire."""

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass

import pytest
from asyncua import ua
from asyncua.common.utils import Buffer
from asyncua.server.address_space import AddressSpace
from asyncua.ua.attribute_ids import AttributeIds
from asyncua.ua.object_ids import ObjectIds
from asyncua.ua.ua_binary import variant_from_binary, variant_to_binary

from services.opcua_bridge.mapping import jobs, statemachines
from services.opcua_bridge.mapping.nodes import Link, Name, Node, Reading
from services.opcua_bridge.mapping.readings import readings
from services.opcua_bridge.mapping.situation import Pipeline, Situation
from services.opcua_bridge.mapping.statemachines import State
from services.opcua_bridge.mapping.template import Shape, template
from services.opcua_bridge.mapping.units import CELSIUS
from services.opcua_bridge.model.catalog import Catalog, content
from services.opcua_bridge.model.encoding import Encoder
from tests.integration.opcua_servers import typed_server
from tests.opcua_printers import NOW, document, job, past, printer
from voxtrude.printer import Outcome, Status

pytestmark = pytest.mark.integration
SHAPE = Shape(("tool0", "bed"), firmware=True, year=True, job=True, prognosis=True)
NODES = template(SHAPE, fill_job_orders=True)
HIERARCHY = {link.value for link in Link}
SITUATION = Situation(
    document(printer(Status.PRINTING, job=job(), last_job=past(Outcome.DONE))), Pipeline.RUNNING
)


Named = tuple[int, str]


def named(name: ua.QualifiedName) -> Named:
    return name.NamespaceIndex, name.Name


@dataclass(frozen=True)
class Declaration:
    """What a type says of one child of its instances."""

    id: ua.NodeId
    link: int
    mandatory: bool


@dataclass(frozen=True)
class Types:
    """The types, as the address space has them."""

    space: AddressSpace
    catalog: Catalog

    def content(self, node: ua.NodeId, attribute: AttributeIds) -> object:
        return content(self.space[node].attributes[attribute])

    def targets(self, node: ua.NodeId, reference: int, *, forward: bool = True) -> list[ua.NodeId]:
        type_ = ua.NodeId(ua.Int32(reference))
        return [
            found.NodeId
            for found in self.space[node].references
            if found.ReferenceTypeId == type_ and found.IsForward is forward
        ]

    def above(self, node: ua.NodeId) -> Iterator[ua.NodeId]:
        """Return a type and its supertypes."""
        yield node
        for supertype in self.targets(node, ObjectIds.HasSubtype, forward=False):
            yield from self.above(supertype)

    def children(self, kind: Name) -> dict[Named, Declaration]:
        """Return the declarations of a type; a subtype's override its supertype's."""
        found: dict[Named, Declaration] = {}
        for type_ in self.above(self.catalog.type(kind)):
            for link in sorted(HIERARCHY):
                for child in self.targets(type_, link):
                    name = self.content(child, AttributeIds.BrowseName)
                    rules = self.targets(child, ObjectIds.HasModellingRule)
                    rule = ua.NodeId(ua.Int32(ObjectIds.ModellingRule_Mandatory)) in rules
                    assert isinstance(name, ua.QualifiedName)
                    found.setdefault(named(name), Declaration(child, link, rule))
        return found


@pytest.fixture(scope="module")
def types() -> Types:
    server, catalog = asyncio.run(typed_server())
    return Types(server.iserver.aspace, catalog)


def below(path: str) -> list[Node]:
    return [node for node in NODES if node.path and node.path.rpartition("/")[0] == path]


def typed() -> Iterator[tuple[Node, Name]]:
    return ((node, node.type) for node in NODES if node.type is not None)


def test_no_mandatory_node_is_missing(types: Types) -> None:
    for node, kind in typed():
        there = {named(types.catalog.name(child.name)) for child in below(node.path)}
        declared = types.children(kind)
        missing = {name for name, child in declared.items() if child.mandatory} - there
        assert not missing, node.path


def test_each_declared_node_is_what_its_type_says(types: Types) -> None:
    compared = 0
    for node, kind in typed():
        declared = types.children(kind)
        for child in below(node.path):
            declaration = declared.get(named(types.catalog.name(child.name)))
            if declaration is None or child.type is None:
                continue
            assert child.link.value == declaration.link, child.path
            mine = types.catalog.type(child.type)
            (wanted,) = types.targets(declaration.id, ObjectIds.HasTypeDefinition)
            assert wanted in types.above(mine), child.path
            if child.data is not None:
                of = types.content(declaration.id, AttributeIds.DataType)
                assert of in list(types.above(types.catalog.type(child.data.type))), child.path
                rank = types.content(declaration.id, AttributeIds.ValueRank)
                assert rank == ua.ValueRank.Any or (rank == 1) is child.data.is_list, child.path
            compared += 1
    assert compared > 100


def test_each_states_id_is_a_node_of_this_name_and_number(types: Types) -> None:
    states = [one for one in vars(statemachines).values() if isinstance(one, State)]
    states += [*jobs.OF_PROGRAM.values(), jobs.WAITING]
    assert len(states) > 15
    for state in states:
        node = types.catalog.node_id(state.id)
        name = types.content(node, AttributeIds.BrowseName)
        assert isinstance(name, ua.QualifiedName)
        assert name.Name == state.words.text
        (number,) = types.targets(node, ObjectIds.HasProperty)
        assert types.content(number, AttributeIds.Value) == state.number


def test_every_value_comes_through(types: Types) -> None:
    encoder = Encoder(types.catalog, NOW)
    read = readings(NODES, SITUATION)
    for node in NODES:
        if node.data is not None:
            reading = read.get(node.path, Reading(node.value))
            value = encoder.variant(node.data, reading.value)
            sent = variant_from_binary(Buffer(variant_to_binary(value)))
            # A NodeId's class tells how it is written, and has no meaning.
            assert repr(sent) == repr(value).replace("NumericNodeId", "NodeId"), node.path


def test_a_unit_has_its_number_and_its_sign(types: Types) -> None:
    (node,) = (one for one in NODES if one.path.endswith("bed/AnalogSignal/EngineeringUnits"))
    assert node.data
    unit = Encoder(types.catalog).variant(node.data, CELSIUS).Value
    assert (unit.UnitId, unit.DisplayName.Text) == (4408652, "°C")
    assert unit.NamespaceUri == "http://www.opcfoundation.org/UA/units/un/cefact"


def test_a_job_response_tells_what_became_of_the_job(types: Types) -> None:
    encoder = Encoder(types.catalog)
    last = SITUATION.document.last_job
    assert last
    response, status = jobs.job_response(SITUATION, last.id)
    made = encoder.job_response(response).Value
    assert status is jobs.Return.OK
    assert (made.JobOrderID, made.EndTime) == (last.id, last.ended_at)
    assert [state.StateNumber for state in made.JobState] == [5]
    data = {parameter.ID: parameter.Value.Value for parameter in made.JobResponseData}
    assert data["JobResult"] == jobs.SUCCESSFUL
    assert [run.Identifier for run in data["Runs"]] == [last.id]
    nothing = encoder.job_response(None)
    assert variant_from_binary(Buffer(variant_to_binary(nothing))).Value.JobOrderID == ""
