"""The fleet at a real broker, a real database and a real ingest: who sees what, and since when."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field

import pytest

from services.skill.live.fleet import Batch, Fleet
from tests.integration.stacks import Stack, heater, temperature
from voxtrude import mqtt
from voxtrude.documents import PrinterDocument
from voxtrude.dynsec import SKILL
from voxtrude.errors import LinkError
from voxtrude.feed import Feed
from voxtrude.mongo.client import Database, connect
from voxtrude.mongo.printers import Printers
from voxtrude.notices import Condition
from voxtrude.presence import Presence, will
from voxtrude.printer import PrinterId
from voxtrude.process import utc_now
from voxtrude.registration import AccountId
from voxtrude.settings import Mqtt

pytestmark = pytest.mark.integration

ADA, MAX = AccountId("acc-00000000000000aa"), AccountId("acc-00000000000000bb")
DEADLINE = 15.0


async def until(condition: Callable[[], object], what: str) -> None:
    """Wait until something holds."""
    with suppress(TimeoutError):
        async with asyncio.timeout(DEADLINE):
            while not condition():  # noqa: ASYNC110  (what it looks at has no event)
                await asyncio.sleep(0.01)
    assert condition(), what


@dataclass
class Eye:
    """Somebody who watches: what was seen so far."""

    documents: dict[PrinterId, PrinterDocument] = field(default_factory=dict)
    ever: set[PrinterId] = field(default_factory=set)
    pipeline: Condition | None = None
    batches: int = 0
    ended: bool = False

    async def watch(self, batches: AsyncIterator[Batch]) -> None:
        async for batch in batches:
            self.documents |= batch.documents
            self.ever |= batch.documents.keys()
            for printer in batch.gone:
                self.documents.pop(printer)
            self.pipeline = batch.pipeline
            self.batches += 1
        self.ended = True


@asynccontextmanager
async def following(stack: Stack, database: Database) -> AsyncIterator[Fleet]:
    """Feed a fleet as the service does; once the broker goes, it has lost it."""
    fleet = Fleet(database)

    async def follow() -> None:
        username, secret = stack.site.service(SKILL)
        settings = stack.site.settings
        account = Mqtt.model_validate(
            {"port": settings.port, "username": username, "password": secret}
        )
        try:
            since = utc_now()
            async with mqtt.connect(account, SKILL, will=will(SKILL, since)) as connection:
                await Presence(connection, SKILL, since).stop()
                fleet.begin()
                async for news in Feed(connection, SKILL).news():
                    fleet.use(news)
        except LinkError:
            fleet.lose()

    tasks = [asyncio.ensure_future(follow()), asyncio.ensure_future(fleet.run())]
    try:
        await until(lambda: fleet.is_complete, "not all was told")
        yield fleet
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


@asynccontextmanager
async def eye(fleet: Fleet, *reach: AccountId | None) -> AsyncIterator[Eye]:
    one = Eye()
    task = asyncio.ensure_future(one.watch(fleet.documents(reach)))
    try:
        yield one
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def test_each_sees_its_own_and_changes_of_owner_at_once(stack: Stack) -> None:
    await stack.prepare()
    first, second, third = (one.registration.id for one in stack.site.printers)
    async with connect(stack.mongo) as database:
        printers = Printers(database)
        await printers.give(first, ADA)
        await printers.give(second, MAX)
        with stack.ingest():
            async with (
                following(stack, database) as fleet,
                eye(fleet, ADA) as ada,
                eye(fleet, MAX) as other,
                eye(fleet, ADA, None) as admin,
            ):
                await until(lambda: ada.documents.keys() == {first}, "Ada does not see hers")
                await until(lambda: other.documents.keys() == {second}, "Max does not see his")
                await until(lambda: admin.documents.keys() == {first, third}, "not nobody's")
                await until(lambda: ada.pipeline is Condition.RUNNING, "ingest runs")
                with stack.publisher(stack.site.printers[0]) as octoprint:
                    octoprint.publish(heater(stack.site.printers[0]), temperature(201.5))
                    await until(lambda: ada.documents[first].temperatures, "no reading")
                assert other.ever == {second}
                await printers.give(first, MAX)
                await until(lambda: not ada.documents, "Ada still sees it")
                await until(lambda: first in other.documents, "Max does not see it")
                assert other.documents[first].temperatures
                await printers.remove(second)
                await until(lambda: second not in other.documents, "a removed one is seen")
                assert not fleet.sees([MAX], second)
                fleet.close()
                await until(lambda: ada.ended and other.ended, "streams go on")


async def test_a_broker_that_goes_leaves_the_last_that_was_known(stack: Stack) -> None:
    await stack.prepare()
    async with connect(stack.mongo) as database:
        with stack.ingest():
            async with following(stack, database) as fleet, eye(fleet, None) as admin:
                await until(lambda: len(admin.documents) == 3, "not all are seen")
                await until(lambda: admin.pipeline is Condition.RUNNING, "ingest runs")
                stack.broker.stop()
                await until(lambda: admin.pipeline is None, "the loss was not told")
                assert len(admin.documents) == 3
                assert fleet.pipeline is None


async def test_an_ingest_that_stops_is_told_apart_from_a_lost_broker(stack: Stack) -> None:
    await stack.prepare()
    async with connect(stack.mongo) as database:
        with stack.ingest() as ingest:
            async with following(stack, database) as fleet, eye(fleet, None) as admin:
                await until(lambda: admin.pipeline is Condition.RUNNING, "ingest runs")
                ingest.stop()
                await until(lambda: admin.pipeline is Condition.STOPPED, "it has stopped")


async def test_who_is_kept_for_ever_is_known(stack: Stack) -> None:
    await stack.prepare()
    first, *others = (one.registration.id for one in stack.site.printers)
    async with connect(stack.mongo) as database:
        await Printers(database).keep(first, utc_now())
        assert await Printers(database).kept() == set(others)
        async with following(stack, database) as fleet:
            owned = [fleet.owned(one) for one in (first, *others)]
            assert [one and one.kept for one in owned] == [False, True, True]
