"""``voxtrude printer …``."""

import asyncio
from collections.abc import Mapping
from dataclasses import asdict, replace
from typing import Annotated, Any

import typer

from voxtrude.cli import registry, site
from voxtrude.cli.options import AsJson, DataDir, Printer
from voxtrude.cli.output import age, console, show_facts, show_json, show_table
from voxtrude.cli.registry import Added
from voxtrude.cli.site import Site
from voxtrude.documents import PrinterDocument
from voxtrude.errors import SetupError
from voxtrude.mongo.client import connect
from voxtrude.mongo.printers import Printers
from voxtrude.mongo.states import States
from voxtrude.printer import PrinterState
from voxtrude.process import utc_now
from voxtrude.registration import (
    Registration,
    checked_base,
    checked_factory,
    checked_name,
    checked_plate,
)

app = typer.Typer(help="Add, show and change printers.", no_args_is_help=True)


@app.command()
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


@app.command()
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
            return await opened.rotate(printer)

    _show_login(where, asyncio.run(work()), as_json=as_json)


@app.command("list")
def show_list(data_dir: DataDir = None, *, as_json: AsJson = False) -> None:
    """List the printers."""
    where = site.find(data_dir)

    async def work() -> list[tuple[Registration, PrinterDocument]]:
        async with connect(where.mongo) as database:
            registrations = await Printers(database).registrations()
            states = await States(database).load()
        return [
            (one, PrinterDocument.of(one, states.get(one.id, PrinterState(printer=one.id))))
            for one in registrations
        ]

    rows = asyncio.run(work())
    now = utc_now()
    if as_json:
        show_json(
            [
                {
                    "id": one.id,
                    "name": one.name,
                    "base_topic": one.base_topic,
                    "standing": one.standing.value,
                    "created_at": one.created_at,
                    "seen_at": document.seen_at,
                    "presence": document.presence and document.presence.state.value,
                    "status": document.status and document.status.state.value,
                }
                for one, document in rows
            ]
        )
    else:
        show_table(
            ("id", "name", "status", "last seen", "login"),
            (
                (
                    one.id,
                    one.name,
                    document.status.state.value if document.status else "-",
                    age(document.seen_at, now),
                    one.standing.value,
                )
                for one, document in rows
            ),
        )


@app.command()
def show(
    printer: Printer,
    data_dir: DataDir = None,
    *,
    as_json: AsJson = False,
) -> None:
    """Show all that is known of a printer."""
    where = site.find(data_dir)

    async def work() -> PrinterDocument:
        async with connect(where.mongo) as database:
            registration = await Printers(database).find(printer)
            state = await States(database).get(registration.id)
        return PrinterDocument.of(registration, state or PrinterState(printer=registration.id))

    document = asyncio.run(work())
    if as_json:
        show_json(document.model_dump(mode="json"))
    else:
        _show_facts(document)


@app.command()
def rename(
    printer: Printer,
    name: Annotated[str, typer.Argument(help="The new name.")],
    data_dir: DataDir = None,
    *,
    as_json: AsJson = False,
) -> None:
    """Give a printer another name; login, topics and history stay."""
    checked_name(name)
    where = site.find(data_dir)

    async def work() -> Registration:
        async with connect(where.mongo) as database:
            printers = Printers(database)
            registration = await printers.find(printer)
            await printers.rename(registration.id, checked_name(name))
            return await printers.find(registration.id)

    renamed = asyncio.run(work())
    if as_json:
        show_json({"id": renamed.id, "name": renamed.name})
    else:
        console.print(f"{renamed.id} is now called {renamed.name}", markup=False)


@app.command()
def edit(  # noqa: PLR0913  (an option a field)
    printer: Printer,
    *,
    manufacturer: Annotated[str | None, typer.Option(help="Who built it.")] = None,
    model: Annotated[str | None, typer.Option(help="The model's name.")] = None,
    serial_number: Annotated[str | None, typer.Option(help="On its plate.")] = None,
    location: Annotated[str | None, typer.Option(help="Where it stands.")] = None,
    year: Annotated[int | None, typer.Option(help="The year of its construction.")] = None,
    mes_ids: Annotated[
        str | None,
        typer.Option(help="Numbers of the MES that may see it over OPC UA: 1,2; '' for none."),
    ] = None,
    opcua_port: Annotated[
        int | None, typer.Option(help="Serve it alone on this OPC UA port, too; 0 for none.")
    ] = None,
    maintenance: Annotated[
        bool | None, typer.Option(help="Whether somebody works on it right now.")
    ] = None,
    data_dir: DataDir = None,
    as_json: AsJson = False,
) -> None:
    """Say what stands on a printer's plate, and where it is on the factory floor."""
    where = site.find(data_dir)
    plate = {
        "manufacturer": manufacturer,
        "model": model,
        "serial_number": serial_number,
        "location": location,
        "year_of_construction": year,
    }
    place = {
        "mes_ids": None if mes_ids is None else _numbers(mes_ids),
        "opcua_port": opcua_port,
        "maintenance": maintenance,
    }

    async def work() -> Registration:
        async with connect(where.mongo) as database:
            printers = Printers(database)
            known = await printers.find(printer)
            identification = replace(known.identification, **_given(plate))
            factory = replace(known.factory, **_given(place))
            if factory.opcua_port == 0:
                factory = replace(factory, opcua_port=None)
            identification, factory = checked_plate(identification), checked_factory(factory)
            await printers.place(known.id, factory)
            await printers.identify(known.id, identification)
            return await printers.find(known.id)

    edited = asyncio.run(work())
    facts = {**asdict(edited.identification), **asdict(edited.factory)}
    if as_json:
        show_json({"id": edited.id, "name": edited.name, **facts})
    else:
        show_facts([(name.replace("_", " "), str(value)) for name, value in facts.items() if value])


def _given(fields: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in fields.items() if value is not None}


def _numbers(text: str) -> tuple[int, ...]:
    try:
        return tuple(int(part) for part in text.split(",") if part.strip())
    except ValueError:
        raise SetupError("--mes-ids: numbers separated by commas, please: 1,2") from None


@app.command()
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
            return await opened.remove(printer)

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


def _show_facts(document: PrinterDocument) -> None:
    now = utc_now()
    printer, job, last = document.printer, document.job, document.last_job
    facts = [
        ("printer", f"{printer.name} ({printer.id})"),
        ("base topic", printer.base_topic),
        ("last seen", age(document.seen_at, now)),
    ]
    for level, fact in (
        ("OctoPrint's link", document.presence or document.link),
        ("OctoPrint", document.octoprint),
        ("status", document.status),
    ):
        if fact:
            facts.append((level, f"{fact.state.value}, {age(fact.observed_at, now)}"))
    if document.fault:
        facts.append(("error", document.fault.text))
    if job:
        progress = "" if job.progress is None else f", {job.progress:.0f} %"
        facts.append(("job", f"{job.file.name}{progress}"))
    if last:
        facts.append(("last job", f"{last.file.name}: {last.outcome.value}"))
    facts.extend(
        (heater, f"{reading.actual} of {reading.target} °C{'' if reading.current else ' (old)'}")
        for heater, reading in document.temperatures.items()
    )
    show_facts(facts)
