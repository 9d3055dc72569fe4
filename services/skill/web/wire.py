"""HTTP/1.1 as uvicorn speaks it, with an end to what one client can make us keep.

uvicorn's fast protocol takes a head of any length, waits without end for the rest of a request,
and reads on when it has answered already.
"""

from asyncio import BaseTransport, TimerHandle
from typing import Any, Literal, cast

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle

MAX_HEAD = 32 * 1024  # bytes of a request's first line and headers
MAX_AHEAD = 32  # requests that are sent before the first is answered
MAX_REST = 1024 * 1024  # bytes that follow a head: a body is refused long before
COMPLETE = 30.0  # seconds in which a request must have come as a whole

_TOO_LONG = b"HTTP/1.1 431 Request Header Fields Too Large\r\nconnection: close\r\n\r\n"


class _TooMuchError(Exception):
    """Told to the parser, which gives up; the client is answered 400."""


class Limited(HttpToolsProtocol):
    """One connection."""

    _part: Literal["head", "rest"] | None = None  # of a request that is not complete
    _come = 0  # bytes of this part, but for the piece that it began in
    _patience: TimerHandle | None = None

    def connection_made(self, transport: BaseTransport) -> None:
        """Begin to wait for a request."""
        super().connection_made(cast("Any", transport))
        self._wait()

    def connection_lost(self, exc: Exception | None) -> None:
        """Wait no more."""
        self._wait_no_more()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Read some more, as long as it is not too much of one request."""
        # There is none before the first request, whatever its type says.
        cycle = cast("RequestResponseCycle | None", self.cycle)
        if cycle is None or cycle.response_complete:
            self._wait()
        before = self._part
        super().data_received(data)
        if self._part is None or self._part != before or self.transport.is_closing():
            return
        self._come += len(data)
        if self._part == "head" and self._come > MAX_HEAD:
            self.transport.write(_TOO_LONG)
            self.transport.close()
        elif self._come > MAX_REST:
            self.transport.close()

    def on_message_begin(self) -> None:
        """Begin to read a head."""
        super().on_message_begin()
        self._part, self._come = "head", 0

    def on_header(self, name: bytes, value: bytes) -> None:
        """Take a header; what follows a body in chunks is none."""
        if self._part == "head":
            super().on_header(name, value)

    def on_headers_complete(self) -> None:
        """Take a whole head, if it is as short as those of all browsers."""
        self._part, self._come = "rest", 0
        length = len(self.url) + sum(len(name) + len(value) + 4 for name, value in self.headers)
        if length > MAX_HEAD or len(self.pipeline) >= MAX_AHEAD:
            raise _TooMuchError
        super().on_headers_complete()

    def on_message_complete(self) -> None:
        """Note that all of a request has come."""
        self._part = None
        self._wait_no_more()
        super().on_message_complete()

    def _wait(self) -> None:
        if self._patience is None:
            self._patience = self.loop.call_later(COMPLETE, self._give_up)

    def _wait_no_more(self) -> None:
        if self._patience is not None:
            self._patience.cancel()
            self._patience = None

    def _give_up(self) -> None:
        self._patience = None
        self.transport.close()
