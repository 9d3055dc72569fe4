"""Connections: chunks are cut out of the stream within bounds, and slow clients do not pile up.

asyncua keeps whatever a chunk's header announces (2 GiB), copies it anew with every packet,
and writes without end to clients that do not read.
"""

import asyncio
from collections import deque
from typing import Any

import structlog
from asyncua import ua
from asyncua.ua.status_codes import StatusCodes
from asyncua.ua.ua_binary import header_from_binary

from services.opcua_bridge.stack.channels import refusal
from services.opcua_bridge.stack.core import Core
from services.opcua_bridge.stack.decoding import Bounded
from services.opcua_bridge.stack.endpoints import Endpoint
from services.opcua_bridge.stack.processor import Processor

STANDS_ON = {
    "asyncua.ua.ua_binary:header_from_binary": "1dc467770424b828",
}

_log = structlog.get_logger(__name__)

HEADER = 8  # bytes: kind, final or not, size
SECURE_HEADER = 12  # bytes: with the channel
AHEAD = 4  # chunks that are read ahead of the one that is answered
UNREAD = 256 * 1024  # bytes that wait for the client until it is not answered further
LINGER = 2.0  # seconds that a client has for reading the last words
_KINDS = {
    ua.MessageType.Hello: HEADER,
    ua.MessageType.SecureOpen: SECURE_HEADER,
    ua.MessageType.SecureMessage: SECURE_HEADER,
    ua.MessageType.SecureClose: SECURE_HEADER,
}
_ENDS = (ua.ChunkType.Single, ua.ChunkType.Intermediate, ua.ChunkType.Abort)


class MalformedError(Exception):
    """What came is no chunk that we take."""


class Chunks:
    """Cuts chunks of at most ``largest`` bytes out of a stream."""

    def __init__(self, largest: int) -> None:
        self._largest = largest
        self._rest = bytearray()

    def feed(self, data: bytes) -> list[tuple[ua.Header, Bounded]]:
        """Return the chunks that are complete now.

        Raises:
            MalformedError: The header of the next one is out of bounds.
        """
        rest, found = self._rest, []
        rest += data
        while len(rest) >= HEADER:
            size = int.from_bytes(rest[4:8], "little")
            least = _KINDS.get(bytes(rest[:3]))
            if least is None or not least < size <= self._largest or rest[3:4] not in _ENDS:
                raise MalformedError
            if len(rest) < size:
                break
            buffer = Bounded(bytes(rest[:size]))
            del rest[:size]
            found.append((header_from_binary(buffer), buffer))
        return found


class Line(asyncio.Protocol):
    """One client's connection."""

    def __init__(self, core: Core, endpoint: Endpoint, lines: set["Line"]) -> None:
        self.address = ""
        self._core = core
        self._endpoint = endpoint
        self._lines = lines
        self._chunks = Chunks(core.limits.chunk)
        self._waiting: deque[tuple[ua.Header, Bounded]] = deque()
        self._arrived = asyncio.Event()
        self._writable = asyncio.Event()
        self._writable.set()
        self._task: asyncio.Task[None] | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._transport: asyncio.Transport
        self._processor: Processor

    # What the processor needs.

    def get_extra_info(self, name: str) -> Any:  # noqa: ANN401 - as asyncio's
        """Return what the transport knows."""
        return self._transport.get_extra_info(name)

    @property
    def unsent(self) -> int:
        """How many bytes wait for the client to read."""
        return self._transport.get_write_buffer_size()

    def send(self, data: bytes) -> None:
        """Send; a client that leaves too much unread is left."""
        if self._transport.is_closing():
            return
        self._transport.write(data)
        if self.unsent > self._core.limits.unsent:
            _log.warning("a client does not read what it asked for", address=self.address)
            self._transport.abort()

    def seat(self, *, active: bool) -> None:
        """Wait for an active session, or stop waiting."""
        self._core.seated(self, active=active)
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if not active and not self._transport.is_closing():
            loop = asyncio.get_running_loop()
            self._timer = loop.call_later(self._core.limits.activation, self.end)

    def end(self) -> None:
        """Close, at the latest when the client has had time to read the last words."""
        if not self._transport.is_closing():
            self._transport.close()
            asyncio.get_running_loop().call_later(LINGER, self._transport.abort)

    def abort(self) -> None:
        """Close at once."""
        self._transport.abort()

    # What asyncio calls.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin, if there is room."""
        assert isinstance(transport, asyncio.Transport)  # noqa: S101 - a TCP server's transports are
        self._transport = transport
        transport.set_write_buffer_limits(UNREAD)
        peer = transport.get_extra_info("peername")
        self.address = str(peer[0]) if peer else ""
        if not self._core.welcome(self, self.address):
            self.send(refusal(StatusCodes.BadTcpServerTooBusy))
            self.end()
            return
        self._lines.add(self)
        self._processor = Processor(self._core, self._endpoint, self)
        self.seat(active=False)
        self._task = asyncio.create_task(self._run())

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - why does not matter
        """End."""
        self._lines.discard(self)
        self._core.connections.pop(self, None)
        if self._timer is not None:
            self._timer.cancel()
        if self._task is not None:
            self._task.cancel()

    def data_received(self, data: bytes) -> None:
        """Take what has come, and no more than can be answered soon."""
        if self._task is None or self._transport.is_closing():
            return
        try:
            self._waiting += self._chunks.feed(data)
        except MalformedError:
            self.end()
            return
        self._arrived.set()
        if len(self._waiting) > AHEAD:
            self._transport.pause_reading()

    def pause_writing(self) -> None:
        """Answer no further requests of a client that does not read."""
        self._writable.clear()

    def resume_writing(self) -> None:
        """Go on."""
        self._writable.set()

    async def _run(self) -> None:
        try:
            going = True
            while going:
                header, body = await self._next()
                await self._writable.wait()
                going = await self._processor.process(header, body)
                if self._waiting:
                    await asyncio.sleep(0)  # the others' turn
        finally:
            self.end()
            await self._processor.close()

    async def _next(self) -> tuple[ua.Header, Bounded]:
        while not self._waiting:
            self._transport.resume_reading()
            self._arrived.clear()
            await self._arrived.wait()
        return self._waiting.popleft()
