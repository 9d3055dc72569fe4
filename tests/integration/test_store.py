"""The database's door keeps its contract, with both drivers and with authentication on."""

import asyncio
import os
import secrets
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Literal

import pymongo
import pytest
from pymongo import InsertOne
from pymongo.errors import OperationFailure

from broker import secrets as broker_secrets
from tests.integration.brokers import printer
from tests.integration.conftest import Database as Server
from tests.integration.servers import free_port, mongod
from voxtrude.credentials import hashed
from voxtrude.errors import LinkError, SetupError
from voxtrude.mongo import bulk, client, schema, users
from voxtrude.mongo.client import Database
from voxtrude.mongo.jobs import Jobs
from voxtrude.mongo.logins import Logins, Tidings
from voxtrude.mongo.meta import Announced
from voxtrude.mongo.printers import Printers
from voxtrude.mongo.quarantine import Quarantine, Specimen
from voxtrude.mongo.readings import Readings, Sample
from voxtrude.mongo.states import Kept, States, to_document
from voxtrude.mongo.unknown import UnknownPrinters
from voxtrude.printer import (
    Fact,
    Job,
    JobId,
    Origin,
    Outcome,
    PastJob,
    PrinterId,
    PrinterState,
    PrinterStatus,
    PrintFile,
    Status,
    Temperature,
)
from voxtrude.registration import Identification, Standing, Templates
from voxtrude.retention import Retention
from voxtrude.settings import Mongo

pytestmark = pytest.mark.integration

Driver = Literal["motor", "pymongo"]
# Not a fixed date: TTL indexes are at work. The database keeps milliseconds.
NOW = datetime.now(UTC).replace(microsecond=123000)
FILE = PrintFile(name="teil.gcode", path="ordner/teil.gcode", storage="local", size=1 << 40)


@pytest.fixture(params=["motor", "pymongo"])
async def database(request: pytest.FixtureRequest, mongo: Server) -> AsyncIterator[Database]:
    name = f"test_{secrets.token_hex(6)}"
    settings = Mongo.model_validate({"url": mongo.url, "database": name, "driver": request.param})
    async with client.connect(settings) as opened:
        await schema.migrate(opened, Retention())
        yield opened
    mongo.client.drop_database(name)


def full_state() -> PrinterState:
    """Return a state with something in every kind of field."""
    one = printer().registration.id
    return PrinterState(
        printer=one,
        seen_at=NOW,
        status=Fact(PrinterStatus(Status.PRINTING, "PRINTING", "Printing"), NOW, Origin.LIVE, 5),
        temperatures={"tool0": Temperature(200.5, 210.0, NOW, Origin.RETAINED, 7, current=False)},
        metadata=(("layer.height", "0.2"), ("$set", "x")),
        job=Job(
            id=JobId(f"{one}.5"),
            file=FILE,
            opened_at=NOW,
            origin=Origin.LIVE,
            started_at=NOW,
            paused_for=timedelta(seconds=2.5),
        ),
        last_job=PastJob(
            id=JobId(f"{one}.4"),
            file=FILE,
            outcome=Outcome.FAILED,
            ended_at=NOW,
            origin=Origin.LIVE,
            duration=timedelta(minutes=3),
            error="Thermal runaway",
        ),
    )


async def test_a_state_comes_back_as_it_was(database: Database) -> None:
    states, state = States(database), full_state()

    assert await states.save([Kept(state, b"marks0")]) == []

    assert await states.load_kept() == [Kept(state, b"marks0")]
    assert await states.get(state.printer) == state
    assert await states.load(alive_after=NOW) == {}
    await states.forget([state.printer])
    assert await states.load() == {}


async def test_a_registration_comes_back_as_it_was(database: Database) -> None:
    printers = Printers(database)
    one = replace(
        printer("hall 1/unit/").registration,
        created_at=NOW,
        alive_at=NOW,
        templates=Templates(event="ev/{event}/x"),
        identification=Identification(manufacturer="Prusa", year_of_construction=2024),
        timestamp_field="ts",
    )
    await printers.add(one)

    assert await printers.registrations() == [one]
    assert await printers.find(one.name) == one
    await printers.rename(one.id, "Another")
    await printers.set_standing(one.id, Standing.REVOKED)
    await printers.rotate(one.id, credential := hashed("secret"))
    assert await printers.get(one.id) == replace(
        one, name="Another", standing=Standing.REVOKED, credential=credential
    )
    await printers.touch({one.id: NOW + timedelta(days=1)})
    again = await printers.get(one.id)
    assert again is not None
    assert again.alive_at == NOW + timedelta(days=1)
    with pytest.raises(SetupError, match="belongs to another printer"):
        await printers.add(replace(printer().registration, base_topic=one.base_topic))
    with pytest.raises(SetupError, match="no printer"):
        await printers.rename(printer().registration.id, "Nobody")


async def test_a_name_that_two_printers_have_is_ambiguous(database: Database) -> None:
    printers = Printers(database)
    for _ in range(2):
        await printers.add(printer().registration)

    with pytest.raises(SetupError, match="say which"):
        await printers.find("a printer")


async def test_fifty_registrations_of_one_base_topic_have_one_winner(database: Database) -> None:
    printers = Printers(database)
    rivals = [replace(printer().registration, base_topic="hall/") for _ in range(50)]

    results = await asyncio.gather(
        *(printers.add(rival) for rival in rivals), return_exceptions=True
    )

    assert [result for result in results if result is None] == [None]
    assert len(await printers.registrations()) == 1


async def test_changes_of_registrations_are_told(database: Database) -> None:
    printers, one = Printers(database), printer().registration
    async with printers.changes() as changes:
        await printers.add(one)
        await printers.rename(one.id, "x")
        await printers.remove(one.id)
        async with asyncio.timeout(20):
            assert [await anext(changes) for _ in range(3)] == [one.id] * 3


async def test_a_job_written_twice_is_one_job(database: Database) -> None:
    jobs, state = Jobs(database), full_state()
    assert state.job is not None
    assert state.last_job is not None
    ended = replace(state.last_job, id=state.job.id, outcome=Outcome.DONE)

    for record in (state.job, ended, ended):
        assert await jobs.save([(state.printer, record)]) == []

    (found,) = await jobs.of(state.printer)
    assert (found.outcome, found.duration, found.file) == ("done", timedelta(minutes=3), FILE)


async def test_a_refused_document_does_not_stop_the_others(database: Database) -> None:
    good = to_document(Kept(full_state()))
    refused = {"_id": "no fields that the validator wants"}
    too_large = {**good, "_id": "x", "version": 1 << 70}
    no_key = {**good, "_id": "y", "a\0b": 1}
    documents = [refused, too_large, good, no_key, {**good, "_id": "z"}]

    rejections = await bulk.write(
        database[schema.STATES], [InsertOne(document) for document in documents]
    )

    assert sorted(rejection.index for rejection in rejections) == [0, 1, 3]
    assert "121" in next(one.reason for one in rejections if one.index == 0)
    assert set(await States(database).printers()) == {good["_id"], "z"}


async def test_quarantine_and_strangers_are_limited_in_number(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("voxtrude.mongo.quarantine.LIMIT", 100)
    monkeypatch.setattr("voxtrude.mongo.unknown.LIMIT", 10)
    quarantine, unknown = Quarantine(database), UnknownPrinters(database)
    for start in range(0, 300, 20):
        await quarantine.save(
            [
                Specimen(NOW + timedelta(seconds=n), None, f"t/{n}", "why", 1, b"\xff\x00")
                for n in range(start, start + 20)
            ]
        )
    await unknown.save({f"b{n}/": NOW + timedelta(seconds=n) for n in range(30)})
    await unknown.trim()

    assert 90 <= await quarantine.count() <= 120
    assert (await quarantine.latest(1))[0]["topic"] == "t/299"
    assert [one["_id"] for one in await unknown.latest(2)] == ["b29/", "b28/"]
    assert len(await unknown.latest(1000)) <= 10


async def test_a_database_that_is_not_there_is_a_link_error() -> None:
    settings = Mongo.model_validate(
        {"url": "mongodb://127.0.0.1:1/?serverSelectionTimeoutMS=100&connectTimeoutMS=100"}
    )
    with pytest.raises(LinkError, match="database is away"):
        async with client.connect(settings):
            pass


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A mongod that asks for credentials; its root is admin:root."""
    folder, port = tmp_path_factory.mktemp("guarded"), free_port()
    key = folder / "key"
    key.write_text(secrets.token_hex(64))
    key.chmod(0o600)
    with (
        mongod(folder, port),
        pymongo.MongoClient[dict[str, object]]("127.0.0.1", port, directConnection=True) as admin,
    ):
        admin["admin"].command("createUser", "admin", pwd="root", roles=["root"])  # noqa: S106  (on loopback, for one test)
    # The same data again, with authentication on; the helper's own greeting needs none.
    with mongod(folder, port, "--keyFile", str(key), "--auth"):
        yield f"127.0.0.1:{port}"


def migrate(root: Mongo, accounts: Path) -> None:
    """Run the command that makes the database's users."""
    subprocess.run(
        [sys.executable, "-m", "voxtrude.cli", "migrate", "--accounts", str(accounts)],
        env=os.environ | {"VOXTRUDE_MONGO_URL": root.url.get_secret_value()},
        cwd=accounts.parent,
        check=True,
    )


async def the_skill_works(database: Database, one: PrinterId, state: PrinterState) -> None:
    """Do what the skill does with printers; it may write nothing that they would have said."""
    await schema.check(database)
    async with Printers(database).changes():
        await Printers(database).rename(one, "x")
    assert await States(database).get(one) is not None
    later = NOW + timedelta(minutes=1)
    assert len(await Readings(database).series(one, NOW, later, 10)) == 1
    assert await Logins(database).get(one) is not None
    with pytest.raises(SetupError, match="refused us"):
        await States(database).save([Kept(state)])
    with pytest.raises(SetupError, match="refused us"):
        await Logins(database).save({one: Tidings(NOW)})
    other = printer().registration
    await Printers(database).add(other)
    await Printers(database).remove(other.id)
    await UnknownPrinters(database).forget("x")


async def test_each_service_may_do_its_work_and_nothing_else(guarded: str, tmp_path: Path) -> None:
    root = Mongo.model_validate({"url": f"mongodb://admin:root@{guarded}/?authSource=admin"})
    accounts = tmp_path / "accounts.json"
    for _ in range(2):
        migrate(root, accounts)
    passwords = broker_secrets.load(accounts)
    assert users.ROLES.keys() <= passwords.keys()
    async with client.connect(root) as database:
        one = printer().registration
        await Printers(database).add(one)

    def login(role: str, password: str | None = None) -> Mongo:
        secret = password or passwords[role]
        url = f"mongodb://{role}:{secret}@{guarded}/?authSource=voxtrude"
        return Mongo.model_validate({"url": url})

    async with client.connect(login("ingest")) as database:
        await schema.check(database)
        async with Printers(database).changes():
            assert await Printers(database).registrations() == [one]
        state = replace(full_state(), printer=one.id)
        assert await States(database).save([Kept(state)]) == []
        assert await Jobs(database).save([(one.id, state.job)] if state.job else []) == []
        await Quarantine(database).save([Specimen(NOW, one.id, "t", "why", 1, b"x")])
        await Announced(database).add([one.id])
        await Announced(database).remove([one.id])
        await Readings(database).save([Sample(PrinterId("prn-0000000000000000"), NOW, 1.0)])
        await Readings(database).forget([PrinterId("prn-0000000000000000")])
        await Readings(database).save([Sample(one.id, NOW, 1.0)])
        with pytest.raises(SetupError, match="refused us"):
            await Printers(database).add(printer().registration)
        with pytest.raises(SetupError, match="refused us"):
            await Printers(database).remove(one.id)
        with pytest.raises(OperationFailure):
            await database.handle["accounts"].find_one()
    async with client.connect(login("keeper")) as database:
        assert await Printers(database).registrations() == [one]
        with pytest.raises(SetupError, match="refused us"):
            await States(database).load()
        with pytest.raises(SetupError, match="refused us"):
            await Printers(database).rename(one.id, "x")
        await Logins(database).save({one.id: Tidings(NOW, connected_at=NOW)})
    async with client.connect(login("skill")) as database:
        await the_skill_works(database, one.id, state)
    async with client.connect(login("observer")) as database:
        assert (await States(database).load())[one.id].printer == one.id
        with pytest.raises(SetupError, match="refused us"):
            await States(database).forget([one.id])
    with pytest.raises(SetupError, match="refused us"):
        async with client.connect(login("ingest", "wrong")):
            pass
    with (
        pymongo.MongoClient[dict[str, object]](f"mongodb://{guarded}") as nobody,
        pytest.raises(OperationFailure),
    ):
        nobody["voxtrude"]["states"].find_one()
