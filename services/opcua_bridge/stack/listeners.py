"""Listeners: each serves one endpoint of a core, and comes and goes while the others serve on."""

import asyncio

import structlog

from services.opcua_bridge.stack.core import Core
from services.opcua_bridge.stack.endpoints import Endpoint
from services.opcua_bridge.stack.transport import Line
from voxtrude.errors import SetupError

_log = structlog.get_logger(__name__)


class Listener:
    """Lets clients in at an endpoint."""

    def __init__(self, core: Core, endpoint: Endpoint) -> None:
        self.endpoint = endpoint
        self._core = core
        self._lines: set[Line] = set()
        self._server: asyncio.Server | None = None

    @property
    def port(self) -> int:
        """The port that it listens on: the system's choice where the endpoint's is 0."""
        if self._server is None or not self._server.sockets:
            return self.endpoint.port
        return int(self._server.sockets[0].getsockname()[1])

    async def start(self) -> None:
        """Begin.

        Raises:
            SetupError: One cannot listen there.
        """
        loop = asyncio.get_running_loop()
        endpoint = self.endpoint
        try:
            self._server = await loop.create_server(self._line, endpoint.host, endpoint.port)
        except OSError as error:
            reason = error.strerror or str(error)
            raise SetupError(f"cannot listen on {endpoint} for OPC UA: {reason}") from None
        _log.debug("listening", endpoint=str(endpoint))

    def _line(self) -> Line:
        return Line(self._core, self.endpoint, self._lines)

    async def stop(self) -> None:
        """End, with the sessions that came this way."""
        if self._server is not None:
            self._server.close()
        for session in self._core.sessions:
            if session.endpoint is self.endpoint:
                session.end()
        for line in tuple(self._lines):
            line.abort()
        if self._server is not None:
            await self._server.wait_closed()
            self._server = None
