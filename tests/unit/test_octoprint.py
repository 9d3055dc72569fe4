"""OctoPrint's dialect: any bytes on any topic give a message, nothing, or a PayloadError."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import bson
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from pydantic import TypeAdapter

from services.ingest.octoprint import MAX_PAYLOAD, decode
from voxtrude.errors import PayloadError
from voxtrude.messages import (
    FileSelected,
    Heard,
    JobEnded,
    JobStarted,
    LinkChanged,
    Message,
    OctoPrintStarted,
    ProgressReported,
    StatusReported,
    TemperatureReported,
    TimePassed,
)
from voxtrude.printer import Outcome, PrinterId, PrinterState, PrintFile, Status
from voxtrude.reducer import evolve
from voxtrude.registration import Registration, Templates

NOW = 1_795_176_000.25
STATE = TypeAdapter(PrinterState)

TOPICS = [
    "mqtt",
    "temperature/tool0",
    "temperature/bed",
    "progress/printing",
    "progress/slicing",
    "metadata/layer_height",
    *(
        f"event/{name}"
        for name in [
            "PrinterStateChanged",
            "PrintStarted",
            "PrintPaused",
            "PrintResumed",
            "PrintDone",
            "PrintCancelled",
            "PrintFailed",
            "Error",
            "FirmwareData",
            "ZChange",
            "FileSelected",
            "FileDeselected",
            "PausedForUser",
            "MetadataAnalysisFinished",
            "Shutdown",
            "ClientOpened",
            "plugin_some_thing",
        ]
    ),
]
"""Every topic that the plugin has, relative to the base topic."""


def printer(**parts: Any) -> Registration:  # noqa: ANN401  (a registration's parts)
    return Registration(
        id=PrinterId("prn-0000000000000001"),
        name="Test",
        base_topic=parts.pop("base_topic", "octoPrint/a/"),
        created_at=datetime(2026, 11, 20, tzinfo=UTC),
        alive_at=None,
        **parts,
    )


def said(topic: str, payload: object, **parts: Any) -> Message | None:  # noqa: ANN401  (as above)
    raw = payload if isinstance(payload, bytes) else json.dumps(payload).encode()
    retained = parts.pop("retained", False)
    return decode(printer(**parts), f"octoPrint/a/{topic}", raw, NOW, retained=retained)


def stored(state: PrinterState) -> bytes:
    def plain(value: object) -> object:
        if isinstance(value, timedelta):
            return value.total_seconds()
        if isinstance(value, dict):
            return {key: plain(inner) for key, inner in value.items()}
        return [plain(inner) for inner in value] if isinstance(value, list | tuple) else value

    document = plain(STATE.dump_python(state))
    assert isinstance(document, dict)
    return bson.encode(document)


def survives(topic: str, payload: bytes, *, retained: bool = False) -> None:
    """Read a message, and if it can be read, fold it and store what comes of it."""
    try:
        message = said(topic, payload, retained=retained)
    except PayloadError:
        return
    state = PrinterState(printer=PrinterId("prn-0000000000000001"))
    if message is None:
        return
    state = evolve(state, message)
    later = message.received_at + timedelta(days=1)
    state = evolve(state, TimePassed(printer=state.printer, received_at=later))
    assert stored(state)


KEYS = [
    "_timestamp",
    "actual",
    "target",
    "path",
    "progress",
    "printer_data",
    "state",
    "job",
    "file",
    "completion",
    "printTime",
    "printTimeLeft",
    "currentZ",
    "state_id",
    "state_string",
    "text",
    "error",
    "consequence",
    "name",
    "new",
    "origin",
    "size",
    "time",
    "reason",
    "result",
    "estimatedPrintTime",
    "display",
]
numbers = (
    st.integers()
    | st.integers(-(1 << 70), 1 << 70)
    | st.floats()
    | st.sampled_from([0, 1, 100, 1e9, 5000, 1_795_176_000])
)
scalars = st.none() | st.booleans() | numbers | st.text(max_size=20)
bodies = st.recursive(
    scalars,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(KEYS) | st.text(max_size=5), inner, max_size=8)
    ),
    max_leaves=25,
)


@given(topic=st.sampled_from(TOPICS), payload=st.binary(max_size=200), retained=st.booleans())
def test_any_bytes_are_a_message_or_nothing_or_a_payload_error(
    *, topic: str, payload: bytes, retained: bool
) -> None:
    survives(topic, payload, retained=retained)


@given(topic=st.sampled_from(TOPICS), body=bodies, retained=st.booleans())
def test_any_json_is_a_message_or_nothing_or_a_payload_error(
    *, topic: str, body: object, retained: bool
) -> None:
    survives(topic, json.dumps(body).encode(), retained=retained)


@given(st.text(max_size=300), st.binary(max_size=50))
@example("event/{event}", b"{}")
@example("temperature/a\n", b'{"actual": 1, "target": 1}')
def test_any_topic_is_a_message_or_nothing_or_a_payload_error(topic: str, payload: bytes) -> None:
    survives(topic, payload)


def nested(depth: int) -> str:
    return "[" * depth + "]" * depth


POISON = {
    "int beyond 64 bits": '{"%s": 9223372036854775808}',
    "int of 5,000 digits": '{"%s": 1' + "0" * 5000 + "}",
    "lone surrogate": r'{"%s": "\ud800"}',
    "lone surrogate as key": r'{"\udc00": 1, "%s": 1}',
    "NUL in a key": r'{"%s\u0000": 1}',
    "NUL in a value": r'{"%s": "a\u0000b"}',
    "180 arrays deep": '{"%s": ' + nested(180) + "}",
    "5,000 arrays deep": '{"%s": ' + nested(5000) + "}",
    "NaN": '{"%s": NaN}',
    "Infinity": '{"%s": Infinity}',
    "-Infinity": '{"%s": -Infinity}',
    "more than a float holds": '{"%s": 1e999}',
    "a database's operator": '{"%s": {"$concat": ["a", "b"]}, "$set": {"a": "$_id"}}',
    "17 MB": '{"%s": "' + "x" * 17_000_000 + '"}',
}


@pytest.mark.parametrize("poison", POISON)
@pytest.mark.parametrize("topic", TOPICS)
def test_poison_is_refused_or_harmless(topic: str, poison: str) -> None:
    whole = {
        "actual": 20.5,
        "target": 0,
        "path": "a.gcode",
        "name": "a.gcode",
        "progress": 1,
        "state_id": "PRINTING",
        "state_string": "Printing",
        "error": "e",
        "new": 0.2,
        "result": {},
        "_timestamp": 1_795_176_000,
    }
    for key in [*whole, "unknown"] if poison != "17 MB" else ["name"]:
        rest = json.dumps({name: value for name, value in whole.items() if name != key})
        payload = (POISON[poison] % key)[:-1] + ", " + rest[1:]
        survives(topic, payload.encode())


@pytest.mark.parametrize("topic", TOPICS)
def test_what_is_too_long_is_refused(topic: str) -> None:
    with pytest.raises(PayloadError, match="longer than 64 KiB"):
        said(topic, b" " * (MAX_PAYLOAD + 1))


def test_a_reason_never_holds_the_payload() -> None:
    for payload in (
        b'{"actual": "hunter2"}',
        b"hunter2",
        b'{"actual": 1, "target": {"hunter2": 1}}',
    ):
        with pytest.raises(PayloadError) as caught:
            said("temperature/tool0", payload)
        assert "hunter2" not in str(caught.value)


def test_a_topic_of_another_base_is_nothing() -> None:
    for topic in ("octoPrint/b/mqtt", "octoPrint/a", "octoPrint/amqtt", "", "voxtrude/v1/x"):
        assert decode(printer(), topic, b"connected", NOW, retained=False) is None


def test_a_base_without_a_slash_is_not_the_beginning_of_another() -> None:
    base = "hall/Unit-1"
    one = printer(base_topic=base)
    assert isinstance(decode(one, f"{base}mqtt", b"connected", NOW, retained=False), LinkChanged)
    assert decode(one, f"{base}0mqtt", b"connected", NOW, retained=False) is None


def test_topic_templates_are_followed() -> None:
    templates = Templates(
        event="ev/{event}/x", progress="p-{progress}", temperature="{temp}", last_will="state/lw"
    )
    body = {"name": "a", "path": "a", "origin": "local", "size": 1}
    assert isinstance(said("ev/PrintStarted/x", body, templates=templates), JobStarted)
    assert isinstance(
        said("p-printing", {"path": "a", "progress": 3}, templates=templates), ProgressReported
    )
    assert isinstance(
        said("tool0", {"actual": 1, "target": 2}, templates=templates), TemperatureReported
    )
    assert isinstance(said("state/lw", b"connected", templates=templates), LinkChanged)
    assert said("event/PrintStarted", body, templates=Templates(event="ev/{event}/x")) is None


@pytest.mark.parametrize(
    ("state_id", "text", "status"),
    [
        ("PRINTING", "Printing", Status.PRINTING),
        ("PRINTING", "Printing from SD", Status.PRINTING),
        ("PRINTING", "Sending file to SD", Status.UPLOADING),
        ("CLOSED_WITH_ERROR", "Offline after error", Status.OFFLINE),
        ("DETECT_SERIAL", "Detecting serial connection", Status.CONNECTING),
        ("LEVITATING", "Levitating", Status.UNKNOWN),
    ],
)
def test_states_are_told_in_our_words_and_in_octoprints(
    state_id: str, text: str, status: Status
) -> None:
    message = said("event/PrinterStateChanged", {"state_id": state_id, "state_string": text})
    assert isinstance(message, StatusReported)
    told = message.status
    assert (told.status, told.state_id, told.text) == (status, state_id, text)


def test_extended_information_is_read() -> None:
    data = {
        "state": {"text": "Printing", "flags": {}},
        "job": {"file": {"name": "x.gco", "path": "d/x.gco", "display": "X", "origin": "sdcard"}},
        "progress": {"completion": 12.5, "printTime": 60, "printTimeLeft": -3},
        "currentZ": 0.4,
    }
    body = {"path": "old.gcode", "progress": 12, "printer_data": data}
    message = said("progress/printing", body)
    assert isinstance(message, ProgressReported)
    details = message.details
    assert details
    assert details.file == PrintFile("X", "d/x.gco", "sdcard")
    assert (details.completion, details.height) == (12.5, 0.4)
    assert details.print_time == timedelta(minutes=1)
    assert details.time_left == timedelta()


def test_a_new_process_tells_its_state_where_it_can() -> None:
    data: dict[str, Any] = {"state": {"text": "Operational"}, "job": {"file": {}}, "progress": {}}
    plain = said("progress/printing", {"path": "", "progress": 0})
    extended = said("progress/printing", {"path": "", "progress": 0, "printer_data": data})
    assert isinstance(plain, OctoPrintStarted)
    assert isinstance(extended, OctoPrintStarted)
    assert plain.status is None
    assert extended.status
    assert extended.status.status is Status.IDLE


def test_who_owns_or_uses_a_file_is_not_read() -> None:
    body = {"name": "a", "path": "a", "origin": "local", "owner": "Ada", "user": "Bob"}
    for name in ("PrintStarted", "PrintDone", "FileSelected"):
        assert "Ada" not in repr(said(f"event/{name}", body))
        assert "Bob" not in repr(said(f"event/{name}", body))
    seen = said("event/ClientOpened", {"remoteAddress": "192.0.2.7"})
    assert isinstance(seen, Heard)
    assert "192.0.2.7" not in repr(seen)


def test_a_deselected_file_is_none() -> None:
    message = said("event/FileDeselected", {})
    assert isinstance(message, FileSelected)
    assert message.file is None


@pytest.mark.parametrize(
    ("event", "reason", "progress", "outcome", "percent"),
    [
        ("PrintDone", None, None, Outcome.DONE, None),
        ("PrintCancelled", "cancelled", 29, Outcome.CANCELLED, 29),
        ("PrintFailed", "cancelled", 29, Outcome.CANCELLED, 29),
        ("PrintFailed", "error", 0.25, Outcome.FAILED, 25),
    ],
)
def test_ends_of_a_job(
    event: str, reason: str | None, progress: float | None, outcome: Outcome, percent: float | None
) -> None:
    body = {"name": "a", "path": "a", "time": 1.5, "reason": reason, "progress": progress}
    message = said(f"event/{event}", body | {"error": ""})
    assert isinstance(message, JobEnded)
    assert (message.outcome, message.percent) == (outcome, percent)
    assert message.duration == timedelta(seconds=1.5)
    assert message.error is None


def test_a_fraction_above_one_is_no_progress() -> None:
    body = {"name": "a", "path": "a", "reason": "error", "progress": 13}
    with pytest.raises(PayloadError, match="progress"):
        said("event/PrintFailed", body)
