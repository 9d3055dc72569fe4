"""Many OPC UA clients in one process: they subscribe, count, and are asked over their stdin.

``python -m benchmarks.opcua_clients ORDER`` takes a JSON object with the fields of ``Order``
and prints JSON lines: the first when every client has heard from every variable, then for each
line read what has arrived since the last. The end of stdin ends it, and no client says goodbye.
With ``vanishing`` clients come all the time, and each is gone a moment later.
"""

import asyncio
import json
import logging
import os
import sys
import time
from collections import deque
from collections.abc import AsyncIterator
from dataclasses import dataclass, fields
from pathlib import Path

from asyncua import ua
from asyncua.client.client import Client
from asyncua.ua.attribute_ids import AttributeIds
from asyncua.ua.ua_binary import struct_from_binary
from asyncua.ua.uaerrors import UaError

from benchmarks.publishing import COMPARED, Publisher, Tally

NAMESPACE = "urn:voxtrude:machines"
AT_ONCE = 1_000  # monitored items in a request
TIMEOUT = 120.0  # seconds for one answer: a server may be busy with the items of another
SETTLING = 300.0  # seconds until every variable was heard of
LIFETIME = 3_000  # publishing intervals without a request
KEEP_ALIVES = 10  # in a lifetime
PATIENCE = 0.1
COMING = 0.5  # seconds between two clients that come, where they vanish
STAYING = 4  # of those are there at once
SHORT = 100  # publishing intervals: their lifetime


@dataclass(frozen=True, slots=True)
class Order:
    """What the clients are to do; ``nodes`` is a file with a NodeId's identifier a line."""

    url: str
    nodes: str
    clients: int
    interval_ms: float
    cpu: int | None = None
    vanishing: bool = False


async def open_client(order: Order, names: list[str], lifetime: int = LIFETIME) -> Publisher:
    """Connect, anonymous and unencrypted, and subscribe to the variables.

    ``lifetime`` is the subscription's, and the session's, in publishing intervals.

    Raises:
        OSError: The server is not there, or a variable cannot be monitored.
        UaError: The server refuses something.
    """
    client = Client(order.url, timeout=TIMEOUT)
    client.session_timeout = round(lifetime * order.interval_ms)
    # Not connect(), which lets asyncua's own loops watch a connection that we take over.
    await client.connect_socket()
    try:
        await client.send_hello()
        await client.open_secure_channel()
        await client.create_session()
        await client.activate_session()
        return await subscribed(client, order, names, lifetime)
    except BaseException:
        client.disconnect_socket()
        raise


async def subscribed(client: Client, order: Order, names: list[str], lifetime: int) -> Publisher:
    """Subscribe, and take the connection over."""
    namespace = await client.get_namespace_index(NAMESPACE)
    protocol = client.uaclient.protocol
    if protocol is None:
        raise ConnectionError("the connection is closed")
    # The client's own method would begin to publish.
    request = ua.CreateSubscriptionRequest(
        Parameters=ua.CreateSubscriptionParameters(
            RequestedPublishingInterval=order.interval_ms,
            RequestedLifetimeCount=lifetime,
            RequestedMaxKeepAliveCount=lifetime // KEEP_ALIVES,
            PublishingEnabled=True,
        )
    )
    answer = struct_from_binary(ua.CreateSubscriptionResponse, await protocol.send_request(request))
    subscription = answer.Parameters.SubscriptionId
    for start in range(0, len(names), AT_ONCE):
        items = [
            item(ua.NodeId(ua.String(name), ua.Int16(namespace)), handle)
            for handle, name in enumerate(names[start : start + AT_ONCE], start)
        ]
        made = await client.uaclient.create_monitored_items(
            ua.CreateMonitoredItemsParameters(subscription, ua.TimestampsToReturn.Source, items)
        )
        for result in made:
            if not result.StatusCode.is_good():
                raise ConnectionError(f"a variable cannot be monitored: {result.StatusCode.name}")
    return Publisher(protocol, subscription, len(names))


def item(variable: ua.NodeId, handle: int) -> ua.MonitoredItemCreateRequest:
    """Return what asks to be told of each change, and of the newest only."""
    return ua.MonitoredItemCreateRequest(
        ua.ReadValueId(variable, AttributeIds.Value),
        ua.MonitoringMode.Reporting,
        ua.MonitoringParameters(
            ClientHandle=handle,
            SamplingInterval=0,
            Filter=None,
            QueueSize=1,
            DiscardOldest=True,
        ),
    )


async def serve(order: Order) -> None:
    """Open the clients, and answer what is asked."""
    names = (await asyncio.to_thread(Path(order.nodes).read_text)).split()
    if order.vanishing:
        coming = Coming(order, names)
        say({"ready": 0.0, "compared": 0})
        task = asyncio.create_task(coming.run())
        async for _ in asked():
            say({"came": coming.came, "refused": coming.refused})
        task.cancel()
        return
    began = time.perf_counter()
    publishers = [await open_client(order, names) for _ in range(order.clients)]
    async with asyncio.timeout(SETTLING):
        while any(one.silent or one.compared < COMPARED for one in publishers):
            check(publishers)
            await asyncio.sleep(PATIENCE)
    compared = min(one.compared for one in publishers)
    say({"ready": time.perf_counter() - began, "compared": compared})
    used = processor_seconds()
    async for _ in asked():
        taken = [one.take() for one in publishers]
        before, used = used, processor_seconds()
        say({**told(total(taken)), "cpu": used - before})
        check(publishers)


async def asked() -> AsyncIterator[bytes]:
    """Yield the lines of stdin."""
    lines = asyncio.StreamReader()
    loop = asyncio.get_running_loop()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(lines), sys.stdin)
    while line := await lines.readline():
        yield line


class Coming:
    """Clients that come one after the other, subscribe, and vanish."""

    def __init__(self, order: Order, names: list[str]) -> None:
        self.came = self.refused = 0
        self._order = order
        self._names = names

    async def run(self) -> None:
        """Let them come and vanish."""
        there: deque[Publisher] = deque()
        while True:
            try:
                there.append(await open_client(self._order, self._names, SHORT))
                self.came += 1
            except (UaError, OSError):
                self.refused += 1
            if len(there) > STAYING:
                there.popleft().vanish()
            await asyncio.sleep(COMING)


def check(publishers: list[Publisher]) -> None:
    """Raise ConnectionError as soon as one of the clients has none."""
    for one in publishers:
        if one.closed or one.fault:
            raise ConnectionError(one.fault or "the server has closed the connection")


def total(tallies: list[Tally]) -> Tally:
    """Return what arrived at all clients."""
    whole = Tally()
    for one in tallies:
        whole.notifications += one.notifications
        whole.messages += one.messages
        whole.lost += one.lost
        whole.other += one.other
        whole.latencies += one.latencies
    return whole


def told(tally: Tally) -> dict[str, object]:
    """Return a tally as JSON takes it."""
    return {one.name: getattr(tally, one.name) for one in fields(tally)}


def processor_seconds() -> float:
    """Return how much processor time this process has used."""
    used = os.times()
    return used.user + used.system


def say(what: object) -> None:
    """Print one line."""
    print(json.dumps(what), flush=True)


if __name__ == "__main__":
    logging.basicConfig(level=logging.ERROR)
    given = Order(**json.loads(sys.argv[1]))
    if given.cpu is not None:
        os.sched_setaffinity(0, {given.cpu})
    asyncio.run(serve(given))
