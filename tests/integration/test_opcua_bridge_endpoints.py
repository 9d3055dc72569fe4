"""Endpoints of a running bridge that show some machines only, on every service."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass, replace
from typing import Any

import pytest
import pytest_asyncio
from asyncua import ua
from asyncua.ua.attribute_ids import AttributeIds
from asyncua.ua.object_ids import ObjectIds
from asyncua.ua.uaerrors import UaStatusCodeError

from tests.integration.opcua_bridges import Bridge, Floor, Hall, machine
from tests.integration.opcua_clients import hearing
from tests.integration.opcua_guests import TOOL, Guest
from tests.opcua_news import told as news
from tests.opcua_printers import fault, job, printer
from voxtrude.events import Happening
from voxtrude.opcua.check.server import check
from voxtrude.printer import Status
from voxtrude.registration import Factory, Registration

pytestmark = [pytest.mark.integration, pytest.mark.asyncio(loop_scope="module")]

IDLE = printer(Status.IDLE)
MESSAGES = "Notification/Messages"
RESULTS = "MachineryBuildingBlocks/JobManagement/JobOrderResults"
BY_ID = f"{RESULTS}/RequestJobResponseByJobOrderID"


@dataclass
class Guests:
    """A session at each endpoint, and the machine that has one alone."""

    lone: Registration
    everything: Guest
    first: Guest
    second: Guest
    single: Guest


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def guests(bridge: Bridge, hall: Hall) -> AsyncIterator[Guests]:
    async with AsyncExitStack() as sessions:
        found = [
            await sessions.enter_async_context(bridge.connected(port))
            for port in (bridge.port, hall.first, hall.second, hall.alone)
        ]
        yield Guests(hall.lone, *found)


def of_mes(*numbers: int) -> Registration:
    return machine(factory=Factory(mes_ids=numbers))


def moved(one: Registration, *numbers: int) -> Registration:
    return replace(one, factory=Factory(mes_ids=numbers))


async def test_each_endpoint_shows_its_machines(
    floor: Floor, bridge: Bridge, hall: Hall, guests: Guests
) -> None:
    ours, theirs, both, nobody = of_mes(1), of_mes(2), of_mes(1, 2), of_mes()
    made = (ours, theirs, both, nobody)
    for one in made:
        floor.put(one, IDLE)
    await guests.everything.sees(nobody)
    lone = guests.lone.id
    assert set(await guests.everything.machines()) >= {lone, *(one.id for one in made)}
    assert set(await guests.first.machines()) == {lone, ours.id, both.id}
    assert set(await guests.second.machines()) == {lone, theirs.id, both.id}
    assert set(await guests.single.machines()) == {lone}
    report = await check(bridge.at(hall.second), bridge.access())
    assert {one.name for one in report.machines} == {"alone", "a machine"}
    assert len(report.machines) == 3
    for one in made:
        floor.remove(one)


Probe = Callable[[Guest, Registration], Awaitable[Any]]


async def _browse(guest: Guest, one: Registration) -> Any:  # noqa: ANN401  (an answer)
    wanted = [ua.BrowseDescription(NodeId=guest.id(one, path)) for path in ("", RESULTS)]
    for each in wanted:
        each.ResultMask = 63
    return await guest.client.uaclient.browse(ua.BrowseParameters(NodesToBrowse=wanted))


async def _read(guest: Guest, one: Registration) -> Any:  # noqa: ANN401  (an answer)
    wanted = [
        ua.ReadValueId(NodeId=guest.id(one, path), AttributeId=attribute)
        for path in ("", TOOL)
        for attribute in AttributeIds
    ]
    answers = await guest.client.uaclient.read(ua.ReadParameters(NodesToRead=wanted))
    return [(each.Value, each.StatusCode) for each in answers]


async def _write(guest: Guest, one: Registration) -> Any:  # noqa: ANN401  (an answer)
    value = ua.DataValue(ua.Variant(1.0))
    wanted = [ua.WriteValue(guest.id(one, TOOL), AttributeIds.Value, Value=value)]
    return await guest.client.uaclient.write(ua.WriteParameters(NodesToWrite=wanted))


def _step(name: ua.QualifiedName) -> ua.RelativePathElement:
    hierarchical = ua.NodeId(ua.Int32(ObjectIds.HierarchicalReferences))
    step: Any = ua.RelativePathElement(hierarchical, TargetName=name)
    step.IsInverse, step.IncludeSubtypes = False, True
    found: ua.RelativePathElement = step
    return found


async def _translate(guest: Guest, one: Registration) -> Any:  # noqa: ANN401  (an answer)
    objects = ua.NodeId(ua.Int32(ObjectIds.ObjectsFolder))
    machines = await guest.folder()
    steps = [
        (guest.id(one), [ua.QualifiedName("Monitoring", machines.NamespaceIndex)]),
        (machines, [ua.QualifiedName(one.name, guest.index)]),
        (
            objects,
            [
                ua.QualifiedName("Machines", machines.NamespaceIndex),
                ua.QualifiedName(one.name, guest.index),
            ],
        ),
    ]
    paths = [
        ua.BrowsePath(start, ua.RelativePath([_step(name) for name in names]))
        for start, names in steps
    ]
    return await guest.client.uaclient.translate_browsepaths_to_nodeids(paths)


async def _call(guest: Guest, one: Registration) -> Any:  # noqa: ANN401  (an answer)
    wanted = [ua.Variant("an order")]
    call = ua.CallMethodRequest(guest.id(one, RESULTS), guest.id(one, BY_ID), wanted)
    return await guest.client.uaclient.call([call])


async def _monitor(guest: Guest, one: Registration) -> Any:  # noqa: ANN401  (an answer)
    async with guest.listening() as heard:
        answers = []
        for path, attribute in ((TOOL, AttributeIds.Value), ("", AttributeIds.DisplayName)):
            try:
                await heard.subscription.subscribe_data_change(guest.node(one, path), attribute)
            except UaStatusCodeError as error:
                answers.append(error.code)
        for path in ("", MESSAGES):
            try:
                await heard.subscription.subscribe_events(guest.node(one, path))
            except UaStatusCodeError as error:
                answers.append(error.code)
        return answers


PROBES: dict[str, Probe] = {
    "browse": _browse,
    "read": _read,
    "write": _write,
    "translate": _translate,
    "call": _call,
    "monitor": _monitor,
}


@pytest.mark.parametrize("service", PROBES)
async def test_what_is_not_admitted_looks_as_if_it_did_not_exist(
    floor: Floor, guests: Guests, service: str
) -> None:
    theirs, unknown = machine("theirs", factory=Factory(mes_ids=(2,))), machine("theirs")
    floor.put(theirs, IDLE)
    await guests.everything.sees(theirs)
    for guest in (guests.first, guests.single):
        answer = await PROBES[service](guest, theirs)
        assert answer == await PROBES[service](guest, unknown)
    # The question was a good one: who may see it gets another answer.
    assert await PROBES[service](guests.second, theirs) != answer
    floor.remove(theirs)


async def test_a_machine_that_changes_its_mes_goes_here_and_comes_there(
    floor: Floor, guests: Guests
) -> None:
    one = of_mes(1)
    floor.put(one, IDLE)
    await guests.first.sees(one)
    tool = guests.first.id(one, TOOL)
    async with guests.first.listening() as first, guests.second.listening() as second:
        for heard, guest in ((first, guests.first), (second, guests.second)):
            await heard.subscription.subscribe_data_change(guest.node(guests.lone, TOOL))
            await heard.subscription.subscribe_events(
                ObjectIds.Server, ObjectIds.GeneralModelChangeEventType
            )
        await first.subscription.subscribe_data_change(guests.first.node(one, TOOL))
        await first.until(lambda: first.codes(tool) == ["Good"])
        floor.put(moved(one, 2), IDLE)
        await first.until(lambda: first.codes(tool) == ["Good", "BadNodeIdUnknown"])
        await guests.first.misses(one)
        await guests.second.sees(one)
        await second.until(lambda: second.events)
        await second.subscription.subscribe_data_change(guests.second.node(one, TOOL))
        await second.until(lambda: second.codes(tool) == ["Good"])
        assert await guests.first.status(one) == "BadNodeIdUnknown"

        floor.put(moved(one, 1), IDLE)
        await first.until(lambda: first.codes(tool)[2:] == ["Good"])
        await second.until(lambda: second.codes(tool) == ["Good", "BadNodeIdUnknown"])
        # Who stays was not disturbed.
        for heard in (first, second):
            assert heard.codes(guests.first.id(guests.lone, TOOL)) == ["Good"]
    floor.remove(one)


async def test_nobody_hears_of_foreign_machines_by_events(
    floor: Floor, bridge: Bridge, hall: Hall, guests: Guests
) -> None:
    ours, theirs = (
        machine(f"{mes}", factory=Factory(mes_ids=(number,)))
        for mes, number in (("ours", 1), ("theirs", 2))
    )
    at = bridge.at(hall.first)
    with hearing(at, "i=2253", ["SourceName", "Changes", "Message"], bridge.login) as heard:
        async with guests.first.listening() as too:
            await too.subscription.subscribe_events(ObjectIds.Server)
            for one in (theirs, ours):  # ours comes last: then all of theirs has been told
                floor.put(one, IDLE)
                floor.put(one, printer(Status.PRINTING, job=job()))
                floor.put(one, printer(Status.ERROR, fault=fault()))
                floor.happen(told_of(one), one)
            heard.wait_for(lambda seen: _messages(seen.events, "SourceName"))
            await too.until(lambda: any(event.SourceName == "ours" for event in too.events))
        assert "theirs" not in str(heard.lines)
        assert theirs.id not in str(heard.lines)
        assert not [event for event in too.events if theirs.id in str(event)]
        assert not [event for event in too.events if event.SourceName == "theirs"]
    for one in (ours, theirs):
        floor.remove(one)


def told_of(one: Registration) -> Any:  # noqa: ANN401  (an event)
    document = news(Happening.JOB_STARTED)
    return document.model_copy(
        update={"id": f"{one.id} started", "printer": one.id, "name": one.name}
    )


def _messages(events: list[dict[str, Any]], key: str) -> list[dict[str, Any]]:
    return [event for event in events if event[key] == "ours"]
