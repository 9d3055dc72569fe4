"""When the broker, the database or the operator fails: one line each, and nothing lost."""

import json
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pymongo
import pytest

from services.ingest.pipeline import ROUNDED
from tests.integration.brokers import printer, site
from tests.integration.servers import free_port, mongod, mongod_binary, running, wait_until
from tests.integration.stacks import DEADLINE, Stack, heater, temperature
from voxtrude import topics
from voxtrude.errors import SetupError
from voxtrude.printer import Link, Origin
from voxtrude.process import EXIT_SETUP

pytestmark = pytest.mark.integration


async def test_a_dead_broker_is_one_line_and_its_return_another(stack: Stack) -> None:
    await stack.prepare()
    ours = stack.site.printers[0]
    with stack.ingest() as ingest:
        stack.broker.kill()
        wait_until(lambda: ingest.count("link lost") == 1, DEADLINE)
        with stack.site.run(), stack.publisher(ours) as octoprint:
            wait_until(lambda: ingest.count("link is back") == 1, DEADLINE)
            octoprint.send(heater(ours), temperature(21.0))
            stack.wait_for_state(ours, lambda state: state.temperatures)
        ingest.stop()

    assert ingest.process.returncode == 0
    troubles = [line["event"] for line in ingest.lines() if line["level"] != "info"]
    # The second loss is the end of the second broker.
    assert troubles.count("link lost") <= 2
    assert set(troubles) == {"link lost"}
    assert "Traceback" not in ingest.said


async def test_connections_from_before_a_broker_crash_are_doubted(stack: Stack) -> None:
    await stack.prepare()
    ours, theirs, _ = stack.site.printers
    with stack.ingest():
        with stack.publisher(ours) as dies, stack.publisher(theirs) as lives:
            for octoprint, one in ((dies, ours), (lives, theirs)):
                octoprint.send(f"{one.base}mqtt", b"connected")
                stack.wait_for_state(one, lambda state: state.link)
            connected_at = datetime.now(UTC)
            # The broker tells its age in whole seconds.
            wait_until(lambda: datetime.now(UTC) - connected_at > 2 * ROUNDED, DEADLINE)
            stack.broker.kill()
        # The broker comes back; one printer never does, and no last will tells of it.
        with stack.site.run(), stack.publisher(theirs) as lives:
            lives.send(f"{theirs.base}mqtt", b"connected")
            doubted = stack.wait_for_state(  # it says so each 10 s
                ours, lambda state: state.link and state.link.origin is Origin.RETAINED
            )
            assert doubted.link is not None
            assert doubted.link.value is Link.CONNECTED
            alive = stack.state(theirs)
            assert alive is not None
            assert alive.link is not None
            assert alive.link.origin is Origin.LIVE


@pytest.fixture
def own(stack: Stack, tmp_path: Path) -> Iterator[tuple[Stack, Path, int]]:
    """A stack whose database is its own, so that a test may end it."""
    data, port = tmp_path / "mongod", free_port()
    data.mkdir()
    url = f"mongodb://127.0.0.1:{port}/?replicaSet=rs0"
    client: pymongo.MongoClient[dict[str, object]] = pymongo.MongoClient(
        url, tz_aware=True, serverSelectionTimeoutMS=2000
    )
    with client:
        yield replace(stack, url=url, client=client), data, port


async def test_a_database_that_is_away_stalls_and_loses_nothing(
    own: tuple[Stack, Path, int],
) -> None:
    stack, data, port = own
    ours = stack.site.printers[0]

    def conditions() -> list[str]:
        return [
            json.loads(payload)["state"]
            for topic, payload in observer.messages
            if topic == topics.service_topic("ingest")
        ]

    with mongod(data, port) as server:
        await stack.prepare()
        with stack.ingest() as ingest, stack.observer() as observer:
            assert observer.subscribe(topics.EVERYTHING)
            with stack.publisher(ours) as octoprint:
                octoprint.send(heater(ours), temperature(20.0))
                stack.wait_for_state(ours, lambda state: state.temperatures)
                server.kill()
                for degrees in range(1000):
                    octoprint.send(heater(ours), temperature(float(degrees)))
                wait_until(lambda: conditions()[-1] in {"stalled", "stopped"}, DEADLINE)
                wait_until(lambda: ingest.count("link lost") == 1, DEADLINE)
            with mongod(data, port):
                stack.wait_for_state(ours, lambda state: state.temperatures["tool0"].actual == 999)
                wait_until(lambda: conditions()[-1] == "running", DEADLINE)
                ingest.stop()
    assert ingest.process.returncode == 0
    assert "Traceback" not in ingest.said
    assert [line["event"] for line in ingest.lines() if line["level"] != "info"] == ["link lost"]
    assert ingest.count("link is back") == 1


def ended(stack: Stack, changes: dict[str, str]) -> tuple[int, str]:
    """Run ingest to its end with these settings; return its exit code and last line."""
    done = subprocess.run(
        [sys.executable, "-m", "services.ingest"],
        env=stack.environment(changes),
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert "Traceback" not in done.stderr
    lines = done.stderr.strip().splitlines()
    assert len(lines) == 1, lines
    return done.returncode, lines[0]


async def test_wrong_settings_end_in_one_line_that_names_them(stack: Stack) -> None:
    await stack.prepare()
    for name, value, words in (
        ("VOXTRUDE_MQTT_PASSWORD", "wrong", "Not authorized; check VOXTRUDE_MQTT_USERNAME"),
        ("VOXTRUDE_MQTT_PORT", "lots", "VOXTRUDE_MQTT_PORT"),
        ("VOXTRUDE_MQTT_HOTS", "x", "did you mean VOXTRUDE_MQTT_HOST?"),
        ("VOXTRUDE_MONGO_URL", "mysql://x", "VOXTRUDE_MONGO_URL"),
        ("VOXTRUDE_MONGO_DATABASE", "never_migrated", "voxtrude migrate"),
        ("VOXTRUDE_MQTT_PASSWORD_FILE", "/nowhere/at/all", "VOXTRUDE_MQTT_PASSWORD_FILE"),
        ("VOXTRUDE_KEEP_PRINTERS", "-1", "VOXTRUDE_KEEP_PRINTERS"),
    ):
        code, line = ended(stack, {name: value})
        assert code == EXIT_SETUP, (name, line)
        assert words in line, line


async def test_a_broker_with_a_certificate_of_nobody_we_trust_is_a_setup_error(
    stack: Stack, tmp_path: Path
) -> None:
    await stack.prepare()
    other = site("native", tmp_path / "other", printer())
    other.render()
    tls = {
        "VOXTRUDE_MQTT_PORT": str(stack.site.settings.tls_port),
        "VOXTRUDE_MQTT_TLS": "true",
        "VOXTRUDE_MQTT_CA_FILE": str(other.settings.certificates / "ca.crt"),
    }

    code, line = ended(stack, tls)

    assert code == EXIT_SETUP
    assert "certificate" in line
    with stack.ingest(
        tls | {"VOXTRUDE_MQTT_CA_FILE": str(stack.site.settings.certificates / "ca.crt")}
    ):
        pass  # with the right authority it listens


async def test_a_database_that_is_no_replica_set_is_a_setup_error(
    stack: Stack, tmp_path: Path
) -> None:
    data, port = tmp_path / "standalone", free_port()
    data.mkdir()
    command = [mongod_binary(), "--dbpath", str(data), "--port", str(port), "--nounixsocket"]
    with running([*command, "--bind_ip", "127.0.0.1"], data / "log", [port]):
        alone = replace(stack, url=f"mongodb://127.0.0.1:{port}")
        with pytest.raises(SetupError, match="replica set"):
            await alone.prepare()
