"""OctoPrint's REST API, as far as the MQTT plugin is set up through it.

The API key is used for one visit and kept nowhere. The address comes from a person and may lead
anywhere: only four fixed paths are asked, no redirect is followed, answers are small and checked,
and nothing of them is ever shown.
"""

import asyncio
import json
import ssl
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import httpx

from services.skill.onboarding.addresses import Address, Place, Ports, parsed, resolved
from services.skill.onboarding.obstacles import Obstacle

TIMEOUT = 5.0  # seconds for one call
SAVING = 15.0  # seconds; while it saves, the plugin waits for its connection to end
LARGEST = 1024 * 1024  # bytes of one answer
LONGEST_KEY = 200  # characters; OctoPrint's have 32 to 43

_ASK, _SAVE = "GET", "POST"
_USER = "/api/currentuser"
_SETTINGS = "/api/settings"
_PLUGIN = "/plugin/pluginmanager/plugins/mqtt"
_VERSIONS = "/plugin/pluginmanager/plugins/versions"
_SECRET = "password"  # noqa: S105  (the name of a key)

_STATUSES: Mapping[int, str] = {
    401: "login",
    403: "wrong-key",
    407: "login",
    502: "not-running",
    503: "not-running",  # OctoPi's proxy, while OctoPrint does not run
    504: "not-running",
}


@dataclass(frozen=True, slots=True)
class _Answer:
    status: int
    body: Any

    @property
    def is_ok(self) -> bool:
        return self.status == httpx.codes.OK


class OctoPrint:
    """One OctoPrint, for one visit; open it with ``visited``."""

    def __init__(self, client: httpx.AsyncClient, place: Place, addresses: list[Address]) -> None:
        self._client = client
        self._place = place
        self._addresses = addresses

    async def check(self) -> None:
        """Return if the plugin is there and the key may set it up.

        Raises:
            Obstacle: Why not.
        """
        user = _expected(await self._ask(_USER))
        if "groups" not in user:
            raise Obstacle("not-octoprint")
        if user.get("name") is None:  # a guest: OctoPrint says so, and not that the key is wrong
            raise Obstacle("wrong-key")
        # Asked beforehand: by the time that it refused to save, the printer had a new key.
        permissions = user.get("permissions")
        if isinstance(permissions, list) and not {"ADMIN", "SETTINGS"} & {*map(str, permissions)}:
            raise Obstacle("no-permission")
        settings = await self._ask(_SETTINGS)
        if settings.status == httpx.codes.FORBIDDEN:
            raise Obstacle("no-read-permission")
        if _plugin(_expected(settings)) is None:
            raise Obstacle(await self._why_no_plugin())

    async def save(self, plugin: Mapping[str, object]) -> None:
        """Save ``plugins.mqtt``; what it does not name stays as it is.

        OctoPrint does not tell whether the broker lets the plugin in.

        Raises:
            Obstacle: It did not save it, as far as we know.
        """
        answer = await self._call(_SAVE, _SETTINGS, SAVING, {"plugins": {"mqtt": plugin}})
        if answer.status == httpx.codes.FORBIDDEN:
            raise Obstacle("no-permission")
        if answer.status == httpx.codes.BAD_REQUEST:  # the key is gone: "CSRF validation failed"
            raise Obstacle("wrong-key")
        kept = _plugin(_expected(answer))
        if kept is None or not _holds(kept, plugin):
            raise Obstacle("not-kept")

    async def _why_no_plugin(self) -> str:
        """Tell what is the matter with the plugin, as far as this key may know."""
        answer = await self._ask(_PLUGIN)
        found = answer.body.get("plugin") if isinstance(answer.body, dict) else None
        if answer.is_ok and isinstance(found, dict):
            pending = found.get("pending_install") or found.get("pending_enable")
            return "plugin-pending" if pending or found.get("enabled") else "plugin-disabled"
        if answer.status == httpx.codes.FORBIDDEN:
            versions = await self._ask(_VERSIONS)
            if versions.is_ok and isinstance(versions.body, dict) and "mqtt" in versions.body:
                return "plugin-pending"
        return "plugin-missing"

    async def _ask(self, path: str) -> _Answer:
        return await self._call(_ASK, path, TIMEOUT)

    async def _call(
        self, method: str, path: str, seconds: float, body: Mapping[str, object] | None = None
    ) -> _Answer:
        """Ask once; of several addresses the first that somebody listens on.

        Raises:
            Obstacle: There is no answer, or none that OctoPrint would give.
        """
        last = Obstacle("unreachable")
        for address in self._addresses:
            try:
                async with asyncio.timeout(seconds):
                    return await self._once(method, path, address, body)
            except httpx.ConnectError as error:
                last = Obstacle(_why_unreachable(error))
            except httpx.ConnectTimeout:
                last = Obstacle("unreachable")
            except (TimeoutError, httpx.TimeoutException):
                raise Obstacle("timeout") from None
            except httpx.HTTPError:  # it broke off, or speaks something else
                raise Obstacle("not-octoprint") from None
        raise last

    async def _once(
        self, method: str, path: str, address: Address, body: Mapping[str, object] | None
    ) -> _Answer:
        place = self._place
        url = httpx.URL(
            scheme=place.scheme, host=str(address), port=place.port, path=place.prefix + path
        )
        request = self._client.build_request(
            method,
            url,
            json=body,
            headers={"Host": place.authority},
            extensions={"sni_hostname": place.host},
        )
        answer = await self._client.send(request, stream=True)
        try:
            if answer.is_redirect:
                raise Obstacle("redirect")
            return _Answer(answer.status_code, _read(await _content(answer)))
        finally:
            await answer.aclose()


@asynccontextmanager
async def visited(
    address: str, api_key: str, ours: Ports, trust: ssl.SSLContext | None = None
) -> AsyncIterator[OctoPrint]:
    """Open the OctoPrint at an address; ``ours`` are the ports of our own services.

    Raises:
        Obstacle: The address or the key cannot be.
    """
    place = parsed(address)
    key = api_key.strip()
    if not key or len(key) > LONGEST_KEY or not key.isascii() or not key.isprintable():
        raise Obstacle("api-key")
    if " " in key:
        raise Obstacle("api-key")
    addresses = await resolved(place, ours)
    async with httpx.AsyncClient(
        verify=trust or ssl.create_default_context(),
        follow_redirects=False,
        trust_env=False,  # a proxy would resolve the name again, and a .netrc knows passwords
        timeout=SAVING,
        headers={"X-Api-Key": key, "Accept": "application/json", "Accept-Encoding": "identity"},
    ) as client:
        yield OctoPrint(client, place, addresses)


async def _content(answer: httpx.Response) -> bytes:
    if answer.headers.get("content-encoding", "identity") != "identity":
        raise Obstacle("not-octoprint")  # we did not ask for it; it may unpack to anything
    content = bytearray()
    async for part in answer.aiter_raw():
        content += part
        if len(content) > LARGEST:
            raise Obstacle("too-large")
    return bytes(content)


def _read(content: bytes) -> Any:  # noqa: ANN401  (whatever JSON holds)
    try:
        return json.loads(content)
    except (ValueError, RecursionError):
        return None


def _expected(answer: _Answer) -> Mapping[str, Any]:
    """Return an answer that has to be an object."""
    if answer.is_ok and isinstance(answer.body, dict):
        return answer.body
    is_its_own = answer.status >= httpx.codes.INTERNAL_SERVER_ERROR
    raise Obstacle(_STATUSES.get(answer.status, "failed" if is_its_own else "not-octoprint"))


def _plugin(settings: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """Return the plugin's settings; they are there if and only if it is loaded."""
    plugins = settings.get("plugins")
    if not isinstance(plugins, dict):
        raise Obstacle("not-octoprint")
    found = plugins.get("mqtt")
    return found if isinstance(found, dict) else None


def _holds(kept: Mapping[str, Any], wanted: Mapping[str, object]) -> bool:
    """Tell whether everything that was wanted is kept; a secret may be hidden from us."""
    for key, value in wanted.items():
        found = kept.get(key)
        if isinstance(value, Mapping):
            if not _holds(found if isinstance(found, dict) else {}, value):
                return False
        elif key != _SECRET and found != value:
            return False
    return True


def _why_unreachable(error: BaseException | None) -> str:
    """Tell whether there was no connection at all, or whether it could not be made safe."""
    while error is not None:
        if isinstance(error, ssl.SSLCertVerificationError):
            return "certificate"
        if isinstance(error, ssl.SSLError):
            return "no-tls"
        error = error.__cause__ or error.__context__
    return "unreachable"
