"""Real servers for the tests of this folder, each on a free port of loopback."""

import secrets
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from datetime import UTC
from pathlib import Path
from typing import Any, cast

import pymongo
import pytest
import pytest_asyncio

from tests.integration.brokers import KINDS, Kind, Printer, Raw, Site, printer, site
from tests.integration.browsers import Browser, Chromium, browsing, chromium, profile
from tests.integration.opcua_bridges import Bridge, Floor, Hall, machine, running_floor
from tests.integration.opcua_cores import Served, serving, stock
from tests.integration.opcua_guests import Guest
from tests.integration.portals import Portal, settled
from tests.integration.portals import portal as running_portal
from tests.integration.servers import Server, free_port, mongod
from tests.integration.stacks import Stack
from tests.opcua_printers import printer as printing
from voxtrude.printer import Status
from voxtrude.registration import Factory


@dataclass
class Database:
    """The session's mongod."""

    server: Server
    url: str
    client: pymongo.MongoClient[dict[str, Any]]


@pytest.fixture(scope="session")
def mongo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Database]:
    """A one-node replica set, once for the session; each test uses a database of its own."""
    port = free_port()
    with mongod(tmp_path_factory.mktemp("mongod"), port) as server:
        url = f"mongodb://127.0.0.1:{port}/?replicaSet=rs0"
        client: pymongo.MongoClient[dict[str, Any]] = pymongo.MongoClient(
            url, tz_aware=True, tzinfo=UTC
        )
        with client:
            yield Database(server, url, client)


@pytest.fixture
def stack(mongo: Database, tmp_path: Path) -> Iterator[Stack]:
    """A rendered broker with three printers, and an empty database; no ingest yet.

    The third has a base topic of its own.
    """
    place = site("native", tmp_path / "data", printer(), printer(), printer("hall 1/unit/"))
    place.render()
    with place.run() as broker:
        name = f"test_{secrets.token_hex(6)}"
        yield Stack(place, mongo.url, name, tmp_path, mongo.client, broker)
        mongo.client.drop_database(name)


@pytest.fixture
def portal(stack: Stack) -> Iterator[Portal]:
    """The skill's process at a prepared stack with an ingest; nobody has an account yet."""
    settled(stack.prepare())
    with stack.ingest(), running_portal(stack) as found:
        yield found


@pytest.fixture(scope="session")
def chrome(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Chromium]:
    """Chromium, once for the session."""
    with chromium(profile(tmp_path_factory.getbasetemp())) as running:
        yield running


@pytest.fixture
def browser(chrome: Chromium, tmp_path: Path) -> Iterator[Browser]:
    """A browser without any memory; at its end no page may have done what it must not."""
    with browsing(chrome, tmp_path) as found:
        yield found


@pytest.fixture(scope="module", params=KINDS)
def place(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Site]:
    """A rendered broker of each kind, with printers; nobody is connected yet."""
    printers = [printer(), printer(), printer("hall/unit 1/"), printer()]
    prepared = site(
        cast("Kind", request.param), tmp_path_factory.mktemp("site") / "data", *printers
    )
    prepared.render()
    with prepared.run():
        yield prepared


@pytest.fixture
def ours(place: Site) -> Printer:
    """A printer."""
    return place.printers[0]


@pytest.fixture
def theirs(place: Site) -> Printer:
    """Another printer."""
    return place.printers[1]


@pytest.fixture
def ingest(place: Site) -> Iterator[Raw]:
    """What ingest hears: everything."""
    with Raw(place.settings.port, place.service("ingest")) as client:
        assert client.subscribe("#")
        yield client


@pytest.fixture(scope="session")
def opcua(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """The bridge's OPC UA core, with namespace 0 only."""
    with serving(tmp_path_factory.mktemp("opcua")) as served:
        yield served


@pytest.fixture(scope="session")
def asyncuas(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """asyncua's own server, as it is by default."""
    with stock(tmp_path_factory.mktemp("asyncua")) as served:
        yield served


@pytest.fixture(scope="session")
def floor(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Floor]:
    """A broker on which a test tells of printers as ingest does; each test has its own."""
    with running_floor(tmp_path_factory.mktemp("floor")) as found:
        yield found


@pytest.fixture(scope="session")
def hall(floor: Floor) -> Hall:
    """The ports of the bridge's endpoints, and the machine that has one of them alone."""
    lone = machine("alone", factory=Factory(mes_ids=(1, 2)))
    floor.put(lone, printing(Status.IDLE))
    return Hall(lone, free_port(), free_port(), free_port())


@pytest.fixture(scope="session")
def bridge(floor: Floor, hall: Hall) -> Iterator[Bridge]:
    """The OPC UA bridge's process at that broker."""
    with floor.bridge({"OPCUA_ENDPOINTS": hall.endpoints}) as found:
        yield found


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def guest(bridge: Bridge) -> AsyncIterator[Guest]:
    """A session with the bridge, for tests that run in their module's loop."""
    async with bridge.connected() as found:
        yield found
