"""What every answer carries, and which names we answer to.

A page of another site that makes its own name point at our address (DNS rebinding) is not
answered: its browser sends that site's name as Host.
"""

import re
from urllib.parse import urlsplit

import structlog
from fastapi import FastAPI
from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

log = structlog.get_logger()

POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
    "connect-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
)
FIXED = {
    "Content-Security-Policy": POLICY,
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    # What is meant to be kept says so itself.
    "Cache-Control": "no-store",
}
HSTS = "max-age=31536000"
LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})
PROBES = frozenset({"/healthz", "/readyz"})
"""Asked by whoever watches over us, under whichever name; they tell nothing of anybody."""

_HOST = re.compile(r"(?P<name>[0-9A-Za-z._-]+|\[[0-9A-Fa-f:.]+\])(:[0-9]{1,5})?")


def install(site: FastAPI, url: str) -> None:
    """Let every answer of ``site`` carry our headers; ``url`` is where people reach it."""
    site.state.url = url
    parts = urlsplit(url)
    if parts.scheme == "http" and parts.hostname not in LOOPBACK:
        log.warning(
            "passwords and cookies travel unencrypted; set VOXTRUDE_PUBLIC_URL to an https address "
            "behind a proxy with TLS",
            url=url,
        )
    site.add_middleware(_Headers, url=url)


def fixed(url: str) -> dict[str, str]:
    """Return the headers that every answer carries."""
    return {**FIXED, "Strict-Transport-Security": HSTS} if url.startswith("https:") else FIXED


def host_of(header: str) -> str | None:
    """Return the name in a Host header, without its port; None where it is none."""
    found = _HOST.fullmatch(header)
    return found["name"].strip("[]").lower() if found else None


class _Headers:
    """The middleware."""

    def __init__(self, app: ASGIApp, url: str) -> None:
        self._app = app
        self._fixed = fixed(url)
        self._names = LOOPBACK | {urlsplit(url).hostname}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def told(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in self._fixed.items():
                    headers.setdefault(name, value)
            await send(message)

        if self._knows(scope):
            await self._app(scope, receive, told)
        else:
            await _UNKNOWN(scope, receive, told)

    def _knows(self, scope: Scope) -> bool:
        headers = Headers(scope=scope)
        if scope["path"] in PROBES:
            return True
        # A scraper asks by the name that it knows; another site's page has no token to send.
        if scope["path"] == "/metrics" and "authorization" in headers:
            return True
        hosts = headers.getlist("host")
        return len(hosts) == 1 and host_of(hosts[0]) in self._names


_UNKNOWN = PlainTextResponse(
    "This is not the address of this portal. Its operator sets it with VOXTRUDE_PUBLIC_URL "
    "or VOXTRUDE_PUBLIC_HOST.\n",
    status_code=400,
)
