"""The native stack: mongod, Mosquitto and our services under supervisord, on loopback.

It is made ready in order: database, schema, the broker's files, broker, services. It
ends in the reverse order. What is kept lies in the data folder.
"""

import asyncio
import os
import socket
from collections.abc import Awaitable, Callable, Iterable
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Self

from broker import rendering, secrets
from voxtrude import files
from voxtrude.accounts import Purpose
from voxtrude.cli import accounts, fleet, presence, site
from voxtrude.cli.processes import (
    LOGS,
    Process,
    Supervisord,
    checked,
    configure,
    last_line,
    launch,
)
from voxtrude.cli.programs import (
    KEEPER,
    MONGOD,
    MOSQUITTO,
    WEB,
    has_web_secret,
    mongod,
    mosquitto,
    programs,
)
from voxtrude.cli.settings import CliSettings
from voxtrude.cli.site import SECRETS, Site, Stack
from voxtrude.credentials import new_secret
from voxtrude.dynsec import BRIDGE, INGEST, OBSERVER, PORTAL, SKILL
from voxtrude.errors import LinkError, SetupError
from voxtrude.mongo import replica_set
from voxtrude.mongo.client import connect
from voxtrude.mongo.printers import Printers
from voxtrude.mongo.schema import migrate
from voxtrude.mongo.tickets import Tickets
from voxtrude.notices import Condition
from voxtrude.opcua import access
from voxtrude.process import utc_now
from voxtrude.settings import foreign
from voxtrude.topics import OPCUA_BRIDGE

PATIENCE = 60.0  # seconds until a process must be ready
PAUSE = 0.1
WHOLE_STOP = 120.0
ANYWHERE = frozenset({"0.0.0.0", "::", "*"})  # noqa: S104  (recognised, not bound)
OPCUA_OFFSET = 3  # HTTP has the base itself, then come MQTT and MQTT with TLS
MONGO_OFFSET = 4

Check = Callable[[], Awaitable[bool]]


class Native:
    """The stack in one data folder, at ports from ``base`` on."""

    def __init__(self, where: Site, stack: Stack, mongod_port: int | None, simulated: int) -> None:
        self._mongod_port = mongod_port
        self._simulated = simulated
        self.place = where.data_dir
        self.stack = stack
        self.site = where
        self.supervisord = Supervisord(where.supervisor)
        self.viewer_password: str | None = None
        """Of the first OPC UA user, where ``start`` has just made it."""
        self.setup_code: str | None = None
        """Of the portal's first administrator, where nobody has an account yet."""

    @classmethod
    def planned(cls, place: Path, settings: CliSettings, base: int, simulated: int) -> Self:
        """Return the stack as it shall be; with a database of somebody else's if one is named."""
        given = settings.mongo
        bind = settings.broker.bind
        port = None if "url" in given.model_fields_set else base + MONGO_OFFSET
        url = f"mongodb://127.0.0.1:{port}/?replicaSet={replica_set.NAME}"
        stack = Stack(
            host=settings.public.host,
            mqtt_host="127.0.0.1" if bind in ANYWHERE else bind,
            mqtt_port=base + 1,
            tls_port=base + 2,
            http_port=base,
            opcua_port=base + OPCUA_OFFSET,
            mongo_url=url if port else given.url.get_secret_value(),
            database=given.database,
        )
        where = Site(place, site.stacked(settings, stack, place), stack)
        return cls(where, stack, port, simulated)

    @classmethod
    def existing(cls, where: Site) -> Self:
        """Return the stack that runs.

        Raises:
            SetupError: There is none.
        """
        if where.stack is None:
            raise SetupError(f"there is no stack in {where.data_dir}")
        return cls(where, where.stack, None, 0)

    def check(self) -> None:
        """Refuse what cannot work before anything is started.

        Raises:
            SetupError: A program is missing, a port taken, or the folder not ours.
        """
        mosquitto(self.site.settings.broker.binary)
        if self._mongod_port:
            mongod(self.site.settings.up)
        checked("--data-dir", str(self.place))
        if len(os.fsencode(self.site.supervisor)) > site.LONGEST_SOCKET:
            raise SetupError(f"--data-dir: {self.place} is too long a path for a socket in it")
        try:
            for folder in (self.place, self.place / SECRETS, self.place / "mongo"):
                folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        except OSError as error:
            raise SetupError(f"--data-dir: cannot write {self.place}: {error.strerror}") from None
        if not os.access(self.place, os.W_OK | os.X_OK):
            raise SetupError(f"--data-dir: cannot write {self.place}: permission denied")
        ports = (
            (self.stack.http_port, "HTTP"),
            (self.stack.mqtt_port, "MQTT"),
            (self.stack.tls_port, "MQTT with TLS"),
            (self.stack.opcua_port, "OPC UA"),
            (self._mongod_port, "MongoDB"),
        )
        for port, purpose in ports:
            if port and _is_taken(port):
                raise SetupError(
                    f"port {port} ({purpose}) is taken: choose others with --port-base"
                )

    async def start(self, *, leashed: bool, said: Callable[[str], None]) -> None:
        """Bring everything up, each process after what it needs.

        ``leashed`` ends the stack when we end; ``said`` is told of each step.

        Raises:
            SetupError: Something is set wrongly.
            LinkError: A process did not become ready; its log says why.
        """
        wanted = list(programs(self.site, mongod_port=self._mongod_port, simulated=self._simulated))
        configure(self.place, wanted)
        runner = launch(self.place, foreign(), leashed=leashed)
        try:
            await self._until("", self._supervised)
            if self._mongod_port:
                said("database")
                await self._run(MONGOD, self._initiated)
                await self._until(MONGOD, self._is_primary)
            async with connect(self.site.mongo) as database:
                await migrate(database, self.site.settings.keep.retention())
                printers = Printers(database)
                await fleet.ensure(fleet.file(self.place, fleet.DEMO), printers, self._simulated)
                await self.render(printers)
                await Tickets(database).end(Purpose.SETUP)  # of a start before this one
            self.viewer_password = access.first_users(self.site.settings.opcua)
            access.client(self.site.settings.opcua, utc_now())
            site.write(self.place, self.stack)
            said("broker and services")
            await self.resume([one.name for one in wanted if one.name != MONGOD])
            await self._until(SKILL, self._welcomes)
            async with connect(self.site.mongo) as database:
                self.setup_code = await accounts.setup_code(database)
        except BaseException:
            await asyncio.to_thread(self._give_up)
            with suppress(OSError):
                runner.terminate()
            raise

    async def render(self, printers: Printers) -> None:
        """Write the broker's files, and hand the services their secrets.

        Raises:
            SetupError: A setting is wrong, or a file cannot be written.
            LinkError: The database is away.
        """
        settings = self.site.settings
        registrations = await printers.registrations()
        rendering.render(settings.broker, settings.public.host, registrations, utc_now())
        known = secrets.load(settings.broker.secrets)
        for account in (INGEST, BRIDGE, SKILL, PORTAL):
            files.write(self.place / SECRETS / account, known[account].encode())
        web = self.place / SECRETS / WEB
        # Made once: second factors are encrypted with it.
        if not (has_web_secret(settings) or web.exists()):
            files.write(web, new_secret().encode())
        files.write(self.place / SECRETS / "mongo_url", self.stack.mongo_url.encode())

    async def resume(self, names: Iterable[str]) -> None:
        """Start the broker, then what needs it, and wait until each of them does its work.

        Raises:
            LinkError: One of them does not become ready.
        """
        await self._run(MOSQUITTO, self._broker_answers)
        started = list(names)
        for name in started:
            await asyncio.to_thread(self.supervisord.start, name)
        for service in (INGEST, OPCUA_BRIDGE, SKILL):
            if service in started:
                await self._until(service, partial(self._service_runs, service))
        await self._until(KEEPER, self._keeper_runs)

    # Readiness -----------------------------------------------------------------------------

    async def _run(self, name: str, check: Check) -> None:
        await asyncio.to_thread(self.supervisord.start, name)
        await self._until(name, check)

    async def _until(self, name: str, check: Check) -> None:
        """Wait until ``check`` holds, and no longer than its process has a chance."""
        why = "nothing answers"
        try:
            async with asyncio.timeout(PATIENCE):
                while True:
                    try:
                        if await check():
                            return
                    except LinkError as error:
                        why = str(error)
                    if name and (process := await self._process(name)).has_failed:
                        raise LinkError(self._obituary(process))
                    await asyncio.sleep(PAUSE)
        except TimeoutError:
            raise LinkError(
                f"{name or 'supervisord'} is not ready after {PATIENCE:.0f} s: {why}; "
                f"see {self.place / LOGS}"
            ) from None

    async def _process(self, name: str) -> Process:
        processes = await asyncio.to_thread(self.supervisord.processes)
        return next(one for one in processes if one.name == name)

    def _obituary(self, process: Process) -> str:
        log = self.place / LOGS / f"{process.name}.log"
        last = last_line(log) or process.detail
        return f"{process.name} does not start: {last}; see {log}"

    async def _supervised(self) -> bool:
        return site.answers(self.site.supervisor)

    async def _initiated(self) -> bool:
        await replica_set.initiate(self._direct, f"127.0.0.1:{self._mongod_port}")
        return True

    async def _is_primary(self) -> bool:
        return await replica_set.is_primary(self._direct)

    @property
    def _direct(self) -> str:
        return f"mongodb://127.0.0.1:{self._mongod_port}/"

    async def _broker_answers(self) -> bool:
        await presence.told(self.site.login(OBSERVER), seconds=0)
        return True

    async def _service_runs(self, service: str) -> bool:
        document = await presence.service(self.site.login(OBSERVER), service)
        if document is None or document.state != Condition.RUNNING:
            return False
        process = await self._process(service)
        # What a killed predecessor said is retained, too.
        return bool(process.started_at and document.since.timestamp() >= process.started_at)

    async def _welcomes(self) -> bool:
        """Tell whether the skill has made its own code for the log, which ours replaces."""
        async with connect(self.site.mongo) as database:
            if not await accounts.lacks_administrator(database):
                return True
            return await Tickets(database).waits(Purpose.SETUP, utc_now())

    async def _keeper_runs(self) -> bool:
        return (await self._process(KEEPER)).runs

    def _give_up(self) -> None:
        with suppress(LinkError):
            self.supervisord.shutdown(WHOLE_STOP)


def _is_taken(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return True
    return False
