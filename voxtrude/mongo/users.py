"""Who may do what in the database: a role and a user for each service, least privilege.

Only where authentication is on: a database without it takes the users and ignores them.
"""

from collections.abc import Mapping

from pymongo.errors import OperationFailure

from voxtrude.mongo.client import Database, Document, translated
from voxtrude.mongo.schema import (
    ACCOUNTS,
    ANNOUNCED,
    COUNTERS,
    JOBS,
    LOGINS,
    META,
    PRINTERS,
    QUARANTINE,
    READINGS,
    SESSIONS,
    STATES,
    TICKETS,
    TOKENS,
    UNKNOWN,
)

READ = ["find"]
WRITE = ["find", "insert", "update"]
OWN = [*WRITE, "remove"]
FORGET = ["find", "remove"]

ROLES: dict[str, dict[str, list[str]]] = {
    # Follows registrations and notes when a printer was last alive; never a new one.
    "ingest": {
        PRINTERS: ["find", "update", "changeStream"],
        STATES: OWN,
        JOBS: WRITE,
        QUARANTINE: OWN,
        UNKNOWN: OWN,
        ANNOUNCED: OWN,
        META: WRITE,
        READINGS: ["insert", "remove"],
    },
    # Compares the broker's accounts with the registrations, and notes whose login fails.
    "keeper": {PRINTERS: READ, LOGINS: OWN},
    # Serves people: their accounts, their printers, and what is known of these. It forgets
    # what they want forgotten, and writes nothing that a printer would have said.
    "skill": {
        ACCOUNTS: OWN,
        SESSIONS: OWN,
        TICKETS: OWN,
        TOKENS: OWN,
        COUNTERS: OWN,
        PRINTERS: [*OWN, "changeStream"],
        STATES: FORGET,
        JOBS: FORGET,
        QUARANTINE: FORGET,
        READINGS: FORGET,
        LOGINS: FORGET,
        UNKNOWN: FORGET,
        META: READ,
    },
    # Looks, for people.
    "observer": {
        PRINTERS: READ,
        STATES: [*READ, "changeStream"],
        JOBS: READ,
        QUARANTINE: READ,
        UNKNOWN: READ,
    },
}

ALREADY_EXISTS = frozenset({51002, 51003})  # a role, a user


async def provide(database: Database, secrets: Mapping[str, str]) -> list[str]:
    """Make the roles, and a user for each secret; a second time it changes the secrets.

    Returns what was done, in words.

    Raises:
        SetupError: We may not.
        LinkError: The database is away.
    """
    name = database.handle.name
    for role, rights in ROLES.items():
        privileges: list[Document] = [
            {"resource": {"db": name, "collection": collection}, "actions": actions}
            for collection, actions in rights.items()
        ]
        arguments: Document = {"privileges": privileges, "roles": []}
        await _create_or_update(database, "Role", role, arguments)
    users = sorted(ROLES.keys() & secrets.keys())
    for user in users:
        await _create_or_update(
            database, "User", user, {"pwd": secrets[user], "roles": [{"role": user, "db": name}]}
        )
    return [f"users {', '.join(users)}"]


async def _create_or_update(database: Database, kind: str, name: str, arguments: Document) -> None:
    with translated():
        try:
            await database.handle.command(f"create{kind}", name, **arguments)
        except OperationFailure as error:
            if error.code not in ALREADY_EXISTS:
                raise
            await database.handle.command(f"update{kind}", name, **arguments)
