"""Which events follow from what happens to a printer, and at which nodes they are heard."""

from collections.abc import Collection
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

import pytest
from asyncua import ua
from asyncua.ua.object_ids import ObjectIds
from hypothesis import given
from hypothesis import strategies as st

from services.opcua_bridge.addressspace.modelchanges import ModelChange, Verb
from services.opcua_bridge.events.event import Event
from services.opcua_bridge.events.eventwriter import EventWriter
from services.opcua_bridge.events.reporter import Reporter
from services.opcua_bridge.mapping.alarms import Condition, alarms, changes
from services.opcua_bridge.mapping.nodes import Id, Namespace
from services.opcua_bridge.mapping.situation import Pipeline, Situation
from services.opcua_bridge.mapping.statemachines import ABORTED, ENDED, INITIALIZING, RUNNING, State
from services.opcua_bridge.mapping.transitions import EDGES, path, transitions
from tests.opcua_events import (
    ALERT,
    AT,
    JOB,
    NOTIFICATION,
    PRINTER,
    PROGRAM,
    catalog,
    node_id,
    space,
)
from tests.opcua_news import LATER, SEEN, document, fault, job, past, told
from voxtrude.documents import PresenceDocument, PrinterDocument, TextDocument
from voxtrude.events import Event as Told
from voxtrude.events import Happening, Level
from voxtrude.printer import Outcome, Presence, Status

SPACE = space()


@dataclass
class Heard:
    reports: list[tuple[Event, Collection[ua.NodeId]]] = field(default_factory=list)

    def report(self, event: Event, notifiers: Collection[ua.NodeId]) -> None:
        self.reports.append((event, notifiers))

    @property
    def events(self) -> list[Event]:
        return [event for event, _ in self.reports]


@pytest.fixture
def heard() -> Heard:
    return Heard()


@pytest.fixture
def reporter(heard: Heard) -> Reporter:
    return Reporter(SPACE, EventWriter(SPACE, catalog()), heard.report, lambda: LATER)


def change(reporter: Reporter, before: PrinterDocument, after: PrinterDocument) -> None:
    reporter.changed(Situation(before, Pipeline.RUNNING), Situation(after, Pipeline.RUNNING))


def said(event: Event, name: str, namespace: int = 0) -> object:
    parts = tuple((namespace, part) for part in name.split("/"))
    return event.value(parts).Value


def test_a_message_is_told_once_and_heard_from_its_source_up_to_the_server(
    reporter: Reporter, heard: Heard
) -> None:
    reporter.told(told(Happening.JOB_STARTED))
    reporter.told(told(Happening.JOB_STARTED))
    ((event, nodes),) = heard.reports
    assert (event.type, event.machine, event.severity) == (NOTIFICATION, PRINTER, 300)
    assert (event.id, event.at, event.message) == (
        b"one.job_started",
        AT,
        "benchy.gcode was started",
    )
    assert said(event, "Identifier", 1) == "job_started"
    assert list(nodes) == [
        node_id(f"{PRINTER}/Notification/Messages", 1),
        node_id(f"{PRINTER}/Notification", 1),
        node_id(PRINTER, 1),
        node_id(1001, 1),
        node_id(ObjectIds.Server),
    ]


@pytest.mark.parametrize("kind", [Happening.ERROR, Happening.JOB_FAILED, Happening.JOB_INTERRUPTED])
def test_what_is_an_alarm_is_no_message(kind: Happening, reporter: Reporter, heard: Heard) -> None:
    reporter.told(told(kind, Level.PRINTER if kind is Happening.ERROR else Level.JOB))
    assert heard.reports == []


def test_a_fault_is_an_alarm_until_it_is_over(reporter: Reporter, heard: Heard) -> None:
    faulty = document(Status.ERROR, fault=fault("Thermal runaway"))
    change(reporter, document(), faulty)
    change(reporter, faulty, faulty)
    change(reporter, faulty, document())
    began, over = heard.events
    assert (began.type, began.severity, began.message) == (ALERT, 700, "Thermal runaway")
    assert (
        began.id.decode()
        == Told(printer=PRINTER, kind=Happening.ERROR, level=Level.PRINTER, at=AT).id
    )
    assert [said(began, name) for name in ("ActiveState/Id", "Retain", "AckedState/Id")] == [
        True,
        True,
        True,
    ]
    assert [said(over, name) for name in ("ActiveState/Id", "Retain")] == [False, False]
    assert said(began, "ErrorCode", 1) == "error"
    assert began.condition == over.condition == node_id(f"{PRINTER}/Notification/Messages/Fault", 1)
    assert began.id != over.id


def test_a_failed_job_is_a_warning_until_the_next_one() -> None:
    failed = alarms(document(last_job=past(Outcome.FAILED, error="no filament")))
    (alarm,) = failed.values()
    assert (alarm.severity, alarm.code, alarm.event_id) == (500, "job_failed", "one.job_failed")
    assert alarm.text == "benchy.gcode failed: no filament"
    assert alarms(document(job=job("two"), last_job=past(Outcome.FAILED))) == {}
    assert alarms(document(last_job=past(Outcome.CANCELLED))) == {}


def test_who_waits_for_a_person_is_a_warning() -> None:
    wanted = TextDocument(text="Change filament", **SEEN)
    waiting = alarms(document(Status.PAUSED, attention=wanted))
    assert waiting[Condition.ATTENTION].severity == 500


def test_a_fault_stands_until_the_printer_is_heard_to_be_well() -> None:
    hot = fault("hot")
    gone = PresenceDocument(state=Presence.OFFLINE, **SEEN)
    faulty = alarms(document(Status.ERROR, fault=hot))
    assert alarms(document(Status.ERROR, fault=hot, presence=gone)) == faulty
    assert alarms(document(Status.OFFLINE, fault=hot)) == faulty
    assert alarms(document(Status.PRINTING, fault=hot)) == {}
    assert alarms(document(Status.OFFLINE)) == {}
    (nameless,) = alarms(document(Status.ERROR)).values()
    assert nameless.text == "Words"


def test_an_alarm_that_tells_something_else_is_told_again() -> None:
    one = alarms(document(Status.ERROR, fault=fault("cold")))
    other = alarms(document(Status.ERROR, fault=fault("hot")))
    (changed,) = changes(one, other, LATER)
    assert (changed.alarm.text, changed.is_active) == ("hot", True)
    again = {one: replace(alarm, since=LATER, event_id="x") for one, alarm in other.items()}
    assert changes(other, again, LATER) == []
    failed = alarms(document(last_job=past(Outcome.FAILED)))
    twice = alarms(document(last_job=past(Outcome.FAILED, "two")))
    assert [change.event_id for change in changes(failed, twice, LATER)] == ["two.job_failed"]


def test_the_machines_transitions_are_the_specifications(reporter: Reporter, heard: Heard) -> None:
    change(reporter, document(), document(Status.PRINTING, job=job()))
    programs = [event for event in heard.events if event.type == PROGRAM]
    assert [said(event, "Transition/Id") for event in programs] == [
        node_id(99, 1),
        node_id(153, 1),
    ]
    last = programs[-1]
    assert last.source == node_id(f"{PRINTER}/Production/ActiveProgram/State", 1)
    assert [said(last, f"{name}/Id") for name in ("FromState", "ToState")] == [
        node_id(135, 1),
        node_id(138, 1),
    ]
    assert [said(last, name, 1) for name in ("Name", "JobIdentifier")] == ["benchy.gcode", "one"]
    (ended, *_) = [event for event in heard.events if event.type == JOB]
    assert ended.source == node_id(f"{PRINTER}/Production/ProductionPlan/Job/State", 1)


def steps(before: PrinterDocument, after: PrinterDocument) -> list[tuple[str, str, int]]:
    found = transitions(before, after, LATER)
    return [(step.job, step.text, step.completed) for step in found]


def test_a_job_that_nobody_saw_end_is_ended_before_the_next() -> None:
    before = document(Status.PRINTING, job=job())
    assert steps(
        before, document(Status.PRINTING, job=job("two"), last_job=past(Outcome.DONE))
    ) == [
        ("one", "RunningToEnded", 1),
        ("two", "EndedToInitializing", 0),
        ("two", "InitializingToRunning", 0),
    ]
    (first, *_) = transitions(before, document(Status.PRINTING, job=job("two")), LATER)
    assert (first.text, first.id) == ("RunningToAborted", Id(Namespace.MACHINE_TOOL, 154))
    assert steps(document(last_job=past(Outcome.FAILED)), document(job=job("two"))) == [
        ("two", "AbortedToInitializing", 0),
        ("two", "InitializingToRunning", 0),
    ]


def test_of_a_printer_that_nobody_hears_no_transition_is_told() -> None:
    starting = document(Status.STARTING, job=job())
    unheard = document(Status.UNKNOWN, job=job())
    assert steps(starting, unheard) == []
    assert steps(unheard, starting) == []
    assert steps(starting, document(Status.PRINTING, job=job())) == [
        ("one", "InitializingToRunning", 0)
    ]


def test_a_corrected_outcome_is_no_second_run() -> None:
    interrupted = document(last_job=past(Outcome.INTERRUPTED))
    assert steps(interrupted, document(last_job=past(Outcome.DONE))) == []


states = st.sampled_from(sorted({one for one, _ in EDGES}, key=lambda state: state.number))


@given(states, states)
def test_there_is_a_way_between_any_two_states(start: State, end: State) -> None:
    way = path(start, end)
    assert all(step in EDGES for step in way)
    ends = [start, *(after for _, after in way)]
    assert ends[-1] == end
    assert [before for before, _ in way] == ends[:-1]
    assert path(ENDED, RUNNING) == [(ENDED, INITIALIZING), (INITIALIZING, RUNNING)]
    assert path(ABORTED, ABORTED) == []


def test_the_first_situation_of_a_machine_is_no_event(reporter: Reporter, heard: Heard) -> None:
    reporter.changed(None, Situation(document(Status.ERROR, job=job()), Pipeline.RUNNING))
    assert heard.reports == []


def test_changes_of_the_model_are_one_event_a_machine(reporter: Reporter, heard: Heard) -> None:
    type_ = node_id(1005, 1)
    reporter.model(
        [
            ModelChange(PRINTER, node_id(PRINTER, 1), type_, Verb.NODE_ADDED),
            ModelChange(PRINTER, node_id(1001, 1), type_, Verb.REFERENCE_ADDED),
        ]
    )
    ((event, nodes),) = heard.reports
    assert event.type == node_id(ObjectIds.GeneralModelChangeEventType)
    assert event.machine == PRINTER
    assert node_id(ObjectIds.Server) in nodes
    structures = said(event, "Changes")
    assert isinstance(structures, list)
    assert [each.Verb for each in structures] == [1, 4]


def test_a_refresh_tells_of_what_is_active_between_two_marks(
    reporter: Reporter, heard: Heard
) -> None:
    faulty = document(Status.ERROR, fault=fault("hot"))
    change(reporter, document(), faulty)
    (before,) = heard.events
    begins, alarm, ends = reporter.refresh([Situation(faulty, Pipeline.RUNNING)])
    marks = (ObjectIds.RefreshStartEventType, ObjectIds.RefreshEndEventType)
    assert (begins[0].type, ends[0].type) == tuple(node_id(mark) for mark in marks)
    assert begins[1] == ends[1] == tuple(alarm[1])
    assert (alarm[0].id, alarm[0].condition) == (before.id, before.condition)


@given(st.datetimes(min_value=datetime(2020, 1, 1), max_value=datetime(2030, 1, 1)))  # noqa: DTZ001
def test_local_time_leads_from_utc_to_the_servers_clock(at: datetime) -> None:
    event = EventWriter(SPACE, catalog()).refresh_begins(at.astimezone())
    zone = said(event, "LocalTime")
    assert isinstance(zone, ua.TimeZoneDataType)
    assert timedelta(minutes=int(zone.Offset)) == at.astimezone().utcoffset()
