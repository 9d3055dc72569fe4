"""The composition root: the server first, and then what fills it, again and again.

The server outlives the broker: while that is away, clients see that nobody knows.
"""

import asyncio
from collections.abc import Callable

import structlog

from services.opcua_bridge import garbage
from services.opcua_bridge.mapping.situation import Pipeline
from services.opcua_bridge.ports import Ports
from services.opcua_bridge.server import Bridge, opened
from services.opcua_bridge.settings import BridgeSettings
from voxtrude import mqtt
from voxtrude.feed import Feed
from voxtrude.notices import Condition
from voxtrude.presence import Presence, will
from voxtrude.process import endure, utc_now
from voxtrude.topics import OPCUA_BRIDGE

log = structlog.get_logger()

REVIEW = 5.0
"""Seconds after which a removed user, or a certificate that is trusted no longer, is out."""


async def run(settings: BridgeSettings, ready: Callable[[], None]) -> None:
    """Serve until we are stopped.

    Raises:
        SetupError: The operator must change something.
    """
    async with opened(settings) as bridge:
        ports = Ports(bridge, settings.opcua)
        try:
            await ports.open()
            ready()
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(_review(bridge), name="review")
                tasks.create_task(garbage.collect(), name="garbage")
                await endure(lambda heard: _follow(settings, bridge, ports, heard))
        finally:
            await ports.close()


async def _review(bridge: Bridge) -> None:
    while True:
        await asyncio.sleep(REVIEW)
        bridge.core.review()


async def _follow(
    settings: BridgeSettings, bridge: Bridge, ports: Ports, heard: Callable[[], None]
) -> None:
    """Write what the broker says into the server, until the link breaks.

    Raises:
        LinkError: The broker went away.
        SetupError: It refused us.
    """
    since = utc_now()
    machines = bridge.machines
    try:
        async with mqtt.connect(
            settings.mqtt,
            settings.mqtt.username or OPCUA_BRIDGE,
            will=will(OPCUA_BRIDGE, since),
        ) as connection:
            presence = Presence(connection, OPCUA_BRIDGE, since)
            # Published before we listen: that it comes back tells that all states have come.
            await presence.stop()
            machines.begin()
            try:
                async for news in Feed(connection, OPCUA_BRIDGE).news():
                    if news.ingest is not None:
                        await bridge.hear(PIPELINES[news.ingest])
                    await machines.use(news)
                    if news.states or news.complete:
                        await ports.follow()
                    if news.complete:
                        presence.set(Condition.RUNNING)
                        heard()
                        log.info("serving", machines=machines.count)
            finally:
                await presence.stop()
    finally:
        await bridge.hear(Pipeline.GONE)


PIPELINES = {
    Condition.RUNNING: Pipeline.RUNNING,
    Condition.STALLED: Pipeline.STALLED,
    Condition.STOPPED: Pipeline.GONE,
}
