"""The first code in the log, and warnings to the owners of silent printers."""

import asyncio
import re
import secrets
from collections.abc import AsyncIterator, Iterator
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from pydantic import SecretStr

from services.skill.accounts.office import Office
from services.skill.mail import Mail
from services.skill.settings import SkillSettings
from services.skill.upkeep import Upkeep
from tests.integration import letterboxes
from tests.integration.brokers import printer
from tests.integration.conftest import Database as Server
from tests.integration.letterboxes import Letterbox
from tests.integration.servers import free_port, mongod, wait_until
from voxtrude import portal
from voxtrude.accounts import Account, Preferences
from voxtrude.mongo import client, schema
from voxtrude.mongo.client import Database
from voxtrude.mongo.printers import Printers
from voxtrude.printer import PrinterId
from voxtrude.registration import AccountId
from voxtrude.retention import Retention
from voxtrude.settings import Mongo

pytestmark = pytest.mark.integration

ADA, RIGHT, ANY = "ada@example.org", "correct horse battery", Preferences()
WEB = portal.Web(secret=SecretStr("s" * 32))
_CODE = re.compile(r"code=\S*?([0-9A-Z]{5}(?:-[0-9A-Z]{5}){3})")


@dataclass
class Clock:
    """Time that passes when it is told to."""

    now: datetime = field(default_factory=lambda: datetime.now(UTC).replace(microsecond=0))

    def __call__(self) -> datetime:
        return self.now


@dataclass
class House:
    """An office with its upkeep."""

    database: Database
    clock: Clock
    office: Office
    upkeep: Upkeep

    async def first(self) -> Account:
        return await self.office.set_up(await self.office.setup_code(), ADA, RIGHT, ANY)

    async def printer(
        self, name: str, silent: timedelta | None, owner: AccountId | None
    ) -> PrinterId:
        """Register a printer that was heard of so long ago; None: it is kept for ever."""
        alive_at = None if silent is None else self.clock.now - silent
        one = replace(printer().registration, name=name, owner=owner, alive_at=alive_at)
        await Printers(self.database).add(one)
        return one.id


@pytest.fixture
async def database(mongo: Server) -> AsyncIterator[Database]:
    name = f"test_{secrets.token_hex(6)}"
    async with client.connect(Mongo.model_validate({"url": mongo.url, "database": name})) as opened:
        await schema.migrate(opened, Retention())
        yield opened
    mongo.client.drop_database(name)


@pytest.fixture
def box() -> Iterator[Letterbox]:
    with letterboxes.plain() as found:
        yield found


def furnished(database: Database, smtp: portal.Smtp) -> House:
    settings, clock = SkillSettings(web=WEB, smtp=smtp), Clock()
    office = Office(database, settings, Mail(smtp), clock)
    return House(database, clock, office, Upkeep(settings, database, office, clock))


@pytest.fixture
def house(database: Database, box: Letterbox) -> House:
    return furnished(database, box.settings)


def codes(capsys: pytest.CaptureFixture[str]) -> list[str]:
    """Return the codes that were logged since the last look."""
    return _CODE.findall(re.sub(r"\x1b\[[0-9;]*m", "", "".join(capsys.readouterr())))


async def test_the_log_says_how_to_begin(house: House, capsys: pytest.CaptureFixture[str]) -> None:
    await house.upkeep.round()
    (code,) = codes(capsys)
    await house.upkeep.round()
    assert codes(capsys) == []
    house.clock.now += timedelta(hours=23)
    await house.upkeep.round()
    (renewed,) = codes(capsys)  # before the first one ends
    assert renewed != code
    ada = await house.office.set_up(renewed, ADA, RIGHT, ANY)
    house.clock.now += timedelta(days=2)
    await house.upkeep.round()
    assert codes(capsys) == []
    await house.office.delete(ada)
    await house.upkeep.round()
    assert len(codes(capsys)) == 1


async def test_an_owner_is_warned_once_a_silence(house: House, box: Letterbox) -> None:
    ada = await house.first()
    await house.printer("Ender", timedelta(days=7.5), ada.id)
    prusa = await house.printer("Prusa", timedelta(days=8), ada.id)
    await house.printer("fresh", timedelta(days=6.5), ada.id)
    await house.printer("kept", None, ada.id)
    await house.printer("nobody's", timedelta(days=8), None)
    await house.printer("a stranger's", timedelta(days=8), AccountId("acc-0000000000000000"))
    await house.upkeep.round()
    (letter,) = box.letters
    assert letter["To"] == ADA
    text = letter.get_content().replace("\r\n", "\n")
    assert "  Prusa\n  Ender\n" in text
    assert "for 7 days" in text
    assert "After 10 days" in text
    for other in ("fresh", "kept", "nobody", "stranger"):
        assert other not in text

    house.clock.now += timedelta(hours=2)
    await house.upkeep.round()
    assert len(box.letters) == 1

    # It is heard of again, and falls silent again.
    printers = Printers(house.database)
    house.clock.now += timedelta(hours=1)
    await printers.touch({prusa: house.clock.now})
    await house.upkeep.round()
    assert len(box.letters) == 1
    house.clock.now += timedelta(days=7, hours=1)
    await house.upkeep.round()
    assert len(box.letters) == 2
    assert "  fresh\r\n  Prusa\r\n" in box.letters[-1].get_content()


async def test_a_warning_is_no_sign_of_life(house: House, box: Letterbox) -> None:
    ada = await house.first()
    one = await house.printer("Ender", timedelta(days=7.5), ada.id)
    printers = Printers(house.database)
    before = await printers.get(one)
    async with printers.changes() as changes:
        await house.upkeep.round()
        after = await printers.get(one)
        assert after
        assert before
        assert after == replace(before, warned_at=house.clock.now)
        await printers.rename(one, "Ender 3")
        # The change that comes first is the renaming: there is one, and it is the last.
        assert await anext(changes) == one
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(anext(changes), 0.3)
    assert len(box.letters) == 1


async def test_a_mail_server_that_is_away_is_asked_again(house: House, box: Letterbox) -> None:
    ada = await house.first()
    await house.printer("Ender", timedelta(days=7.5), ada.id)
    box.answers += ["451 later"]
    await house.upkeep.round()
    assert not box.letters
    house.clock.now += timedelta(hours=1)
    await house.upkeep.round()
    assert len(box.letters) == 1


async def test_a_mailbox_that_is_gone_is_asked_once(house: House, box: Letterbox) -> None:
    ada = await house.first()
    await house.printer("Ender", timedelta(days=7.5), ada.id)
    box.answers += ["550 nobody here"]
    await house.upkeep.round()
    house.clock.now += timedelta(hours=1)
    await house.upkeep.round()
    assert not box.letters
    assert not box.answers


async def test_without_mail_nobody_is_warned(database: Database) -> None:
    house = furnished(database, portal.Smtp())
    ada = await house.first()
    one = await house.printer("Ender", timedelta(days=8), ada.id)
    await house.upkeep.round()
    # Once letters can be sent, this one still is.
    silent = await Printers(database).silent(house.clock.now - timedelta(days=7))
    assert [found.id for found in silent] == [one]


async def test_upkeep_outlives_the_database(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    port = free_port()
    url = f"mongodb://127.0.0.1:{port}/?directConnection=true&serverSelectionTimeoutMS=200"
    async with client.connect(Mongo(url=SecretStr(url)), patient=True) as database:
        house = furnished(database, portal.Smtp())
        task = asyncio.create_task(house.upkeep.run())
        await asyncio.to_thread(wait_until, lambda: "link lost" in "".join(capsys.readouterr()), 30)
        with mongod(tmp_path, port):
            await asyncio.to_thread(wait_until, lambda: codes(capsys), 30)
            assert not task.done()
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task
