"""``voxtrude printer …``."""

import asyncio
from collections.abc import Mapping
from dataclasses import asdict, replace
from typing import Annotated, Any

import typer

from voxtrude.cli import accounts, logins, site
from voxtrude.cli.options import AsJson, DataDir, Printer
from voxtrude.cli.output import age, console, show_facts, show_json, show_table
from voxtrude.documents import PrinterDocument
from voxtrude.errors import SetupError
from voxtrude.mongo.client import connect
from voxtrude.mongo.printers import Printers
from voxtrude.mongo.states import States
from voxtrude.printer import PrinterState
from voxtrude.process import utc_now
from voxtrude.registration import (
    Registration,
    checked_factory,
    checked_name,
    checked_plate,
)

app = typer.Typer(help="Add, show and change printers.", no_args_is_help=True)
app.command()(logins.add)
app.command()(logins.rotate)
app.command()(logins.revoke)
app.command()(logins.admit)
app.command()(logins.remove)


@app.command("list")
def show_list(data_dir: DataDir = None, *, as_json: AsJson = False) -> None:
    """List the printers."""
    where = site.find(data_dir)

    async def work() -> list[tuple[Registration, PrinterDocument, str | None]]:
        async with connect(where.mongo) as database:
            registrations = await Printers(database).registrations()
            states = await States(database).load()
            owners = await accounts.addresses(database)
        return [
            (
                one,
                PrinterDocument.of(one, states.get(one.id, PrinterState(printer=one.id))),
                owners.get(one.owner),
            )
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
                    "owner": owner,
                    "created_at": one.created_at,
                    "seen_at": document.seen_at,
                    "presence": document.presence and document.presence.state.value,
                    "status": document.status and document.status.state.value,
                }
                for one, document, owner in rows
            ]
        )
    else:
        show_table(
            ("id", "name", "status", "last seen", "login", "owner"),
            (
                (
                    one.id,
                    one.name,
                    document.status.state.value if document.status else "-",
                    age(document.seen_at, now),
                    one.standing.value,
                    owner or "",
                )
                for one, document, owner in rows
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
def give(
    printer: Printer,
    email: Annotated[str | None, typer.Argument(help="Whose it shall be.")] = None,
    *,
    nobody: Annotated[
        bool, typer.Option("--nobody", help="Nobody's: administrators see it.")
    ] = False,
    data_dir: DataDir = None,
    as_json: AsJson = False,
) -> None:
    """Give a printer to an account, which then sees it in the portal."""
    if (email is None) is not nobody:
        raise SetupError("say whose it shall be: an e-mail address, or --nobody")
    where = site.find(data_dir)

    async def work() -> Registration:
        async with connect(where.mongo) as database:
            owner = (await accounts.find(database, email)).id if email else None
            known = await Printers(database).find(printer)
            await Printers(database).give(known.id, owner)
            return known

    given = asyncio.run(work())
    if as_json:
        show_json({"id": given.id, "name": given.name, "owner": email})
    else:
        console.print(f"{given.name} belongs to {email or 'nobody'} now", markup=False)


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
