"""What each account can do at a real broker, and above all what it cannot."""

from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from paho.mqtt.enums import MQTTProtocolVersion

from tests.integration.brokers import (
    DEADLINE,
    V5,
    V31,
    V311,
    Printer,
    Raw,
    Site,
    connected,
    heard,
)
from tests.integration.servers import wait_until
from voxtrude import dynsec, mqtt
from voxtrude.control import Control

pytestmark = pytest.mark.integration


@pytest.fixture
def elsewhere(place: Site) -> Printer:
    """A printer with a base topic of its own."""
    return place.printers[2]


@contextmanager
def denied_then_heard(place: Site, sender: Printer, ingest: Raw) -> Iterator[Raw]:
    """Whatever is published in the block must not arrive; a last message must."""
    with connected(place, sender) as client:
        before = len(ingest.messages)
        yield client
        assert client.publish(f"{sender.base}event/Last")
    heard(ingest, f"{sender.base}event/Last")
    assert ingest.topics()[before:] == [f"{sender.base}event/Last"]


def test_a_printer_publishes_its_own(place: Site, ours: Printer, ingest: Raw) -> None:
    with connected(place, ours) as client:
        for topic in ("mqtt", "event/PrintStarted", "temperature/tool0", "progress/printing"):
            assert client.publish(f"{ours.base}{topic}")
            heard(ingest, f"{ours.base}{topic}")


def test_a_printer_that_lost_its_slash_is_heard_and_another_is_not(
    place: Site, ours: Printer, theirs: Printer, elsewhere: Printer, ingest: Raw
) -> None:
    slip = f"octoPrint/{ours.id}mqtt"
    with connected(place, ours) as client:
        assert client.publish(slip, b"connected")
        heard(ingest, slip)
    for sender in (theirs, elsewhere):
        with denied_then_heard(place, sender, ingest) as client:
            assert not client.publish(slip)
            assert not client.publish(f"{slip}/x")
    with denied_then_heard(place, ours, ingest) as client:
        for wrong in ("event/x", "temperature/tool0", "mqtt/x", "mqttx"):
            assert not client.publish(f"octoPrint/{ours.id}{wrong}")
    with denied_then_heard(place, elsewhere, ingest) as client:
        assert not client.publish(f"{elsewhere.base.removesuffix('/')}mqtt")


def test_a_printer_with_another_base_publishes_there_and_not_under_its_id(
    place: Site, elsewhere: Printer, ingest: Raw
) -> None:
    with denied_then_heard(place, elsewhere, ingest) as client:
        assert not client.publish(f"octoPrint/{elsewhere.id}/mqtt")
        assert not client.publish("hall/unit 2/mqtt")
        assert not client.publish("hall")


def test_a_printer_cannot_publish_elsewhere(
    place: Site, ours: Printer, theirs: Printer, elsewhere: Printer, ingest: Raw
) -> None:
    forbidden = [
        f"{theirs.base}mqtt",
        f"{theirs.base}event/PrintDone",
        f"octoPrint/{theirs.id}",
        f"{elsewhere.base}mqtt",
        "octoPrint/mqtt",
        "octoPrint/temperature/tool0",
        "octoPrint/someone/x",
        f"voxtrude/v1/printers/{ours.id}/state",
        "voxtrude/v1/services/ingest",
        dynsec.CONTROL,
        dynsec.CONTROL_ANSWERS,
        "$CONTROL/x/v1",
        "$SYS/broker/version",
        "a",
    ]
    with denied_then_heard(place, ours, ingest) as client:
        for topic in forbidden:
            assert not client.publish(topic), topic
            assert not client.publish(topic, retain=True), topic


@pytest.mark.parametrize("protocol", [V31, V311])
def test_an_older_client_is_not_told_and_yet_not_heard(
    place: Site, ours: Printer, theirs: Printer, ingest: Raw, protocol: MQTTProtocolVersion
) -> None:
    before = len(ingest.messages)
    with connected(place, ours, protocol) as client:
        client.publish(f"{theirs.base}mqtt", b"forged")
        client.publish("octoPrint/mqtt", b"forged")
        client.publish(f"{ours.base}mqtt", b"own")
    heard(ingest, f"{ours.base}mqtt")
    assert ingest.messages[before:] == [(f"{ours.base}mqtt", b"own")]


@pytest.mark.parametrize("protocol", [V31, V311, V5])
def test_a_printer_cannot_subscribe(
    place: Site, ours: Printer, theirs: Printer, ingest: Raw, protocol: MQTTProtocolVersion
) -> None:
    filters = [
        f"{ours.base}#",
        f"{ours.base}mqtt",
        f"{theirs.base}#",
        "#",
        "+/#",
        "+/+/#",
        "octoPrint/#",
        "octoPrint/+/mqtt",
        "$share/x/#",
        f"$share/x/{ours.base}#",
        "$SYS/#",
        "$SYS/broker/version",
        "$CONTROL/#",
        dynsec.CONTROL_ANSWERS,
        "voxtrude/v1/#",
    ]
    with connected(place, ours, protocol) as client:
        for name in filters:
            # MQTT 3.1 has no word for a refusal: only the silence below tells.
            assert not client.subscribe(name) or protocol == V31, name
        with connected(place, theirs) as other:
            assert other.publish(f"{theirs.base}mqtt")
        heard(ingest, f"{theirs.base}mqtt")
        # What it was sent of the first message would have come before the second's answer.
        for _ in range(2):
            assert client.publish(f"{ours.base}mqtt")
        assert client.messages == []


def test_a_printer_cannot_end_another_session_by_its_client_id(
    place: Site, ours: Printer, theirs: Printer, ingest: Raw
) -> None:
    login = (ours.id, ours.secret)
    for stolen in ("ingest", theirs.id):
        with (
            connected(place, theirs) as other,
            Raw(place.settings.port, login, client_id=stolen) as thief,
        ):
            assert thief.publish(f"{ours.base}mqtt")
            assert other.publish(f"{theirs.base}mqtt", stolen.encode())
            wait_until(
                lambda: (f"{theirs.base}mqtt", stolen.encode()) in ingest.messages,  # noqa: B023  (called within the loop)
                DEADLINE,
            )
            assert not ingest.gone
            assert not other.gone


def test_a_printer_cannot_empty_another_queue_by_its_client_id(place: Site, ours: Printer) -> None:
    port, login = place.settings.port, place.service("bridge")
    with Raw(port, login, clean=False) as bridge:
        assert bridge.subscribe("voxtrude/v1/#")
    with Raw(port, (ours.id, ours.secret), client_id="bridge", clean=True) as thief:
        assert not thief.session_present
    with Raw(port, place.service("ingest")) as announcer:
        assert announcer.publish("voxtrude/v1/printers/x/state", b"queued")
    with Raw(port, login, clean=False) as bridge:
        assert bridge.session_present
        wait_until(lambda: bridge.messages, DEADLINE)
        assert bridge.messages == [("voxtrude/v1/printers/x/state", b"queued")]
    with Raw(port, login, clean=True):
        pass  # leaves no session behind


def test_a_forged_will_is_dropped_and_an_own_one_delivered(
    place: Site, ours: Printer, theirs: Printer, ingest: Raw
) -> None:
    before = len(ingest.messages)
    login = (ours.id, ours.secret)
    for topic in (f"{theirs.base}mqtt", "voxtrude/v1/services/ingest", f"{ours.base}mqtt"):
        client = Raw(place.settings.port, login, will=(topic, b"disconnected"))
        if client.connect():
            client.break_off()
        else:
            client.close()
    heard(ingest, f"{ours.base}mqtt")
    assert ingest.messages[before:] == [(f"{ours.base}mqtt", b"disconnected")]


def test_ingest_cannot_reach_a_printer(place: Site, ours: Printer, elsewhere: Printer) -> None:
    with Raw(place.settings.port, place.service("ingest")) as client:
        assert client.publish("voxtrude/v1/services/ingest")
        for topic in (f"{ours.base}mqtt", f"{elsewhere.base}x", "octoPrint/x", "x", dynsec.CONTROL):
            assert not client.publish(topic), topic


def test_keeper_and_registrar_only_control(place: Site, ours: Printer) -> None:
    for name in ("keeper", "registrar"):
        with Raw(place.settings.port, place.service(name)) as client:
            assert client.subscribe(dynsec.CONTROL_ANSWERS)
            assert client.publish(dynsec.CONTROL, b'{"commands":[]}')
            for topic in (f"{ours.base}mqtt", "octoPrint/x", "voxtrude/v1/services/keeper"):
                assert not client.publish(topic), topic
            for refused in ("#", "octoPrint/#", f"{ours.base}#", "voxtrude/v1/#"):
                assert not client.subscribe(refused), refused


def test_bridge_reads_states_and_says_that_it_lives(place: Site, ours: Printer) -> None:
    with Raw(place.settings.port, place.service("bridge")) as client:
        assert client.subscribe("voxtrude/v1/#")
        assert client.publish("voxtrude/v1/services/opcua_bridge")
        for topic in (
            f"{ours.base}mqtt",
            f"voxtrude/v1/printers/{ours.id}/state",
            "voxtrude/v1/services/ingest",
            dynsec.CONTROL,
        ):
            assert not client.publish(topic), topic
        for refused in ("#", "octoPrint/#", "$CONTROL/#"):
            assert not client.subscribe(refused), refused


def test_observer_only_reads(place: Site, ours: Printer) -> None:
    with Raw(place.settings.port, place.service("observer")) as client:
        assert client.subscribe("voxtrude/v1/#")
        assert client.subscribe("$SYS/#")
        wait_until(lambda: "$SYS/broker/version" in client.topics(), DEADLINE)
        for topic in (f"{ours.base}mqtt", "voxtrude/v1/services/x", dynsec.CONTROL, "x"):
            assert not client.publish(topic), topic
        for refused in ("#", "octoPrint/#", "$CONTROL/#"):
            assert not client.subscribe(refused), refused


async def test_a_revoked_printer_is_disconnected_at_once(place: Site) -> None:
    revoked = place.printers[3]
    client = connected(place, revoked)
    assert client.connect()
    async with mqtt.connect(place.login("keeper"), "keeper") as connection:
        control = Control(connection, batch=place.batch)
        await control.open()
        await control.execute(dynsec.disable(revoked.id))
    wait_until(lambda: client.gone, 2, "the revoked printer is still connected")
    client.close()
    again = connected(place, revoked)
    assert not again.connect()
    again.close()
