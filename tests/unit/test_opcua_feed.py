"""What the bridge reads of a burst of messages."""

from collections.abc import Sequence
from typing import Any

from services.opcua_bridge.feed import Feed
from voxtrude.mqtt import Delivery
from voxtrude.topics import OPCUA_BRIDGE, service_topic

MARK = Delivery(
    topic=service_topic(OPCUA_BRIDGE),
    payload=b"",
    retained=True,
    duplicate=False,
    qos=1,
    mid=1,
    received_at=0.0,
)


class Bursts:
    """A connection that has bursts to tell."""

    def __init__(self, *bursts: Sequence[Delivery]) -> None:
        self.bursts = list(bursts)
        self.acknowledged: list[Delivery] = []

    async def subscribe(self, *_topics: str, own: bool = False) -> None:
        """Take note."""

    async def take(self, _limit: int) -> Sequence[Delivery]:
        return self.bursts.pop(0)

    def acknowledge(self, burst: Sequence[Delivery]) -> None:
        self.acknowledged += burst


async def test_all_states_have_come_once_however_often_the_mark_comes() -> None:
    connection: Any = Bursts([], [MARK, MARK], [MARK], [])
    told = []
    async for news in Feed(connection).news():
        told.append(news.complete)
        if not connection.bursts:
            break
    assert told == [False, True, False, False]
    assert connection.acknowledged == [MARK] * 3
