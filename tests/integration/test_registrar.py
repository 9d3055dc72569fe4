"""Printers added, revoked and removed at a running broker, with the portal's account."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from tests.integration.brokers import DEADLINE, V311, Printer, Raw
from tests.integration.servers import wait_until
from tests.integration.stacks import Stack, event, heater, temperature
from voxtrude import leftovers, registrar
from voxtrude.dynsec import PORTAL
from voxtrude.mongo import schema
from voxtrude.mongo.client import connect
from voxtrude.printer import Origin, PrinterId, PrinterState, Temperature
from voxtrude.registrar import Registrar
from voxtrude.registration import Standing

pytestmark = pytest.mark.integration

FILE = "a_secret_file_name.gcode"
MATERIAL = "a_secret_material"


@asynccontextmanager
async def opened(stack: Stack) -> AsyncIterator[Registrar]:
    """Open the registrar as the portal does."""
    async with (
        connect(stack.mongo) as database,
        registrar.opened(database, stack.site.login(PORTAL), PORTAL) as found,
    ):
        yield found


def kept(stack: Stack) -> dict[str, bytes]:
    """Return what the broker has kept of printers."""
    with Raw(stack.site.settings.port, stack.site.service("ingest")) as client:
        assert client.subscribe("octoPrint/#")
        # What is kept comes before the answer to what follows.
        assert client.subscribe("voxtrude/v1/services/none")
        return dict(client.messages)


def speak(client: Raw, one: Printer) -> None:
    """Say what OctoPrint-MQTT retains."""
    progress = json.dumps({"path": FILE, "progress": 50, "location": "local"}).encode()
    for topic, payload in (
        (f"{one.base}mqtt", b"connected"),
        (f"{one.base}progress/printing", progress),
        (f"{one.base}progress/slicing", progress),
        (heater(one, "tool7"), temperature(200)),
        (heater(one, "bed"), temperature(60)),
        (f"{one.base}event/ZChange", event("ZChange", new=3.2)),
        (f"{one.base}event/FirmwareData", event("FirmwareData", name="Marlin")),
        (f"{one.base}event/PausedForUser", event("PausedForUser")),
        (f"{one.base}metadata/material", MATERIAL.encode()),
        (f"octoPrint/{one.id}mqtt", b"connected"),
    ):
        client.publish(topic, payload, retain=True)
    client.publish(f"{one.base}event/PrintStarted", event("PrintStarted", name=FILE, path=FILE))


async def test_a_removed_printer_leaves_nothing_at_the_broker(stack: Stack) -> None:
    await stack.prepare()
    one, other = stack.site.printers[:2]
    with stack.ingest(), stack.publisher(other) as neighbour, stack.publisher(one) as client:
        neighbour.publish(f"{other.base}mqtt", b"connected", retain=True)
        speak(client, one)
        stack.wait_for_state(one, lambda state: state.job and state.metadata)
        async with opened(stack) as found:
            await found.remove(PrinterId(one.id))
        wait_until(lambda: client.gone, DEADLINE, "its session goes on")
        assert not Raw(stack.site.settings.port, (one.id, one.secret)).connect()
        assert not neighbour.gone
        names = stack.client.get_database(stack.database).list_collection_names()
        wait_until(
            lambda: not [name for name in names if one.id in _contents(stack, name)],
            DEADLINE,
            "something of it is in the database",
        )
    left = kept(stack)
    assert not [topic for topic in left if one.id in topic]
    assert left[f"{other.base}mqtt"] == b"connected"
    # The broker writes its memory once more when it stops.
    stack.broker.stop()
    folder = stack.site.settings.folder
    stored = {file.name: file.read_bytes() for file in folder.iterdir() if _is_data(file)}
    assert {"mosquitto.db", "dynamic-security.json"} <= stored.keys()
    for name, content in stored.items():
        for secret in (one.id, one.secret, FILE, MATERIAL):
            assert secret.encode() not in content, (name, secret)


def _contents(stack: Stack, name: str) -> str:
    return str(list(stack.collection(name).find()))


def _is_data(file: Path) -> bool:
    return file.suffix != ".log"


async def test_a_revoked_printer_leaves_nothing_either(stack: Stack) -> None:
    await stack.prepare()
    one = stack.site.printers[0]
    with stack.publisher(one) as client:
        speak(client, one)
        async with opened(stack) as found:
            await found.revoke(PrinterId(one.id))
            wait_until(lambda: client.gone, DEADLINE, "its session goes on")
            await found.remove(PrinterId(one.id))
    left = [topic for topic in kept(stack) if one.id in topic]
    # Without an ingest nobody knew of this heater and this key.
    assert left == [heater(one, "tool7"), f"{one.base}metadata/material"]


async def test_a_revoked_printer_is_out_until_it_is_admitted(stack: Stack) -> None:
    await stack.prepare()
    one = stack.site.printers[0]
    with stack.ingest():
        async with opened(stack) as found:
            with stack.publisher(one) as client:
                client.publish(f"{one.base}mqtt", b"connected", retain=True)
                stack.wait_for_state(one, lambda state: state.link)
                await found.revoke(PrinterId(one.id))
                wait_until(lambda: client.gone, DEADLINE, "its session goes on")
            assert not stack.publisher(one).connect()
            stored = await found.printers.get(PrinterId(one.id))
            assert stored is not None
            assert stored.standing is Standing.REVOKED
            await found.admit(PrinterId(one.id))
            with stack.publisher(one) as client:
                client.publish(heater(one), temperature(33))
                stack.wait_for_state(
                    one, lambda state: (t := state.temperatures.get("tool0")) and t.actual == 33
                )


async def test_a_new_key_ends_the_session_with_the_old_one(stack: Stack) -> None:
    await stack.prepare()
    one = stack.site.printers[0]
    async with opened(stack) as found:
        with stack.publisher(one) as client:
            added = await found.rotate(one.registration)
            wait_until(lambda: client.gone, DEADLINE, "its session goes on")
        assert not stack.publisher(one).connect()
        with Raw(stack.site.settings.port, (one.id, added.secret), protocol=V311):
            pass


async def test_a_removal_does_not_wait_for_a_broker_that_has_gone(stack: Stack) -> None:
    await stack.prepare()
    one = stack.site.printers[0]
    async with opened(stack) as found:
        stack.broker.kill()
        with pytest.raises(Exception, match="broker"):
            await found.remove(PrinterId(one.id))
    assert stack.collection(schema.PRINTERS).find_one({"_id": one.id}) is None


def test_topics_come_from_the_registration_and_the_state(stack: Stack) -> None:
    one = stack.site.printers[2].registration  # with a base topic of its own
    moment = one.created_at
    state = PrinterState(
        printer=one.id,
        temperatures={"tool1": Temperature(1.0, 0.0, moment, Origin.LIVE)},
        metadata=(("a+b", "x"), ("layer", "y")),
    )
    found = leftovers.topics(one, state)
    assert f"{one.base_topic}temperature/tool1" in found
    assert f"{one.base_topic}metadata/layer" in found
    assert not [topic for topic in found if "+" in topic]
    assert all(topic.startswith(one.base_topic) for topic in found)
