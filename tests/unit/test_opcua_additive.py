import xml.etree.ElementTree as ET

import pytest

from services.opcua_bridge.mapping.nodes import Namespace
from services.opcua_bridge.model.additive import TABLE, nodeset
from services.opcua_bridge.model.models import ADDITIVE
from services.opcua_bridge.model.nodesettable import Kind, Row
from services.opcua_bridge.model.nodesetxml import NODE_SET

ROWS = [pytest.param(row, id=f"{row.id.number}-{row.name.text}") for row in TABLE]


def test_every_number_is_used_once() -> None:
    numbers = [row.id for row in TABLE]
    assert len(set(numbers)) == len(numbers)


@pytest.mark.parametrize("row", ROWS)
def test_a_row_has_its_source_and_names_rows_that_there_are(row: Row) -> None:
    assert row.source.startswith("OPC 40540, ")
    assert row.id.namespace == Namespace.ADDITIVE
    own = {other.id: other.kind for other in TABLE}
    for named in row.named():
        assert named in own or named.namespace != Namespace.ADDITIVE
    assert row.parent is not None
    assert own.get(row.type, Kind.OBJECT_TYPE) is Kind.OBJECT_TYPE if row.type else True
    assert own.get(row.data, Kind.DATA_TYPE) is Kind.DATA_TYPE if row.data else True


@pytest.mark.parametrize("row", ROWS)
def test_a_row_says_what_its_kind_needs(row: Row) -> None:
    assert bool(row.type) == (row.kind in (Kind.OBJECT, Kind.VARIABLE))
    assert bool(row.data) == (row.kind is Kind.VARIABLE)
    assert bool(row.items or row.fields) == (
        row.kind is Kind.DATA_TYPE or row.name.text == "EnumValues"
    )


def test_no_two_children_have_one_name() -> None:
    names = [(row.parent, row.name) for row in TABLE if row.kind is not Kind.DATA_TYPE]
    assert len(set(names)) == len(names)


def test_the_nodeset_has_an_element_for_each_row() -> None:
    root = ET.fromstring(nodeset())  # noqa: S314  (our own)
    nodes = [node for node in root if node.get("NodeId")]
    assert [node.get("NodeId") for node in nodes] == [f"ns=1;i={row.id.number}" for row in TABLE]
    model = root.find(f"{NODE_SET}Models/{NODE_SET}Model")
    assert model is not None
    assert model.get("ModelUri") == ADDITIVE.namespace
    assert model.get("PublicationDate") == "2025-02-01T00:00:00Z"
