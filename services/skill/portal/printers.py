"""The pages of printers: the list, one printer, its prints, its raw record."""

import asyncio
from dataclasses import asdict
from datetime import timedelta
from typing import Annotated, Literal

from fastapi import APIRouter, Query
from pydantic import TypeAdapter
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from services.skill.live import charts, snapshot
from services.skill.live.facts import LABELS, detail
from services.skill.live.history import prints, unread
from services.skill.live.phrases import phrases
from services.skill.live.rows import Slots, head, row
from services.skill.live.standing import Group, Lifetime
from services.skill.portal.markup import BLANK, Filled
from services.skill.portal.ownership import Owned
from services.skill.roles import Roles, roles
from services.skill.visitors import SignedIn
from services.skill.web.pages import page
from voxtrude.mongo.jobs import Jobs
from voxtrude.mongo.printers import Printers
from voxtrude.mongo.quarantine import Quarantine
from voxtrude.mongo.readings import Readings
from voxtrude.process import utc_now
from voxtrude.registration import Registration

router = APIRouter(include_in_schema=False)
of_one = APIRouter(prefix="/printers/{printer}")

MANY = 12  # printers; with more there is a search, and rows are narrow
PAGE = 25  # prints on a page
RECENT = 5  # prints on the printer's own page
UNREAD = 10  # messages that could not be read
PAGES = 10_000

Hours = Annotated[Literal["1", "6", "24"], Query()]

_REGISTRATION = TypeAdapter(Registration)
_SECRET = {"credential", "owner"}


@router.get("/printers")
async def index(
    request: Request,
    visitor: SignedIn,
    q: Annotated[str, Query(max_length=100)] = "",
    state: Annotated[Group | Literal[""], Query()] = "",
) -> Response:
    """Show all of the account's printers."""
    found, now = roles(request), utc_now()
    registrations = await Printers(found.database).owned(visitor.account.reach)
    documents = await snapshot.documents(found.database, registrations)
    rows: dict[str, Slots] = {
        one.id: row(
            document,
            found.fleet.pipeline,
            visitor.account.preferences,
            now,
            _lifetime(found, one),
        )
        for one, document in zip(registrations, documents, strict=True)
    }
    ordered = sorted(rows.items(), key=lambda one: one[1]["@data-order"])
    return page(
        request,
        "printers.html",
        visitor=visitor,
        head=Filled(head(rows.values(), found.fleet.pipeline)),
        rows=[(identity, Filled(one)) for identity, one in ordered],
        blank=BLANK,
        hidden={identity for identity, one in ordered if not _fits(one, q, state)},
        q=q,
        state=state,
        groups=list(Group),
        many=len(rows) > MANY,
    )


@of_one.get("")
async def one(
    request: Request, visitor: SignedIn, registration: Owned, hours: Hours = "6"
) -> Response:
    """Show everything that is known of one printer."""
    found, now = roles(request), utc_now()
    preferences = visitor.account.preferences
    spoken = phrases(preferences)
    documents, jobs, unreadable, chart = await asyncio.gather(
        snapshot.documents(found.database, [registration]),
        Jobs(found.database).of(registration.id, RECENT + 1),
        Quarantine(found.database).latest(UNREAD, registration.id),
        _chart(found, registration, visitor, int(hours)),
    )
    lifetime = _lifetime(found, registration)
    slots = detail(documents[0], found.fleet.pipeline, preferences, now, lifetime)
    return page(
        request,
        "printer.html",
        visitor=visitor,
        printer=registration,
        row=Filled(slots),
        head=Filled(head([slots], found.fleet.pipeline)),
        blank=BLANK,
        labels=LABELS,
        hours=hours,
        ranges=[str(one) for one in charts.HOURS],
        table=charts.table(chart, spoken),
        locale=preferences.locale,
        zone=str(spoken.zone),
        jobs=prints(jobs[:RECENT], now, spoken),
        more=len(jobs) > RECENT,
        unread=unread(unreadable, now, spoken),
    )


@of_one.get("/readings")
async def readings(
    request: Request, visitor: SignedIn, registration: Owned, hours: Hours = "6"
) -> Response:
    """Return the temperatures and the progress of the last hours for the charts."""
    chart = await _chart(roles(request), registration, visitor, int(hours))
    spoken = phrases(visitor.account.preferences)
    now = utc_now()
    return JSONResponse(
        {
            "at": chart.at,
            "since": (now - timedelta(hours=int(hours))).timestamp(),
            "until": now.timestamp(),
            "unit": spoken.unit,
            "lines": [asdict(one) for one in chart.lines],
            "table": [asdict(one) for one in charts.table(chart, spoken)],
        }
    )


@of_one.get("/jobs")
async def jobs(
    request: Request,
    visitor: SignedIn,
    registration: Owned,
    number: Annotated[int, Query(alias="page", ge=1, le=PAGES)] = 1,
) -> Response:
    """Show what it printed, newest first."""
    skip = (number - 1) * PAGE
    found = await Jobs(roles(request).database).of(registration.id, PAGE + 1, skip)
    return page(
        request,
        "jobs.html",
        visitor=visitor,
        printer=registration,
        jobs=prints(found[:PAGE], utc_now(), phrases(visitor.account.preferences)),
        number=number,
        more=len(found) > PAGE,
    )


@of_one.get("/raw")
async def raw(request: Request, visitor: SignedIn, registration: Owned) -> Response:
    """Show what is stored, as it is."""
    documents = await snapshot.documents(roles(request).database, [registration])
    stored = _REGISTRATION.dump_json(registration, indent=2, exclude=_SECRET)
    return page(
        request,
        "raw.html",
        visitor=visitor,
        printer=registration,
        state=documents[0].model_dump_json(indent=2),
        registration=stored.decode(),
    )


router.include_router(of_one)


async def _chart(
    found: Roles, registration: Registration, visitor: SignedIn, hours: int
) -> charts.Chart:
    now = utc_now()
    since = now - timedelta(hours=hours)
    samples = await Readings(found.database).series(registration.id, since, now, charts.POINTS)
    return charts.chart(samples, phrases(visitor.account.preferences), hours)


def _lifetime(found: Roles, registration: Registration) -> Lifetime:
    kept = registration.alive_at is None
    return Lifetime(registration.created_at, None if kept else found.settings.keep.printers)


def _fits(slots: Slots, q: str, state: str) -> bool:
    """Tell whether a row is looked for; live.js asks the same."""
    wanted = q.casefold().strip()
    named = f"{slots['name']} {slots['file']}".casefold()
    return wanted in named and state in {"", slots["@data-group"]}
