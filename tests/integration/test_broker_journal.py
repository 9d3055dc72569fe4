"""What the keeper notes of logins, at a real broker and a real database."""

import asyncio
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime

import pytest
from paho.mqtt.enums import MQTTProtocolVersion

from tests.integration.brokers import DEADLINE, V5, V31, V311, Printer, Raw, connected, printer
from tests.integration.servers import wait_until
from tests.integration.stacks import Ingest, Stack
from voxtrude.accounts import Login
from voxtrude.mongo import schema
from voxtrude.mongo.client import connect
from voxtrude.mongo.logins import UNNAMED
from voxtrude.mongo.printers import Printers
from voxtrude.printer import PrinterId

pytestmark = pytest.mark.integration


@contextmanager
def keeping(stack: Stack) -> Iterator[Ingest]:
    """Run the keeper; enter once it listens to the broker's log."""
    settings = stack.site.settings
    username, secret = stack.site.service("keeper")
    told = {
        "VOXTRUDE_MQTT_USERNAME": username,
        "VOXTRUDE_MQTT_PASSWORD": secret,
        "VOXTRUDE_BROKER_DATA": str(settings.data),
    }
    log = stack.folder / "keeper.log"
    with log.open("ab") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", "broker", "keep"],
            env=stack.environment(told),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
        )
    keeper = Ingest(process, log)
    try:
        wait_until(lambda: _is_noted(stack), 2 * DEADLINE, "the keeper notes nothing")
        yield keeper
    finally:
        keeper.stop()


def _is_noted(stack: Stack) -> bool:
    """Have somebody refused; tell whether that was noted: then the keeper listens."""
    attempt(stack, "nobody", "x")
    return login(stack, UNNAMED) is not None


def attempt(stack: Stack, name: str, secret: str, protocol: MQTTProtocolVersion = V311) -> None:
    """Try to log in, and fail."""
    client = Raw(stack.site.settings.port, (name, secret), protocol=protocol)
    assert not client.connect()
    client.close()


def login(stack: Stack, name: str) -> Login | None:
    document = stack.collection(schema.LOGINS).find_one({"_id": name})
    return Login.model_validate({**document, "printer": name}) if document else None


def noted(stack: Stack, one: Printer) -> Login:
    """Wait until something is noted of a printer."""
    wait_until(lambda: login(stack, one.id), DEADLINE, "nothing is noted")
    found = login(stack, one.id)
    assert found is not None
    return found


@pytest.fixture
async def kept(stack: Stack) -> Stack:
    """A prepared stack."""
    await stack.prepare()
    return stack


@pytest.mark.parametrize(("protocol", "told"), [(V31, "3.1"), (V311, "3.1.1"), (V5, "5")])
def test_a_login_is_noted_with_its_protocol(
    kept: Stack, protocol: MQTTProtocolVersion, told: str
) -> None:
    one, other = kept.site.printers[:2]
    before = datetime.now(UTC)
    with keeping(kept):
        with connected(kept.site, one, protocol):
            found = noted(kept, one)
            assert found.protocol == told
            assert found.connected_at is not None
            assert found.connected_at >= before.replace(microsecond=0)
            assert (found.disconnected_at, found.refusals, found.evicted_at) == (None, 0, ())
        wait_until(lambda: noted(kept, one).disconnected_at, DEADLINE, "the end is not noted")
        assert login(kept, other.id) is None


def test_two_clients_with_one_key_are_noted(kept: Stack) -> None:
    one = kept.site.printers[0]
    with keeping(kept):
        for _ in range(7):
            with connected(kept.site, one, V311) as first, connected(kept.site, one, V311):
                wait_until(lambda: first.gone, DEADLINE)
        wait_until(lambda: len(noted(kept, one).evicted_at) == 5, DEADLINE, "too few are noted")


def test_a_wrong_key_is_noted_where_it_can_be_known(kept: Stack) -> None:
    one, other = kept.site.printers[:2]
    with keeping(kept):
        with connected(kept.site, one, V311):
            noted(kept, one)
        wait_until(lambda: noted(kept, one).disconnected_at, DEADLINE)
        before = login(kept, UNNAMED)
        assert before is not None
        # 2.0 says neither who nor from where: the address has been this printer's alone.
        attempt(kept, one.id, "wrong")
        wait_until(lambda: noted(kept, one).refusals, DEADLINE, "the refusal is not noted")
        with connected(kept.site, other, V311):
            noted(kept, other)  # now two printers share the address
        wait_until(lambda: noted(kept, other).disconnected_at, DEADLINE)
        known = noted(kept, one).refusals
        counted = before.refusals
        for protocol in (V31, V311, V5):
            attempt(kept, one.id, "wrong", protocol)
        wait_until(
            lambda: (found := login(kept, UNNAMED)) and found.refusals >= counted + 4, DEADLINE
        )
        assert noted(kept, one).refusals == known
        assert noted(kept, other).refusals == 0


async def test_neither_strangers_nor_removed_printers_are_noted(kept: Stack) -> None:
    stranger, one, other = printer(), *kept.site.printers[:2]
    with keeping(kept) as keeper:
        await asyncio.to_thread(attempt, kept, stranger.id, stranger.secret)
        with connected(kept.site, one, V311):
            noted(kept, one)
            async with connect(kept.mongo) as database:
                await Printers(database).remove(PrinterId(one.id))
        with connected(kept.site, other, V311):
            noted(kept, other)
        wait_until(lambda: noted(kept, other).disconnected_at, DEADLINE)
        assert login(kept, one.id) is None
        assert login(kept, stranger.id) is None
        # Addresses are nobody's business, and no secret is in the log.
        stored = str(list(kept.collection(schema.LOGINS).find()))
        assert "127.0.0.1" not in stored
        assert other.secret not in keeper.said


def test_the_log_is_for_the_keeper_only(kept: Stack) -> None:
    one = kept.site.printers[0]
    with Raw(kept.site.settings.port, kept.site.service("ingest")) as ingest:
        assert ingest.subscribe("#")
        ingest.subscribe("$SYS/#")  # the broker lets it ask, and sends nothing
        with connected(kept.site, one) as client:
            assert client.publish(f"{one.base}event/x")
        wait_until(ingest.topics, DEADLINE)
        assert not [topic for topic in ingest.topics() if "log" in topic]
