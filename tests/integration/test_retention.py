"""Silent printers are forgotten, by TTL indexes; connected ones are not."""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta

import pytest

from tests.integration.brokers import Printer
from tests.integration.servers import wait_until
from tests.integration.stacks import DEADLINE, Stack, heater, temperature
from voxtrude import topics
from voxtrude.mongo import schema
from voxtrude.mongo.client import connect
from voxtrude.mongo.meta import Heartbeat
from voxtrude.retention import Retention

pytestmark = pytest.mark.integration

SHORT = Retention(printers=timedelta(seconds=3))
KEEP = {"VOXTRUDE_KEEP_PRINTERS": "PT3S"}


def is_registered(stack: Stack, printer: Printer) -> bool:
    return stack.collection(schema.PRINTERS).find_one({"_id": printer.id}) is not None


async def start_the_clock(stack: Stack) -> None:
    """Register everybody anew: their time runs from now on."""
    stack.collection(schema.PRINTERS).update_many({}, {"$set": {"alive_at": datetime.now(UTC)}})


@contextmanager
def keeper(stack: Stack) -> Iterator[None]:
    """Run the broker's keeper, with a look each half second."""
    environment = stack.environment() | {
        "VOXTRUDE_BROKER_DATA": str(stack.site.settings.data),
        "VOXTRUDE_BROKER_INTERVAL": "0.5",
    }
    for name in ("VOXTRUDE_MQTT_USERNAME", "VOXTRUDE_MQTT_PASSWORD"):
        del environment[name]
    with (stack.folder / "keeper.log").open("ab") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "broker", "keep"], env=environment, stdout=log, stderr=log
        )
    try:
        yield
    finally:
        process.terminate()
        process.wait(10)


async def test_a_silent_printer_is_forgotten_everywhere_and_an_idle_one_is_not(
    stack: Stack,
) -> None:
    silent, idle, _ = stack.site.printers
    await stack.prepare(SHORT)
    await start_the_clock(stack)
    topic = topics.state_topic(silent.registration.id)
    with (
        stack.ingest(KEEP),
        keeper(stack),
        stack.observer() as observer,
        stack.publisher(idle) as standing,
    ):
        assert observer.subscribe(topics.STATES)
        standing.send(f"{idle.base}mqtt", b"connected")
        with stack.publisher(silent) as leaving:
            leaving.send(heater(silent), temperature(21.0))
            stack.wait_for_state(silent, lambda state: state.temperatures)
            leaving.send(f"{silent.base}mqtt", b"disconnected")
        forgotten_after = datetime.now(UTC)

        wait_until(lambda: not is_registered(stack, silent), 30)
        wait_until(lambda: stack.state(silent) is None, 30)
        wait_until(lambda: (topic, b"") in observer.messages, 30)
        wait_until(lambda: not stack.publisher(silent).connect(), 30)

        # Long after its time would have been over the idle one is there; it said nothing.
        wait_until(lambda: datetime.now(UTC) - forgotten_after > 2 * SHORT.printers, DEADLINE)
        assert is_registered(stack, idle)
        assert stack.state(idle) is not None


async def test_a_retained_message_keeps_nobody_alive(stack: Stack) -> None:
    await stack.prepare(SHORT)
    await start_the_clock(stack)
    gone, other, _ = stack.site.printers
    with stack.publisher(gone) as octoprint:
        assert octoprint.publish(f"{gone.base}mqtt", b"connected", retain=True)
        assert octoprint.publish(heater(gone), temperature(200.0), retain=True)
    with stack.ingest(KEEP), stack.publisher(other) as talking:
        wait_until(lambda: stack.state(gone) is not None, DEADLINE)
        state = stack.state(gone)
        assert state is not None
        assert state.seen_at is None

        def gone_while_the_other_talks() -> bool:
            talking.send(heater(other), temperature(21.0))
            return not is_registered(stack, gone) and stack.state(gone) is None

        wait_until(gone_while_the_other_talks, 30)
        assert is_registered(stack, other)


async def test_migrate_twice_does_nothing_and_a_new_retention_is_applied(stack: Stack) -> None:
    async with connect(stack.mongo) as database:
        assert await schema.migrate(database, Retention())
        assert await schema.migrate(database, Retention()) == []
        assert await schema.ttl_problems(database, Retention()) == []
        assert await schema.ttl_problems(database, SHORT)

        assert await schema.migrate(database, SHORT) == [
            "printers now expires after 3 s",
            "states now expires after 3 s",
        ]

        assert await schema.ttl_problems(database, SHORT) == []


async def test_our_own_absence_is_not_held_against_the_printers(stack: Stack) -> None:
    await stack.prepare()
    printers = stack.collection(schema.PRINTERS)
    now = datetime.now(UTC)
    long_ago = now - timedelta(days=14)
    async with connect(stack.mongo) as database:
        # A server that was switched off a fortnight ago, with a printer heard just before.
        await Heartbeat(database).beat(long_ago)
        printers.update_many({}, {"$set": {"alive_at": long_ago - timedelta(hours=1)}})

        done = await schema.migrate(database, Retention())

        assert [line for line in done if "ingest was away" in line]
        for document in printers.find():
            assert now - document["alive_at"] < timedelta(hours=2)
        assert await schema.migrate(database, Retention()) == []
