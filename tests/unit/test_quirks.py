"""OctoPrint's quirks, one test each; docs/octoprint.md lists them under the same numbers.

Q22, Q23 and Q24 are the broker's: tests/integration/test_broker_isolation.py.
"""

import json
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from services.ingest.octoprint import MAX_PAYLOAD, decode
from tests.recordings.played import RECORDINGS, Played
from voxtrude.errors import PayloadError, SetupError
from voxtrude.events import Event, happenings
from voxtrude.messages import Heard, LinkDoubted, Message, TimePassed
from voxtrude.printer import (
    Host,
    Job,
    Link,
    Origin,
    Outcome,
    PastJob,
    Presence,
    PrinterId,
    PrinterState,
    Status,
)
from voxtrude.reducer import evolve
from voxtrude.registration import Registration, checked_base

BEGAN_AT = 1_795_176_000
FILE = {"name": "a.gcode", "path": "a.gcode", "origin": "local", "size": 1288}


class Printer:
    """A printer that says what a test lets it say, second by second."""

    def __init__(self) -> None:
        self.registration = Registration(
            id=PrinterId("prn-0000000000000001"),
            name="Test",
            base_topic="octoPrint/a/",
            created_at=datetime(2026, 11, 20, tzinfo=UTC),
            alive_at=None,
        )
        self.state = PrinterState(printer=self.registration.id)
        self.events: list[Event] = []

    def at(self, second: float) -> datetime:
        return datetime.fromtimestamp(BEGAN_AT + second, UTC)

    def hears(self, message: Message | None) -> None:
        if message is not None:
            before, self.state = self.state, evolve(self.state, message)
            self.events += happenings(before, self.state)

    def says(
        self,
        second: float,
        topic: str,
        payload: str | Mapping[str, Any],
        *,
        retained: bool = False,
        stamp: float | None = None,
    ) -> None:
        """Say it at ``second``; ``stamp`` is the host's second where it is another one."""
        if not isinstance(payload, str):
            payload = json.dumps(
                {**payload, "_timestamp": BEGAN_AT + int(second if stamp is None else stamp)}
            )
        arrived = BEGAN_AT + second
        self.hears(
            decode(
                self.registration,
                f"octoPrint/a/{topic}",
                payload.encode(),
                arrived,
                retained=retained,
            )
        )

    def is_silent_until(self, second: float) -> None:
        self.hears(TimePassed(printer=self.state.printer, received_at=self.at(second)))

    def is_in(self, second: float, state_id: str, text: str = "") -> None:
        state = {"state_id": state_id, "state_string": text or state_id.title()}
        self.says(second, "event/PrinterStateChanged", state)

    def progresses(self, second: float, percent: int, path: str = "a.gcode", **how: Any) -> None:  # noqa: ANN401  (as says)
        self.says(second, "progress/printing", {"path": path, "progress": percent}, **how)

    def is_read(self, second: float, actual: float, target: float, **how: Any) -> None:  # noqa: ANN401  (as says)
        self.says(second, "temperature/tool0", {"actual": actual, "target": target}, **how)

    def prints(self, second: float = 0) -> None:
        """Come up, connect, and begin to print a.gcode at ``second`` + 1."""
        self.says(second, "mqtt", "connected")
        self.progresses(second, 0, "")
        self.is_in(second, "OPERATIONAL")
        self.is_read(second, 200.0, 200.0)
        self.is_in(second + 1, "STARTING")
        self.says(second + 1, "event/PrintStarted", FILE)
        self.is_in(second + 1, "PRINTING")

    @property
    def job(self) -> Job:
        assert self.state.job
        return self.state.job

    @property
    def last(self) -> PastJob:
        assert self.state.last_job
        return self.state.last_job

    @property
    def status(self) -> Status:
        assert self.state.status
        return self.state.status.value.status

    @property
    def sure(self) -> bool:
        """Whether the printer itself has said its status."""
        assert self.state.status
        return self.state.status.origin is Origin.LIVE

    @property
    def left(self) -> tuple[float, datetime, str]:
        """The seconds left, as of when, and what that rests on."""
        assert self.job.time_left
        left = self.job.time_left
        return left.remaining.total_seconds(), left.observed_at, left.basis.value

    @property
    def presence(self) -> Presence:
        assert self.state.presence
        return self.state.presence.value

    @property
    def told(self) -> list[str]:
        return [event.kind.value for event in self.events]


def played(name: str, until: float) -> PrinterState:
    """Return the state of a recording at a second."""
    recording = Played(RECORDINGS / f"{name}.outcome.json")
    for line in recording.lines:
        if line["t"] <= until:
            message = recording.said(line)
            if message is not None:
                recording.apply(message)
    return recording.state


def test_q01_progress_path_may_be_the_previous_file() -> None:
    state = played("f_filenames", 13.8)
    assert state.job
    assert state.job.file.path == "with space.gcode"  # progress said simple.gcode
    assert state.job.progress
    assert state.job.progress.value == 84


def test_q01_extended_information_corrects_the_guess_of_a_job_met_in_the_middle() -> None:
    printer = Printer()
    data = {
        "state": {"text": "Printing"},
        "job": {"file": {"name": "b.gcode", "path": "b.gcode"}},
        "progress": {"completion": 40.2, "printTime": 100},
    }
    body = {"path": "a.gcode", "progress": 40, "printer_data": data}
    printer.says(0, "progress/printing", body)
    assert printer.job.file.path == "b.gcode"
    assert printer.job.origin is Origin.INFERRED
    assert printer.job.started_at == printer.at(-100)


def test_q02_a_job_is_whole_without_any_progress() -> None:
    state = played("f_filenames", 11.5)
    assert state.last_job
    assert (state.last_job.outcome, state.last_job.progress) == (Outcome.DONE, 100)


def test_q02_progress_that_follows_the_end_opens_no_job() -> None:
    printer = Printer()
    printer.prints()
    printer.says(60, "event/PrintDone", FILE | {"time": 59.0})
    printer.is_in(61, "OPERATIONAL")
    printer.progresses(62, 99)
    printer.progresses(65, 100)
    assert printer.state.job is None
    assert printer.last.progress == 100


def test_q03_zero_after_the_end_and_at_a_start_is_no_job() -> None:
    state = played("c_pause_resume_cancel", 79)
    assert state.job is None
    printer = Printer()
    printer.progresses(0, 0, "")
    assert printer.state.job is None
    assert printer.state.octoprint
    assert printer.state.octoprint.origin is Origin.LIVE


def test_q03_a_new_process_knows_nothing_of_the_last_ones_file() -> None:
    printer = Printer()
    printer.says(0, "event/FileSelected", FILE)
    printer.says(0, "metadata/layer", "0.2")
    printer.progresses(60, 0, "")
    assert printer.state.selected is None
    assert not printer.state.metadata


def test_q04_a_retained_progress_is_not_the_state_of_a_job() -> None:
    printer = Printer()
    printer.progresses(0, 56, retained=True, stamp=-86_400)
    assert (printer.state.job, printer.state.status, printer.state.seen_at) == (None, None, None)


def test_q05_readings_are_not_current_once_the_printer_is_away() -> None:
    printer = Printer()
    printer.prints()
    assert printer.state.temperatures["tool0"].current
    printer.is_in(60, "OFFLINE")
    printer.is_read(60.1, 200.0, 200.0)  # from another thread, a moment late
    reading = printer.state.temperatures["tool0"]
    assert (reading.actual, reading.current) == (200.0, False)
    printer.is_in(70, "OPERATIONAL")
    assert not printer.state.temperatures["tool0"].current
    printer.is_read(72, 190.0, 0.0)
    assert printer.state.temperatures["tool0"].current


def test_q05_a_reading_without_a_value_is_unknown_and_not_zero() -> None:
    printer = Printer()
    printer.says(0, "temperature/chamber", {"actual": None, "target": 40.0})
    assert printer.state.temperatures["chamber"].actual is None


def test_q06_queued_readings_are_dated_by_the_host() -> None:
    printer = Printer()
    printer.prints()
    printer.says(60, "mqtt", "disconnected")
    printer.is_silent_until(70)
    assert not printer.state.temperatures["tool0"].current
    printer.says(600, "mqtt", "connected")
    for second in range(100, 600, 100):
        printer.is_read(600.1, second / 2, 0.0, stamp=second)
    reading = printer.state.temperatures["tool0"]
    assert (reading.actual, reading.current) == (250.0, True)
    assert abs(reading.observed_at - printer.at(500)) <= timedelta(seconds=2)
    assert printer.state.seen_at == printer.at(600)


def test_q06_a_reading_on_another_base_is_not_this_printers() -> None:
    printer = Printer()
    topic, payload = "octoPrint/temperature/tool0", b'{"actual": 21.3, "target": 0.0}'
    assert decode(printer.registration, topic, payload, BEGAN_AT, retained=False) is None


def test_q07_what_was_not_said_again_after_a_reconnect_is_not_sure() -> None:
    printer = Printer()
    printer.prints()
    printer.says(60, "mqtt", "disconnected")
    printer.says(90, "mqtt", "connected")
    assert not printer.sure
    assert printer.status is Status.PRINTING
    assert printer.state.job  # it may go on
    printer.progresses(95, 42)
    printer.is_in(99, "FINISHING")
    assert printer.sure


def test_q07_a_job_whose_end_was_lost_ended_when_it_was_last_heard() -> None:
    printer = Printer()
    printer.prints()
    printer.progresses(50, 40)
    printer.says(60, "mqtt", "disconnected")
    printer.says(7200, "mqtt", "connected")
    printer.is_in(9000, "STARTING")
    assert printer.state.job is None
    printer.says(9000, "event/PrintStarted", FILE)
    printer.is_in(9000, "PRINTING")
    assert (printer.last.outcome, printer.last.origin) == (Outcome.INTERRUPTED, Origin.INFERRED)
    assert printer.last.ended_at == printer.at(60)
    assert printer.last.duration == timedelta(seconds=59)
    assert printer.job.started_at == printer.at(9000)


def test_q07_a_printer_that_is_idle_after_an_outage_ended_its_job_in_it() -> None:
    printer = Printer()
    printer.prints()
    printer.says(60, "mqtt", "disconnected")
    printer.says(7200, "mqtt", "connected")
    printer.is_in(7201, "OPERATIONAL")
    assert printer.state.job is None
    assert (printer.last.outcome, printer.last.ended_at) == (Outcome.INTERRUPTED, printer.at(60))


def test_q08_nothing_retained_tells_what_the_printer_does() -> None:
    printer = Printer()
    printer.says(0, "mqtt", "connected", retained=True)
    printer.says(0, "event/FirmwareData", {"name": "Marlin"}, retained=True, stamp=-9e5)
    printer.says(0, "event/ZChange", {"new": 0.4, "old": None}, retained=True, stamp=-9e5)
    printer.says(0, "event/PausedForUser", {}, retained=True, stamp=-9e5)
    state = printer.state
    assert (state.status, state.presence, state.attention, state.seen_at) == (None,) * 4
    assert state.height
    assert state.height.origin is Origin.RETAINED
    assert state.height.observed_at == printer.at(-9e5)


def test_q08_a_height_of_an_earlier_print_is_not_this_ones() -> None:
    printer = Printer()
    printer.prints()
    printer.says(5, "event/ZChange", {"new": 80.0, "old": 79.8}, retained=True, stamp=-600)
    assert printer.state.height is None


def test_q09_a_snapshot_after_a_reconnect_overwrites_nothing_newer() -> None:
    printer = Printer()
    printer.prints()
    printer.is_read(20, 210.0, 215.0)
    printer.progresses(25, 30)
    before = printer.state
    printer.says(30, "mqtt", "connected", retained=True)
    printer.is_read(30, 200.0, 200.0, retained=True, stamp=10)
    printer.progresses(30, 12, retained=True, stamp=10)
    assert printer.state == before


def test_q10_farewells_come_twice_and_the_shutdown_after_them_is_no_sign_of_life() -> None:
    printer = Printer()
    printer.prints()
    printer.says(60, "mqtt", "disconnected")
    printer.says(60.1, "event/Shutdown", {})
    printer.is_read(60.5, 201.0, 200.0)  # a last word
    printer.says(61.4, "mqtt", "disconnected")
    printer.is_silent_until(70)
    state = printer.state
    assert state.link
    assert state.octoprint
    assert (state.link.value, state.octoprint.value) == (Link.DISCONNECTED, Host.STOPPED)
    assert printer.presence is Presence.OFFLINE
    assert printer.status is Status.UNKNOWN
    assert not state.temperatures["tool0"].current
    assert printer.told.count("offline") == 1


def test_q10_saved_settings_make_the_link_flap_and_nobody_is_told() -> None:
    printer = Printer()
    printer.prints()
    before = len(printer.told)
    for second, word in [(60, "disconnected"), (60.2, "disconnected"), (60.9, "connected")]:
        printer.says(second, "mqtt", word)
    printer.is_silent_until(90)
    assert len(printer.told) == before
    assert printer.state.job
    assert printer.state.temperatures["tool0"].current


def test_q10_a_will_that_is_not_a_known_word_is_refused() -> None:
    with pytest.raises(PayloadError):
        Printer().says(0, "mqtt", "{}")


def test_q11_a_live_message_is_online_whatever_the_kept_will_says() -> None:
    printer = Printer()
    printer.says(0, "mqtt", "disconnected", retained=True)
    printer.is_read(1, 21.3, 0.0)
    assert printer.state.link
    assert printer.state.link.value is Link.CONNECTED
    printer.says(2, "mqtt", "disconnected", retained=True)
    printer.is_silent_until(60)
    assert printer.presence is Presence.ONLINE


def test_q12_a_kept_connected_does_not_bring_a_printer_back() -> None:
    printer = Printer()
    printer.prints()
    printer.says(60, "mqtt", "disconnected")
    printer.is_silent_until(70)
    for second in (80, 4000):
        printer.says(second, "mqtt", "connected", retained=True)
        assert printer.presence is Presence.OFFLINE
    assert printer.state.link
    assert printer.state.link.origin is Origin.RETAINED


def test_q12_a_link_older_than_the_broker_is_only_remembered() -> None:
    printer = Printer()
    printer.prints()
    printer.hears(LinkDoubted(printer=printer.state.printer, received_at=printer.at(60)))
    state = printer.state
    assert state.link
    assert state.status
    assert (state.link.origin, state.status.origin) == (Origin.RETAINED, Origin.INFERRED)
    assert not state.temperatures["tool0"].current
    printer.says(90, "mqtt", "connected")
    assert printer.state.link
    assert printer.state.link.origin is Origin.LIVE


def test_q12_a_second_connected_tells_that_the_broker_was_away() -> None:
    printer = Printer()
    printer.prints()
    printer.says(60, "mqtt", "connected")
    assert printer.state.status
    assert printer.state.status.origin is Origin.INFERRED


def test_q13_a_printer_that_comes_back_after_minutes_has_not_lost_its_job() -> None:
    printer = Printer()
    printer.prints()
    printer.says(60, "mqtt", "disconnected")
    printer.is_silent_until(180)
    printer.says(181, "mqtt", "connected")
    printer.progresses(185, 20)
    printer.is_silent_until(600)
    assert printer.job.progress
    assert printer.job.progress.value == 20
    assert printer.state.last_job is None


@pytest.mark.parametrize("late", [0.01, 4.0, 30.0])
def test_q14_a_failure_may_be_told_after_the_printer_went(late: float) -> None:
    printer = Printer()
    printer.prints()
    printer.says(60, "event/FileDeselected", {})
    printer.is_in(60, "OFFLINE")
    printer.is_silent_until(60 + late)
    failed = FILE | {"time": 58.5, "reason": "error", "error": "gone", "progress": 0.5}
    printer.says(60 + late, "event/PrintFailed", failed)
    assert (printer.last.outcome, printer.last.error) == (Outcome.FAILED, "gone")
    assert (printer.last.progress, printer.last.duration) == (50, timedelta(seconds=58.5))
    assert printer.told.count("job_started") == 1


def test_q14_a_job_of_which_nothing_more_is_told_was_interrupted() -> None:
    printer = Printer()
    printer.prints()
    printer.says(50, "event/PrintPaused", FILE | {"progress": 40})
    printer.is_in(50, "PAUSED")
    printer.is_in(60, "OFFLINE")
    printer.is_silent_until(64.9)
    assert printer.state.job
    printer.is_silent_until(65)
    assert (printer.last.outcome, printer.last.origin) == (Outcome.INTERRUPTED, Origin.INFERRED)
    assert printer.last.ended_at == printer.at(60)
    assert printer.last.duration == timedelta(seconds=49)  # not the pause


def test_q14_a_printer_that_prints_again_at_once_has_the_same_job() -> None:
    printer = Printer()
    printer.prints()
    printer.is_in(60, "ERROR")
    printer.is_in(61, "PRINTING")
    printer.is_silent_until(600)
    assert printer.job.started_at == printer.at(1)


def test_q15_a_selected_file_is_no_job_and_a_lost_deselection_does_no_harm() -> None:
    state = played("f_filenames", 100)
    assert state.selected  # the plugin lost the word that it is none any more
    assert state.job is None


@pytest.mark.parametrize(
    ("event", "told", "percent"),
    [
        ("PrintCancelled", {"reason": "cancelled", "progress": 1}, 1),
        ("PrintFailed", {"reason": "error", "error": "x", "progress": 1}, 100),
        ("PrintFailed", {"reason": "error", "error": "x", "progress": 0.01}, 1),
    ],
)
def test_q16_progress_is_percent_or_a_fraction(
    event: str, told: dict[str, Any], percent: float
) -> None:
    printer = Printer()
    printer.prints()
    printer.says(60, f"event/{event}", FILE | told)
    assert printer.last.progress == percent


def test_q17_one_end_told_in_two_seconds_is_one_end() -> None:
    printer = Printer()
    printer.prints()
    cancelled = FILE | {"reason": "cancelled", "progress": 29, "time": 58.0}
    printer.says(59.99, "event/PrintCancelled", cancelled)
    printer.says(60.01, "event/PrintFailed", cancelled)
    assert printer.told.count("job_cancelled") == 1
    assert printer.last.ended_at == printer.at(59.99)


def test_q17_a_host_that_was_off_for_hours_and_has_no_clock_of_its_own_is_not_late() -> None:
    printer = Printer()
    printer.prints()
    printer.is_in(60, "OPERATIONAL")
    # Off for ten hours; its clock goes on from where it stood.
    printer.says(36_000, "mqtt", "connected")
    printer.progresses(36_000, 0, "", stamp=70)
    printer.says(36_010, "event/ZChange", {"new": 5.0, "old": None}, stamp=80)
    assert printer.state.height
    assert printer.state.height.observed_at == printer.state.seen_at == printer.at(36_010)


def test_q17_events_of_one_second_count_in_the_order_of_their_arrival() -> None:
    printer = Printer()
    for state_id in ("OPEN_SERIAL", "CONNECTING", "OPERATIONAL"):
        printer.is_in(0.3, state_id)
    assert printer.status is Status.IDLE
    # Neither does a clock that goes back: only the order counts.
    printer.says(10, "event/ZChange", {"new": 1.0, "old": 0.8}, stamp=10)
    printer.says(11, "event/ZChange", {"new": 1.2, "old": 1.0}, stamp=-86_400)
    assert printer.state.height
    assert printer.state.height.value == 1.2
    assert printer.state.height.observed_at == printer.at(11)


def test_q18_an_upload_to_the_sd_card_is_no_print() -> None:
    printer = Printer()
    printer.is_in(0, "PRINTING", "Sending file to SD")
    assert printer.status is Status.UPLOADING
    assert printer.state.job is None
    assert played("i_sdcard_print", 10).job is None


@pytest.mark.parametrize(
    ("second", "path"),
    [
        (19.5, "emoji 🚀 part.gcode"),
        (23.0, "quote's %22double%22.gcode"),
        (26.5, "plus+hash#file.gcode"),
        (33.5, "日本語.gcode"),
        (61.5, "sub folder/Bäder+#1/deep ü.gcode"),
    ],
)
def test_q19_names_are_kept_as_they_come(second: float, path: str) -> None:
    state = played("f_filenames", second)
    assert state.job
    assert (state.job.file.path, state.job.file.name) == (path, path.rsplit("/", 1)[-1])


def test_q20_a_base_topic_without_a_slash_is_read_and_no_new_one_is_accepted() -> None:
    state = played("g_basetopic_noslash_tsfield", 17)
    assert state.job
    with pytest.raises(SetupError, match="slash"):
        checked_base("hall/Unit-1")
    with pytest.raises(SetupError, match="default"):
        checked_base("octoPrint/")


def test_q21_metadata_is_plain_text_and_an_empty_payload_clears_it() -> None:
    printer = Printer()
    printer.says(0, "metadata/flag", "True")
    printer.says(0, "metadata/layer", "0.2")
    printer.says(0, "metadata/missing", "")
    assert dict(printer.state.metadata) == {"flag": "True", "layer": "0.2"}
    printer.says(1, "metadata/flag", "")
    printer.says(1, "metadata/flag", "")
    assert dict(printer.state.metadata) == {"layer": "0.2"}


def test_q25_after_a_change_of_its_topics_an_idle_printer_has_said_nothing() -> None:
    printer = Printer()
    printer.says(0, "mqtt", "connected")
    state = printer.state
    assert printer.presence is Presence.ONLINE
    assert (state.status, state.job, dict(state.temperatures)) == (None, None, {})


def test_q26_a_request_for_attention_ends_when_the_print_goes_on() -> None:
    printer = Printer()
    printer.prints()
    printer.says(60, "event/PausedForUser", {})
    printer.progresses(62, 20)
    assert printer.state.attention
    printer.progresses(95, 21)
    assert printer.state.attention is None
    printer.says(100, "event/PausedForUser", {})
    printer.is_in(110, "OPERATIONAL")
    assert printer.state.attention is None
    printer.says(120, "event/PausedForUser", {}, retained=True)
    assert printer.state.attention is None


def test_q27_the_head_that_is_parked_at_the_end_is_not_the_height_of_the_part() -> None:
    for name, second, height in [
        ("h_retained_leftovers", 150, 1.2),
        ("f_multi_extruder_chamber", 42, 0.2),  # up at 10.4 for the change of the tool
        ("f_multi_extruder_chamber", 60, 0.6),
    ]:
        state = played(name, second)
        assert state.height
        assert state.height.value == height


def test_q27_the_first_height_of_a_print_has_none_before_it() -> None:
    printer = Printer()
    printer.says(0, "event/ZChange", {"new": 80.0, "old": None})
    printer.prints(1)
    assert printer.state.height is None
    printer.says(5, "event/ZChange", {"new": 0.2, "old": None})
    assert printer.state.height
    assert printer.state.height.value == 0.2


@pytest.mark.parametrize("number", ["NaN", "Infinity", "-Infinity", "1e999"])
def test_q28_numbers_that_are_none_are_refused(number: str) -> None:
    with pytest.raises(PayloadError):
        Printer().says(0, "temperature/bed", f'{{"actual": {number}, "target": 0.0}}')


def test_q29_no_message_of_the_plugin_is_near_the_limit() -> None:
    sizes = [
        len(line["payload"].encode())
        for path in RECORDINGS.glob("*.outcome.json")
        for line in Played(path).lines
    ]
    assert max(sizes) < 2048 < MAX_PAYLOAD


def test_q30_silence_is_not_absence() -> None:
    printer = Printer()
    printer.prints()
    printer.says(60, "event/PrintDone", FILE | {"time": 59.0})
    printer.is_in(61, "OPERATIONAL")
    before = printer.state
    printer.is_silent_until(86_400)
    assert printer.state == before
    assert printer.presence is Presence.ONLINE
    assert printer.state.seen_at == printer.at(61)


def test_names_of_events_match_exactly() -> None:
    printer = Printer()
    printer.prints()
    printer.says(60, "event/GcodeScriptAfterPrintDoneRunning", FILE | {"time": 59.0})
    printer.says(61, "event/GcodeScriptAfterPrintCancelledFinished", FILE)
    assert printer.state.job
    topic = "octoPrint/a/event/GcodeScriptAfterPrintDoneFinished"
    message = decode(printer.registration, topic, b"{}", BEGAN_AT, retained=False)
    assert isinstance(message, Heard)


# What is concluded, and what is not ----------------------------------------------------


def test_a_job_met_in_the_middle_ends_as_it_is_told() -> None:
    printer = Printer()
    printer.progresses(0, 40)
    assert printer.status is Status.PRINTING
    assert printer.state.status
    assert printer.state.status.origin is Origin.INFERRED
    assert (printer.job.origin, printer.job.started_at) == (Origin.INFERRED, None)
    assert printer.job.time_left is None
    printer.says(60, "event/PrintDone", FILE | {"time": 300.0})
    assert (printer.last.outcome, printer.last.file.size) == (Outcome.DONE, 1288)
    assert printer.last.duration == timedelta(minutes=5)
    assert printer.told.count("job_started") == printer.told.count("job_finished") == 1


def test_a_printer_that_says_it_is_idle_has_no_job_whatever_a_late_number_says() -> None:
    printer = Printer()
    printer.is_in(0, "OPERATIONAL")
    printer.progresses(60, 40)
    assert printer.state.job is None


def test_a_restart_while_paused_is_two_jobs() -> None:
    printer = Printer()
    printer.prints()
    printer.is_in(40, "PAUSED")
    printer.is_in(60, "STARTING")
    printer.says(60, "event/PrintStarted", FILE)
    printer.is_in(60, "PRINTING")
    assert printer.last.outcome is Outcome.INTERRUPTED
    assert printer.last.duration == timedelta(seconds=39)
    assert printer.last.id != printer.job.id
    assert printer.told[-2:] == ["job_interrupted", "job_started"]


def test_states_that_are_switched_off_are_concluded_from_the_job() -> None:
    printer = Printer()
    for second, event, status in [
        (0, "PrintStarted", Status.PRINTING),
        (20, "PrintPaused", Status.PAUSED),
        (40, "PrintResumed", Status.PRINTING),
        (60, "PrintDone", Status.IDLE),
    ]:
        printer.says(second, f"event/{event}", FILE)
        assert printer.status is status
        assert printer.state.status
        assert printer.state.status.origin is Origin.INFERRED


def test_an_error_stands_until_the_printer_is_connected_again() -> None:
    printer = Printer()
    printer.prints()
    printer.is_in(60, "ERROR")
    printer.says(60, "event/Error", {"error": "too hot", "consequence": "emergency"})
    printer.is_in(60, "OFFLINE")
    failed = FILE | {"reason": "error", "error": "too hot", "progress": 0.1}
    printer.says(60, "event/PrintFailed", failed)
    printer.is_silent_until(9000)
    assert printer.state.fault
    assert (printer.state.fault.value.text, printer.state.fault.observed_at) == (
        "too hot",
        printer.at(60),
    )
    assert printer.told.count("error") == 1
    printer.is_in(9001, "CONNECTING")
    assert printer.state.fault is None


@pytest.mark.parametrize("end", ["connected again unseen", "next print", "new process"])
def test_an_error_ends_also_where_connecting_was_not_heard(end: str) -> None:
    printer = Printer()
    printer.says(0, "event/Error", {"error": "too hot"})
    printer.is_in(0, "OFFLINE")
    if end == "new process":
        printer.progresses(60, 0, "")
    else:
        printer.is_in(60, "OPERATIONAL" if end == "connected again unseen" else "STARTING")
    assert printer.state.fault is None


def test_time_left_stands_still_while_a_job_is_paused() -> None:
    printer = Printer()
    printer.prints()
    printer.progresses(101, 50)
    assert printer.left == (100, printer.at(101), "estimated")
    printer.is_in(111, "PAUSED")
    for second in (112, 700):
        printer.is_silent_until(second)
        assert printer.left == (90, printer.at(111), "estimated")
    printer.is_in(711, "PRINTING")
    assert printer.left == (90, printer.at(711), "estimated")
    printer.progresses(721, 60)
    assert printer.left == (80, printer.at(721), "estimated")  # of 200 s, 120 are printed


def test_time_left_is_not_computed_from_next_to_nothing() -> None:
    printer = Printer()
    printer.prints()
    printer.progresses(60, 2)
    assert printer.job.time_left is None
    analysed = {"name": "a.gcode", "path": "a.gcode", "result": {"estimatedPrintTime": 600.0}}
    printer.says(61, "event/MetadataAnalysisFinished", analysed)
    printer.progresses(71, 3)
    assert printer.left == (530, printer.at(71), "analysis")
    printer.progresses(900, 4)
    assert printer.job.time_left is None  # the analysis was wrong
