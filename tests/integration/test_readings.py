"""Readings and logins against a real MongoDB."""

import secrets
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Literal

import pytest

from tests.integration.brokers import printer
from tests.integration.conftest import Database as Server
from voxtrude.mongo import schema
from voxtrude.mongo.client import Database, connect
from voxtrude.mongo.logins import EVICTIONS, Logins, Tidings
from voxtrude.mongo.printers import Printers
from voxtrude.mongo.readings import Readings, Sample
from voxtrude.mongo.unknown import UnknownPrinters
from voxtrude.printer import PrinterId
from voxtrude.retention import Retention
from voxtrude.settings import Mongo

pytestmark = pytest.mark.integration

ONE = PrinterId("prn-00000000000000aa")
OTHER = PrinterId("prn-00000000000000bb")
NOON = datetime.now(UTC).replace(microsecond=0) - timedelta(hours=4)
DRIVERS: tuple[Literal["motor", "pymongo"], ...] = ("motor", "pymongo")


@pytest.fixture(params=DRIVERS)
async def database(mongo: Server, request: pytest.FixtureRequest) -> AsyncIterator[Database]:
    """An empty, migrated database, opened with either driver."""
    name = f"test_{secrets.token_hex(6)}"
    settings = {"url": mongo.url, "database": name, "driver": request.param}
    async with connect(Mongo.model_validate(settings)) as opened:
        await schema.migrate(opened, Retention())
        yield opened
    mongo.client.drop_database(name)


def sample(seconds: float, actual: float | None = 200.0, progress: float | None = None) -> Sample:
    at = NOON + timedelta(seconds=seconds)
    return Sample(ONE, at, progress, {"tool0": (actual, 210.0), "bed": (60.0, None)})


async def test_few_samples_come_back_as_they_are(database: Database) -> None:
    readings = Readings(database)
    kept = [sample(10.0 * one, 200.0 + one, progress=float(one)) for one in range(5)]
    await readings.save([*kept, Sample(OTHER, NOON, None, {"tool0": (1.0, 1.0)})])
    found = await readings.series(ONE, NOON, NOON + timedelta(seconds=50), 500)
    assert [(one.at, one.progress, dict(one.heaters)) for one in found] == [
        (one.at, one.progress, dict(one.heaters)) for one in kept
    ]


async def test_many_samples_are_averaged_into_bins(database: Database) -> None:
    readings = Readings(database)
    await readings.save([sample(10.0 * one, float(one), float(one % 100)) for one in range(1000)])
    until = NOON + timedelta(seconds=10_000)
    found = await readings.series(ONE, NOON, until, 100)
    assert len(found) == 100
    assert found == sorted(found, key=lambda one: one.at)
    assert found[0].heaters == {"bed": (60.0, None), "tool0": (4.5, 210.0)}
    assert found[0].progress == 4.5
    assert found[0].at == NOON + timedelta(seconds=45)
    assert found[99].heaters["tool0"] == (994.5, 210.0)


async def test_bins_without_readings_and_odd_samples(database: Database) -> None:
    readings = Readings(database)
    moment = NOON + timedelta(seconds=30)
    await readings.save(
        [
            sample(0.0),
            Sample(ONE, moment, 12.5),  # no heater at all
            Sample(ONE, NOON + timedelta(seconds=90), None, {"chamber": (None, None)}),
            Sample(
                ONE, NOON + timedelta(seconds=91), None, {"tool0": (10**400, None)}
            ),  # no number of BSON
        ]
    )
    found = await readings.series(ONE, NOON, NOON + timedelta(seconds=100), 10)
    assert [(one.progress, dict(one.heaters)) for one in found] == [
        (None, {"bed": (60.0, None), "tool0": (200.0, 210.0)}),
        (12.5, {}),
        (None, {"chamber": (None, None)}),
    ]
    assert await readings.series(OTHER, NOON, NOON + timedelta(days=1), 10) == []
    assert await readings.series(ONE, NOON, NOON, 10) == []


@pytest.mark.parametrize("name", ["$tool", "$$NOW", {"$gt": ""}])
async def test_nothing_asked_for_is_evaluated(database: Database, name: PrinterId) -> None:
    readings = Readings(database)
    await readings.save([sample(0.0)])
    assert await readings.series(name, NOON, NOON + timedelta(days=1), 10) == []


async def test_a_removed_printer_leaves_no_reading(database: Database) -> None:
    readings, printers = Readings(database), Printers(database)
    one = printer()
    await printers.add(one.registration)
    await readings.save([Sample(one.registration.id, NOON, 1.0), sample(0.0)])
    await Logins(database).save({one.registration.id: Tidings(NOON, connected_at=NOON)})
    await printers.remove(one.registration.id)
    whole = (NOON, NOON + timedelta(days=1), 10)
    assert await readings.series(one.registration.id, *whole) == []
    assert await Logins(database).get(one.registration.id) is None
    assert len(await readings.series(ONE, *whole)) == 1


async def test_logins_add_up(database: Database) -> None:
    one = printer().registration
    await Printers(database).add(one)
    logins = Logins(database)
    later = [NOON + timedelta(seconds=second) for second in range(10)]
    await logins.save({one.id: Tidings(later[0], connected_at=later[0], protocol="3.1")})
    await logins.save({one.id: Tidings(later[1], refused_at=later[1], refusals=3)})
    await logins.save({one.id: Tidings(later[2], refused_at=later[2], refusals=2)})
    for moment in later:
        await logins.save({one.id: Tidings(moment, evicted_at=(moment,))})
    await logins.save({one.id: Tidings(later[3], disconnected_at=later[3])})
    found = await logins.get(one.id)
    assert found is not None
    assert (found.connected_at, found.protocol) == (later[0], "3.1")
    assert (found.refused_at, found.refusals) == (later[2], 5)
    assert found.evicted_at == tuple(later[-EVICTIONS:])
    assert (found.disconnected_at, found.updated_at) == (later[3], later[9])


async def test_a_stranger_has_no_login(database: Database) -> None:
    logins = Logins(database)
    await logins.save({ONE: Tidings(NOON, refused_at=NOON, refusals=1)})
    assert await logins.some([ONE, OTHER]) == {}
    assert await database[schema.LOGINS].find_one() is None


async def test_an_unknown_base_is_found_by_its_name(database: Database) -> None:
    unknown = UnknownPrinters(database)
    await unknown.save({"octoPrint/prn-1": NOON})
    found = await unknown.get("octoPrint/prn-1")
    assert found is not None
    assert found["seen_at"] == NOON
    assert await unknown.get("octoPrint/prn-1/") is None
