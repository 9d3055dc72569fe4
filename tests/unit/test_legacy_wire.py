"""What the plugins Octolexa and Octovox send, with all its odd types, and worse."""

import json
import math
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.ingest import reports
from services.skill.legacy import wire
from services.skill.legacy.pace import BURST, Pace
from voxtrude.printer import PrinterId

NOW = datetime(2026, 1, 31, 12, tzinfo=UTC)
PRINTER = PrinterId("prn-0123456789abcdef")
SECRET = "A" * 32


def reported(*details: tuple[object, object]) -> dict[str, object]:
    told = {"Details": [{"StatusTypeId": kind, "StatusValue": value} for kind, value in details]}
    document = wire.report(PRINTER, told, NOW).model_dump(exclude_none=True)
    for name in ("version", "printer", "reported_at"):
        del document[name]
    return document


def test_what_the_plugins_send_while_they_print() -> None:
    assert reported(
        (1, "210.4"),
        (2, "60.0"),
        (3, "Printing from SD"),
        (4, "42.5"),
        (5, 4200),
        (6, 12.2),
        (7, "benchy v2.gcode"),
        (8, "5400"),
        (9, ""),
    ) == {
        "tool0": 210.4,
        "bed": 60.0,
        "state": "Printing from SD",
        "progress": 42.5,
        "time_left": 4200.0,
        "height": 12.2,
        "file": "benchy v2.gcode",
        "last_duration": 5400.0,
        "last_result": "",
    }


@pytest.mark.parametrize(
    ("value", "number"),
    [
        ("12.5", 12.5),
        (" 12.5 ", 12.5),
        ("12,5", 12.5),
        ("-0.0", 0.0),
        ("1e1", 10.0),
        (".5", 0.5),
        (7, 7.0),
        (True, None),
        (None, None),
        ("", None),
        ("None", None),
        ("NaN", None),
        (math.nan, None),
        (math.inf, None),
        ("1e5", None),
        ("1e999", None),
        ("1_0", None),
        ("0x10", None),
        ("١٢", None),  # digits of another script: float() would take them
        ("9" * 5000, None),
        (10**4000, None),
        ([1], None),
        ({"$gt": 0}, None),
    ],
)
def test_numbers_in_every_shape(value: object, number: float | None) -> None:
    assert reported((4, value)).get("progress") == number


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("Offline (Error: No\tport)", "Offline (Error: No port)"),
        ("None", None),
        ("", None),
        (None, None),
        (5, "5"),
        (False, None),
        (math.nan, None),
        ("a\ud800\x00b", "ab"),
        ("x" * 9000, "x" * wire.LONGEST_TEXT),
        ({}, None),
    ],
)
def test_texts_in_every_shape(value: object, text: str | None) -> None:
    assert reported((3, value)).get("state") == text


def test_ids_are_numbers_or_texts_and_the_last_of_two_counts() -> None:
    assert reported(("1", "20"), (1.0, "21"), (99, "x"), ("x", "y"), (None, 1), (True, 3)) == {
        "tool0": 21.0
    }
    told: dict[str, object] = {"Details": [None, 5, [], {"StatusTypeId": 2}]}
    assert wire.report(PRINTER, told, NOW).bed is None


def test_a_report_without_details_is_none() -> None:
    reports: list[dict[str, object]] = [{}, {"Details": None}, {"Details": {"1": 2}}]
    for told in reports:
        with pytest.raises(wire.UnreadableError):
            wire.report(PRINTER, told, NOW)


def test_keys() -> None:
    found = wire.key({"PrinterId": f" {PRINTER}:{SECRET}\n"})
    assert found == wire.Key(PRINTER, SECRET)
    texts = ("", PRINTER, f"{PRINTER}:", f"{PRINTER}:a b", f"{PRINTER}:\ud800")
    others: list[object] = [None, 5, []]
    for wrong in (*texts, *others):
        assert wire.key({"PrinterId": wrong}) is None


@given(st.binary())
def test_any_bytes_are_read_or_refused(body: bytes) -> None:
    try:
        told = wire.read(body)
    except wire.UnreadableError:
        return
    assert wire.key(told) is None


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=5,
)


@given(st.lists(st.fixed_dictionaries({"StatusTypeId": VALUES, "StatusValue": VALUES}) | VALUES))
def test_any_details_make_a_report_that_can_be_sent(details: list[object]) -> None:
    document = wire.report(PRINTER, {"Details": details}, NOW)
    told = json.loads(document.model_dump_json())
    for name, least, most in wire.NUMBERS.values():
        assert told[name] is None or least <= told[name] <= most
    # Ingest takes whatever we let pass.
    payload = document.model_dump_json().encode()
    reports.read(PRINTER, f"voxtrude/v1/reports/{PRINTER}", payload, NOW.timestamp())


def test_the_extremes_that_we_let_pass_are_taken_by_ingest() -> None:
    for index in (1, 2):
        details = [
            {"StatusTypeId": kind, "StatusValue": limits[index]}
            for kind, limits in wire.NUMBERS.items()
        ]
        texts = [{"StatusTypeId": kind, "StatusValue": "x" * 9000} for kind in wire.TEXTS]
        document = wire.report(PRINTER, {"Details": details + texts}, NOW)
        assert None not in document.model_dump().values()
        payload = document.model_dump_json().encode()
        reports.read(PRINTER, f"voxtrude/v1/reports/{PRINTER}", payload, NOW.timestamp())


def test_a_burst_passes_and_a_flood_does_not() -> None:
    now = 0.0
    pace = Pace(lambda: now)
    other = PrinterId("prn-fedcba9876543210")
    assert [pace.allows(PRINTER) for _ in range(BURST + 2)] == [True] * BURST + [False] * 2
    assert pace.allows(other)
    now = 1.0
    assert [pace.allows(PRINTER) for _ in range(2)] == [True, False]
    now = 1000.0
    assert sum(pace.allows(PRINTER) for _ in range(100)) == BURST
