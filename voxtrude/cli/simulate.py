"""``simulate``: printers that do not exist, publishing to a real broker."""

import asyncio
import signal
from collections.abc import Coroutine
from contextlib import suppress
from pathlib import Path
from typing import Annotated

import typer

from voxtrude.cli import fleet, site
from voxtrude.cli.fleet import Member
from voxtrude.cli.options import DataDir
from voxtrude.cli.output import remarks
from voxtrude.cli.registry import opened
from voxtrude.cli.site import Site
from voxtrude.errors import SetupError
from voxtrude.printer import PrinterId
from voxtrude.registration import standard_base
from voxtrude.settings import Mqtt
from voxtrude.simulator import player, replay
from voxtrude.simulator.player import Limits
from voxtrude.simulator.scenario import Scenario, scenario_of


def simulate(  # noqa: PLR0913  (each is an option)
    *,
    printers: Annotated[
        int, typer.Option("--printers", "-n", min=1, help="How many; missing ones are registered.")
    ] = 4,
    fleet_name: Annotated[
        str, typer.Option("--fleet", help="Their name; each fleet has printers of its own.")
    ] = "simulated",
    credentials: Annotated[
        Path | None,
        typer.Option(help="Play these instead: what `voxtrude printer add --json` printed."),
    ] = None,
    username: Annotated[
        str | None,
        typer.Option(help="Play the printer with this login, which the portal has shown."),
    ] = None,
    password_file: Annotated[
        Path | None,
        typer.Option(help="Its key, in a file; without it, it is asked for.", dir_okay=False),
    ] = None,
    base_topic: Annotated[
        str | None, typer.Option(help="Its base topic; default: octoPrint/USERNAME/.")
    ] = None,
    scenario: Annotated[
        list[Scenario] | None, typer.Option(help="What they do, in turn; may be repeated.")
    ] = None,
    speed: Annotated[float, typer.Option(min=0.01, help="How much quicker time passes.")] = 1.0,
    rate: Annotated[
        float | None, typer.Option(min=0.01, help="Flood: messages a second, in all.")
    ] = None,
    count: Annotated[int | None, typer.Option(min=1, help="Stop after so many messages.")] = None,
    duration: Annotated[
        float | None, typer.Option(min=0, help="Stop after so many seconds.")
    ] = None,
    seed: Annotated[int | None, typer.Option(help="The same seed tells the same stories.")] = None,
    recording: Annotated[
        Path | None, typer.Option("--replay", help="Play a recording through the first printer.")
    ] = None,
    original_stamps: Annotated[
        bool, typer.Option(help="Keep the recording's time stamps.")
    ] = False,
    data_dir: DataDir = None,
) -> None:
    """Let simulated OctoPrints publish, each with a login of its own."""
    said = replay.read(recording) if recording else None
    limits = Limits(count, duration)
    broker = site.broker(data_dir)
    known: list[Member] | None = None
    if username:
        known = [_single(username, password_file, base_topic)]
    elif credentials:
        known = fleet.load(credentials)
        if not known:
            raise SetupError(f"{credentials} holds no printers")

    async def work() -> None:
        members = known or await _registered(site.find(data_dir), fleet_name, printers)
        if said is not None:
            await _replay(broker, members[0], said, limits, speed, original=original_stamps)
            return
        party = [
            (
                one.account,
                scenario[place % len(scenario)] if scenario else one.scenario or scenario_of(place),
            )
            for place, one in enumerate(members)
        ]
        if rate:
            await player.flood(broker, party, limits, rate=rate, seed=seed)
        else:
            await player.play(broker, party, limits, speed=speed, seed=seed)

    asyncio.run(_until_stopped(work()))
    remarks.print(f"{limits.sent} messages published")


def _single(username: str, password_file: Path | None, base_topic: str | None) -> Member:
    try:
        password = (
            password_file.read_text(encoding="utf-8").strip()
            if password_file
            else typer.prompt(f"Key of {username}", hide_input=True, err=True)
        )
    except (OSError, UnicodeDecodeError):
        raise SetupError(f"--password-file: cannot read {password_file}") from None
    printer = PrinterId(username)
    base = base_topic or standard_base(printer)
    return Member(id=printer, name=username, username=username, password=password, base_topic=base)


async def _until_stopped(work: Coroutine[None, None, None]) -> None:
    """Run until the work is done or a signal asks for the end."""
    task = asyncio.ensure_future(work)
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, task.cancel)
    with suppress(asyncio.CancelledError):
        await task


async def _registered(where: Site, name: str, count: int) -> list[Member]:
    """Return a fleet's printers, after adding those that are missing."""
    path = fleet.file(where.data_dir, name)
    async with opened(where) as registry:
        return await fleet.ensure(path, registry.printers, count, registry.control)


async def _replay(
    broker: Mqtt,
    member: Member,
    said: list[replay.Said],
    limits: Limits,
    speed: float,
    *,
    original: bool,
) -> None:
    async with player.voice(broker, member.account, limits) as speaker:
        with suppress(TimeoutError):
            async with asyncio.timeout(limits.seconds):
                await replay.play(speaker, said, speed=speed, original=original)
