from collections.abc import Iterator
from typing import Any

import pytest
from asyncua import ua
from asyncua.server.address_space import NodeManagementService
from asyncua.server.standard_address_space import standard_address_space
from asyncua.ua.attribute_ids import AttributeIds
from asyncua.ua.object_ids import ObjectIds
from asyncua.ua.status_codes import StatusCodes

from services.opcua_bridge import serverobject
from services.opcua_bridge.addressspace.space import MachineSpace
from services.opcua_bridge.limits import Limits
from tests.opcua_machines import content

SERVER = ua.NodeId(ua.Int32(ObjectIds.Server))
CAPABILITIES = ua.NodeId(ua.Int32(ObjectIds.Server_ServerCapabilities))
DIAGNOSTICS = "/ServerDiagnostics/"
LATER = {
    "/ServerArray",
    "/NamespaceArray",
    "/ServiceLevel",
    "/ServerStatus",
    "/ServerStatus/StartTime",
    "/ServerStatus/CurrentTime",
    "/ServerStatus/State",
}
"""What asyncua writes when the server starts, or we when we know."""


@pytest.fixture(scope="module")
def space() -> MachineSpace:
    made = MachineSpace()
    fill: Any = standard_address_space.fill_address_space
    fill(NodeManagementService(made))
    serverobject.describe(made, Limits(reads=123))
    return made


def below(
    space: MachineSpace, node_id: ua.NodeId, path: str = ""
) -> Iterator[tuple[str, ua.ReferenceDescription]]:
    kinds = {ObjectIds.HasComponent, ObjectIds.HasProperty, ObjectIds.Organizes}
    for one in space.references(node_id) or ():
        if one.IsForward and one.ReferenceTypeId.Identifier in kinds:
            here = f"{path}/{one.BrowseName.Name}"
            yield here, one
            yield from below(space, one.NodeId, here)


def test_every_value_is_told(space: MachineSpace) -> None:
    missing = {
        path
        for path, one in below(space, SERVER)
        if one.NodeClass == ua.NodeClass.Variable
        and not path.startswith((DIAGNOSTICS, "/Namespaces/", "/ServerStatus/BuildInfo"))
        and content(space.read_attribute_value(one.NodeId, AttributeIds.Value)) is None
    }
    assert missing == LATER


def test_nothing_is_shown_that_nobody_can_use(space: MachineSpace) -> None:
    found = [path for path, one in below(space, SERVER) if one.NodeClass == ua.NodeClass.Method]
    assert found == []
    objects = {one.BrowseName.Name for _, one in below(space, SERVER)}
    assert not objects & {"HistoryServerCapabilities", "PublishSubscribe", "RoleSet"}


def test_limits_are_those_that_hold(space: MachineSpace) -> None:
    told = {
        path: content(space.read_attribute_value(one.NodeId, AttributeIds.Value))
        for path, one in below(space, CAPABILITIES)
    }
    assert told["/OperationLimits/MaxNodesPerRead"] == 123
    assert told["/MinSupportedSampleRate"] == 0
    assert told["/MaxMonitoredItems"] == Limits().items
    assert all(told[path] for path in told if path.startswith("/OperationLimits/"))


def test_diagnostics_are_off(space: MachineSpace) -> None:
    diagnostics = {
        path: space.read_attribute_value(one.NodeId, AttributeIds.Value)
        for path, one in below(space, SERVER)
        if path.startswith(DIAGNOSTICS) and one.NodeClass == ua.NodeClass.Variable
    }
    assert content(diagnostics.pop(f"{DIAGNOSTICS}EnabledFlag")) is False
    assert diagnostics
    for value in diagnostics.values():
        assert value.StatusCode is not None
        assert value.StatusCode.value == StatusCodes.BadNodeIdUnknown
