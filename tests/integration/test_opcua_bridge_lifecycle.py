"""Machines of a running bridge come, change, and go."""

from dataclasses import replace
from typing import Any

import pytest
from asyncua import ua
from asyncua.ua.attribute_ids import AttributeIds
from asyncua.ua.object_ids import ObjectIds

from tests.integration.opcua_bridges import Bridge, Floor, machine, node
from tests.integration.opcua_clients import watching
from tests.integration.opcua_guests import ITEM_STATE, LEVEL, TOOL, WHITE, Guest, Heard, content
from tests.opcua_printers import job, printer
from voxtrude.notices import Condition
from voxtrude.printer import Status, Temperature
from voxtrude.topics import state_topic

pytestmark = [pytest.mark.integration, pytest.mark.asyncio(loop_scope="module")]

BED = "Monitoring/Process/bed/AnalogSignal"
JOB = "Production/ProductionPlan/Job"
NAME = "Identification/ComponentName"
ADDED, DELETED = 1, 2
FLOOD = 5_000


def verbs(heard: Heard, affected: ua.NodeId) -> list[int]:
    """Return what model change events told of a node."""
    return [
        change.Verb
        for event in heard.events
        for change in event.Changes
        if change.Affected == affected
    ]


async def model_changes(heard: Heard) -> None:
    await heard.subscription.subscribe_events(
        ObjectIds.Server, ObjectIds.GeneralModelChangeEventType
    )


async def test_a_rename_changes_names_and_no_node_id(floor: Floor, guest: Guest) -> None:
    one = machine("Left")
    floor.put(one, printer(Status.IDLE))
    await guest.sees(one)
    before = await guest.node(one).get_children()
    assert await guest.node(one).read_display_name() == ua.LocalizedText("Left")

    async with guest.listening() as heard:
        await heard.subscription.subscribe_data_change(guest.node(one), AttributeIds.DisplayName)
        await heard.subscription.subscribe_data_change(guest.node(one, NAME))
        floor.put(replace(one, name="Right"), printer(Status.IDLE))
        shown = [guest.id(one), guest.id(one, NAME)]
        await heard.until(
            lambda: all(
                [content(value).Text for value in heard.of(each)][-1:] == ["Right"]
                for each in shown
            )
        )
    assert await guest.node(one).read_browse_name() == ua.QualifiedName("Right", guest.index)
    assert (await guest.machines())[one.id] == "Right"
    assert await guest.node(one).get_children() == before


async def test_a_removed_machine_is_gone_for_all_that_look(
    floor: Floor, bridge: Bridge, guest: Guest
) -> None:
    one = machine()
    floor.put(one, printer(Status.IDLE))
    await guest.sees(one)
    async with guest.listening() as heard:
        await model_changes(heard)
        await heard.subscription.subscribe_data_change(guest.node(one, TOOL))
        with watching(bridge.url, [node(one, TOOL)], bridge.login) as other:
            await heard.until(lambda: heard.codes(guest.id(one, TOOL)) == ["Good"])
            other.wait_for(lambda seen: seen.values(node(one, TOOL)) == [210.0])
            floor.remove(one)
            await guest.misses(one)
            other.wait_for(
                lambda seen: (
                    [line["status"] for line in seen.notifications] == ["Good", "BadNodeIdUnknown"]
                )
            )
        await heard.until(lambda: heard.codes(guest.id(one, TOOL))[1:] == ["BadNodeIdUnknown"])
        await heard.until(lambda: any(verb & DELETED for verb in verbs(heard, guest.id(one))))
        assert await guest.status(one) == "BadNodeIdUnknown"
        assert await guest.status(one, TOOL, AttributeIds.Value) == "BadNodeIdUnknown"

        # The same printer once more: the items that waited for it go on.
        floor.put(one, printer(Status.IDLE))
        await heard.until(lambda: heard.codes(guest.id(one, TOOL))[2:] == ["Good"])
        await heard.until(lambda: any(verb & ADDED for verb in verbs(heard, guest.id(one))))


async def test_heaters_and_jobs_are_nodes_that_come_and_go(floor: Floor, guest: Guest) -> None:
    one = machine()
    at_rest = printer(Status.IDLE)
    tool = at_rest.temperatures["tool0"]
    bed = Temperature(60.0, 60.0, tool.observed_at, tool.origin)
    floor.put(one, at_rest)
    await guest.sees(one)
    assert await guest.status(one, BED) == await guest.status(one, JOB) == "BadNodeIdUnknown"
    async with guest.listening() as heard:
        await heard.subscription.subscribe_data_change(guest.node(one, TOOL))
        await model_changes(heard)
        grown = printer(Status.PRINTING, job=job(), temperatures={"tool0": tool, "bed": bed})
        floor.put(one, grown)
        await heard.until(lambda: any(verb & ADDED for verb in verbs(heard, guest.id(one, JOB))))
        assert (await guest.value(one, BED)).Value == ua.Variant(60.0)
        assert await guest.status(one, f"{JOB}/State/CurrentState/Id") == "Good"
        parts = await guest.node(one, "Production/ProductionPlan").get_children()
        assert guest.node(one, JOB) in parts

        floor.put(one, at_rest)
        await heard.until(lambda: any(verb & DELETED for verb in verbs(heard, guest.id(one, JOB))))
        assert await guest.status(one, BED) == await guest.status(one, JOB) == "BadNodeIdUnknown"
        # What has stayed was not disturbed.
        assert heard.codes(guest.id(one, TOOL)) == ["Good"]


async def test_a_document_that_cannot_be_read_is_told_once_and_hurts_no_other(
    floor: Floor, bridge: Bridge, guest: Guest
) -> None:
    bad, good = machine(), machine()
    floor.put(good, printer(Status.IDLE))
    floor.put(bad, printer(Status.IDLE))
    await guest.sees(bad)
    for rubbish in (b"\xff\x00", b"{}", b"[" * 10_000, b'{"version": 1, "printer": null}'):
        assert floor.ingest.publish(state_topic(bad.id), rubbish, retain=True)
    hot = {"tool0": replace(printer(Status.IDLE).temperatures["tool0"], actual=99.5)}
    floor.put(good, printer(Status.IDLE, temperatures=hot))
    await guest.until(lambda: guest.holds(good, TOOL, 99.5))
    told = [line for line in bridge.lines() if line["event"] == "document cannot be read"]
    assert [(line["topic"], line["level"]) for line in told] == [(state_topic(bad.id), "warning")]
    # What was known stands, and what comes next is read.
    assert await guest.holds(bad, TOOL, 210.0)
    floor.put(bad, printer(Status.IDLE, temperatures=hot))
    await guest.until(lambda: guest.holds(bad, TOOL, 99.5))
    assert "unexpected" not in bridge.said


async def test_of_a_flood_of_one_printer_the_last_state_counts(
    floor: Floor, bridge: Bridge, guest: Guest
) -> None:
    flooded, other = machine(), machine()
    for one in (flooded, other):
        floor.put(one, printer(Status.IDLE))
        await guest.sees(one)
    tool = printer(Status.IDLE).temperatures["tool0"]
    watched: Any = {"node": node(flooded, TOOL), "sampling": 100, "queue": 1}
    with watching(bridge.url, [watched], bridge.login) as heard:
        heard.wait_for(lambda seen: seen.values(node(flooded, TOOL)) == [210.0])
        for number in range(FLOOD):
            hot = {"tool0": replace(tool, actual=number / 10)}
            floor.send(flooded, printer(Status.IDLE, temperatures=hot))
        floor.put(flooded, printer(Status.IDLE, temperatures={"tool0": replace(tool, actual=-1.0)}))
        floor.put(other, printer(Status.IDLE, temperatures={"tool0": replace(tool, actual=1.0)}))
        await guest.until(lambda: guest.holds(other, TOOL, 1.0))
        heard.wait_for(lambda seen: seen.values(node(flooded, TOOL))[-1] == -1.0)
        values = heard.values(node(flooded, TOOL))
    # Each at most once, in their order, and most were passed over.
    assert values == [210.0, *sorted(values[1:-1]), -1.0]
    assert len(values) < FLOOD / 10


async def test_a_stalled_ingest_leaves_states_and_doubts_values(floor: Floor, guest: Guest) -> None:
    one = machine()
    floor.put(one, printer(Status.IDLE))
    await guest.sees(one)
    there = {ITEM_STATE: "NotExecuting", WHITE: True}
    async with guest.panel(one) as panel:
        await panel.until({**there, TOOL: 210.0, LEVEL: 255})
        floor.is_(Condition.STALLED)
        await panel.until({**there, TOOL: "UncertainLastUsableValue", LEVEL: 199})
        floor.is_(Condition.RUNNING)
        await panel.until({**there, TOOL: 210.0, LEVEL: 255})
