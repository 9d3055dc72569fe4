"""Everything that belongs to an account: added to, told as one document, deleted as a whole."""

import json
from collections.abc import AsyncIterator, Iterable, Mapping
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from typing import Any

import structlog

from services.skill.accounts.refusals import Refusal
from services.skill.roles import Roles
from voxtrude.accounts import Account
from voxtrude.documents import PrinterDocument
from voxtrude.mongo.jobs import Jobs
from voxtrude.mongo.logins import Logins
from voxtrude.mongo.printers import Printers
from voxtrude.mongo.quarantine import Quarantine
from voxtrude.mongo.readings import Readings
from voxtrude.mongo.states import States
from voxtrude.mongo.unknown import UnknownPrinters
from voxtrude.process import utc_now
from voxtrude.registrar import Added
from voxtrude.registration import Registration

log = structlog.get_logger()

READINGS = 1440  # of a printer: one a minute of a day
JOBS = 10_000  # of a printer, at the most
REJECTED = 1000  # unreadable messages of a printer, at the most


async def add(roles: Roles, account: Account, name: str, base_topic: str | None = None) -> Added:
    """Register a printer of an account.

    Raises:
        Refusal: The account has as many as it may.
        SetupError: The name or the base topic cannot be.
        LinkError: The broker or the database is away; then nothing of it remains.
    """
    most = roles.settings.accounts.printers
    # Counted while it is our turn: of many at once none slips by.
    async with roles.registrar() as registrar:
        if await registrar.printers.count(account.id) >= most:
            raise Refusal("too-many", f"An account has at most {most} printers here. Delete one.")
        added = await registrar.add(name, base_topic, account.id)
    await UnknownPrinters(roles.database).forget(added.registration.base_topic)
    log.info("printer added", printer=added.registration.id)
    return added


async def added_since(
    roles: Roles, account: Account, name: str, moment: str
) -> Registration | None:
    """Return the printer of this name that an account has added since a page was made.

    A page that is loaded again sends its form again: that is no wish for a second printer.
    ``moment`` is what the page had from us, or anything else.
    """
    try:
        since = datetime.fromisoformat(moment)
    except ValueError:
        return None
    since = since if since.tzinfo else since.replace(tzinfo=UTC)
    known = await Printers(roles.database).owned([account.id])
    return next((one for one in known if one.name == name and one.created_at > since), None)


async def told(roles: Roles, account: Account) -> AsyncIterator[str]:
    """Yield a JSON document with everything that is kept of an account, piece by piece.

    Secrets are no part of it, nor are their hashes. The printers of the installation belong
    to no account.

    Raises:
        LinkError: The database is away.
    """
    head = {
        "exported_at": utc_now(),
        "account": {
            **account.model_dump(exclude={"password", "totp", "totp_step", "key"}),
            "second_factor": account.totp is not None,
        },
        "sessions": [
            one.model_dump(exclude={"id", "account"})
            for one in await roles.office.sessions.of(account)
        ],
        "tokens": [
            one.model_dump(exclude={"secret", "account"})
            for one in await roles.office.tokens.of(account)
        ],
    }
    yield _json(head).removesuffix("}") + ', "printers": ['
    for place, registration in enumerate(await Printers(roles.database).owned([account.id])):
        yield ("," if place else "") + _json(await _printer(roles, registration))
    yield "]}"


async def remove(roles: Roles, account: Account) -> None:
    """Delete an account and its printers, whose connections end at once.

    The broker is opened before anything is deleted, and the account goes last: who meets an
    error may do it again.

    Raises:
        Refusal: It is the last administrator, and others are left.
        LinkError: The broker or the database is away.
        SetupError: The broker refused us.
    """
    await roles.office.may_delete(account)
    owned = await Printers(roles.database).owned([account.id])
    if owned:
        async with roles.registrar() as registrar:
            for registration in owned:
                await registrar.remove(registration.id)
    await roles.office.delete(account)


async def _printer(roles: Roles, registration: Registration) -> Mapping[str, Any]:
    database, printer = roles.database, registration.id
    known = asdict(registration)
    del known["credential"], known["owner"]
    state = await States(database).get(printer)
    now = utc_now()
    login = await Logins(database).get(printer)
    readings = await Readings(database).series(printer, now - timedelta(days=1), now, READINGS)
    return {
        "registration": known,
        "state": PrinterDocument.of(registration, state).model_dump(mode="json") if state else None,
        "jobs": [
            one.model_dump(mode="json", exclude={"printer"})
            for one in await Jobs(database).of(printer, JOBS)
        ],
        "readings": [_without_printer(asdict(one)) for one in readings],
        "logins": login.model_dump(exclude={"printer"}) if login else None,
        "rejected": [
            {key: one.get(key) for key in ("at", "topic", "reason", "size", "sample")}
            for one in await Quarantine(database).latest(REJECTED, printer)
        ],
    }


def _without_printer(fields: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in fields.items() if key != "printer"}


def _json(document: Mapping[str, Any]) -> str:
    return json.dumps(document, default=_written, ensure_ascii=False)


def _written(value: object) -> object:
    """Return what JSON has no word for."""
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, bytes):  # the beginning of a message that could not be read
        return value.decode("utf-8", "replace")
    if isinstance(value, Iterable):
        return list(value)
    return str(value)
