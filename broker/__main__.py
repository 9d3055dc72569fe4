"""``python -m broker render`` writes the broker's files, ``keep`` keeps its accounts right."""

import argparse
import asyncio
import sys
from collections.abc import Callable
from contextlib import AsyncExitStack
from datetime import UTC, datetime
from typing import NoReturn

import structlog
from pydantic import SecretStr

from broker import rendering, secrets
from broker.journal import TOPICS, Journal
from broker.keeper import Keeper
from broker.settings import BrokerSettings
from broker.supervision import Supervisor
from voxtrude import logs, mqtt, process
from voxtrude.control import Control
from voxtrude.dynsec import KEEPER
from voxtrude.errors import LinkError, SetupError
from voxtrude.mongo.client import connect
from voxtrude.mongo.logins import Logins
from voxtrude.mongo.printers import Printers
from voxtrude.registration import Registration
from voxtrude.settings import Mqtt, load

log = structlog.get_logger()

WRITE = 1.0  # seconds between two writes of what the broker said of logins


class Registered:
    """The registrations in the database; a connection for each look, so that none is held."""

    def __init__(self, settings: BrokerSettings) -> None:
        self._settings = settings

    async def registrations(self) -> list[Registration]:
        """Return all of them.

        Raises:
            LinkError: The database is away.
        """
        async with connect(self._settings.mongo) as database:
            return await Printers(database).registrations()


async def render(settings: BrokerSettings) -> None:
    """Write the broker's files from the database."""
    registrations = await Registered(settings).registrations()
    path = rendering.render(settings.broker, settings.public.host, registrations, datetime.now(UTC))
    log.info("broker files rendered", config=str(path), printers=len(registrations))


class Keeping:
    """The keeper's sessions with the broker, and how it restarts it."""

    def __init__(self, settings: BrokerSettings) -> None:
        self._settings = settings
        socket = settings.broker.supervisor_socket
        self._supervisor = (
            Supervisor(socket, settings.broker.supervisor_program) if socket else None
        )
        restart = self.restart if self._supervisor else None
        self._keeper = Keeper(Registered(settings), restart)
        self._restarted_in_vain = False

    async def session(self, linked: Callable[[], None]) -> None:
        """Reconcile at the start and then again and again, until the link breaks."""
        batch = rendering.mosquitto(self._settings.broker).batch
        login = self._login()
        journal = Journal()
        async with AsyncExitStack() as stack:
            try:
                connection = await stack.enter_async_context(mqtt.connect(login, KEEPER))
                control = Control(connection, batch=batch, heard=journal.hear)
                await control.open()
                await connection.subscribe(*TOPICS)
            except SetupError as error:
                await self._refused(error)
            self._restarted_in_vain = False
            linked()
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(self._write(journal), name="journal")
                while True:
                    await self._keeper.reconcile(control)
                    await control.rest(self._settings.broker.interval)

    async def _write(self, journal: Journal) -> NoReturn:
        """Write down what the broker said of logins, however long the database is away.

        The accounts are kept whether or not this can be done.
        """
        patience = process.Patience()
        async with connect(self._settings.mongo, patient=True) as database:
            logins = Logins(database)
            while True:
                await asyncio.sleep(WRITE)
                tidings = journal.take()
                if not tidings:
                    continue
                try:
                    await logins.save(tidings)
                except (LinkError, SetupError) as error:
                    journal.give_back(tidings)
                    await patience.lose("cannot note logins", str(error))
                else:
                    patience.recover("logins are noted again")

    async def _refused(self, error: SetupError) -> NoReturn:
        """Do what can be done when the broker refuses us: it may have lost its accounts."""
        if self._supervisor is None or self._restarted_in_vain:
            raise SetupError(
                f"{error}; stop the broker, run `python -m broker render`, start it again"
            ) from None
        self._restarted_in_vain = True
        log.warning("restarting the broker that refuses its keeper", reason=str(error))
        await self.restart()
        raise LinkError(str(error)) from None

    async def restart(self) -> None:
        """Stop the broker, render its files, start it: its own late write harms nothing."""
        if self._supervisor is None:
            return
        await self._supervisor.stop()
        try:
            await render(self._settings)
        finally:
            await self._supervisor.start()

    def _login(self) -> Mqtt:
        given = self._settings.mqtt
        if given.username is not None:
            return given
        secret = secrets.load(self._settings.broker.secrets)[KEEPER]
        return given.model_copy(update={"username": KEEPER, "password": SecretStr(secret)})


def main() -> int:
    """Run the command that the arguments name; return the exit code."""
    parser = argparse.ArgumentParser(prog="broker", description=__doc__)
    parser.add_argument("command", choices=["render", "keep"])
    command = parser.parse_args().command
    try:
        settings = load(BrokerSettings)
    except SetupError as error:
        log.critical("setup is wrong", reason=str(error))
        return process.EXIT_SETUP
    logs.configure(settings.log, f"broker-{command}")

    async def rendered(linked: Callable[[], None]) -> None:
        await render(settings)
        linked()

    return process.run(rendered if command == "render" else Keeping(settings).session)


if __name__ == "__main__":
    sys.exit(main())
