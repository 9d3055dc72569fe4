"""Events of a running bridge, as node-opcua's and asyncua's clients hear them."""

from contextlib import ExitStack
from typing import Any

import pytest
from asyncua import ua
from asyncua.common.events import get_filter_from_event_type
from asyncua.ua.object_ids import ObjectIds

from tests.integration.opcua_bridges import Bridge, Floor, machine, node
from tests.integration.opcua_clients import Watching, hearing
from tests.integration.opcua_guests import Guest, Heard
from tests.opcua_news import told
from tests.opcua_printers import fault, job, past, printer
from voxtrude.events import Happening
from voxtrude.notices import EventDocument
from voxtrude.printer import Outcome, Status
from voxtrude.registration import Registration

pytestmark = [pytest.mark.integration, pytest.mark.asyncio(loop_scope="module")]

TOOL_TYPES = "http://opcfoundation.org/UA/MachineTool/"
ALERT, NOTIFICATION, PROGRAM = (f"nsu={TOOL_TYPES};i={number}" for number in (39, 35, 17))
SERVER = "i=2253"
MESSAGES = "Notification/Messages"
FIELDS = (
    "EventType",
    "SourceName",
    "SourceNode",
    "Message",
    "Severity",
    "ActiveState.Id",
    "Retain",
    f"nsu={TOOL_TYPES};Identifier",
    f"nsu={TOOL_TYPES};ErrorCode",
    "ToState",
)
IDENTIFIER, CODE = FIELDS[7], FIELDS[8]

Said = dict[str, Any]


def of(heard: Watching, one: Registration) -> list[Said]:
    """Return the events of a machine: others are heard at the server, too."""
    return [event for event in heard.events if event["SourceName"] == one.name]


def types(heard: Watching, one: Registration) -> list[Any]:
    return [event["EventType"] for event in of(heard, one)]


def happened(one: Registration, kind: Happening) -> EventDocument:
    facts = {"id": f"{one.id} {kind}", "printer": one.id, "name": one.name}
    return told(kind).model_copy(update=facts)


async def test_messages_and_alarms_are_heard_from_the_source_up_to_the_server(
    floor: Floor, bridge: Bridge, guest: Guest
) -> None:
    one = machine("heard")
    floor.put(one, printer(Status.IDLE))
    await guest.sees(one)
    login = bridge.login
    with ExitStack() as listening:
        at = [
            listening.enter_context(hearing(bridge.url, where, FIELDS, login))
            for where in (SERVER, node(one), node(one, MESSAGES))
        ]
        assert {heard.ready["status"] for heard in at} == {"Good"}
        for kind in (Happening.JOB_STARTED, Happening.JOB_FINISHED, Happening.JOB_STARTED):
            floor.happen(happened(one, kind), one)
        floor.put(one, printer(Status.PRINTING, job=job()))
        floor.put(one, printer(Status.ERROR, fault=fault(), last_job=past(Outcome.DONE)))
        floor.put(one, printer(Status.IDLE, last_job=past(Outcome.DONE)))
        for heard in at:
            heard.wait_for(lambda seen: types(seen, one).count(ALERT) == 2)
            started, finished = (
                event for event in of(heard, one) if event["EventType"] == NOTIFICATION
            )
            assert [started[IDENTIFIER], finished[IDENTIFIER]] == ["job_started", "job_finished"]
            assert started["Message"]["text"] == "benchy.gcode was started"
            assert started["SourceNode"] == node(one, MESSAGES)
            assert started["Severity"] == 300
            fault_began, fault_ended = (
                event for event in of(heard, one) if event["EventType"] == ALERT
            )
            assert [fault_began[CODE], fault_began["Severity"]] == ["error", 700]
            assert [fault_began["ActiveState.Id"], fault_began["Retain"]] == [True, True]
            assert [fault_ended["ActiveState.Id"], fault_ended["Retain"]] == [False, False]
        server, whole, messages = at
        for heard in (server, whole):
            states = [
                event["ToState"]["text"]
                for event in of(heard, one)
                if event["EventType"] == PROGRAM
            ]
            assert states[:2] == ["Initializing", "Running"]
        # Transitions have another source.
        assert PROGRAM not in types(messages, one)


async def test_who_comes_late_asks_for_what_is_active(floor: Floor, guest: Guest) -> None:
    one, other = machine("late"), machine("well")
    floor.put(one, printer(Status.ERROR, fault=fault()))
    floor.put(other, printer(Status.IDLE))
    await guest.sees(other)
    index = await guest.client.get_namespace_index(TOOL_TYPES)
    alert = guest.client.get_node(ua.NodeId(ua.Int32(39), ua.Int16(index)))
    refreshes = [
        guest.client.get_node(ua.NodeId(ua.Int32(number)))
        for number in (ObjectIds.RefreshStartEventType, ObjectIds.RefreshEndEventType)
    ]
    wanted = await get_filter_from_event_type([alert, *refreshes])
    async with guest.listening() as heard, guest.listening() as another:
        for each in (heard, another):
            await each.subscription.subscribe_events(ObjectIds.Server, evfilter=wanted)
        number = ua.Variant(heard.subscription.subscription_id, ua.VariantType.UInt32)
        condition = guest.client.get_node(ua.NodeId(ua.Int32(ObjectIds.ConditionType)))
        refresh = ua.NodeId(ua.Int32(ObjectIds.ConditionType_ConditionRefresh))
        await condition.call_method(refresh, number)
        last = refreshes[-1].nodeid
        await heard.until(lambda: any(event.EventType == last for event in heard.events))
        begin, *active, end = heard.events
        assert [begin.EventType, end.EventType] == [each.nodeid for each in refreshes]
        assert {event.EventType for event in active} == {alert.nodeid}
        assert [event.Retain for event in active if event.SourceName == "late"] == [True]
        assert "well" not in {event.SourceName for event in active}

        floor.put(one, printer(Status.IDLE))
        await another.until(lambda: _ended(another, "late"))
        # Nobody else has heard of the refresh: this one was told of the end only.
        assert [event.Retain for event in another.events] == [False]


def _ended(heard: Heard, name: str) -> bool:
    return any(event.SourceName == name and not event.Retain for event in heard.events)


async def test_asyncua_hears_a_message_at_every_notifier(floor: Floor, guest: Guest) -> None:
    one = machine("told")
    floor.put(one, printer(Status.IDLE))
    await guest.sees(one)
    index = await guest.client.get_namespace_index(TOOL_TYPES)
    kind = ua.NodeId(ua.Int32(35), ua.Int16(index))
    async with guest.listening() as heard:
        for where in (ObjectIds.Server, guest.node(one), guest.node(one, MESSAGES)):
            await heard.subscription.subscribe_events(where, kind)
        floor.happen(happened(one, Happening.JOB_CANCELLED), one)
        await heard.until(lambda: len(heard.events) == 3)
        assert {event.SourceName for event in heard.events} == {"told"}
        assert {event.Identifier for event in heard.events} == {"job_cancelled"}
        assert len({event.EventId for event in heard.events}) == 1
