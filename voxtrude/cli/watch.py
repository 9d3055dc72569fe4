"""``watch``: the printers in the terminal, live."""

import asyncio
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Annotated

import typer
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from voxtrude.cli import site
from voxtrude.cli.options import AsJson, DataDir
from voxtrude.cli.output import brief, console, show_json
from voxtrude.cli.site import Site
from voxtrude.documents import PrinterDocument, TemperatureDocument
from voxtrude.mongo.client import Database, connect
from voxtrude.mongo.printers import Printers
from voxtrude.mongo.states import States
from voxtrude.printer import Basis, Presence, PrinterState, Status
from voxtrude.process import utc_now

FRESH = timedelta(minutes=2)
COLOURS = {
    Status.PRINTING: "green",
    Status.PAUSED: "yellow",
    Status.ERROR: "red",
    Status.IDLE: "cyan",
    Status.FINISHING: "green",
}


def watch(
    *,
    once: Annotated[bool, typer.Option("--once", help="Print one table and end.")] = False,
    interval: Annotated[float, typer.Option(min=0.1, help="Seconds between two looks.")] = 1.0,
    data_dir: DataDir = None,
    as_json: AsJson = False,
) -> None:
    """Show every printer, live: what it does, how far it is, and how old that is."""
    where = site.find(data_dir)
    asyncio.run(_watch(where, once=once or as_json, interval=interval, as_json=as_json))


async def _watch(where: Site, *, once: bool, interval: float, as_json: bool) -> None:
    async with connect(where.mongo) as database:
        if as_json:
            show_json([one.model_dump(mode="json") for one in await _documents(database)])
        elif once:
            console.print(_table(await _documents(database), utc_now()))
        else:
            with Live(console=console, screen=console.is_terminal, auto_refresh=False) as live:
                while True:
                    live.update(_table(await _documents(database), utc_now()), refresh=True)
                    await asyncio.sleep(interval)


async def _documents(database: Database) -> list[PrinterDocument]:
    registrations = await Printers(database).registrations()
    states = await States(database).load()
    return [
        PrinterDocument.of(one, states.get(one.id, PrinterState(printer=one.id)))
        for one in registrations
    ]


def _table(documents: list[PrinterDocument], now: datetime) -> Table:
    table = Table(
        title=f"{len(documents)} printers, {now.astimezone():%H:%M:%S}",
        title_justify="left",
        box=None,
        pad_edge=False,
        header_style="bold",
    )
    for heading in ("Printer", "Status", "File", "", "%", "Tool °C", "Bed °C", "Left", "Seen"):
        # What does not fit is taken from the file's name.
        table.add_column(heading, no_wrap=heading != "File")
    for document in documents:
        job = document.job
        progress = job.progress if job else None
        table.add_row(
            Text(document.printer.name),
            _status(document),
            Text(job.file.name if job else "", no_wrap=True, overflow="ellipsis"),
            ProgressBar(total=100, completed=progress, width=8) if progress is not None else "",
            "" if progress is None else f"{progress:.0f}",
            _temperature(document.temperatures, "tool0"),
            _temperature(document.temperatures, "bed"),
            _left(document, now),
            brief(now - document.seen_at) if document.seen_at else "",
        )
    return table


def _status(document: PrinterDocument) -> Text:
    if document.seen_at is None and document.status is None:
        return Text("never heard", style="dim")
    if document.presence and document.presence.state is Presence.OFFLINE:
        return Text("no contact", style="dim")
    if document.fault:
        return Text("error", style="red")
    if document.status is None:
        return Text("unknown", style="dim")
    status = document.status.state
    return Text(status.value, style=COLOURS.get(status, ""))


def _temperature(readings: Mapping[str, TemperatureDocument], heater: str) -> Text:
    reading = readings.get(heater)
    if reading is None or reading.actual is None:
        return Text("")
    target = f"/{reading.target:.0f}" if reading.target else ""
    return Text(f"{reading.actual:.0f}{target}", style="" if reading.current else "dim")


def _left(document: PrinterDocument, now: datetime) -> str:
    """Count down from what was last told, but never from something old."""
    job = document.job
    if job is None or job.time_left is None or job.paused_at:
        return ""
    since = now - job.time_left.observed_at
    if since > FRESH:
        return ""
    left = max(timedelta(seconds=job.time_left.seconds) - since, timedelta())
    return ("" if job.time_left.basis is Basis.REPORTED else "~") + brief(left)
