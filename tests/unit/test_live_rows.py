"""What a printer's row says: of the four levels, of old numbers, of what is not done."""

from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.skill.live.facts import detail
from services.skill.live.rows import Slots, changes, head, row
from services.skill.live.standing import FRESH, REPORTED, Lifetime
from tests.opcua_printers import (
    NOW,
    REGISTRATION,
    UNHEARD,
    document,
    fault,
    job,
    live,
    past,
    printer,
)
from tests.recordings.played import OUTCOMES, Played
from tests.strategies import BEGAN, states
from voxtrude.accounts import Preferences, Scale
from voxtrude.notices import Condition
from voxtrude.printer import (
    Basis,
    Fault,
    Host,
    Link,
    Origin,
    Outcome,
    Presence,
    PrinterState,
    PrintFile,
    Status,
    Temperature,
    TimeLeft,
)

BERLIN = Preferences(locale="en-GB", time_zone="Europe/Berlin")
RUNNING = Condition.RUNNING
KEPT = timedelta(days=10)

pipelines = st.sampled_from([*Condition, None])
readers = st.sampled_from(
    [
        BERLIN,
        Preferences(),
        Preferences(locale="de-DE", time_zone="Asia/Kolkata", scale=Scale.FAHRENHEIT),
        Preferences(locale="no such", time_zone="Nowhere/Land"),
    ]
)


def told(
    state: PrinterState,
    after: timedelta = timedelta(seconds=10),
    pipeline: Condition | None = RUNNING,
    reader: Preferences = BERLIN,
    lifetime: Lifetime | None = None,
) -> Slots:
    return row(document(state), pipeline, reader, NOW + after, lifetime)


def away(since: timedelta, **facts: Any) -> PrinterState:  # noqa: ANN401  (any of its facts)
    at = NOW - since
    known = {
        "seen_at": at,
        "link": live(Link.DISCONNECTED, at),
        "presence": live(Presence.OFFLINE, at),
    }
    return printer(Status.PRINTING, **{**known, **facts})


def reading(actual: float, target: float = 0.0, **facts: Any) -> Temperature:  # noqa: ANN401  (any)
    return Temperature(actual, target, NOW, Origin.LIVE, **facts)


# Each level has words of its own ---------------------------------------------------------------


def test_who_was_never_heard_is_told_to_look_at_the_settings() -> None:
    told_of = told(UNHEARD)
    assert told_of["state"] == "Not heard yet"
    assert "has not reported yet. Check the MQTT settings in OctoPrint." in told_of["why"]
    assert told_of["@data-group"] == "attention"
    assert told_of["age"] == ""


def test_what_the_broker_remembers_is_no_sign_of_life() -> None:
    kept = replace(UNHEARD, temperatures={"bed": Temperature(60, 60, NOW, Origin.RETAINED)})
    told_of = told(kept)
    assert told_of["state"] == "Not heard yet"
    assert "what the broker remembers" in told_of["why"]
    assert told_of["heater.0@data-old"] == "old"


def test_who_cannot_be_reached_is_not_idle() -> None:
    told_of = told(away(timedelta(hours=3)))
    assert told_of["state"] == "Unreachable"
    assert told_of["why"] == "It cannot be reached. It was last heard 3 h ago."
    assert told_of["@data-group"] == "offline"


def test_a_print_that_is_out_of_reach_asks_for_somebody() -> None:
    told_of = told(away(timedelta(minutes=25), job=job(progress=live(42.0))))
    assert told_of["@data-group"] == "attention"
    assert "Then it was printing at 42 %." in told_of["why"]
    assert told_of["age"] == "as of 12:35, 25 min ago"


def test_octoprint_that_was_shut_down_says_so() -> None:
    told_of = told(away(timedelta(hours=1), octoprint=live(Host.STOPPED, NOW)))
    assert told_of["state"] == "OctoPrint is off"
    assert told_of["why"] == "OctoPrint was shut down today 13:00."


def test_octoprint_without_its_printer() -> None:
    told_of = told(printer(Status.OFFLINE))
    assert told_of["state"] == "Not connected"
    assert told_of["why"] == "OctoPrint is running, but the printer is not connected."


@pytest.mark.parametrize(
    ("state", "word", "group", "why"),
    [
        (printer(Status.PRINTING, job=job()), "Printing", "printing", ""),
        (printer(Status.IDLE), "Idle", "idle", ""),
        (printer(Status.IDLE, last_job=past(Outcome.DONE)), "Done", "idle", ""),
        (printer(Status.ERROR, fault=fault()), "Error", "attention", "too hot"),
        (
            printer(Status.PAUSED, job=job(paused_at=NOW - timedelta(minutes=12))),
            "Paused",
            "attention",
            "It was paused 12 min ago. It may need you.",
        ),
        (
            printer(Status.IDLE, last_job=past(Outcome.FAILED)),
            "Print failed",
            "attention",
            "The last print failed at 50 %, 20 min ago.",
        ),
        (
            printer(Status.IDLE, last_job=past(Outcome.INTERRUPTED)),
            "Interrupted",
            "attention",
            "The last print ended at 50 %, 20 min ago, and nobody said how.",
        ),
        (printer(Status.IDLE, last_job=past(Outcome.CANCELLED)), "Idle", "idle", ""),
        (
            printer(
                Status.PRINTING,
                job=job(progress=live(0.0)),
                temperatures={"tool0": reading(120, 215), "bed": reading(58, 60)},
            ),
            "Heating up",
            "printing",
            "Nozzle at 120 of 215 °C.",
        ),
        (
            printer(Status.PRINTING, job=job(), attention=live("paused for user")),
            "Printing",
            "attention",
            "It waits for somebody: the print asks for a hand.",
        ),
    ],
)
def test_what_it_does(state: PrinterState, word: str, group: str, why: str) -> None:
    told_of = told(state)
    assert (told_of["state"], told_of["@data-group"], told_of["why"]) == (word, group, why)


def test_a_connection_without_a_word_is_told_from_a_lost_one() -> None:
    told_of = told(printer(Status.PRINTING, job=job()), timedelta(minutes=12))
    assert told_of["state"] == "Printing"
    assert told_of["why"] == "It is connected, but has said nothing for 12 min."
    assert told_of["@data-group"] == "attention"


def test_who_reports_by_http_speaks_more_rarely() -> None:
    printing = printer(Status.PRINTING, job=job(), link=None)
    assert told(printing, timedelta(minutes=5))["@data-old"] == ""
    told_of = told(printing, timedelta(minutes=7))
    assert (told_of["why"], told_of["@data-old"]) == ("No report for 7 min.", "old")


def test_silence_is_not_held_against_a_printer_while_we_are_away() -> None:
    told_of = told(printer(Status.PRINTING, job=job()), timedelta(minutes=12), None)
    assert told_of["why"] == ""
    assert told_of["@data-group"] == "printing"
    assert told_of["age"] == "as of 13:00, 12 min ago"


# Removal ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(("days", "warned"), [(6.9, False), (7, True), (8, True)])
def test_long_silence_is_warned_about(days: float, warned: bool) -> None:  # noqa: FBT001  (a table)
    long = timedelta(days=days)
    told_of = told(away(long), timedelta(), lifetime=Lifetime(BEGAN - 3 * long, KEPT))
    assert ("its data is removed after 10 days." in told_of["why"]) is warned


def test_who_is_kept_for_ever_is_not_warned_about() -> None:
    told_of = told(away(timedelta(days=9)), lifetime=Lifetime(NOW - timedelta(days=20)))
    assert "removed" not in told_of["why"]


def test_a_silent_printer_that_is_connected_stays() -> None:
    idle = printer(Status.IDLE)
    told_of = told(idle, timedelta(days=9), lifetime=Lifetime(NOW, KEPT))
    assert "removed" not in told_of["why"]


def test_who_never_reported_is_removed_too() -> None:
    told_of = told(UNHEARD, lifetime=Lifetime(NOW - timedelta(days=8), KEPT))
    assert told_of["why"].endswith("heard for 8 days: its data is removed after 10 days.")


# Numbers ---------------------------------------------------------------------------------------


def test_a_print_says_how_far_it_is_and_when_it_is_done() -> None:
    told_of = told(printer(Status.PRINTING, job=job(progress=live(42.9))))
    assert told_of["progress"] == "42 %"
    assert told_of["bar@value"] == "42"
    assert told_of["left"] == "about 19 min left"
    assert told_of["finish"] == "done today 13:20"
    assert told_of["file"] == "part"
    assert told_of["file@title"] == "folder/part.gcode"
    assert told_of["age"] == "heard just now"
    assert told_of["@data-old"] == ""


def test_time_runs_on_while_the_printer_speaks() -> None:
    left = TimeLeft(timedelta(minutes=70), Basis.REPORTED, NOW - timedelta(minutes=10))
    assert told(printer(Status.PRINTING, job=job(time_left=left)))["left"] == "59 min left"


def test_time_that_is_up_is_not_below_nothing() -> None:
    left = TimeLeft(timedelta(minutes=1), Basis.REPORTED, NOW - timedelta(hours=1))
    told_of = told(printer(Status.PRINTING, job=job(time_left=left)))
    assert (told_of["left"], told_of["finish"]) == ("less than a minute left", "")


def test_no_time_left_is_said() -> None:
    told_of = told(printer(Status.PRINTING, job=job(time_left=None)))
    assert told_of["left"] == "time left not known yet"


def test_a_paused_print_has_no_end_in_sight() -> None:
    told_of = told(printer(Status.PAUSED, job=job(paused_at=NOW)))
    assert (told_of["left"], told_of["finish"]) == ("", "")


@pytest.mark.parametrize("progress", [99.0, 99.7, 100.0])
def test_what_is_not_done_is_never_at_a_hundred(progress: float) -> None:
    told_of = told(printer(Status.PRINTING, job=job(progress=live(progress))))
    assert told_of["progress"] == "almost done"
    assert told_of["bar@value"] == "99"


def test_heaters_come_in_their_order_and_scale() -> None:
    heaters = {
        "bed": reading(60, 60),
        "chamber": reading(41.6, 0),
        "tool1": reading(20, 0),
        "tool0": reading(210.4, 215),
    }
    told_of = told(
        printer(Status.IDLE, temperatures=heaters), reader=Preferences(scale=Scale.FAHRENHEIT)
    )
    found = [
        [told_of[f"heater.{index}.{part}"] for part in ("name", "actual", "target")]
        for index in range(int(told_of["@data-heaters"]))
    ]
    assert found == [
        ["Nozzle 1", "411", "of 419 °F"],
        ["Nozzle 2", "68 °F", ""],
        ["Bed", "140", "of 140 °F"],
        ["Chamber", "107 °F", ""],
    ]


def test_a_reading_that_is_not_current_says_how_old_it_is() -> None:
    old = replace(reading(60, 60, current=False), observed_at=NOW - timedelta(minutes=4))
    told_of = told(printer(Status.OFFLINE, temperatures={"bed": old}))
    assert (told_of["heater.0@data-old"], told_of["heater.0.note"]) == ("old", "4 min ago")


def test_other_peoples_text_is_one_line_and_does_not_turn_around() -> None:
    hostile = PrintFile("a\u202egpj\n<b>&c.gcode", "x/a.gcode")
    told_of = told(printer(Status.PRINTING, job=job(file=hostile), fault=None))
    assert told_of["file"] == "agpj <b>&c"
    bad = printer(Status.ERROR, fault=live(Fault("hot\x00\n" + "!" * 900)))
    assert told(bad)["why"].startswith("hot !!!")
    assert len(told(bad)["why"]) == 200


# Order and counts ------------------------------------------------------------------------------


def test_who_needs_somebody_comes_first_then_who_is_done_first() -> None:
    def named(name: str, state: PrinterState) -> Slots:
        registration = replace(REGISTRATION, name=name)
        return row(document(state, registration), RUNNING, BERLIN, NOW)

    def ends(minutes: int) -> PrinterState:
        left = TimeLeft(timedelta(minutes=minutes), Basis.REPORTED, NOW)
        return printer(Status.PRINTING, job=job(time_left=left))

    rows = [
        named("gone", away(timedelta(hours=1))),
        named("Ender 10", printer(Status.IDLE)),
        named("Ender 2", printer(Status.IDLE)),
        named("Ender", printer(Status.IDLE)),
        named("unknown end", printer(Status.PRINTING, job=job(time_left=None))),
        named("late", ends(300)),
        named("soon", ends(10)),
        named("waits", printer(Status.PAUSED, job=job())),
        named("broken", printer(Status.ERROR, fault=fault())),
    ]
    ordered = sorted(rows, key=lambda one: one["@data-order"])
    assert [one["name"] for one in ordered] == [
        "broken",
        "waits",
        "soon",
        "late",
        "unknown end",
        "Ender",
        "Ender 2",
        "Ender 10",
        "gone",
    ]
    counts = "2 need attention, 3 printing, 3 idle, 1 offline"
    assert head(rows, RUNNING)["counts"] == counts
    assert head(rows, RUNNING)["banner"] == ""
    for pipeline in (None, Condition.STALLED, Condition.STOPPED):
        above = head(rows, pipeline)
        assert above["counts"] == f"Last known: {counts}"
        assert above["banner"].endswith("What you see is the last that was known.")
        assert above["@data-pipeline"] == "away"


# Whatever is known -----------------------------------------------------------------------------


def check(slots: Slots, state: PrinterState, pipeline: Condition | None, now: datetime) -> None:
    """What holds of every row."""
    assert all(isinstance(text, str) for text in slots.values())
    "".join(slots.values()).encode()
    assert "100" not in slots["progress"]
    assert int(slots["bar@value"] or 0) <= 99
    assert slots["state"]
    gone = state.presence is not None and state.presence.value is Presence.OFFLINE
    linked = state.link is not None and state.link.value is Link.CONNECTED
    silent = state.seen_at is None or now - state.seen_at > (FRESH if linked else REPORTED)
    if gone or silent or pipeline is not RUNNING:
        assert slots["@data-old"] == "old"
        assert (slots["left"], slots["finish"]) == ("", "")
        assert slots["age"] == "" if state.seen_at is None else slots["age"].startswith("as of")
        count = int(slots["@data-heaters"])
        assert all(slots[f"heater.{index}@data-old"] for index in range(count))


@given(states(), pipelines, readers, st.timedeltas(timedelta(), timedelta(days=12)))
def test_whatever_is_known_gives_an_honest_row(
    state: PrinterState, pipeline: Condition | None, reader: Preferences, later: timedelta
) -> None:
    now = BEGAN + later
    lifetime = Lifetime(BEGAN, KEPT)
    slots = detail(document(state), pipeline, reader, now, lifetime)
    check(slots, state, pipeline, now)
    row_alone = row(document(state), pipeline, reader, now, lifetime)
    assert row_alone.items() <= slots.items()


@given(states(), states(), pipelines)
def test_changes_lead_from_one_row_to_the_next(
    before: PrinterState, after: PrinterState, pipeline: Condition | None
) -> None:
    def filled(slots: Slots) -> dict[str, str]:
        return {name: text for name, text in slots.items() if text}

    first = row(document(before), RUNNING, BERLIN, BEGAN)
    second = row(document(after), pipeline, BERLIN, BEGAN + timedelta(minutes=1))
    assert filled({**first, **changes(first, second)}) == filled(second)
    assert changes(second, second) == {}


@pytest.mark.parametrize("outcome", OUTCOMES, ids=lambda path: path.name.split(".")[0])
def test_real_traffic_gives_honest_rows(outcome: Path) -> None:
    played = Played(outcome)
    for phase, state in played.phases():
        now = played.moment(phase["at"])
        told_of = row(document(state, played.registration), RUNNING, BERLIN, now)
        check(told_of, state, RUNNING, now)
        status = state.status.value.status if state.status else None
        if told_of["@data-group"] == "printing":
            assert state.job is not None or status is Status.FINISHING
            assert state.presence is None or state.presence.value is Presence.ONLINE
        if told_of["state"] in {"Idle", "Done"}:
            assert status is Status.IDLE
        if told_of["state"] == "Paused":
            assert status is Status.PAUSED


def test_a_recorded_print_ends_as_done() -> None:
    (outcome,) = (path for path in OUTCOMES if path.name.startswith("b_print_printerdata."))
    played = Played(outcome)
    told_of = [
        row(document(state, played.registration), RUNNING, BERLIN, played.moment(phase["at"]))
        for phase, state in played.phases()
    ]
    assert "Printing" in {one["state"] for one in told_of}
    done = [one for one in told_of if one["state"] == "Done"]
    assert done
    assert all(", done just now, took " in one["last"] for one in done)
