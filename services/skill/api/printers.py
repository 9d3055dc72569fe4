"""What is known of printers."""

from datetime import UTC, datetime, timedelta
from enum import Enum
from itertools import islice
from typing import Annotated

from fastapi import APIRouter, Query
from starlette.requests import Request

from services.skill.api.access import Reader, Route
from services.skill.api.documents import (
    Connection,
    FindingDocument,
    JobPage,
    JobRecordDocument,
    PrinterPage,
    RegistrationDocument,
    Rejected,
    RejectedPage,
    SampleDocument,
    Series,
    StepDocument,
)
from services.skill.api.ownership import Read
from services.skill.api.problems import COMMON, UNKNOWN
from services.skill.api.requests import (
    JobListing,
    JobSearch,
    Listing,
    Newest,
    Period,
    moment,
)
from services.skill.live import snapshot
from services.skill.onboarding import diagnosis
from services.skill.onboarding.inquiry import gathered
from services.skill.roles import Roles, roles
from voxtrude.documents import PrinterDocument
from voxtrude.mongo.jobs import Jobs
from voxtrude.mongo.printers import Printers
from voxtrude.mongo.quarantine import Quarantine
from voxtrude.mongo.readings import Readings
from voxtrude.printer import JobId, PrinterId
from voxtrude.process import utc_now

_TAGS: list[str | Enum] = ["printers"]

router = APIRouter(prefix="/api/v1", route_class=Route, responses=COMMON, tags=_TAGS)
single = APIRouter(
    prefix="/api/v1/printers/{printer}",
    route_class=Route,
    responses={**COMMON, **UNKNOWN},
    tags=_TAGS,
)


@router.get("/printers", summary="List printers")
async def index(
    request: Request, caller: Reader, wanted: Annotated[Listing, Query()]
) -> PrinterPage:
    """Return the account's printers with their states, in the order of their ids."""
    database = roles(request).database
    registrations = sorted(await Printers(database).owned(caller.reach), key=lambda one: one.id)
    only = None if wanted.id is None else set(wanted.id)
    fitting = (
        one
        for one in registrations
        if (only is None or one.id in only) and (wanted.after is None or one.id > wanted.after)
    )
    found = list(islice(fitting, wanted.limit + 1))
    shown = found[: wanted.limit]
    return PrinterPage(
        printers=await snapshot.documents(database, shown),
        next=shown[-1].id if len(found) > len(shown) else None,
    )


@single.get("", summary="Look at a printer")
async def one(request: Request, registration: Read) -> PrinterDocument:
    """Return a printer's whole state; a part that is null was never heard."""
    return (await snapshot.documents(roles(request).database, [registration]))[0]


@single.get("/registration", summary="Look at a registration")
async def registered(registration: Read) -> RegistrationDocument:
    """Return what a printer's owner has told of it, and whether the broker lets it in."""
    return RegistrationDocument.of(registration)


@single.get("/jobs", summary="List its prints")
async def jobs(
    request: Request, registration: Read, wanted: Annotated[JobListing, Query()]
) -> JobPage:
    """Return a printer's history, newest first."""
    return await _jobs(roles(request), [registration.id], wanted)


@router.get("/jobs", summary="List all prints")
async def all_jobs(
    request: Request, caller: Reader, wanted: Annotated[JobSearch, Query()]
) -> JobPage:
    """Return the history of all of the account's printers, newest first."""
    role = roles(request)
    printers = [one.id for one in await Printers(role.database).owned(caller.reach)]
    return await _jobs(role, printers, wanted, wanted.since, wanted.until)


@single.get("/readings", summary="Read its temperatures")
async def readings(
    request: Request, registration: Read, wanted: Annotated[Period, Query()]
) -> Series:
    """Return temperatures and progress of the last hours, averaged into points.

    They are kept for a day, if this installation says nothing else.
    """
    until = utc_now()
    since = until - timedelta(hours=wanted.hours)
    samples = await Readings(roles(request).database).series(
        registration.id, since, until, wanted.points
    )
    return Series(
        printer=registration.id,
        since=since,
        until=until,
        samples=[SampleDocument.of(sample) for sample in samples],
    )


@single.get("/connection", summary="See why nothing arrives")
async def connection(request: Request, registration: Read) -> Connection:
    """Return how far a printer has come, what the broker said of it, and what to do."""
    role = roles(request)
    evidence, _unreadable = await gathered(role.database, registration, role.fleet.pipeline)
    return Connection(
        received=diagnosis.is_received(evidence),
        steps=[
            StepDocument(code=step.code, progress=step.progress, sentence=step.sentence, at=step.at)
            for step in diagnosis.steps(evidence)
        ],
        findings=[
            FindingDocument(
                code=found.code, kind=found.kind, sentence=found.sentence, fix=found.fix
            )
            for found in diagnosis.findings(evidence, utc_now())
        ],
        login=evidence.login,
    )


@single.get("/rejected", summary="List unreadable messages")
async def rejected(
    request: Request, registration: Read, wanted: Annotated[Newest, Query()]
) -> RejectedPage:
    """Return which of a printer's messages could not be read, newest first."""
    found = await Quarantine(roles(request).database).latest(wanted.limit, registration.id)
    return RejectedPage(
        rejected=[
            Rejected(
                at=one["at"],
                topic=str(one.get("topic", "")),
                reason=str(one.get("reason", "")),
                size=int(one.get("size", 0)),
            )
            for one in found
        ]
    )


async def _jobs(
    role: Roles,
    printers: list[PrinterId],
    wanted: JobListing,
    since: datetime | None = None,
    until: datetime | None = None,
) -> JobPage:
    found = await Jobs(role.database).page(
        printers, wanted.limit + 1, _position(wanted.before), since=since, until=until
    )
    shown = found[: wanted.limit]
    return JobPage(
        jobs=[JobRecordDocument.of(record) for _, record in shown],
        next=f"{moment(shown[-1][0])}.{shown[-1][1].id}" if len(found) > len(shown) else None,
    )


def _position(cursor: str | None) -> tuple[datetime, JobId] | None:
    if cursor is None:
        return None
    at, _, job = cursor.partition(".")
    # By steps: a float has no place for all milliseconds of late years.
    return datetime.fromtimestamp(0, UTC) + timedelta(milliseconds=int(at)), JobId(job)
