"""What the lines of the broker's log mean, and what adds up from them."""

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from broker import journal
from broker.journal import Connected, Disconnected, Event, Evicted, Journal, Opened, Refused, read
from voxtrude.mongo.logins import EVICTIONS, UNNAMED, Tidings
from voxtrude.mqtt import Delivery
from voxtrude.printer import PrinterId

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
ONE = PrinterId("prn-00000000000000aa")
OTHER = PrinterId("prn-00000000000000bb")

# Mosquitto 2.0.11 as installed; 2.1.2 as its sources have it.
LINES: dict[str, Event | None] = {
    "New connection from 127.0.0.1:33575 on port 1883.": Opened("127.0.0.1:33575"),
    "New connection from fd00::17:33575 on port 1883.": Opened("fd00::17:33575"),
    f"New client connected from 10.0.0.7:33575 as {ONE} (p1, c1, k60, u'{ONE}').": Connected(
        ONE, "10.0.0.7:33575", "3.1"
    ),
    f"New client connected from 10.0.0.7:1 as {ONE} (p2, c0, k60, u'{ONE}').": Connected(
        ONE, "10.0.0.7:1", "3.1.1"
    ),
    f"New client connected from fd00::1:1 as {ONE} (p5, c1, k0, u'{ONE}').": Connected(
        ONE, "fd00::1:1", "5"
    ),
    "New client connected from 10.0.0.7:1 as ingest (p9, c1, k60, u'ingest').": Connected(
        "ingest", "10.0.0.7:1", None
    ),
    "Client <unknown> disconnected, not authorised.": Refused(None, None),
    "Client paho-1234 disconnected, not authorised.": Refused(None, None),
    f"Client {ONE} disconnected, not authorised.": Refused(ONE, None),
    f"Client {ONE} [10.0.0.7:33575] disconnected: not authorised.": Refused(ONE, "10.0.0.7:33575"),
    "Client 10.0.0.7 [10.0.0.7:1] disconnected: not authorised.": Refused(None, "10.0.0.7:1"),
    f"Client {ONE} [::1:1] disconnected: bad username or password.": Refused(ONE, "::1:1"),
    f"Client {ONE} already connected, closing old connection.": Evicted(ONE),
    f"Client {ONE} [10.0.0.7:1] disconnected: session taken over.": Evicted(ONE),
    f"Client {ONE} disconnected.": Disconnected(ONE),
    f"Client {ONE} [10.0.0.7:1] disconnected.": Disconnected(ONE),
    f"Client {ONE} closed its connection.": Disconnected(ONE),
    f"Client {ONE} has exceeded timeout, disconnecting.": Disconnected(ONE),
    f"Client {ONE} been disconnected by administrative action.": Disconnected(ONE),
    f"Client {ONE} disconnected due to protocol error.": Disconnected(ONE),
    f"Client {ONE} [::1:1] disconnected: connection closed by client.": Disconnected(ONE),
    f"Client {ONE} disconnected: Connection reset by peer.": Disconnected(ONE),
    f"Bad socket read/write on client {ONE}: Invalid input": Disconnected(ONE),
    "Client <unknown> disconnected due to protocol error.": Disconnected(None),
    "Client <unknown> closed its connection.": Disconnected(None),
    "Client connection from 127.0.0.1 failed: error:0A00009C:SSL routines::http request.": None,
    "mosquitto version 2.0.11 running": None,
    "Saving in-memory database to /x/mosquitto.db.": None,
    "": None,
    "Client": None,
    # A name that looks like another line: whoever is refused chooses it.
    f"Client {ONE} disconnected. disconnected, not authorised.": Refused(None, None),
    f"Client {ONE} already connected, closing old connection. disconnected, not authorised.": (
        Refused(None, None)
    ),
    f"Client {ONE} [1.1.1.1:1] disconnected. [2.2.2.2:2] disconnected: not authorised.": Refused(
        None, "2.2.2.2:2"
    ),
    f"Client {ONE}\n disconnected, not authorised.": None,
}


@pytest.mark.parametrize(("line", "event"), LINES.items(), ids=list(LINES))
def test_a_line_is_read(line: str, event: Event | None) -> None:
    assert read(f"2026-11-21T13:54:23+0000: {line}") == event
    assert read(f"1795267518: {line}") == event


@given(st.text())
def test_any_line_can_be_read(line: str) -> None:
    read(line)


def heard(lines: Iterable[str], into: Journal | None = None, at: datetime = NOON) -> Journal:
    """Return a journal that has heard these lines, each a second after the one before."""
    book = into or Journal()
    for number, line in enumerate(lines):
        seconds = (at + timedelta(seconds=number)).timestamp()
        payload = f"2026-11-21T13:54:23+0000: {line}".encode()
        topic = journal.TOPICS[number % 2]
        book.hear([Delivery(topic, payload, False, False, 1, 1, seconds)])  # noqa: FBT003  (a message as it comes)
    return book


def opened(peer: str) -> str:
    return f"New connection from {peer} on port 1883."


def connected(printer: str, peer: str = "10.0.0.7:1", protocol: int = 2) -> list[str]:
    line = f"New client connected from {peer} as {printer} (p{protocol}, c1, k60, u'{printer}')."
    return [opened(peer), line]


UNKNOWN = "Client <unknown> disconnected, not authorised."


def after(seconds: int) -> datetime:
    return NOON + timedelta(seconds=seconds)


def test_a_life_adds_up() -> None:
    book = heard([*connected(ONE, protocol=1), f"Client {ONE} disconnected."])
    assert book.take() == {
        ONE: Tidings(after(2), connected_at=after(1), protocol="3.1", disconnected_at=after(2))
    }
    assert book.take() == {}


def test_services_are_no_printers() -> None:
    book = heard([*connected("ingest"), "Client ingest disconnected.", *connected("prn-1")])
    assert book.take() == {}


def test_what_cannot_be_written_is_kept_beneath_what_follows() -> None:
    refused = f"Client {ONE} [10.0.0.7:1] disconnected: not authorised."
    book = heard([*connected(ONE), refused, refused])
    taken = book.take()
    heard([refused, f"Client {ONE} already connected, closing old connection."], book, after(60))
    book.give_back(taken)
    assert book.take() == {
        ONE: Tidings(
            after(61),
            connected_at=after(1),
            protocol="3.1.1",
            refused_at=after(60),
            refusals=3,
            evicted_at=(after(61),),
        )
    }


def test_two_printers_with_one_key() -> None:
    line = f"Client {ONE} already connected, closing old connection."
    book = heard([*connected(ONE), *[line] * 9])
    assert book.take()[ONE].evicted_at == tuple(after(2 + 9 - back) for back in (5, 4, 3, 2, 1))
    assert len(heard([line] * 9).take()[ONE].evicted_at) == EVICTIONS


def test_a_kept_session_that_nobody_used_is_no_clash() -> None:
    line = f"Client {ONE} [10.0.0.7:2] disconnected: session taken over."
    book = heard([*connected(ONE), f"Client {ONE} closed its connection.", line, *connected(ONE)])
    assert book.take()[ONE].evicted_at == ()


def test_a_refusal_is_concluded_from_an_address_that_was_one_printers_alone() -> None:
    offline = [*connected(ONE), f"Client {ONE} been disconnected by administrative action."]
    book = heard([*offline, opened("10.0.0.7:9"), UNKNOWN])
    taken = book.take()
    assert taken[UNNAMED] == Tidings(after(4), refused_at=after(4), refusals=1)
    assert (taken[ONE].refused_at, taken[ONE].refusals) == (after(4), 1)


@pytest.mark.parametrize(
    "before",
    [
        [],
        connected(ONE),  # it is there, so it is somebody else
        [*connected(ONE), *connected(OTHER), f"Client {ONE} disconnected."],  # a shared address
        [*connected(ONE, "10.0.0.8:1"), f"Client {ONE} disconnected."],  # another address
        [*connected(ONE), f"Client {ONE} disconnected.", opened("10.0.0.9:1")],  # or was it that?
    ],
    ids=["nobody", "online", "shared", "elsewhere", "two at once"],
)
def test_a_refusal_that_may_be_anybodys_is_nobodys(before: list[str]) -> None:
    taken = heard([*before, opened("10.0.0.7:9"), UNKNOWN]).take()
    assert taken[UNNAMED].refusals == 1
    assert ONE not in taken or taken[ONE].refusals == 0


def test_a_connection_that_ended_is_not_the_next_refused_one() -> None:
    offline = [*connected(ONE), f"Client {ONE} disconnected."]
    ended = [opened("10.0.0.9:1"), "Client <unknown> closed its connection."]
    taken = heard([*offline, *ended, opened("10.0.0.7:9"), UNKNOWN]).take()
    assert taken[ONE].refusals == 1


def test_a_storm_stays_small() -> None:
    book = Journal()
    names = [f"prn-{number:016x}" for number in range(30_000)]
    heard([f"Client {name} disconnected, not authorised." for name in names], book)
    heard([opened(f"10.0.0.7:{port}") for port in range(30_000)], book)
    heard([UNKNOWN] * 1000, book)
    taken = book.take()
    assert len(taken) == journal.MAX_REFUSED + 1
    assert taken[UNNAMED].refusals == 1000
    heard([f"Client {names[0]} disconnected, not authorised."], book)
    assert book.take()[PrinterId(names[0])].refusals == 1
