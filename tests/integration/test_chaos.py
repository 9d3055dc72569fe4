"""Nothing is lost, whichever server dies: ``make chaos`` at a small size."""

import asyncio
import random
import time
from itertools import islice
from pathlib import Path

import pytest
from pydantic import SecretStr

from benchmarks import chaos, traffic
from benchmarks.printers import connected, publish
from benchmarks.stack import Stack, running
from services.ingest.folding import Changes, Fleet
from services.ingest.inbox import Inbox
from services.ingest.registry import Registry
from voxtrude import mqtt
from voxtrude.mongo import client
from voxtrude.mongo.states import Kept, States
from voxtrude.printer import PrinterId
from voxtrude.settings import Mongo, Mqtt
from voxtrude.simulator.payloads import encoded

pytestmark = pytest.mark.integration

PRINTERS = 5
SAYINGS = 60


@pytest.mark.parametrize("scenario", chaos.SCENARIOS)
def test_nothing_is_lost(scenario: str, tmp_path: Path) -> None:
    report = chaos.run(scenario, chaos.SMALL, tmp_path)

    assert report.messages
    assert not report.faults


def test_what_was_written_but_not_acknowledged_changes_nothing_when_it_comes_again(
    tmp_path: Path,
) -> None:
    with running(tmp_path, PRINTERS) as stack:
        asyncio.run(_die_between_write_and_acknowledgement(stack))


async def _die_between_write_and_acknowledgement(stack: Stack) -> None:
    username, secret = stack.login("ingest")
    broker = Mqtt(port=stack.port, username=username, password=SecretStr(secret))
    *written, unwritten = (PrinterId(printer.id) for printer in stack.printers)
    async with client.connect(Mongo(url=SecretStr(stack.mongo_url))) as database:
        states = States(database)
        async with mqtt.connect(broker, username, persistent=True) as connection:
            await connection.subscribe("octoPrint/#")
            _talk(stack)
            fleet = _fleet(stack)
            acknowledged = 40
            first = await _fold(connection, fleet, PRINTERS * SAYINGS, acknowledged)
            kept = [Kept(fleet.states[one], fleet.inbox.applied(one)) for one in written]
            assert not await states.save(kept)
            connection.abort()

        again = _fleet(stack)
        for one in await states.load_kept():
            again.restore(one.state, one.applied)
        async with mqtt.connect(broker, username, persistent=True) as connection:
            await connection.subscribe("octoPrint/#")
            least = PRINTERS * SAYINGS - acknowledged
            second = await _fold(connection, again, least, least)

    assert {printer for changes in first for printer in changes.states} == {*written, unwritten}
    assert {printer for changes in second for printer in changes.states} == {unwritten}
    assert {event.printer for changes in second for event in changes.events} <= {unwritten}


def _fleet(stack: Stack) -> Fleet:
    return Fleet(Registry(printer.registration for printer in stack.printers), Inbox())


def _talk(stack: Stack) -> None:
    with connected(stack.port, stack.printers) as hosts:
        for seed, (host, printer) in enumerate(zip(hosts, stack.printers, strict=True)):
            life = traffic.life(random.Random(seed))  # noqa: S311  (no secret: it is repeatable)
            for topic, payload, retain in islice(life, SAYINGS):
                body = encoded(payload, int(time.time()))
                host.send(publish(printer.topic(topic), body, retain=retain))


async def _fold(
    connection: mqtt.Connection, fleet: Fleet, count: int, acknowledged: int
) -> list[Changes]:
    """Take and fold ``count`` messages, and acknowledge the first ``acknowledged``."""
    found: list[Changes] = []
    taken: list[mqtt.Delivery] = []
    async with asyncio.timeout(10):
        while len(taken) < count:
            batch = await connection.take(50)
            taken += batch
            found.append(fleet.fold(batch))
    connection.acknowledge(taken[:acknowledged])
    return found
