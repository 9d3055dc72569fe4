"""What ``voxtrude doctor`` finds of the portal."""

import asyncio
import http.client
import sys
from collections.abc import AsyncIterator
from pathlib import Path

from voxtrude.accounts import Role
from voxtrude.cli.findings import Finding
from voxtrude.cli.programs import LOOPBACK
from voxtrude.cli.site import Site
from voxtrude.mongo.accounts import Accounts
from voxtrude.mongo.client import Database
from voxtrude.process import utc_now

PATIENCE = 5.0  # seconds
READY = "/readyz"
NO_PORTAL = "none: an older version has started this stack; `voxtrude down`, then `up`"
ANYWHERE = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104  (recognised, not bound)


async def answers(where: Site) -> Finding:
    """Ask the native stack's portal whether it is ready."""
    web = where.settings.web
    if where.stack and where.stack.http_port is None:
        return Finding("portal", ok=False, detail=NO_PORTAL)
    host = ANYWHERE.get(web.bind, web.bind)
    try:
        status = await asyncio.to_thread(_status, host, web.port)
    except (OSError, http.client.HTTPException) as error:
        return Finding("portal", ok=False, detail=f"{host}:{web.port} does not answer: {error}")
    detail = where.portal if status == http.HTTPStatus.OK else f"{READY} answers {status}"
    return Finding("portal", ok=status == http.HTTPStatus.OK, detail=detail)


def _status(host: str, port: int) -> int:
    connection = http.client.HTTPConnection(host, port, timeout=PATIENCE)
    try:
        connection.request("GET", READY)
        return connection.getresponse().status
    finally:
        connection.close()


async def accounts(where: Site, database: Database) -> AsyncIterator[Finding]:
    """Tell who may sign in, and what people will miss there.

    Raises:
        LinkError: The database is away.
    """
    known = await Accounts(database).all(utc_now())
    administrators = sum(one.role is Role.ADMIN for one in known)
    if not known:
        detail = "none; `voxtrude admin code` shows how the first one is made"
        yield Finding("accounts", ok=None, detail=detail)
    else:
        detail = f"{len(known)}, {administrators} of them administrators"
        yield Finding("accounts", ok=True if administrators else None, detail=detail)
    if where.stack is None:
        return  # the portal's settings are elsewhere
    settings = where.settings
    if settings.smtp.host is None:
        detail = (
            "none is sent: links for new passwords come from `voxtrude account reset`; "
            "set VOXTRUDE_SMTP_HOST"
        )
        yield Finding("e-mail", ok=None, detail=detail)
    else:
        detail = f"by {settings.smtp.host}:{settings.smtp.port} ({settings.smtp.security})"
        yield Finding("e-mail", ok=True, detail=detail)
    assets = settings.web.assets or Path(sys.prefix) / "share" / "voxtrude" / "web"
    if not assets.is_dir():
        detail = f"{assets} is missing: `make setup` installs it"
        yield Finding("scripts of the pages", ok=False, detail=detail)
    broker, local = settings.broker, settings.public.host in LOOPBACK
    if not local and {broker.bind, broker.tls_bind} <= LOOPBACK:
        detail = (
            f"people are told to find the broker at {settings.public.host}, and it listens on "
            "loopback only: set VOXTRUDE_BROKER_TLS_BIND=0.0.0.0"
        )
        yield Finding("printers' way in", ok=None, detail=detail)
