"""Who deletes an account is gone at once: from the database, from the broker, and its printers."""

from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio
from bson import encode

from tests.integration.brokers import V311, Raw
from tests.integration.portal_sites import PASSWORD, Place, fresh, said
from tests.integration.servers import wait_until
from tests.integration.stacks import DEADLINE, Stack
from voxtrude.dynsec import PORTAL
from voxtrude.mongo import schema
from voxtrude.mongo.printers import Printers
from voxtrude.portal import Portal
from voxtrude.registrar import Added
from voxtrude.settings import Mqtt

pytestmark = pytest.mark.integration

ADA, MAX = "ada@example.org", "max@example.org"


@pytest_asyncio.fixture
async def place(stack: Stack) -> AsyncIterator[Place]:
    await stack.prepare()
    username, secret = stack.site.service(PORTAL)
    portal = Portal.model_validate({"username": username, "password": secret})
    mqtt = Mqtt(port=stack.site.settings.port)
    async with fresh(stack.mongo, mqtt=mqtt, portal=portal) as found:
        await found.admin(ADA)
        yield found


async def added(place: Place, owner: str, name: str) -> Added:
    account = next(one for one in await place.office.accounts() if one.email == owner)
    async with place.roles.registrar() as registrar:
        return await registrar.add(name, owner=account.id)


def plugin(stack: Stack, one: Added) -> Raw:
    """Return the client of a printer, connected."""
    printer = one.registration.id
    return Raw(stack.site.settings.port, (printer, one.secret), protocol=V311)


def traces(stack: Stack, *words: str) -> list[str]:
    """Return which collections and files of the broker still hold one of these."""
    database: Any = stack.client.get_database(stack.database)
    found = []
    for name in database.list_collection_names():
        for document in database.get_collection(name).find({}):
            raw = encode(document)
            found += [f"{name}: {word}" for word in words if word.encode() in raw]
    for file in stack.site.settings.data.rglob("*"):
        if file.is_file() and file.suffix != ".log":  # what was logged before is not unsaid
            raw = file.read_bytes()
            found += [f"{file.name}: {word}" for word in words if word.encode() in raw]
    return found


async def test_who_leaves_leaves_nothing(place: Place, stack: Stack) -> None:
    account = await place.member(MAX)
    mine, theirs = await added(place, MAX, "Max' Prusa"), await added(place, ADA, "Ender")
    browser = await place.signed_in(MAX)
    with plugin(stack, mine) as own, plugin(stack, theirs) as other:
        own.publish(f"{mine.registration.base_topic}temperature/bed", b"{}")
        words = (MAX, account.id, mine.registration.id, "Max' Prusa")
        assert traces(stack, *words)
        done = await browser.submit(
            "/account/delete", confirmation="delete my account", password=PASSWORD
        )
        assert done.status_code == 200
        assert "Your account is deleted" in said(done)
        wait_until(lambda: own.gone, DEADLINE, "its printer is still connected")
        assert not other.gone
    assert (await browser.get("/account")).status_code == 303
    left = await Printers(place.database).registrations()
    assert theirs.registration.id in [one.id for one in left]
    wait_until(lambda: not traces(stack, *words), DEADLINE, str(traces(stack, *words)))


async def test_an_administrator_removes_somebody_with_the_printers(
    place: Place, stack: Stack
) -> None:
    account = await place.member(MAX)
    mine = await added(place, MAX, "Prusa")
    admin = await place.signed_in(ADA)
    page = f"/admin/accounts/{account.id}"
    with plugin(stack, mine) as own:
        done = await admin.submit(page, f"{page}/remove", confirmation=MAX)
        assert done.headers["location"] == "/admin?done=account-removed"
        wait_until(lambda: own.gone, DEADLINE, "its printer is still connected")
    assert stack.collection(schema.PRINTERS).find_one({"_id": mine.registration.id}) is None
    assert stack.collection(schema.ACCOUNTS).count_documents({}) == 1
