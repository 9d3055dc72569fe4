"""The web application in the test's own process, at a real database; no broker is there.

``People`` is a browser without JavaScript. Time is the test's: codes and sessions are old when
it says so.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from html import unescape
from re import findall, search
from typing import Any

import httpx
from fastapi import FastAPI
from starlette.types import Receive, Scope, Send

from services.skill.accounts.office import Office
from services.skill.live.fleet import Fleet
from services.skill.mail import Mail
from services.skill.reporter import Reporter
from services.skill.roles import Roles
from services.skill.settings import SkillSettings
from services.skill.site import make_site
from voxtrude.accounts import Account, Preferences
from voxtrude.mongo.client import Database, connect
from voxtrude.mongo.schema import migrate
from voxtrude.portal import Accounts, Web
from voxtrude.process import utc_now
from voxtrude.settings import Mongo, Mqtt, Public

PASSWORD = "correct horse battery"  # noqa: S105  (of people who do not exist)
URL = "http://127.0.0.1:8080"
SECRET = "0123456789abcdef0123456789abcdef"  # noqa: S105  (of a test)
NOBODY = 9  # a port on which no broker listens


@dataclass
class Clock:
    """Our clock, ahead of the world's by ``ahead``."""

    ahead: timedelta = field(default_factory=timedelta)

    def __call__(self) -> Any:  # noqa: ANN401  (a datetime)
        return utc_now() + self.ahead


@dataclass
class Place:
    """What one test works with."""

    site: FastAPI
    roles: Roles
    database: Database
    clock: Clock

    @property
    def office(self) -> Office:
        return self.roles.office

    def browser(self, **headers: str) -> "Browser":
        """Return somebody who is not signed in."""
        return Browser(self, headers)

    async def member(self, email: str) -> Account:
        """Make an account without its pages."""
        account = await self.office.sign_up(
            email, PASSWORD, Preferences(), invite=None, network="test"
        )
        assert account is not None
        return account

    async def admin(self, email: str = "ada@example.org") -> Account:
        """Make the first administrator without the pages."""
        code = await self.office.setup_code()
        return await self.office.set_up(code, email, PASSWORD, Preferences())

    async def signed_in(self, email: str) -> "Browser":
        """Return somebody who has signed in by the page."""
        browser = self.browser()
        done = await browser.submit("/sign-in", email=email, password=PASSWORD)
        assert done.status_code == 303, done.text
        return browser


class Browser(httpx.AsyncClient):
    """A browser: it keeps cookies and says where a form was, and follows no redirect."""

    def __init__(self, place: Place, headers: dict[str, str]) -> None:
        async def app(scope: Scope, receive: Receive, send: Send) -> None:
            await place.site({**scope, "state": {"roles": place.roles}}, receive, send)

        url = place.roles.settings.url
        told = {"accept": "text/html", "origin": url, **headers}
        super().__init__(
            transport=httpx.ASGITransport(app, client=("192.0.2.77", 1234)),
            base_url=url,
            headers=told,
        )

    async def token(self, path: str) -> str:
        """Return the token of the forms on a page."""
        page = await self.get(path)
        found = search(r'name="csrf" value="([0-9a-f]{64})"', page.text)
        assert found, f"{page.status_code}: no form on {path}"
        return found[1]

    async def submit(
        self, path: str, action: str | None = None, /, **values: str | list[str]
    ) -> httpx.Response:
        """Send a form of a page; return what comes, before any redirect."""
        return await self.post(action or path, data={"csrf": await self.token(path), **values})

    async def text(self, path: str) -> str:
        """Return what a page says."""
        page = await self.get(path)
        assert page.status_code == 200, page.text
        return said(page)


def said(page: httpx.Response) -> str:
    """Return a page's words without its tags."""
    return " ".join(unescape(" ".join(findall(r">([^<]*)<", page.text))).split())


@asynccontextmanager
async def place(mongo: Mongo, url: str = URL, **more: Any) -> AsyncIterator[Place]:  # noqa: ANN401  (settings)
    """Open a database and make the application at it."""
    clock = Clock()
    told: dict[str, Any] = {
        "mqtt": Mqtt(port=NOBODY),
        "accounts": Accounts(sign_up="open"),
        "public": Public(url=url),
        **more,
    }
    settings = SkillSettings(mongo=mongo, web=Web.model_validate({"secret": SECRET}), **told)
    async with connect(mongo, patient=True) as database:
        office = Office(database, settings, Mail(settings.smtp), clock)
        roles = Roles(settings, database, office, Fleet(database), Reporter())
        yield Place(make_site(roles), roles, database, clock)


@asynccontextmanager
async def fresh(mongo: Mongo, url: str = URL, **more: Any) -> AsyncIterator[Place]:  # noqa: ANN401  (settings)
    """Do the same with an empty database of this version."""
    async with place(mongo, url, **more) as found:
        await migrate(found.database, found.roles.settings.keep.retention())
        yield found
