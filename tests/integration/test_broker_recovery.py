"""What survives at a real broker, and how lost accounts come back."""

import asyncio
import re
import signal
import sys
from pathlib import Path
from typing import cast

import pytest

from broker.supervision import Supervisor
from tests.integration.brokers import (
    DEADLINE,
    KINDS,
    Kind,
    Printer,
    Raw,
    Site,
    logs_in,
    printer,
    site,
)
from tests.integration.servers import Server, free_port, listens, mongod, running, wait_until
from voxtrude.mongo.client import connect
from voxtrude.mongo.printers import Printers
from voxtrude.settings import Mongo

pytestmark = pytest.mark.integration


@pytest.fixture(params=KINDS)
def fresh(request: pytest.FixtureRequest, tmp_path: Path) -> Site:
    """A rendered broker that does not run yet, with one printer."""
    prepared = site(cast("Kind", request.param), tmp_path / "data", printer())
    prepared.render()
    return prepared


@pytest.mark.parametrize("contents", [None, b"", b"{", b"[]", b"{}", b'{"clients": 1}'])
def test_a_lost_accounts_file_lets_nobody_in(fresh: Site, contents: bytes | None) -> None:
    if contents is None:
        fresh.accounts.unlink()
    else:
        fresh.accounts.write_bytes(contents)
    (one,) = fresh.printers
    with fresh.run():
        for login in ((one.id, one.secret), fresh.service("ingest"), fresh.service("keeper"), None):
            client = Raw(fresh.settings.port, login)
            assert not client.connect(), login
            client.close()


def test_secrets_from_before_a_rendering_still_log_in(fresh: Site) -> None:
    (one,) = fresh.printers
    logins = [(one.id, one.secret), fresh.service("ingest"), fresh.service("keeper")]
    for _ in range(2):
        with fresh.run():
            for login in logins:
                with Raw(fresh.settings.port, login):
                    pass
        fresh.accounts.unlink()
        fresh.render()


def test_sessions_and_retained_messages_survive_a_restart(fresh: Site) -> None:
    (one,) = fresh.printers
    port, login = fresh.settings.port, fresh.service("ingest")
    with fresh.run():
        with Raw(port, login, clean=False) as ingest:
            assert ingest.subscribe("octoPrint/#")
        with Raw(port, (one.id, one.secret)) as client:
            assert client.publish(f"{one.base}event/Queued")
            assert client.publish(f"{one.base}mqtt", b"connected", retain=True)
    with fresh.run(), Raw(port, login, clean=False) as ingest:
        assert ingest.session_present
        wait_until(lambda: len(ingest.messages) >= 2, DEADLINE)
        assert set(ingest.topics()) == {f"{one.base}event/Queued", f"{one.base}mqtt"}
        ingest.messages.clear()
        assert ingest.subscribe("octoPrint/#")
        wait_until(lambda: (f"{one.base}mqtt", b"connected") in ingest.messages, DEADLINE)


def test_the_log_is_quiet_about_messages(fresh: Site) -> None:
    (one,) = fresh.printers
    with fresh.run() as server:
        with Raw(fresh.settings.port, (one.id, one.secret)) as client:
            before = len(server.said.splitlines())
            for _ in range(100):
                assert client.publish(f"{one.base}mqtt")
            assert len(server.said.splitlines()) - before < 10
        wait_until(lambda: re.search(f"{one.id}.* disconnected", server.said), DEADLINE)


# The whole: database, supervisord, broker and keeper ---------------------------------------

SUPERVISORD = """\
[supervisord]
nodaemon=true
logfile=/dev/null
logfile_maxbytes=0
pidfile={folder}/supervisord.pid
[unix_http_server]
file={socket}
[rpcinterface:supervisor]
supervisor.rpcinterface_factory = supervisor.rpcinterface:make_main_rpcinterface
[program:mosquitto]
command=/usr/sbin/mosquitto -c {config}
startsecs=0
autostart=false
redirect_stderr=true
stdout_logfile={folder}/mosquitto.log
"""


async def test_lost_accounts_come_back_by_themselves(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    prepared = site("native", tmp_path / "data", printer())
    (one,) = prepared.printers
    supervisor_socket = tmp_path / "s.sock"
    (tmp_path / "db").mkdir()
    database_port = free_port()
    url = f"mongodb://127.0.0.1:{database_port}/?replicaSet=rs0"
    for name, value in {
        "BROKER_DATA": prepared.settings.data,
        "BROKER_PORT": prepared.settings.port,
        "BROKER_TLS_PORT": prepared.settings.tls_port,
        "BROKER_INTERVAL": 0.1,
        "BROKER_SUPERVISOR_SOCKET": supervisor_socket,
        "MQTT_PORT": prepared.settings.port,
        "MONGO_URL": url,
    }.items():
        monkeypatch.setenv(f"VOXTRUDE_{name}", str(value))
    settings = tmp_path / "supervisord.conf"
    settings.write_text(
        SUPERVISORD.format(
            folder=tmp_path,
            socket=supervisor_socket,
            config=prepared.settings.folder / "mosquitto.conf",
        )
    )
    python = sys.executable
    supervisord = [python, "-W", "ignore", "-m", "supervisor.supervisord", "-c", str(settings)]
    with mongod(tmp_path / "db", database_port):
        async with connect(Mongo(url=url)) as database:
            await Printers(database).add(one.registration)
            await _ended(python, "-m", "broker", "render")
            with (
                running(supervisord, tmp_path / "supervisord.log", []),
                running([python, "-m", "broker", "keep"], tmp_path / "keeper.log", []) as keeper,
            ):
                await asyncio.to_thread(wait_until, supervisor_socket.exists, 10)
                runner = Supervisor(supervisor_socket, "mosquitto")
                await runner.start()
                await runner.start()  # harmless
                await admitted(prepared, one)

                # A registration that the broker never heard of.
                other = printer()
                await Printers(database).add(other.registration)
                await admitted(prepared, other)

                # A broker that has lost everything and refuses even its keeper.
                await runner.stop()
                await runner.stop()  # harmless
                prepared.accounts.write_text("{")
                await runner.start()
                await admitted(prepared, one)
                await admitted(prepared, other)

                # A registration that was removed.
                await Printers(database).remove(other.registration.id)
                await asyncio.to_thread(wait_until, lambda: not logs_in(prepared, other), 10)
                keeper.process.send_signal(signal.SIGTERM)
                assert await asyncio.to_thread(keeper.process.wait, 5) == 0
                assert_no_secret(keeper, one, other)


async def admitted(place: Site, one: Printer) -> None:
    await asyncio.to_thread(
        wait_until, lambda: listens(place.settings.port) and _logs_in_now(place, one), 20
    )


def _logs_in_now(place: Site, one: Printer) -> bool:
    try:
        return logs_in(place, one)
    except OSError:  # the broker is being restarted
        return False


async def _ended(*command: str) -> None:
    process = await asyncio.create_subprocess_exec(*command)
    assert await asyncio.wait_for(process.wait(), 20) == 0


def assert_no_secret(server: Server, *printers: Printer) -> None:
    said = server.said
    assert "broker accounts differed" in said
    for one in printers:
        assert one.secret not in said
        assert one.registration.credential is not None
        assert one.registration.credential.digest not in said
