"""Every route of the portal, with what a request to it needs and who may make it.

A route without a rule fails the tests that walk them: whoever adds one says here what it is.
"""

import os
import re
import secrets
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from enum import Enum, auto
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast
from unittest.mock import patch

import httpx
import pymongo
from fastapi.routing import iter_route_contexts

from services.skill.roles import Roles
from services.skill.settings import SkillSettings
from services.skill.site import make_site
from services.skill.web import cookies
from tests.integration.brokers import printer, site
from tests.integration.portals import PASSWORD, Portal, Visitor, portal, settled
from tests.integration.stacks import Stack
from voxtrude.accounts import Scope
from voxtrude.mongo import schema

UNKNOWN_PRINTER = "prn-0000000000000000"
WRONG = "another password"
UNKNOWN_ACCOUNT = "acc-0000000000000000"


class Who(Enum):
    """Who may use a route."""

    ANYBODY = auto()
    SIGNED_IN = auto()  # and it is about the own account
    OWNER = auto()  # of what its path names
    ADMINISTRATOR = auto()
    PROGRAM = auto()  # with a token of the scope
    KEY_HOLDER = auto()  # of a printer's key, or of a code in a link
    NOBODY = auto()  # a method that a path of the API does not know


@dataclass(frozen=True)
class Rule:
    """One method of one route."""

    who: Who
    form: Mapping[str, str] | None = None
    """The fields of a form, without its token; None: there is none."""
    json: Mapping[str, Any] | None = None
    scope: Scope | None = None
    query: Mapping[str, str] = field(default_factory=dict)
    status: int = 200
    """What whoever may is answered, before redirects."""


def _page(who: Who, status: int = 200, **form: str) -> Rule:
    return Rule(who, form, status=status)


def _call(scope: Scope, status: int = 200, **more: Any) -> Rule:  # noqa: ANN401  (fields)
    return Rule(Who.OWNER, scope=scope, status=status, **more)


_ANY, _IN, _OWNER, _ADMIN = Who.ANYBODY, Who.SIGNED_IN, Who.OWNER, Who.ADMINISTRATOR
_REPORT = {"PrinterId": "", "PrinterName": "x", "Details": []}

RULES: Mapping[tuple[str, str], Rule] = {
    ("GET", "/static"): Rule(_ANY),
    ("GET", "/assets"): Rule(_ANY),
    ("GET", "/healthz"): Rule(_ANY),
    ("HEAD", "/healthz"): Rule(_ANY),
    ("GET", "/readyz"): Rule(_ANY),
    ("HEAD", "/readyz"): Rule(_ANY),
    ("GET", "/metrics"): Rule(_ANY),
    ("GET", "/privacy"): Rule(_ANY),
    ("GET", "/broker-ca.crt"): Rule(_ANY),
    ("GET", "/api"): Rule(_ANY),
    ("GET", "/api/docs"): Rule(_ANY, status=308),
    ("GET", "/api/openapi.json"): Rule(_ANY),
    # Coming in.
    ("GET", "/"): Rule(_ANY, status=303),
    ("GET", "/welcome"): Rule(_ANY, status=303),
    ("POST", "/welcome"): _page(_ANY, code="x", email="new@example.org", password=PASSWORD),
    ("GET", "/sign-in"): Rule(_ANY),
    ("POST", "/sign-in"): _page(_ANY, email="nobody@example.org", password=PASSWORD),
    ("GET", "/sign-in/code"): Rule(_ANY, status=303),
    ("POST", "/sign-in/code"): _page(_ANY, code="123456"),
    ("GET", "/sign-up"): Rule(_ANY),
    ("POST", "/sign-up"): _page(_ANY, email="new@example.org", password=PASSWORD),
    ("GET", "/forgot"): Rule(_ANY),
    ("POST", "/forgot"): _page(_ANY, email="nobody@example.org"),
    ("GET", "/join/{code}"): Rule(Who.KEY_HOLDER),
    ("POST", "/join/{code}"): _page(Who.KEY_HOLDER, email="new@example.org", password=PASSWORD),
    ("GET", "/verify/{code}"): Rule(Who.KEY_HOLDER),
    ("POST", "/verify/{code}"): _page(Who.KEY_HOLDER),
    ("GET", "/reset/{code}"): Rule(Who.KEY_HOLDER),
    ("POST", "/reset/{code}"): _page(Who.KEY_HOLDER, password=PASSWORD),
    # The own account.
    ("GET", "/account"): Rule(_IN),
    ("POST", "/account/preferences"): _page(
        _IN, 303, locale="en-GB", scale="celsius", time_zone=""
    ),
    ("GET", "/account/password"): Rule(_IN),
    ("POST", "/account/password"): _page(_IN, 403, old=WRONG, new=PASSWORD),
    ("GET", "/account/totp"): Rule(_IN),
    ("POST", "/account/totp"): _page(_IN, 403, secret="A" * 32, code="000000"),
    ("POST", "/account/totp/remove"): _page(_IN, 403, password=WRONG),
    ("GET", "/account/sessions"): Rule(_IN),
    ("POST", "/account/sessions/end"): _page(_IN, 303),
    ("POST", "/account/sessions/{session}/end"): _page(_OWNER, 303),
    ("GET", "/account/tokens"): Rule(_IN),
    ("POST", "/account/tokens"): _page(_IN, name="a program", scopes="printers:read"),
    ("POST", "/account/tokens/{token}/remove"): _page(_OWNER, 303),
    ("GET", "/account/data"): Rule(_IN),
    ("GET", "/account/export"): Rule(_IN),
    ("GET", "/account/delete"): Rule(_IN),
    ("POST", "/account/delete"): _page(_IN, 403, password=WRONG, confirmation="delete my account"),
    ("POST", "/sign-out"): _page(_IN, 303),
    # Printers.
    ("GET", "/printers"): Rule(_IN),
    ("GET", "/printers/add"): Rule(_IN),
    ("POST", "/printers/add"): _page(_IN, 422, name=""),
    ("GET", "/live"): Rule(_IN),
    ("GET", "/printers/{printer}"): Rule(_OWNER),
    ("GET", "/printers/{printer}/readings"): Rule(_OWNER),
    ("GET", "/printers/{printer}/jobs"): Rule(_OWNER),
    ("GET", "/printers/{printer}/raw"): Rule(_OWNER),
    ("GET", "/printers/{printer}/connection"): Rule(_OWNER),
    ("GET", "/printers/{printer}/connection.json"): Rule(_OWNER),
    ("GET", "/printers/{printer}/configure"): Rule(_OWNER),
    ("POST", "/printers/{printer}/configure"): _page(_OWNER, 422, address="", api_key=""),
    ("GET", "/printers/{printer}/settings"): Rule(_OWNER),
    ("POST", "/printers/{printer}/settings/name"): _page(_OWNER, 303, name="renamed"),
    ("POST", "/printers/{printer}/settings/plate"): _page(_OWNER, 303, manufacturer="Prusa"),
    ("POST", "/printers/{printer}/settings/keep"): _page(_OWNER, 303, lasting="yes"),
    ("POST", "/printers/{printer}/settings/owner"): _page(_ADMIN, 303, to="nobody"),
    ("POST", "/printers/{printer}/key"): _page(_OWNER, 303, mark="an older one"),
    ("POST", "/printers/{printer}/revoke"): _page(_OWNER, 303),
    ("POST", "/printers/{printer}/admit"): _page(_OWNER, 303),
    ("GET", "/printers/{printer}/remove"): Rule(_OWNER),
    ("POST", "/printers/{printer}/remove"): _page(_OWNER, 303),
    # Administration.
    ("GET", "/admin"): Rule(_ADMIN),
    ("GET", "/admin/strangers"): Rule(_ADMIN),
    ("POST", "/admin/invite"): _page(_ADMIN, email=""),
    ("GET", "/admin/accounts/{account}"): Rule(_ADMIN),
    ("POST", "/admin/accounts/{account}/reset"): _page(_ADMIN),
    ("POST", "/admin/accounts/{account}/role"): _page(_ADMIN, 303, role="member"),
    ("POST", "/admin/accounts/{account}/totp/remove"): _page(_ADMIN, 303),
    ("POST", "/admin/accounts/{account}/remove"): _page(_ADMIN, 422, confirmation="x"),
    # Programs.
    ("GET", "/api/v1/printers"): Rule(Who.PROGRAM, scope=Scope.READ),
    ("POST", "/api/v1/printers"): Rule(
        Who.PROGRAM, scope=Scope.WRITE, json={"name": "by a program"}, status=201
    ),
    ("GET", "/api/v1/jobs"): Rule(Who.PROGRAM, scope=Scope.READ),
    ("GET", "/api/v1/stream"): Rule(Who.PROGRAM, scope=Scope.READ),
    ("GET", "/api/v1/account"): Rule(Who.PROGRAM, scope=Scope.EXPORT),
    ("GET", "/api/v1/account/export"): Rule(Who.PROGRAM, scope=Scope.EXPORT),
    ("GET", "/api/v1/printers/{printer}"): _call(Scope.READ),
    ("GET", "/api/v1/printers/{printer}/registration"): _call(Scope.READ),
    ("GET", "/api/v1/printers/{printer}/jobs"): _call(Scope.READ),
    ("GET", "/api/v1/printers/{printer}/readings"): _call(Scope.READ),
    ("GET", "/api/v1/printers/{printer}/connection"): _call(Scope.READ),
    ("GET", "/api/v1/printers/{printer}/rejected"): _call(Scope.READ),
    ("PATCH", "/api/v1/printers/{printer}"): _call(Scope.WRITE, json={"name": "renamed"}),
    ("POST", "/api/v1/printers/{printer}/revoke"): _call(Scope.WRITE),
    ("POST", "/api/v1/printers/{printer}/admit"): _call(Scope.WRITE),
    ("POST", "/api/v1/printers/{printer}/rotate"): _call(Scope.WRITE),
    ("DELETE", "/api/v1/printers/{printer}"): _call(Scope.WRITE, 204),
    # Octolexa's and Octovox's plugins.
    ("GET", "/connect"): Rule(_ANY, status=303),
    ("GET", "/connect/octolexa"): Rule(_ANY, status=303),
    ("GET", "/connect/octovox"): Rule(_ANY, status=303),
    ("GET", "/connect/printer"): Rule(_IN),
    ("POST", "/connect/printer"): _page(_IN, 422, name=""),
    ("GET", "/api/CreatePrinterRegistration"): Rule(_ANY, status=303),
    ("POST", "/api/CreatePrinterRegistration"): Rule(_ANY, json=_REPORT),
    **{
        ("POST", path): Rule(Who.KEY_HOLDER, json=_REPORT)
        for name in ("VerifyPrinterRegistration", "UpdatePrinterStatus")
        for path in (f"/api/{name}", f"/api/{name}/", f"//api/{name}")
    },
    **{
        ("OPTIONS", path): Rule(_ANY, status=204)
        for path in (
            "/api/VerifyPrinterRegistration",
            "/api/VerifyPrinterRegistration/",
            "//api/VerifyPrinterRegistration",
        )
    },
}

NO_METHOD = Rule(Who.NOBODY, status=405)


def routes() -> list[tuple[str, str]]:
    """Return method and path of every route that the application has, in its own order."""
    with patch.dict(os.environ, {"VOXTRUDE_WEB_SECRET": "x" * 32}):
        settings = SkillSettings()
    site = make_site(cast("Roles", SimpleNamespace(settings=settings)))
    found = []
    for route in iter_route_contexts(site.routes):
        methods = route.methods or {"GET"}  # a folder
        found += [(method, str(route.path)) for method in sorted(methods)]
    return found


def rule(method: str, path: str) -> Rule:
    """Return what a route is for; a path of the API refuses the methods that it has not."""
    known = RULES.get((method, path))
    if known is None and path.startswith("/api/v1/"):
        return NO_METHOD
    assert known is not None, f"{method} {path} has no rule: who may use it, and how?"
    return known


def of(*who: Who) -> list[tuple[str, str]]:
    """Return the routes that are for these; what destroys comes last."""
    found = [route for route in routes() if rule(*route).who in who]
    return sorted(found, key=lambda one: (one[0] != "GET", one[0] == "DELETE", "remove" in one[1]))


# Requests ------------------------------------------------------------------------------------


def token_of(visitor: Visitor) -> str:
    """Return what goes into the forms of this browser."""
    for name, make in (("voxtrude", cookies.csrf), ("voxtrude-guest", cookies.csrf)):
        if value := visitor.cookies.get(name):
            return make(value)
    visitor.get("/sign-in")
    return cookies.csrf(visitor.cookies["voxtrude-guest"])


def ask(
    client: httpx.Client,
    method: str,
    path: str,
    /,
    **ids: str,
) -> httpx.Response:
    """Make a request that is complete and right, with these ids in its path."""
    known = rule(method, path)
    data: dict[str, str] | None = None
    if known.form is not None:
        assert isinstance(client, Visitor)
        data = {**known.form, "csrf": token_of(client)}
    # The plugins' third path would be another host's, if httpx joined it.
    url = str(client.base_url).removesuffix("/").removesuffix("/api/v1") + path.format(**ids)
    return client.request(
        method,
        url,
        data=data,
        json=known.json,
        params=known.query or None,
        follow_redirects=False,
    )


_CHANGING = (
    (re.compile(r'(name="csrf" value=")[0-9a-f]{64}'), r"\1"),
    (re.compile(r'(name="since" value=")[^"]*'), r"\1"),
    (re.compile(r"(prn|acc)-[0-9a-f]{16}"), "id"),
)


def comparable(answer: httpx.Response, *without: str) -> tuple[int, dict[str, str], str]:
    """Return all of an answer but for times, tokens, and the ids that were asked for."""
    text = answer.text
    for pattern, instead in _CHANGING:
        text = pattern.sub(instead, text)
    headers = {
        name: _CHANGING[2][0].sub("id", value)
        for name, value in answer.headers.items()
        if name not in {"date", "set-cookie", "content-length"}
    }
    for one in without:
        text = text.replace(one, "id")
        headers = {name: value.replace(one, "id") for name, value in headers.items()}
    return answer.status_code, headers, text


# A portal for a whole module -------------------------------------------------------------------


@contextmanager
def house(
    client: "pymongo.MongoClient[dict[str, Any]]",
    url: str,
    folder: Path,
    extra: Mapping[str, str] | None = None,
) -> Iterator[Portal]:
    """Run a skill with its broker, its ingest and an empty database until the block ends."""
    place = site("native", folder / "data", printer())
    place.render()
    name = f"test_{secrets.token_hex(6)}"
    with place.run() as broker:
        stack = Stack(place, url, name, folder, client, broker)
        settled(stack.prepare())
        try:
            with stack.ingest(), portal(stack, extra) as found:
                yield found
        finally:
            client.drop_database(name)


# What may not change -----------------------------------------------------------------------------

KEPT = (
    *(schema.PRINTERS, schema.STATES, schema.JOBS, schema.READINGS, schema.QUARANTINE),
    *(schema.ACCOUNTS, schema.TICKETS),
)
SLIDING = {"used_at", "expires_at", "alive_at"}


def standing(stack: Stack) -> dict[str, list[Any]]:
    """Return what is stored of accounts and printers, without when it was used."""
    found: dict[str, list[Any]] = {}
    for name in KEPT:
        found[name] = sorted(map(repr, stack.collection(name).find()))
    for name in (schema.SESSIONS, schema.TOKENS):
        found[name] = sorted(
            repr({key: value for key, value in one.items() if key not in SLIDING})
            for one in stack.collection(name).find()
        )
    return found


def failures(portal: Portal) -> Iterator[dict[str, Any]]:
    """Yield what the skill has logged as its own mistakes."""
    for line in portal.skill.lines():
        if line["level"] in {"error", "critical"} or "Traceback" in str(line):
            yield line
