"""Everything that belongs to an account: told as one document, and deleted as a whole."""

import json
from collections.abc import AsyncIterator, Iterable, Mapping
from dataclasses import asdict
from datetime import datetime, timedelta
from typing import Any

from services.skill.roles import Roles
from voxtrude.accounts import Account
from voxtrude.documents import PrinterDocument
from voxtrude.mongo.jobs import Jobs
from voxtrude.mongo.logins import Logins
from voxtrude.mongo.printers import Printers
from voxtrude.mongo.quarantine import Quarantine
from voxtrude.mongo.readings import Readings
from voxtrude.mongo.states import States
from voxtrude.process import utc_now
from voxtrude.registration import Registration

READINGS = 1440  # of a printer: one a minute of a day
JOBS = 10_000  # of a printer, at the most
REJECTED = 1000  # unreadable messages of a printer, at the most


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
