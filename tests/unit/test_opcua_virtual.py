import asyncio

import pytest
from asyncua import ua
from asyncua.ua.attribute_ids import AttributeIds
from asyncua.ua.status_codes import StatusCodes

from services.opcua_bridge.addressspace.space import MachineSpace
from tests.opcua_machines import NODES, A, B, content, furnished, ours, plan, value

VALUE = AttributeIds.Value
DISPLAY_NAME = AttributeIds.DisplayName
UNKNOWN = StatusCodes.BadNodeIdUnknown


@pytest.fixture
def space() -> MachineSpace:
    made = furnished()
    made.add(A, "Prusa", plan(), {"Bed/Actual": value(60.0)})
    return made


@pytest.mark.parametrize(
    ("node", "attribute", "code"),
    [
        (ours("prn-x"), VALUE, UNKNOWN),
        (ours("prn-a/Nothing"), VALUE, UNKNOWN),
        (ours("prn-a/"), DISPLAY_NAME, UNKNOWN),
        (ua.NodeId(ua.String("prn-a")), DISPLAY_NAME, UNKNOWN),
        (ours(b"prn-a"), DISPLAY_NAME, UNKNOWN),
        (ours("prn-a"), VALUE, StatusCodes.BadAttributeIdInvalid),
        (ours("prn-a/Bed/Tag"), 99, StatusCodes.BadAttributeIdInvalid),
    ],
)
def test_what_is_not_there_is_neither_read_nor_watched(
    space: MachineSpace, node: ua.NodeId, attribute: int, code: int
) -> None:
    assert content(space.read_attribute_value(node, attribute)) == code
    status, handle = space.watch(node, attribute, lambda _: None)
    assert (status.value, handle) == (code, 0)


async def test_asyncuas_own_services_find_the_nodes_of_machines(space: MachineSpace) -> None:
    node_id = space.node_id(A, "Bed/Actual")
    assert node_id in space
    kept = space[node_id].attributes[VALUE].value
    assert kept is not None
    assert content(kept) == 60.0
    assert len(space[node_id].attributes) == 14
    assert space.get(space.node_id(A, "None")) is None
    with pytest.raises(KeyError):
        space[space.node_id(B)]
    assert {space.node_id(A, one.path) for one in NODES} < set(space.keys())
    told = asyncio.Event()

    async def changed(_handle: int, _value: ua.DataValue) -> None:
        told.set()

    _, handle = space.add_datachange_callback(node_id, VALUE, changed)
    space.write(A, {"Bed/Actual": value(1.0)})
    await asyncio.wait_for(told.wait(), 5)
    space.delete_datachange_callback(handle)
    refused = await space.write_attribute_value(node_id, VALUE, value(2.0))
    assert refused.value == StatusCodes.BadNotWritable
