"""``voxtrude printer …``, where the broker has to be told: logins made, changed and ended."""

import asyncio
from typing import Annotated

import typer

from voxtrude.cli import registry, site
from voxtrude.cli.options import AsJson, DataDir, Printer
from voxtrude.cli.output import console, show_facts, show_json
from voxtrude.cli.site import Site
from voxtrude.registrar import Added
from voxtrude.registration import Registration, Standing, checked_base, checked_name


def add(
    name: Annotated[str, typer.Argument(help="What people call it.")],
    base_topic: Annotated[
        str | None, typer.Option(help="A base topic that the plugin already uses.")
    ] = None,
    data_dir: DataDir = None,
    *,
    as_json: AsJson = False,
) -> None:
    """Register a printer and show its login, once."""
    checked_name(name)
    if base_topic:
        checked_base(base_topic)
    where = site.find(data_dir)

    async def work() -> Added:
        async with registry.opened(where) as opened:
            return await opened.add(name, base_topic)

    _show_login(where, asyncio.run(work()), as_json=as_json)


def rotate(
    printer: Printer,
    data_dir: DataDir = None,
    *,
    as_json: AsJson = False,
) -> None:
    """Give a printer another password; the old one ends at once."""
    where = site.find(data_dir)

    async def work() -> Added:
        async with registry.opened(where) as opened:
            return await opened.rotate(await opened.printers.find(printer))

    _show_login(where, asyncio.run(work()), as_json=as_json)


def revoke(
    printer: Printer,
    data_dir: DataDir = None,
    *,
    as_json: AsJson = False,
) -> None:
    """Let a printer in no more; what is known of it stays. Its connection ends at once."""
    _set_standing(site.find(data_dir), printer, Standing.REVOKED, as_json=as_json)


def admit(
    printer: Printer,
    data_dir: DataDir = None,
    *,
    as_json: AsJson = False,
) -> None:
    """Let a revoked printer in again, with the password that it had."""
    _set_standing(site.find(data_dir), printer, Standing.ACTIVE, as_json=as_json)


def _set_standing(where: Site, printer: str, standing: Standing, *, as_json: bool) -> None:
    async def work() -> Registration:
        async with registry.opened(where) as opened:
            known = await opened.printers.find(printer)
            await (opened.admit if standing is Standing.ACTIVE else opened.revoke)(known.id)
            return known

    changed = asyncio.run(work())
    if as_json:
        show_json({"id": changed.id, "name": changed.name, "standing": standing.value})
    else:
        console.print(f"{changed.name} ({changed.id}) is {standing.value} now", markup=False)


def remove(
    printer: Printer,
    data_dir: DataDir = None,
    *,
    as_json: AsJson = False,
) -> None:
    """Forget a printer, its login and all that was kept of it."""
    where = site.find(data_dir)

    async def work() -> Registration:
        async with registry.opened(where) as opened:
            registration = await opened.printers.find(printer)
            await opened.remove(registration.id)
            return registration

    removed = asyncio.run(work())
    if as_json:
        show_json({"id": removed.id, "name": removed.name, "removed": True})
    else:
        console.print(f"{removed.name} ({removed.id}) is forgotten", markup=False)


def _show_login(where: Site, added: Added, *, as_json: bool) -> None:
    registration, settings = added.registration, where.settings
    host = settings.public.host
    port = where.stack.mqtt_port if where.stack else settings.mqtt.port
    if as_json:
        show_json(
            {
                "id": registration.id,
                "name": registration.name,
                "username": registration.id,
                "password": added.secret,
                "base_topic": registration.base_topic,
                "host": host,
                "port": port,
                "tls_port": settings.broker.tls_port or None,
                "ca_file": str(where.ca_file) if where.ca_file else None,
            }
        )
        return
    console.print(f"{registration.name} may publish now.", style="bold green", markup=False)
    console.print("In OctoPrint's settings, under MQTT (this password is shown only once):")
    show_facts(
        [
            ("Host", host),
            ("Port", f"{port}, with TLS {settings.broker.tls_port}"),
            ("Username", registration.id),
            ("Password", added.secret),
            ("Base topic", registration.base_topic),
            ("Protocol", "MQTT 3.1.1"),
            ("Extended printer information", "on: then OctoPrint tells the time left"),
        ]
    )
