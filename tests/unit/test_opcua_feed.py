"""What is heard from the broker, burst by burst."""

from collections import deque
from collections.abc import Sequence
from typing import Any, cast

import pytest
from structlog.testing import capture_logs

from tests.opcua_news import told
from tests.opcua_printers import REGISTRATION, document, printer
from voxtrude.documents import PrinterDocument
from voxtrude.errors import LinkError
from voxtrude.events import Happening
from voxtrude.feed import Feed, News
from voxtrude.mqtt import Connection, Delivery
from voxtrude.notices import Condition
from voxtrude.presence import document as presence
from voxtrude.printer import PrinterId, Status
from voxtrude.process import utc_now
from voxtrude.topics import (
    INGEST,
    OPCUA_BRIDGE,
    events_topic,
    service_topic,
    state_topic,
)

A, B = PrinterId("prn-00000000000000aa"), PrinterId("prn-00000000000000bb")
MARK = (service_topic(OPCUA_BRIDGE), b"whatever")


class Broker:
    """A connection that delivers bursts and then breaks."""

    def __init__(self, *bursts: Sequence[tuple[str, bytes]]) -> None:
        self.subscribed: list[str] = []
        self.acknowledged: list[int] = []
        self._bursts = deque(bursts)

    async def subscribe(self, *filters: str, own: bool = False) -> None:
        self.subscribed += [f"own {name}" if own else name for name in filters]

    async def take(self, most: int) -> list[Delivery]:
        assert most > 1
        if not self._bursts:
            raise LinkError("the broker is gone")
        burst = enumerate(self._bursts.popleft())
        facts: Any = {"retained": False, "duplicate": False, "qos": 1, "received_at": 0.0}
        return [Delivery(topic, payload, mid=mid, **facts) for mid, (topic, payload) in burst]

    def acknowledge(self, burst: Sequence[Delivery]) -> None:
        self.acknowledged.append(len(burst))


async def heard(broker: Broker) -> list[News]:
    found: list[News] = []
    try:
        async for news in Feed(cast("Connection", broker), OPCUA_BRIDGE).news():
            # What has not been used yet is not acknowledged.
            assert len(broker.acknowledged) == len(found)
            found.append(news)
    except LinkError:
        return found
    raise AssertionError("it ended without its link")


def state(status: Status) -> PrinterDocument:
    return document(printer(status), REGISTRATION)


def kept(one: PrinterId, status: Status) -> tuple[str, bytes]:
    return state_topic(one), state(status).model_dump_json().encode()


async def test_of_a_burst_the_newest_state_of_each_printer_counts() -> None:
    burst = [kept(A, Status.IDLE), kept(B, Status.IDLE), kept(A, Status.PRINTING)]
    broker = Broker(burst, [(state_topic(A), b""), kept(B, Status.ERROR)])
    first, second = await heard(broker)
    assert first.states == {A: state(Status.PRINTING), B: state(Status.IDLE)}
    assert second.states == {A: None, B: state(Status.ERROR)}
    assert broker.acknowledged == [3, 2]


async def test_it_listens_to_its_own_mark_after_everything_else() -> None:
    broker = Broker()
    await heard(broker)
    *others, last = broker.subscribed
    assert last == f"own {MARK[0]}"
    assert not [name for name in others if name.startswith("own")]


@pytest.mark.parametrize("burst", [[MARK], [MARK, MARK], [kept(A, Status.IDLE), MARK]])
async def test_everything_has_come_with_the_first_mark(burst: list[tuple[str, bytes]]) -> None:
    news = await heard(Broker([kept(B, Status.IDLE)], burst, [MARK], [MARK, MARK]))
    assert [each.complete for each in news] == [False, True, False, False]


@pytest.mark.parametrize(
    ("payload", "expected"),
    [
        (presence(INGEST, Condition.RUNNING, utc_now()), Condition.RUNNING),
        (presence(INGEST, Condition.STALLED, utc_now()), Condition.STALLED),
        (b"", Condition.STOPPED),
        (b"rubbish", None),
    ],
)
async def test_ingest_is_as_it_says(payload: bytes, expected: Condition | None) -> None:
    (news,) = await heard(Broker([(service_topic(INGEST), payload)]))
    assert news.ingest is expected


async def test_events_stay_in_their_order() -> None:
    events = [told(Happening.JOB_STARTED), told(Happening.JOB_FINISHED)]
    burst = [(events_topic(A), event.model_dump_json().encode()) for event in events]
    (news,) = await heard(Broker([*burst, (events_topic(A), b"")]))
    assert news.events == events


async def test_what_cannot_be_read_is_told_once_a_topic_and_left_out() -> None:
    bad: list[Any] = [(state_topic(A), b"{}"), (events_topic(B), b"\xff"), (state_topic(A), b"[")]
    with capture_logs() as logs:
        first, second = await heard(Broker([*bad, kept(B, Status.IDLE)], bad))
    assert first.states == {B: state(Status.IDLE)}
    assert (first.events, second.states, second.events) == ([], {}, [])
    assert [line["topic"] for line in logs] == [state_topic(A), events_topic(B)]


async def test_an_older_state_stands_where_a_newer_one_cannot_be_read() -> None:
    (news,) = await heard(Broker([kept(A, Status.IDLE), (state_topic(A), b"{}")]))
    assert news.states == {A: state(Status.IDLE)}
