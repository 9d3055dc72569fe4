"""``doctor``: is all well, from the broker to the database, and what to do if not."""

import asyncio
import re
from collections.abc import AsyncIterator, Iterator
from dataclasses import asdict
from datetime import datetime, timedelta
from pathlib import Path

import typer
from cryptography import x509

from voxtrude.cli import portal, presence, site
from voxtrude.cli.findings import Finding
from voxtrude.cli.options import AsJson, DataDir
from voxtrude.cli.output import age, console, show_json, span
from voxtrude.cli.processes import LOGS, Supervisord
from voxtrude.cli.programs import MOSQUITTO
from voxtrude.cli.site import Site
from voxtrude.dynsec import OBSERVER
from voxtrude.errors import LinkError, SetupError, VoxtrudeError
from voxtrude.mongo import replica_set, schema
from voxtrude.mongo.client import Database, connect
from voxtrude.mongo.printers import Printers
from voxtrude.mongo.quarantine import Quarantine
from voxtrude.mongo.states import States
from voxtrude.mongo.unknown import UnknownPrinters
from voxtrude.notices import Condition
from voxtrude.printer import PrinterState
from voxtrude.process import EXIT_UNAVAILABLE, utc_now
from voxtrude.registration import Registration, Standing
from voxtrude.settings import Mqtt
from voxtrude.topics import INGEST, OPCUA_BRIDGE, SKILL

SKEW = timedelta(seconds=2)
HOST_SKEW = timedelta(minutes=2)
SHOWN = 5
LOG_TAIL = 256 * 1024
# 2.1 tells the address, too.
REFUSED = re.compile(rb"Client (\S+)(?: \[\S+\])? disconnected[,:] not authorised")
BROKER_VERSION = "$SYS/broker/version"

_MARKS: dict[bool | None, tuple[str, str]] = {
    True: ("ok  ", "green"),
    False: ("BAD ", "bold red"),
    None: ("note", "yellow"),
}


def doctor(data_dir: DataDir = None, *, as_json: AsJson = False) -> None:
    """Check everything from the broker to the database; the exit code is 69 if not all is well."""
    where = site.find(data_dir)
    findings = asyncio.run(_examine(where))
    healthy = all(one.ok is not False for one in findings)
    if as_json:
        show_json({"healthy": healthy, "findings": [asdict(one) for one in findings]})
    else:
        for one in findings:
            mark, style = _MARKS[one.ok]
            console.print(mark, style=style, end=" ")
            console.print(f"{one.check}: {one.detail}", markup=False, soft_wrap=True)
    if not healthy:
        raise typer.Exit(EXIT_UNAVAILABLE)


async def _examine(where: Site) -> list[Finding]:
    findings = list(_processes(where))
    findings += [finding async for finding in _broker(where)]
    if where.stack:
        findings.append(await portal.answers(where))
    findings += _certificate(where)
    findings += _refusals(where)
    try:
        async with connect(where.mongo) as database:
            findings += [finding async for finding in _database(where, database)]
            findings += [finding async for finding in _printers(database)]
            findings += [finding async for finding in portal.accounts(where, database)]
    except VoxtrudeError as error:
        findings.append(Finding("database", ok=False, detail=str(error)))
    return findings


def _processes(where: Site) -> Iterator[Finding]:
    if where.stack is None:
        return
    for one in Supervisord(where.supervisor).processes():
        log = where.data_dir / LOGS / f"{one.name}.log"
        detail = one.state if one.runs else f"{one.state}; see {log}"
        yield Finding(f"process {one.name}", ok=one.runs, detail=detail)


async def _broker(where: Site) -> AsyncIterator[Finding]:
    try:
        login = where.login(OBSERVER)
        address = f"{login.host}:{login.port}"
        version = await presence.told(login, BROKER_VERSION)
    except VoxtrudeError as error:
        yield Finding("broker", ok=False, detail=str(error))
        return
    words = version.get(BROKER_VERSION, b"").decode(errors="replace") or "version not told"
    yield Finding("broker", ok=True, detail=f"{words} at {address}, MQTT 5, login accepted")
    tls_port = where.settings.broker.tls_port
    if where.stack and tls_port:
        secured = login.model_copy(update={"port": tls_port, "tls": True, "ca_file": where.ca_file})
        try:
            await presence.told(secured, seconds=0)
        except VoxtrudeError as error:
            yield Finding("TLS", ok=False, detail=str(error))
        else:
            yield Finding("TLS", ok=True, detail=f"port {tls_port}, {where.ca_file} trusted")
    elif login.tls:
        yield Finding("TLS", ok=True, detail="the certificate is trusted")
    for service in (INGEST, OPCUA_BRIDGE, SKILL):
        yield await _service(login, service)


async def _service(login: Mqtt, service: str) -> Finding:
    try:
        document = await presence.service(login, service)
    except VoxtrudeError as error:
        return Finding(service, ok=False, detail=str(error))
    if document is None:
        # Who has no factory floor need not run the bridge, nor the skill who reads topics.
        return Finding(
            service, ok=False if service == INGEST else None, detail="it has never run here"
        )
    since = age(document.since, utc_now())
    runs = document.state == Condition.RUNNING
    return Finding(service, ok=runs, detail=f"{document.state}, started {since}")


def _certificate(where: Site) -> Iterator[Finding]:
    path = where.settings.broker.certificates / "server.crt"
    try:
        certificate = x509.load_pem_x509_certificate(path.read_bytes())
    except (OSError, ValueError):
        return
    left = certificate.not_valid_after_utc - utc_now()
    detail = f"the broker's ends in {span(left)}" if left > timedelta() else "it has ended"
    yield Finding("certificate", ok=left > timedelta(), detail=detail)


def _refusals(where: Site) -> Iterator[Finding]:
    """Tell who could not log in: only the broker's log knows."""
    if where.stack is None:
        return
    path = where.data_dir / LOGS / f"{MOSQUITTO}.log"
    refused = REFUSED.findall(_tail(path))
    if refused:
        names = sorted({name.decode(errors="replace") or "?" for name in refused})
        yield Finding(
            "rejected logins",
            ok=None,
            detail=f"{len(refused)} lately ({', '.join(names[:SHOWN])}); see {path}",
        )
    else:
        yield Finding("rejected logins", ok=True, detail="none lately")


def _tail(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            file.seek(max(path.stat().st_size - LOG_TAIL, 0))
            return file.read()
    except OSError:
        return b""


async def _database(where: Site, database: Database) -> AsyncIterator[Finding]:
    before = utc_now()
    server = await replica_set.examine(database)
    after = utc_now()
    detail = f"MongoDB {server.version}, database {where.mongo.database}"
    yield Finding("database", ok=True, detail=detail)
    if server.replica_set is None:
        detail = "none: majority writes and change streams need one; start mongod with --replSet"
        yield Finding("replica set", ok=False, detail=detail)
    else:
        detail = f"{server.replica_set}, {'primary' if server.is_primary else 'not primary'}"
        yield Finding("replica set", ok=server.is_primary, detail=detail)
    try:
        await schema.check(database)
        problems = await schema.ttl_problems(database, where.settings.keep.retention())
    except (SetupError, LinkError) as error:
        problems = [str(error)]
    detail = "; ".join(problems) + ": run `voxtrude migrate`" if problems else "as the settings say"
    yield Finding("TTL indexes", ok=not problems, detail=detail)
    skew = max(before - server.clock, server.clock - after, timedelta())
    yield Finding(
        "clock",
        ok=skew <= SKEW,
        detail=f"the database's differs from ours by {skew.total_seconds():.1f} s",
    )


async def _printers(database: Database) -> AsyncIterator[Finding]:
    now = utc_now()
    registrations = await Printers(database).registrations()
    states = await States(database).load()
    for one in registrations:
        yield _printer(one, states.get(one.id), now)
    if not registrations:
        yield Finding("printers", ok=None, detail="none; `voxtrude printer add NAME` adds one")
    unreadable = await Quarantine(database).latest(SHOWN)
    if unreadable:
        count = await Quarantine(database).count()
        last = unreadable[0]
        detail = f"{count} kept; the last {age(last['at'], now)}: {last['topic']}: {last['reason']}"
        yield Finding("unreadable messages", ok=None, detail=detail)
    else:
        yield Finding("unreadable messages", ok=True, detail="none")
    unknown = await UnknownPrinters(database).latest(SHOWN)
    for stranger in unknown:
        detail = f"{stranger['_id']} publishes and is not registered: `voxtrude printer add`"
        yield Finding("unknown printer", ok=None, detail=detail)


def _printer(one: Registration, state: PrinterState | None, now: datetime) -> Finding:
    name = f"printer {one.name}"
    if one.standing is not Standing.ACTIVE:
        return Finding(name, ok=None, detail=f"its login is {one.standing.value}")
    if state is None or state.seen_at is None:
        return Finding(name, ok=None, detail="nothing was ever heard of it")
    detail = f"last message {age(state.seen_at, now)}"
    if state.link:
        detail += f", OctoPrint {state.link.value.value}"
    skew = timedelta(seconds=abs(state.clock.offset) if state.clock else 0)
    if skew > HOST_SKEW:
        detail += f"; its host's clock is wrong by {span(skew)}"
        return Finding(name, ok=None, detail=detail)
    return Finding(name, ok=True, detail=detail)
