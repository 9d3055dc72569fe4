"""An account has only so many printers, however it adds them."""

import asyncio
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from services.skill import belongings
from services.skill.accounts.refusals import Refusal
from tests.integration.portal_sites import Place, fresh, said
from tests.integration.stacks import Stack
from voxtrude.accounts import Account, Scope
from voxtrude.dynsec import PORTAL
from voxtrude.mongo.printers import Printers
from voxtrude.portal import Accounts, Portal
from voxtrude.settings import Mqtt

pytestmark = pytest.mark.integration

ADA, MAX = "ada@example.org", "max@example.org"
MOST = 2
FULL = f"An account has at most {MOST} printers here. Delete one."


@pytest_asyncio.fixture
async def place(stack: Stack) -> AsyncIterator[Place]:
    await stack.prepare()
    username, secret = stack.site.service(PORTAL)
    portal = Portal.model_validate({"username": username, "password": secret})
    accounts = Accounts(sign_up="open", printers=MOST)
    mqtt = Mqtt(port=stack.site.settings.port)
    async with fresh(stack.mongo, mqtt=mqtt, portal=portal, accounts=accounts) as found:
        await found.admin(ADA)
        yield found


@pytest_asyncio.fixture
async def full(place: Place) -> Account:
    """Somebody who has as many as there may be."""
    account = await place.member(MAX)
    for number in range(MOST):
        await belongings.add(place.roles, account, f"Printer {number}")
    return account


async def test_of_many_at_once_none_slips_by(place: Place) -> None:
    account = await place.member(MAX)
    told = await asyncio.gather(
        *(belongings.add(place.roles, account, f"Printer {number}") for number in range(5)),
        return_exceptions=True,
    )
    refused = [one for one in told if isinstance(one, Refusal)]
    assert [one.text for one in refused] == [FULL] * 3
    assert await Printers(place.database).count(account.id) == MOST


async def test_page_plugin_and_api_say_so(place: Place, full: Account) -> None:
    browser = await place.signed_in(MAX)
    page = await browser.submit("/printers/add", name="One more", base_topic="mine/one/")
    assert page.status_code == 409
    assert FULL in said(page)
    assert 'value="One more"' in page.text
    plugin = await browser.submit("/connect/printer", name="One more")
    assert plugin.status_code == 409
    assert FULL in said(plugin)
    _, token = await place.office.tokens.make(full, "test", [Scope.WRITE])
    api = await browser.post(
        "/api/v1/printers",
        json={"name": "One more"},
        headers={"authorization": f"Bearer {token}", "accept": "application/json"},
    )
    assert api.status_code == 409
    assert api.json() == {"detail": FULL}
    assert await Printers(place.database).count(full.id) == MOST


@pytest.mark.usefixtures("full")
async def test_it_is_each_accounts_own_and_ends_with_a_printer(place: Place) -> None:
    ada, peter = await place.office.accounts()
    await belongings.add(place.roles, ada, "Ada's")
    printers = Printers(place.database)
    counts = await printers.counts()
    assert (counts[ada.id], counts[peter.id]) == (1, MOST)
    assert counts[None] == len(await printers.owned([None]))
    mine, _ = await printers.owned([peter.id])
    async with place.roles.registrar() as registrar:
        await registrar.remove(mine.id)
    await belongings.add(place.roles, peter, "Instead")
    assert await printers.count(peter.id) == MOST
