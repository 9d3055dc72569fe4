"""The portal's benchmark, at a size that only shows that it works: nothing is lost on the way."""

import sys
from collections.abc import Iterator

import pytest

from benchmarks import portal
from benchmarks.portal_browsers import EventStream
from benchmarks.portal_rounds import BEAT, COLLECTED, PLAIN, Bench, Sizes, prepared
from benchmarks.portal_traffic import Window, latencies

pytestmark = pytest.mark.integration

SIZES = Sizes(printers=4, browsers=2, rounds=1, warm_seconds=0.2, seconds=2.0)


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bench]:
    with prepared(tmp_path_factory.mktemp("bench"), SIZES, sys.executable) as found:
        yield found


def test_what_every_printer_said_last_is_on_every_page(bench: Bench) -> None:
    found = bench.live(SIZES.browsers)

    assert found.browsers == 2
    assert found.changes > 0
    assert found.lost == 0
    assert 0 < found.p50 <= found.p99 <= found.worst
    assert found.messages > 0
    assert found.bytes > 0
    assert found.memory_mib > 0


@pytest.mark.parametrize(("name", "beat"), [(PLAIN, 0.0), (COLLECTED, BEAT)])
def test_plain_streams_lose_nothing_either(bench: Bench, name: str, beat: float) -> None:
    found = bench.stream(name, beat)

    assert found.changes > 0
    assert found.lost == 0
    assert found.bytes > 0


def test_pages_are_loaded(bench: Bench) -> None:
    found = bench.reloads()

    assert found.messages > 0
    assert found.bytes > 0
    assert found.p50 > 0


def test_nobody_needs_to_watch(bench: Bench) -> None:
    found = bench.live(0)

    assert found.changes == 0
    assert found.bytes == 0
    assert found.memory_mib > 0


def test_a_real_browser_shows_what_every_printer_said_last(bench: Bench) -> None:
    document, screen = bench.chromium()

    assert document.changes == screen.changes > 0
    assert document.lost == screen.lost == 0
    assert 0 < document.p50 <= screen.worst


def test_events_are_read_as_the_standard_says() -> None:
    stream = EventStream()
    wire = "\ufeff: a comment\r\ndata: ä\r\ndata:b\r\rid: 7\n\nevent: over\ndata\n\ndata: not yet"
    got = [event for byte in wire.encode() for event in stream.feed(bytes([byte]))]

    assert got == [("message", "ä\nb"), ("over", "")]


def test_a_later_number_tells_of_those_before_and_what_never_came_is_missing() -> None:
    sent = [[10.0, 11.0, 12.0, 13.0]]
    seen = [(10.5, 0, 1), (12.5, 0, 3), (12.6, 0, 2)]

    assert latencies(sent, seen, Window(11.0, 13.0)) == [1.5, 0.5]


@pytest.mark.parametrize("seen", [(10.5, 0, 2), (9.5, 0, 1)])
def test_what_nobody_has_said_is_no_update(seen: tuple[float, int, int]) -> None:
    with pytest.raises(RuntimeError, match="no printer has said"):
        latencies([[10.0]], [seen], Window(10.0, 13.0))


def test_the_report_tells_of_every_server(capsys: pytest.CaptureFixture[str]) -> None:
    row = {
        "server": "the live page",
        "browsers": 2,
        "changes": 10,
        "p50": 1.0,
        "p99": 2.0,
        "worst": 2500.0,
        "late": 1,
        "lost": 0,
        "messages": 2.0,
        "bytes": 3000.0,
        "cpu": 10.0,
        "memory_mib": 100.0,
        "browsers_cpu": 1.0,
        "machine": 95.0,
    }
    other = {**row, "server": "another", "cpu": 40.0, "machine": 5.0}
    sizes = {"printers": 2, "rounds": 1, "seconds": 1.0}

    portal.report({"cores": 2, "sizes": sizes, "rows": [row, other]})

    said = capsys.readouterr().out
    assert "0.25" in said
    assert said.count("busy") == 1
    assert "2.50 s, limit 2: NOT HELD" in said
    assert "100.00 MiB, limit 190.7: held" in said
