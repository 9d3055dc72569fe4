"""The broker's accounts changed while it runs, and brought back in line with the registrations."""

import asyncio
import json
import signal
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import cast

import pytest

from broker.keeper import Difference, Keeper
from tests.integration.brokers import KINDS, Kind, Printer, Raw, Site, logs_in, printer, site
from tests.integration.servers import wait_until
from voxtrude import dynsec, mqtt
from voxtrude.control import PAGE, Control
from voxtrude.errors import LinkError
from voxtrude.registration import Standing

pytestmark = pytest.mark.integration


@pytest.fixture(params=KINDS)
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Site]:
    """A running broker with three printers."""
    prepared = site(cast("Kind", request.param), tmp_path / "data", printer(), printer(), printer())
    prepared.render()
    with prepared.run():
        yield prepared


@asynccontextmanager
async def control_of(
    place: Site, account: str = "keeper", patience: float = 10
) -> AsyncIterator[Control]:
    async with mqtt.connect(place.login(account), account) as connection:
        control = Control(connection, batch=place.batch, timeout=patience)
        await control.open()
        yield control


async def test_nothing_differs_after_rendering(place: Site) -> None:
    place.printers.append(printer(standing=Standing.PENDING))
    place.printers.append(printer(standing=Standing.REVOKED))
    async with control_of(place) as control:
        assert await Keeper(place).reconcile(control) == Difference()


async def test_a_removed_printer_loses_its_account_and_its_session(place: Site) -> None:
    removed = place.printers.pop()
    with Raw(place.settings.port, (removed.id, removed.secret)) as client:
        async with control_of(place) as control:
            keeper = Keeper(place)
            assert await keeper.reconcile(control) == Difference(deleted=(removed.id,))
            wait_until(lambda: client.gone, 2)
            assert await keeper.reconcile(control) == Difference()
    assert not logs_in(place, removed)
    assert "roles" in (document := json.loads(place.accounts.read_text()))
    assert removed.id not in json.dumps(document)


async def test_standings_are_carried_to_the_broker_and_back(place: Site) -> None:
    one = place.printers[0]
    async with control_of(place) as control:
        keeper = Keeper(place)
        revoked = replace(one.registration, standing=Standing.REVOKED)
        place.printers[0] = Printer(revoked, one.secret)
        assert await keeper.reconcile(control) == Difference(disabled=(one.id,))
        assert not logs_in(place, one)
        place.printers[0] = one
        assert await keeper.reconcile(control) == Difference(enabled=(one.id,))
        assert logs_in(place, one)


async def test_a_service_account_is_neither_deleted_nor_left_disabled(place: Site) -> None:
    async with control_of(place) as control:
        await control.execute(dynsec.disable("ingest"))
        assert await Keeper(place).reconcile(control) == Difference(enabled=("ingest",))
    with Raw(place.settings.port, place.service("ingest")):
        pass


async def test_accounts_of_nobody_are_deleted(place: Site) -> None:
    stranger: dynsec.Command = {"command": "createClient", "username": "admin", "password": "x"}
    async with control_of(place) as control:
        await control.execute([stranger])
        assert await Keeper(place).reconcile(control) == Difference(deleted=("admin",))


async def test_a_printer_that_is_being_added_is_left_alone(place: Site) -> None:
    new = printer(standing=Standing.PENDING)
    place.printers.append(new)
    async with control_of(place) as control:
        await control.execute(dynsec.create_printer(new.registration, new.secret))
        assert await Keeper(place).reconcile(control) == Difference()
    assert logs_in(place, new)


async def test_what_the_broker_forgot_is_missing_until_a_restart(place: Site) -> None:
    forgotten = printer()
    place.printers.append(forgotten)
    restarts: list[int] = []

    async def restart() -> None:
        restarts.append(1)

    async with control_of(place) as control:
        missing = Difference(missing=(forgotten.id,))
        assert await Keeper(place).reconcile(control) == missing
        keeper = Keeper(place, restart)
        assert await keeper.reconcile(control) == missing
        assert len(restarts) == 1
        # This restart did not help, and no other will.
        assert await keeper.reconcile(control) == missing
        assert len(restarts) == 1
        await control.execute(dynsec.create_printer(forgotten.registration, forgotten.secret))
        assert await keeper.reconcile(control) == Difference()
        await control.execute(dynsec.delete(forgotten.id))
        assert await keeper.reconcile(control) == missing
        assert len(restarts) == 2


async def test_an_overlapping_printer_is_not_let_in(place: Site) -> None:
    older = place.printers[0]
    younger = printer(f"{older.base}inner/", days=1)
    async with control_of(place) as control:
        await control.execute(dynsec.create_printer(younger.registration, younger.secret))
        place.printers.append(younger)
        assert await Keeper(place).reconcile(control) == Difference(disabled=(younger.id,))


async def test_commands_may_be_repeated(place: Site) -> None:
    new = printer("hall/ünit 7/")
    async with control_of(place) as control:
        for _ in range(2):
            await control.execute(dynsec.create_printer(new.registration, new.secret))
            assert logs_in(place, new)
        for _ in range(2):
            await control.execute(dynsec.disable(new.id))
            assert not logs_in(place, new)
        for _ in range(2):
            await control.execute(dynsec.enable(new.id))
            assert logs_in(place, new)
        for _ in range(2):
            await control.execute(dynsec.delete(new.id))
            assert not await control.knows(new.id)
            assert not logs_in(place, new)


async def test_a_rotated_secret_ends_the_session_of_the_old_one(place: Site) -> None:
    one = place.printers[0]
    with Raw(place.settings.port, (one.id, one.secret)) as client:
        async with control_of(place) as control:
            await control.execute(dynsec.set_password(one.id, "another"))
        wait_until(lambda: client.gone, 2)
    assert not logs_in(place, one)
    assert logs_in(place, Printer(one.registration, "another"))


async def test_what_cannot_be_done_is_said(place: Site) -> None:
    async with control_of(place) as control:
        for commands in (dynsec.set_password("nobody", "x"), dynsec.enable("nobody")):
            with pytest.raises(LinkError, match="not found"):
                await control.execute(commands)
        with pytest.raises(LinkError, match="nonsense"):
            await control.execute([{"command": "nonsense"}])


async def test_many_accounts_come_in_batches_and_pages(place: Site) -> None:
    many = [printer(f"{'ü' * 190}/{number}/") for number in range(PAGE + 10)]
    async with control_of(place) as control:
        commands = [
            command
            for one in many
            for command in dynsec.create_printer(one.registration, one.secret)
        ]
        assert sum(len(json.dumps(command)) for command in commands) > 65536
        await control.execute(commands)
        found = await control.clients()
    expected = {one.id for one in (*many, *place.printers)} | set(dynsec.SERVICES)
    assert set(found) == expected
    assert logs_in(place, many[-1])


async def test_keeper_and_registrar_do_not_disturb_each_other(place: Site) -> None:
    new = [printer() for _ in range(20)]
    async with control_of(place) as keeper, control_of(place, "registrar") as registrar:

        async def add() -> None:
            for one in new:
                await registrar.execute(dynsec.create_printer(one.registration, one.secret))

        async def look() -> None:
            while new[-1].id not in await keeper.clients():
                pass

        async with asyncio.timeout(20), asyncio.TaskGroup() as tasks:
            tasks.create_task(add())
            tasks.create_task(look())


async def test_resting_ends_with_the_link(tmp_path: Path) -> None:
    prepared = site("native", tmp_path / "data")
    prepared.render()
    with prepared.run() as server:
        async with control_of(prepared) as control:
            await control.rest(0.01)
            await asyncio.to_thread(server.stop)
            with pytest.raises(LinkError):
                await control.rest(60)


async def test_a_broker_that_hangs_is_away(tmp_path: Path) -> None:
    prepared = site("native", tmp_path / "data")
    prepared.render()
    with prepared.run() as server:
        async with control_of(prepared, patience=0.1) as control:
            server.process.send_signal(signal.SIGSTOP)
            try:
                with pytest.raises(LinkError, match="does not answer"):
                    await control.clients()
            finally:
                server.process.send_signal(signal.SIGCONT)
            assert set(await control.clients()) == set(dynsec.SERVICES)
