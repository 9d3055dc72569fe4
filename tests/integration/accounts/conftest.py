"""Offices for the tests of this folder."""

import secrets
from collections.abc import AsyncIterator, Iterator

import pytest

from tests.integration import letterboxes
from tests.integration.accounts.offices import Clock, House, Street
from tests.integration.conftest import Database as Server
from tests.integration.letterboxes import Letterbox
from voxtrude.mongo import client, schema
from voxtrude.retention import Retention
from voxtrude.settings import Mongo


@pytest.fixture
async def street(mongo: Server) -> AsyncIterator[Street]:
    name = f"test_{secrets.token_hex(6)}"
    settings = Mongo.model_validate({"url": mongo.url, "database": name})
    async with client.connect(settings) as opened:
        await schema.migrate(opened, Retention())
        yield Street(opened, Clock(), mongo, name)
    mongo.client.drop_database(name)


@pytest.fixture
def house(street: Street) -> House:
    return street.house()


@pytest.fixture
def box() -> Iterator[Letterbox]:
    with letterboxes.plain() as found:
        yield found
