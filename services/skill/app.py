"""The composition root: every object the skill needs is made here and nowhere else.

The HTTP server outlives broker and database: while one is away, people are told so.
"""

import asyncio
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import structlog
import uvicorn
from fastapi import FastAPI

from services.skill.accounts.office import Office
from services.skill.live.fleet import Fleet
from services.skill.mail import Mail
from services.skill.reporter import Reporter
from services.skill.roles import Roles
from services.skill.settings import SkillSettings
from services.skill.site import make_site
from services.skill.upkeep import Upkeep
from services.skill.web.wire import Limited
from voxtrude import mqtt
from voxtrude.errors import SetupError
from voxtrude.feed import Feed
from voxtrude.mongo.client import connect
from voxtrude.notices import Condition
from voxtrude.presence import Presence, will
from voxtrude.process import endure, utc_now
from voxtrude.topics import SKILL

log = structlog.get_logger()

KEEP_ALIVE = 30  # seconds
LAST_REQUESTS = 3  # seconds that open requests get when we end


async def run(settings: SkillSettings, ready: Callable[[], None]) -> None:
    """Serve until we are stopped.

    Raises:
        SetupError: The operator must change something.
    """
    listening = _bound(settings)
    with listening:
        async with connect(settings.mongo, patient=True) as database:
            office = Office(database, settings, Mail(settings.smtp))
            fleet, reporter = Fleet(database), Reporter()
            site = make_site(Roles(settings, database, office, fleet, reporter))
            server = _Server(_config(settings, site))
            ready()
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(_served(server, listening, fleet), name="http")
                tasks.create_task(Upkeep(settings, database, office).run(), name="upkeep")
                tasks.create_task(fleet.run(), name="fleet")
                await endure(lambda heard: _follow(settings, fleet, reporter, heard))


async def _follow(
    settings: SkillSettings, fleet: Fleet, reporter: Reporter, heard: Callable[[], None]
) -> None:
    """Tell the fleet what the broker says, until the link breaks.

    Raises:
        LinkError: The broker went away.
        SetupError: It refused us.
    """
    since = utc_now()
    try:
        async with mqtt.connect(
            settings.mqtt, settings.mqtt.username or SKILL, will=will(SKILL, since)
        ) as connection:
            presence = Presence(connection, SKILL, since)
            # Published before we listen: that it comes back tells that all states have come.
            await presence.stop()
            fleet.begin()
            reporter.use(connection)
            try:
                async for news in Feed(connection, SKILL).news():
                    fleet.use(news)
                    if news.complete:
                        presence.set(Condition.RUNNING)
                        heard()
                        log.info("serving", url=settings.url, printers=fleet.count)
            finally:
                await presence.stop()
    finally:
        reporter.use(None)
        fleet.lose()


class _Server(uvicorn.Server):
    """uvicorn, without its own ideas of signals: ``process.run`` has them."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leave the signals alone."""
        yield


async def _served(server: uvicorn.Server, listening: socket.socket, fleet: Fleet) -> None:
    """Serve until we are cancelled; open requests get a moment to end."""
    serving = asyncio.ensure_future(server.serve(sockets=[listening]))
    try:
        await asyncio.shield(serving)
        # The others would go on, and nobody would answer.
        raise RuntimeError("the HTTP server has ended by itself")
    finally:
        fleet.close()
        server.should_exit = True
        await serving


def _bound(settings: SkillSettings) -> socket.socket:
    family = socket.AF_INET6 if ":" in settings.web.bind else socket.AF_INET
    listening = socket.socket(family)
    try:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind((settings.web.bind, settings.web.port))
        listening.listen(256)
        listening.setblocking(False)  # noqa: FBT003  (the library's own)
    except OSError as error:
        listening.close()
        raise SetupError(
            f"VOXTRUDE_WEB_PORT: cannot listen on {settings.web.bind}:{settings.web.port}: "
            f"{error.strerror}"
        ) from None
    return listening


def _config(settings: SkillSettings, site: FastAPI) -> uvicorn.Config:
    return uvicorn.Config(
        site,
        log_config=None,
        access_log=False,
        server_header=False,
        date_header=True,
        proxy_headers=bool(settings.web.proxies),
        forwarded_allow_ips=settings.web.proxies or None,
        http=Limited,
        timeout_keep_alive=KEEP_ALIVE,
        timeout_graceful_shutdown=LAST_REQUESTS,
        limit_concurrency=2000,
        ws="none",
    )
