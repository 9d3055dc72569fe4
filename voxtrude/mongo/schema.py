"""Collections, validators and indexes: ``migrate`` makes the database what this file says.

TTL indexes are partial and on BSON dates: a document without the date is kept. MongoDB's
monitor runs once a minute, so who reads filters on time, too. A changed retention is
applied to the existing index, and so to the documents that are already there.
"""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from pymongo.errors import CollectionInvalid, OperationFailure

from voxtrude.errors import SetupError
from voxtrude.mongo.client import Database, Document, translated
from voxtrude.retention import Retention

PRINTERS = "printers"
STATES = "states"
JOBS = "jobs"
QUARANTINE = "quarantine"
UNKNOWN = "unknown_printers"
ANNOUNCED = "announced"
META = "meta"
ACCOUNTS = "accounts"
SESSIONS = "sessions"
TICKETS = "tickets"
TOKENS = "tokens"
COUNTERS = "counters"
LOGINS = "logins"
READINGS = "readings"

VERSION = 2

OPTIONS_DIFFER = 85  # IndexOptionsConflict

_DATE: Document = {"bsonType": "date"}
_TEXT: Document = {"bsonType": "string"}


@dataclass(frozen=True, slots=True)
class _Plan:
    """What one collection looks like."""

    required: tuple[str, ...]
    properties: Document
    expires: str | None = None
    after: timedelta | None = None
    unique: tuple[str, ...] = ()
    indexes: tuple[tuple[tuple[str, int], ...], ...] = ()


def _plans(retention: Retention) -> dict[str, _Plan]:
    return {
        PRINTERS: _Plan(
            required=("_id", "name", "base_topic", "standing", "created_at"),
            properties={
                "_id": {"bsonType": "string", "pattern": "^prn-[0-9a-f]{16}$"},
                "name": {"bsonType": "string", "minLength": 1, "maxLength": 64},
                "base_topic": {"bsonType": "string", "minLength": 1, "maxLength": 256},
                "standing": {"enum": ["pending", "active", "revoked"]},
                "created_at": _DATE,
                "alive_at": {"bsonType": ["date", "null"]},
                "owner": {"bsonType": ["string", "null"]},
            },
            expires="alive_at",
            after=retention.printers,
            unique=("base_topic",),
            indexes=((("owner", 1), ("created_at", 1)),),
        ),
        STATES: _Plan(
            required=("_id", "version", "state", "alive_at"),
            properties={
                "_id": _TEXT,
                "version": {"bsonType": "int"},
                "state": {"bsonType": "object"},
                "alive_at": {"bsonType": ["date", "null"]},
                "applied": {"bsonType": "binData"},
            },
            expires="alive_at",
            after=retention.printers,
        ),
        JOBS: _Plan(
            required=("_id", "printer", "written_at"),
            properties={"_id": _TEXT, "printer": _TEXT, "written_at": _DATE},
            expires="written_at",
            after=retention.jobs,
            indexes=((("printer", 1), ("written_at", -1)),),
        ),
        QUARANTINE: _Plan(
            required=("at", "topic", "reason"),
            properties={"at": _DATE, "topic": _TEXT, "reason": _TEXT},
            expires="at",
            after=retention.quarantine,
            indexes=((("printer", 1), ("at", -1)),),
        ),
        UNKNOWN: _Plan(
            required=("_id", "seen_at"),
            properties={"_id": _TEXT, "seen_at": _DATE},
            expires="seen_at",
            after=retention.unknown,
        ),
        ANNOUNCED: _Plan(required=("_id",), properties={"_id": _TEXT}),
        META: _Plan(required=("_id",), properties={"_id": _TEXT}),
        ACCOUNTS: _Plan(
            required=("_id", "email", "key", "role", "created_at"),
            properties={
                "_id": {"bsonType": "string", "pattern": "^acc-[0-9a-f]{16}$"},
                "email": _TEXT,
                "key": _TEXT,
                "created_at": _DATE,
            },
            expires="expires_at",
            after=timedelta(),
            unique=("key",),
        ),
        SESSIONS: _Plan(
            required=("_id", "account", "expires_at"),
            properties={"_id": _TEXT, "account": _TEXT, "expires_at": _DATE},
            expires="expires_at",
            after=timedelta(),
            indexes=((("account", 1),),),
        ),
        TICKETS: _Plan(
            required=("_id", "purpose", "expires_at"),
            properties={"_id": _TEXT, "purpose": _TEXT, "expires_at": _DATE},
            expires="expires_at",
            after=timedelta(),
            indexes=((("account", 1),),),
        ),
        TOKENS: _Plan(
            required=("_id", "secret", "account", "used_at"),
            properties={"_id": _TEXT, "secret": _TEXT, "account": _TEXT, "used_at": _DATE},
            expires="used_at",
            after=retention.tokens,
            indexes=((("account", 1),),),
        ),
        COUNTERS: _Plan(
            required=("_id", "expires_at"),
            properties={"_id": _TEXT, "expires_at": _DATE},
            expires="expires_at",
            after=timedelta(),
        ),
        LOGINS: _Plan(
            required=("_id", "updated_at"),
            properties={"_id": _TEXT, "updated_at": _DATE},
            expires="updated_at",
            after=retention.quarantine,
        ),
    }


def lifetimes(retention: Retention) -> dict[str, timedelta | None]:
    """Return every collection, with how long after its date a document is kept.

    None: as long as what it is about; zero: until the moment that the document itself tells.
    """
    kept = {name: plan.after for name, plan in _plans(retention).items()}
    return {**kept, READINGS: retention.readings}


def demanded(retention: Retention) -> dict[str, set[str]]:
    """Return the fields of each collection that this file knows of."""
    return {name: {*plan.required, *plan.properties} for name, plan in _plans(retention).items()}


async def migrate(database: Database, retention: Retention) -> list[str]:
    """Bring the database to this version; return what was done, in words.

    It may run at every start: a second run does nothing.

    Raises:
        SetupError: Documents are in the way of an index, or we may not change the schema.
        LinkError: The database is away.
    """
    done: list[str] = []
    with translated():
        await _check_topology(database)
        existing = set(await database.handle.list_collection_names())
        for name, plan in _plans(retention).items():
            if name not in existing:
                await _create(database, name)
                done.append(f"created {name}")
            await _validate(database, name, plan)
            done += await _index(database, name, plan)
        done += await _keep_readings(database, retention, existing)
        await database[META].update_one(
            {"_id": "schema"}, {"$set": {"version": VERSION}}, upsert=True
        )
    done += await _excuse_downtime(database, retention, datetime.now(UTC))
    return done


async def check(database: Database) -> None:
    """Make sure that the database is one that this version can use.

    Raises:
        SetupError: It was never migrated, or by another version.
    """
    with translated():
        schema = await database[META].find_one({"_id": "schema"})
    if schema is None or schema.get("version") != VERSION:
        raise SetupError("the database is not of this version: run `voxtrude migrate` first")


async def ttl_problems(database: Database, retention: Retention) -> list[str]:
    """Return what is wrong with the TTL indexes, in words; empty when all is well."""
    problems: list[str] = []
    with translated():
        for name, plan in _plans(retention).items():
            if plan.expires is None or plan.after is None:
                continue
            indexes: dict[str, Any] = dict(await database[name].index_information())
            found = indexes.get(f"{plan.expires}_ttl", {}).get("expireAfterSeconds")
            if found is None:
                problems.append(f"{name} has no TTL index on {plan.expires}")
            elif found != int(plan.after.total_seconds()):
                problems.append(f"{name} expires after {found} s, not as the settings say")
    return problems


async def _check_topology(database: Database) -> None:
    hello = await database.admin.command("hello")
    if "setName" not in hello:
        raise SetupError(
            "VOXTRUDE_MONGO_URL: the database is no replica set, which majority writes and "
            "change streams need; start mongod with --replSet and run rs.initiate() once"
        )


async def _create(database: Database, name: str, **options: Any) -> None:  # noqa: ANN401  (the driver's own)
    try:
        await database.handle.create_collection(name, **options)
    except CollectionInvalid:
        return  # another process was quicker


async def _keep_readings(database: Database, retention: Retention, existing: set[str]) -> list[str]:
    """Make the time series that charts are drawn from; the server lets it expire by itself."""
    seconds = int(retention.readings.total_seconds())
    if READINGS not in existing:
        series = {"timeField": "at", "metaField": "printer", "granularity": "seconds"}
        await _create(database, READINGS, timeseries=series, expireAfterSeconds=seconds)
    await database.handle.command("collMod", READINGS, expireAfterSeconds=seconds)
    # By itself the server finds readings by time only (before 6.3).
    await database[READINGS].create_index([("printer", 1), ("at", 1)], name="printer_at")
    return [] if READINGS in existing else [f"created {READINGS}"]


async def _validate(database: Database, name: str, plan: _Plan) -> None:
    schema = {
        "bsonType": "object",
        "required": list(plan.required),
        "properties": plan.properties,
    }
    await database.handle.command(
        "collMod", name, validator={"$jsonSchema": schema}, validationLevel="strict"
    )


async def _index(database: Database, name: str, plan: _Plan) -> list[str]:
    done: list[str] = []
    collection = database[name]
    for field in plan.unique:
        try:
            await collection.create_index([(field, 1)], name=f"{field}_unique", unique=True)
        except OperationFailure as error:
            if error.code == 11000:  # noqa: PLR2004  (DuplicateKey)
                raise SetupError(
                    f"two documents in {name} have the same {field}; remove one of them"
                ) from error
            raise
    for keys in plan.indexes:
        await collection.create_index(list(keys), name="_".join(key for key, _ in keys))
    if plan.expires and plan.after is not None:
        index = f"{plan.expires}_ttl"
        seconds = int(plan.after.total_seconds())
        try:
            await collection.create_index(
                [(plan.expires, 1)],
                name=index,
                expireAfterSeconds=seconds,
                partialFilterExpression={plan.expires: {"$type": "date"}},
            )
        except OperationFailure as error:
            if error.code != OPTIONS_DIFFER:
                raise
            await database.handle.command(
                "collMod", name, index={"name": index, "expireAfterSeconds": seconds}
            )
            done.append(f"{name} now expires after {seconds} s")
    return done


async def _excuse_downtime(database: Database, retention: Retention, now: datetime) -> list[str]:
    """Do not hold our own absence against the printers.

    Nobody could hear them while ingest was down: without this, a server that was off for
    a fortnight would forget every printer in its first minute.
    """
    with translated():
        beat = await database[META].find_one({"_id": "ingest"})
        away = now - beat["alive_at"] if beat else timedelta()
        if beat is None or away < retention.printers / 10:
            return []
        shift = [{"$set": {"alive_at": {"$add": ["$alive_at", int(away.total_seconds() * 1000)]}}}]
        for name in (PRINTERS, STATES):
            await database[name].update_many({"alive_at": {"$type": "date"}}, shift)
        await database[META].update_one({"_id": "ingest"}, {"$set": {"alive_at": now}})
    return [f"ingest was away for {away}: printers are kept that much longer"]
