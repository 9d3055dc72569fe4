"""Health, readiness, and figures for Prometheus.

No figure tells whose it is: labels hold templates of routes, never a path, a name or an id.
"""

import asyncio
import time
from collections.abc import Iterator
from dataclasses import dataclass
from hmac import compare_digest
from http import HTTPMethod
from ipaddress import ip_address

from fastapi import APIRouter, FastAPI, HTTPException
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest
from prometheus_client.registry import Collector
from starlette.datastructures import Headers
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from services.skill.roles import Roles, roles
from voxtrude.errors import LinkError, SetupError
from voxtrude.mongo import schema
from voxtrude.mongo.accounts import Accounts
from voxtrude.mongo.states import Census, States
from voxtrude.notices import Condition
from voxtrude.process import utc_now

ANSWERED = 2.0  # seconds that the database has to answer
BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0)
FORWARDED = frozenset({"forwarded", "x-forwarded-for", "x-forwarded-host", "x-real-ip", "via"})
"""Who sends one of these stands behind a proxy: its address is not the one that we see."""

_METHODS = frozenset(method.value for method in HTTPMethod)
_STREAM = b"text/event-stream"


class Figures:
    """What is counted while requests are answered."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.requests = Counter(
            "voxtrude_skill_http_requests",
            "Requests that were answered.",
            ("route", "method", "status"),
            registry=self.registry,
        )
        self.seconds = Histogram(
            "voxtrude_skill_http_request_seconds",
            "Time until an answer begins.",
            ("route",),
            buckets=BUCKETS,
            registry=self.registry,
        )
        self.streams = Gauge(
            "voxtrude_skill_streams",
            "Streams of live changes that are open.",
            ("route",),
            registry=self.registry,
        )
        self.tokens = Counter(
            "voxtrude_skill_rejected_tokens",
            "API tokens that were sent and are none.",
            registry=self.registry,
        )


def install(site: FastAPI) -> None:
    """Count what ``site`` answers, and tell of it."""
    figures = Figures()
    router = APIRouter(include_in_schema=False)

    @router.api_route("/healthz", methods=["GET", "HEAD"])
    async def health() -> Response:
        """Tell that the process lives."""
        return JSONResponse({"status": "ok"})

    @router.api_route("/readyz", methods=["GET", "HEAD"])
    async def ready(request: Request) -> Response:
        """Tell whether everything that people need is there, and what is missing."""
        missing = await _missing(roles(request))
        status = "not ready" if missing else "ready"
        return JSONResponse({"status": status, "missing": missing}, 503 if missing else 200)

    @router.get("/metrics")
    async def metrics(request: Request) -> Response:
        """Tell the figures."""
        role = roles(request)
        _admit(request, role)
        told = CollectorRegistry()
        told.register(_Standing(role, await _counts(role)))
        text = generate_latest(figures.registry) + generate_latest(told)
        return Response(text, media_type=CONTENT_TYPE_LATEST)

    site.include_router(router)
    site.add_middleware(_Counting, figures=figures)


@dataclass(frozen=True, slots=True)
class _Counts:
    """What the database tells."""

    accounts: int
    census: Census


class _Counting:
    """The middleware."""

    def __init__(self, app: ASGIApp, figures: Figures) -> None:
        self._app = app
        self._figures = figures

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request, and count it."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        began, figures = time.perf_counter(), self._figures
        status, streaming = 500, False

        async def told(message: Message) -> None:
            nonlocal status, streaming
            if message["type"] == "http.response.start":
                status = message["status"]
                figures.seconds.labels(_route(scope)).observe(time.perf_counter() - began)
                streaming = any(
                    name.lower() == b"content-type" and value.startswith(_STREAM)
                    for name, value in message["headers"]
                )
                if streaming:
                    figures.streams.labels(_route(scope)).inc()
            await send(message)

        try:
            await self._app(scope, receive, told)
        finally:
            route = _route(scope)
            method = scope["method"] if scope["method"] in _METHODS else "other"
            figures.requests.labels(route, method, f"{status // 100}xx").inc()
            if streaming:
                figures.streams.labels(route).dec()
            if status == 401 and "authorization" in Headers(scope=scope):  # noqa: PLR2004  (HTTP's own)
                figures.tokens.inc()


class _Standing(Collector):
    """How everything is right now; ``counts`` is what the database told, None where it is away."""

    def __init__(self, role: Roles, counts: _Counts | None) -> None:
        self._role = role
        self._counts = counts

    def collect(self) -> Iterator[Metric]:
        """Yield the figures."""
        fleet = self._role.fleet
        yield GaugeMetricFamily(
            "voxtrude_skill_broker_up",
            "Whether the broker is there.",
            value=fleet.pipeline is not None,
        )
        yield GaugeMetricFamily(
            "voxtrude_skill_database_up",
            "Whether the database is there.",
            value=self._counts is not None,
        )
        yield GaugeMetricFamily(
            "voxtrude_skill_fleet_complete",
            "Whether every printer's state has been heard.",
            value=fleet.is_complete,
        )
        yield GaugeMetricFamily(
            "voxtrude_skill_fleet_printers", "Printers with a state.", value=fleet.count
        )
        ingest = GaugeMetricFamily("voxtrude_skill_ingest", "How ingest is.", labels=["condition"])
        for condition in Condition:
            ingest.add_metric([condition.value], fleet.pipeline is condition)
        yield ingest
        if self._counts is None:
            return
        yield GaugeMetricFamily("voxtrude_skill_accounts", "Accounts.", value=self._counts.accounts)
        if self._counts.census.seen_at is not None:
            yield GaugeMetricFamily(
                "voxtrude_skill_last_message_timestamp_seconds",
                "When a printer was heard last, in seconds since 1970.",
                value=self._counts.census.seen_at.timestamp(),
            )
        printers = GaugeMetricFamily(
            "voxtrude_skill_printers",
            "Printers by what they do and whether they are there.",
            labels=["state", "presence"],
        )
        for (state, presence), count in sorted(self._counts.census.printers.items()):
            printers.add_metric([state, presence], count)
        yield printers


async def _missing(role: Roles) -> list[str]:
    """Return what is not there."""
    missing = []
    try:
        async with asyncio.timeout(ANSWERED):
            await schema.check(role.database)
    except (LinkError, SetupError, TimeoutError):
        missing.append("database")
    if role.fleet.pipeline is None:
        missing.append("broker")
    if not role.fleet.is_complete:
        missing.append("fleet")
    return missing


async def _counts(role: Roles) -> _Counts | None:
    """Return what the database tells; None where it is away."""
    try:
        async with asyncio.timeout(ANSWERED):
            accounts = await Accounts(role.database).count(utc_now())
            return _Counts(accounts, await States(role.database).census())
    except (LinkError, TimeoutError):
        return None


def _admit(request: Request, role: Roles) -> None:
    """Refuse who may not see the figures.

    Raises:
        HTTPException: 401 or 403.
    """
    token = role.settings.web.metrics_token
    if token is None:
        if not _is_direct(request):
            raise HTTPException(
                403, "Without VOXTRUDE_WEB_METRICS_TOKEN only programs on this machine may ask."
            )
        return
    sent = request.headers.get("authorization", "")
    wanted = f"Bearer {token.get_secret_value()}"
    if not compare_digest(sent.encode("utf-8", "replace"), wanted.encode()):
        raise HTTPException(401, headers={"WWW-Authenticate": 'Bearer realm="metrics"'})


def _is_direct(request: Request) -> bool:
    """Tell whether a program on this machine asks, and no proxy for somebody else."""
    if request.client is None or any(name in request.headers for name in FORWARDED):
        return False
    try:
        address = ip_address(request.client.host)
    except ValueError:
        return False
    mapped = getattr(address, "ipv4_mapped", None)
    return (mapped or address).is_loopback


def _route(scope: Scope) -> str:
    """Return the template of the route that a request has found."""
    return str(getattr(scope.get("route"), "path", "none"))
