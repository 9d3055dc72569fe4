"""What clients of a running bridge may do with a machine besides looking: ask for a job."""

from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from asyncua import ua
from asyncua.ua.attribute_ids import AttributeIds
from asyncua.ua.object_ids import ObjectIds
from asyncua.ua.uaerrors import UaStatusCodeError

from tests.integration.opcua_bridges import Floor, machine
from tests.integration.opcua_guests import TOOL, Guest
from tests.opcua_printers import ENDED, job, past, printer
from voxtrude.printer import Outcome, Status
from voxtrude.registration import Registration

pytestmark = [pytest.mark.integration, pytest.mark.asyncio(loop_scope="module")]

RESULTS = "MachineryBuildingBlocks/JobManagement/JobOrderResults"
BY_ID = f"{RESULTS}/RequestJobResponseByJobOrderID"
CONTROL = "MachineryBuildingBlocks/JobManagement/JobOrderControl"
OK, UNKNOWN = 1, 2

Request = Callable[[Guest, Registration], Awaitable[Any]]


async def put(floor: Floor, guest: Guest) -> Registration:
    one = machine()
    floor.put(one, printer(Status.PRINTING, job=job(), last_job=past(Outcome.DONE)))
    await guest.sees(one)
    return one


async def call(guest: Guest, one: Registration, *arguments: object) -> Any:  # noqa: ANN401  (asyncua's)
    given = [ua.Variant(argument) for argument in arguments]
    request = ua.CallMethodRequest(guest.id(one, RESULTS), guest.id(one, BY_ID), given)
    (result,) = await guest.client.uaclient.call([request])
    return result


async def test_a_job_is_asked_for_by_its_id(floor: Floor, guest: Guest) -> None:
    one = await put(floor, guest)
    await guest.client.load_data_type_definitions()
    for asked in (job(), past(Outcome.DONE)):
        answer = await call(guest, one, asked.id)
        assert answer.StatusCode.is_good()
        response, status = (argument.Value for argument in answer.OutputArguments)
        assert status == OK
        assert response.JobOrderID == asked.id
    assert response.EndTime == ENDED
    assert [datum.ID for datum in response.JobResponseData]

    answer = await call(guest, one, "another")
    assert answer.StatusCode.name == "Uncertain"
    assert answer.OutputArguments[1].Value == UNKNOWN


async def test_arguments_are_looked_at(floor: Floor, guest: Guest) -> None:
    one = await put(floor, guest)
    assert (await call(guest, one)).StatusCode.name == "BadArgumentsMissing"
    assert (await call(guest, one, "1", "2")).StatusCode.name == "BadTooManyArguments"
    answer = await call(guest, one, 1.5)
    assert answer.StatusCode.name == "BadInvalidArgument"
    assert [code.name for code in answer.InputArgumentResults] == ["BadTypeMismatch"]


async def _write(guest: Guest, one: Registration) -> Any:  # noqa: ANN401  (an answer)
    value = ua.DataValue(ua.Variant(1.0))
    wanted = [
        ua.WriteValue(guest.id(one, TOOL), AttributeIds.Value, Value=value),
        ua.WriteValue(guest.id(one), AttributeIds.DisplayName, Value=value),
    ]
    return await guest.client.uaclient.write(ua.WriteParameters(NodesToWrite=wanted))


async def _order(guest: Guest, one: Registration) -> Any:  # noqa: ANN401  (an answer)
    """Call what the type of the receiver of orders has, and this machine does not."""
    orders = guest.node(one, CONTROL)
    (kind,) = await orders.get_references(ObjectIds.HasTypeDefinition)
    methods = await guest.client.get_node(kind.NodeId).get_methods()
    assert len(methods) > 5
    calls = [ua.CallMethodRequest(orders.nodeid, method.nodeid, []) for method in methods]
    results = await guest.client.uaclient.call(calls)
    codes = {result.StatusCode.value for result in results}
    return [ua.StatusCode(ua.UInt32(code)) for code in codes]


async def _ask_server(guest: Guest, _one: Registration) -> Any:  # noqa: ANN401  (an answer)
    server = ua.NodeId(ua.Int32(ObjectIds.Server))
    method = ua.NodeId(ua.Int32(ObjectIds.Server_GetMonitoredItems))
    (result,) = await guest.client.uaclient.call([ua.CallMethodRequest(server, method, [])])
    return [result.StatusCode]


async def _add(guest: Guest, one: Registration) -> Any:  # noqa: ANN401  (an answer)
    item = ua.AddNodesItem(
        ParentNodeId=guest.id(one),
        ReferenceTypeId=ua.NodeId(ua.Int32(ObjectIds.HasComponent)),
        BrowseName=ua.QualifiedName("mine", 1),
        NodeClass=ua.NodeClass.Object,
        NodeAttributes=ua.ObjectAttributes(),
        TypeDefinition=ua.NodeId(ua.Int32(ObjectIds.FolderType)),
    )
    return await guest.client.uaclient.add_nodes([item])


async def _delete(guest: Guest, one: Registration) -> Any:  # noqa: ANN401  (an answer)
    items = [ua.DeleteNodesItem(guest.id(one))]
    return await guest.client.uaclient.delete_nodes(ua.DeleteNodesParameters(NodesToDelete=items))


async def _read_history(guest: Guest, one: Registration) -> Any:  # noqa: ANN401  (an answer)
    wanted = ua.HistoryReadParameters(
        HistoryReadDetails=ua.ReadRawModifiedDetails(),
        NodesToRead=[ua.HistoryReadValueId(guest.id(one, TOOL))],
    )
    return await guest.client.uaclient.history_read(wanted)


REFUSED: dict[str, tuple[Request, list[str]]] = {
    "write": (_write, ["BadNotWritable"] * 2),
    "order a job": (_order, ["BadMethodInvalid"]),
    "ask for monitored items": (_ask_server, ["BadMethodInvalid"]),
    "add": (_add, ["BadServiceUnsupported"]),
    "delete": (_delete, ["BadServiceUnsupported"]),
    "history": (_read_history, ["BadServiceUnsupported"]),
}


@pytest.mark.parametrize("service", REFUSED)
async def test_nobody_changes_anything(floor: Floor, guest: Guest, service: str) -> None:
    one = await put(floor, guest)
    request, expected = REFUSED[service]
    try:
        answered = await request(guest, one)
    except UaStatusCodeError as error:
        answered = [ua.StatusCode(error.code)]
    assert [code.name for code in answered] == expected
    assert await guest.holds(one, TOOL, 210.0)
    assert (await guest.node(one).read_display_name()).Text == one.name
