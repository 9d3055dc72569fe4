"""``up``, ``down``, ``status`` and ``migrate``."""

import asyncio
import os
import shutil
import signal
import sys
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from broker import secrets
from voxtrude.cli import accounts, fleet, site
from voxtrude.cli.native import WHOLE_STOP, Native
from voxtrude.cli.options import AsJson, DataDir
from voxtrude.cli.output import age, console, remarks, show_facts, show_json, show_table
from voxtrude.cli.portal import NO_PORTAL
from voxtrude.cli.processes import LOGS, Process, Supervisord
from voxtrude.cli.settings import CliSettings
from voxtrude.cli.site import SOCKET, Site, alone
from voxtrude.errors import LinkError, SetupError
from voxtrude.mongo import schema, users
from voxtrude.mongo.client import connect
from voxtrude.opcua import access
from voxtrude.process import EXIT_UNAVAILABLE, utc_now
from voxtrude.settings import load

BASE = 18830
WATCH = 2.0  # seconds between two looks at the processes


def up(
    *,
    detach: Annotated[bool, typer.Option("--detach", "-d", help="Return when all runs.")] = False,
    data_dir: DataDir = None,
    port_base: Annotated[
        int,
        typer.Option(
            min=1024,
            max=65531,
            help="HTTP gets this port; MQTT, MQTT with TLS, OPC UA and MongoDB the next four.",
        ),
    ] = BASE,
    simulate: Annotated[int, typer.Option(min=0, max=1000, help="Simulated printers.")] = 0,
    as_json: AsJson = False,
) -> None:
    """Start the native stack: MongoDB, Mosquitto and our services, on this machine."""
    place = site.folder(data_dir)
    native = Native.planned(place, load(CliSettings), port_base, simulate)
    began = asyncio.run(_up(native, leashed=not detach, quiet=as_json))
    running = native.site if began else site.find(place)
    if as_json:
        show_json(_addresses(running, native.viewer_password, native.setup_code))
    else:
        _welcome(running, simulated=simulate, began=began, detached=detach)
        if native.viewer_password:
            _show_viewer(native.viewer_password)
        if native.setup_code:
            accounts.show_setup(running.portal, native.setup_code)
    if began and not detach:
        asyncio.run(_follow(native))


async def _up(native: Native, *, leashed: bool, quiet: bool) -> bool:
    """Start the stack; False where it runs already."""
    with alone(native.place):
        if site.answers(native.site.supervisor):
            if site.read(native.place) and all(one.runs for one in native.supervisord.processes()):
                return False
            native.supervisord.shutdown(WHOLE_STOP)  # the rest of an attempt that failed
        native.check()
        loop, task = asyncio.get_running_loop(), asyncio.current_task()
        if task:
            loop.add_signal_handler(signal.SIGTERM, task.cancel)

        def said(step: str) -> None:
            if not quiet:
                remarks.print(f"starting the {step} …", style="dim")

        try:
            await native.start(leashed=leashed, said=said)
        except asyncio.CancelledError:
            raise KeyboardInterrupt from None
    return True


async def _follow(native: Native) -> None:
    """Stay until a signal asks for the end or the stack ends by itself; then end it."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    known: dict[str, Process] = {}
    try:
        while not stop.is_set():
            for process in await asyncio.to_thread(native.supervisord.processes):
                before = known.get(process.name)
                if before and (before.pid, before.state) != (process.pid, process.state):
                    remarks.print(f"{process.name}: {process.state}", style="yellow")
                known[process.name] = process
            with suppress(TimeoutError):
                await asyncio.wait_for(stop.wait(), WATCH)
    except LinkError:
        return  # `voxtrude down` elsewhere, or somebody ended supervisord
    remarks.print("ending …", style="dim")
    await asyncio.to_thread(native.supervisord.shutdown, WHOLE_STOP)


def down(data_dir: DataDir = None) -> None:
    """End every process of the native stack; the data stays."""
    place = site.folder(data_dir)
    if not site.answers(place / SOCKET):
        remarks.print(f"nothing runs in {place}")
        return
    with alone(place):
        Supervisord(place / SOCKET).shutdown(WHOLE_STOP)
    remarks.print("stopped")


def status(data_dir: DataDir = None, *, as_json: AsJson = False) -> None:
    """Show each process of the native stack; the exit code is 69 unless all run."""
    settings = load(CliSettings)  # a wrong one shall be told here, too
    place = site.folder(data_dir)
    running = site.answers(place / SOCKET)
    processes = Supervisord(place / SOCKET).processes() if running else []
    stack = site.read(place) if running else None
    portal = (
        Site(place, site.stacked(settings, stack, place), stack).portal
        if stack and stack.http_port
        else None
    )
    if as_json:
        show_json(
            {
                "running": running,
                "data_dir": str(place),
                "http": {"url": portal},
                "services": {
                    one.name: {
                        "state": one.state,
                        "pid": one.pid,
                        "started_at": _moment(one),
                        "log": str(place / LOGS / f"{one.name}.log"),
                    }
                    for one in processes
                },
            }
        )
    elif not running:
        remarks.print(f"nothing runs in {place}")
    else:
        now = utc_now()
        show_table(
            ("service", "state", "pid", "started"),
            (
                (one.name, one.state, str(one.pid or ""), age(_moment(one), now))
                for one in processes
            ),
        )
        remarks.print(f"portal: {portal or NO_PORTAL}")
    if not running or not all(one.runs for one in processes):
        raise typer.Exit(EXIT_UNAVAILABLE)


def migrate(
    data_dir: DataDir = None,
    *,
    service_accounts: Annotated[
        Path | None,
        typer.Option(
            "--accounts",
            help="Make a database user for each service, with the passwords of this JSON file; "
            "it is made where it is missing. For a database that asks for passwords.",
        ),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Bring the database to this version; it may run again and again."""
    done = asyncio.run(_migrate(site.find(data_dir), service_accounts))
    if as_json:
        show_json({"done": done})
    else:
        for line in done or ["nothing to do"]:
            console.print(line)


async def _migrate(where: Site, accounts: Path | None) -> list[str]:
    async with connect(where.mongo) as database:
        done = await schema.migrate(database, where.settings.keep.retention())
        if accounts:
            done += await users.provide(database, secrets.ensure(accounts))
        return done


def _moment(process: Process) -> datetime | None:
    return datetime.fromtimestamp(process.started_at, UTC) if process.started_at else None


def _addresses(
    where: Site, viewer_password: str | None, setup_code: str | None
) -> dict[str, object]:
    stack = where.stack
    if stack is None:
        raise SetupError("there is no stack")
    ca_file = str(where.ca_file)
    ours = access.client(where.settings.opcua, utc_now())
    return {
        "mqtt": {
            "host": stack.mqtt_host,
            "port": stack.mqtt_port,
            "tls_port": stack.tls_port,
            "url": f"mqtt://{stack.mqtt_host}:{stack.mqtt_port}",
            "tls_url": f"mqtts://{stack.mqtt_host}:{stack.tls_port}",
            "ca_file": ca_file,
        },
        "http": {
            "url": where.portal if stack.http_port else None,
            "setup_code": setup_code,  # until somebody has an account
        },
        "opcua": {
            "url": stack.opcua_url,
            "user": access.VIEWER,
            "password": viewer_password,  # known once, at the first start
            "client_certificate": str(ours.certificate_path),
            "client_key": str(ours.key_path),
        },
        "mongo": stack.mongo_url,
        "ca_file": ca_file,
        "credentials_file": str(where.settings.broker.secrets),
        "data_dir": str(where.data_dir),
    }


def _welcome(where: Site, *, simulated: int, began: bool, detached: bool) -> None:
    stack = where.stack
    if stack is None:
        return
    command = _command()
    option = "" if where.data_dir == site.folder(None) else f" --data-dir {where.data_dir}"
    path = fleet.file(where.data_dir, fleet.DEMO)
    console.print("Voxtrude runs." if began else "Voxtrude runs already.", style="bold green")
    show_facts(
        [
            ("portal", where.portal if stack.http_port else NO_PORTAL),
            ("MQTT", f"{stack.mqtt_host}:{stack.mqtt_port}"),
            ("MQTT with TLS", f"{stack.mqtt_host}:{stack.tls_port}, authority {where.ca_file}"),
            ("OPC UA", stack.opcua_url),
            ("MongoDB", _without_secret(stack.mongo_url)),
            ("credentials", str(where.settings.broker.secrets)),
            ("logs", str(where.data_dir / LOGS)),
            *([("simulated", f"{simulated} printers, {path}")] if simulated else []),
        ]
    )
    console.print("Try:", style="bold")
    tries = [
        (f"{command} watch{option}", "the printers, live"),
        (
            f'{command} printer add "My printer"{option}',
            "a login for one of yours",
        ),
        (f"{command} opcua check{option}", "the machines as an OPC UA client sees them"),
        (f"{command} doctor{option}", "whether all is well"),
    ]
    end = f"{command} down{option}" if detached or not began else "Ctrl-C"
    show_facts([*tries, (end, "end it; the data stays")])


def _command() -> str:
    """Return what to type for this command: its name, or its path where that is not found."""
    found = shutil.which("voxtrude")
    here = Path(sys.argv[0])
    if found or here.name != "voxtrude":
        return "voxtrude"
    return os.path.relpath(here)


def _show_viewer(password: str) -> None:
    console.print("OPC UA login (this password is shown only once):", style="bold")
    show_facts([("user", access.VIEWER), ("password", password)])


def _without_secret(url: str) -> str:
    scheme, _, rest = url.partition("://")
    return f"{scheme}://{rest.rpartition('@')[2]}"
