"""The publish loop of an OPC UA client in as little processor time as Python allows.

Ten clients that take 10,000 notifications a second share a core with whatever else runs: with
a library's own decoding they, and not the server, would be what is measured. So they open
their sessions and monitored items with asyncua, and take the socket over from it. Only the
notifications of a load are read here, unencrypted: doubles with a source timestamp. Anything
else is left to asyncua's decoder, and the first messages are decoded by both and compared.

Binary forms: OPC 10000-6, 5.2 and 6.7; services: OPC 10000-4, 5.14.
"""

import asyncio
import struct
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from asyncua import ua
from asyncua.client.ua_client import UASocketProtocol
from asyncua.common.utils import Buffer
from asyncua.ua.ua_binary import nodeid_from_binary, nodeid_to_binary, struct_from_binary

PUBLISH_REQUEST = 826
PUBLISH_RESPONSE = 829
SERVICE_FAULT = 397
DATA_CHANGE = 811
EPOCH = 116_444_736_000_000_000  # 1970 in ticks of 100 ns since 1601
TICKS = 1_000  # in a bucket of latencies
BUCKETS_PER_MS = 10
OUTSTANDING = 4  # publish requests that each client has at the server
COMPARED = 3  # messages of each client that asyncua decodes as well, the first ones

_CHUNK = struct.Struct("<3scIIIII")  # type, last?, size, channel, token, sequence, request
_RESPONSE = struct.Struct("<BBHqIIB")  # type, time, handle, result, no diagnostics
_TYPE = struct.Struct("<BBHBi")  # of an ExtensionObject: four-byte NodeId, encoding, length
_COUNT = struct.Struct("<i")
_SUBSCRIPTION = struct.Struct("<I")
_MESSAGE = struct.Struct("<?Iq")  # more to come, sequence number, publish time
_DOUBLE = 11
_FINAL, _MORE = b"F", b"C"
_FOUR_BYTES = 1

Row = tuple[int, float, int]
"""Client handle, value, and source timestamp in ticks since 1601."""

Message = tuple[int, Sequence[Sequence[Row]]]
"""Sequence number, 0 for a keep-alive, and the rows of each notification."""


@dataclass(slots=True)
class Tally:
    """What arrived at one client: counts, and latencies in buckets of 0.1 ms."""

    notifications: int = 0
    messages: int = 0
    lost: int = 0
    other: int = 0
    """Messages that only asyncua could decode, such as first values that are no numbers."""

    latencies: Counter[int] = field(default_factory=Counter)


class Publisher(asyncio.Protocol):
    """One client's side of its connection from the first publish request on.

    ``items`` is how many monitored items it has; their client handles count from 0. Each
    variable counts up, so that a step of more than one tells of a lost value.
    """

    def __init__(self, asyncuas: UASocketProtocol, subscription: int, items: int) -> None:
        transport = asyncuas.transport
        if transport is None:
            raise ConnectionError("the connection is closed")
        connection = asyncuas._connection  # noqa: SLF001  (asyncua has no door to its channel)
        self.tally = Tally()
        self.compared = 0
        self.closed = False
        self.fault: str | None = None
        self._transport: asyncio.WriteTransport = transport
        self._channel = connection.security_token.ChannelId
        self._token = connection.security_token.TokenId
        self._sequence = connection._sequence_number  # noqa: SLF001  (as above)
        self._request = asyncuas._request_id  # noqa: SLF001  (as above)
        self._session = nodeid_to_binary(asyncuas.authentication_token)
        self._subscription = subscription
        self._last = [-1.0] * items
        self._received = bytearray()
        self._body = b""
        self._layouts: dict[int, struct.Struct] = {}
        transport.set_protocol(self)
        for _ in range(OUTSTANDING):
            self._publish(None)

    def take(self) -> Tally:
        """Return what has arrived since the last time."""
        taken, self.tally = self.tally, Tally()
        return taken

    @property
    def silent(self) -> int:
        """How many monitored items have not told a number yet."""
        return self._last.count(-1.0)

    def vanish(self) -> None:
        """Be gone as a client whose machine lost its power: no goodbye."""
        self._transport.abort()

    # asyncio's side.

    def data_received(self, data: bytes) -> None:
        """Read the chunks that are complete."""
        received = self._received
        received += data
        start = 0
        while len(received) - start >= _CHUNK.size:
            kind, last, size, *_ = _CHUNK.unpack_from(received, start)
            if len(received) - start < size:
                break
            if kind != b"MSG" or last not in {_FINAL, _MORE}:
                self._fail(f"a {kind!r} chunk, {last!r}")
                return
            self._body += received[start + _CHUNK.size : start + size]
            start += size
            if last == _FINAL:
                body, self._body = self._body, b""
                self._response(body)
        del received[:start]

    def connection_lost(self, exc: Exception | None) -> None:
        """Remember that it is over."""
        self.closed = True
        if exc is not None:
            self.fault = self.fault or repr(exc)

    def _fail(self, why: str) -> None:
        self.fault = why
        self._transport.abort()

    # OPC UA's side.

    def _publish(self, received: int | None) -> None:
        """Ask for the next notifications, and acknowledge those that were ``received``."""
        self._request += 1
        self._sequence += 1
        parts = [
            struct.pack("<BBH", _FOUR_BYTES, 0, PUBLISH_REQUEST),
            self._session,
            # No time, no diagnostics, no audit entry, no timeout, no additional header.
            struct.pack("<qIIiIBBB", 0, self._request, 0, -1, 0, 0, 0, 0),
            _COUNT.pack(0)
            if received is None
            else struct.pack("<iII", 1, self._subscription, received),
        ]
        size = _CHUNK.size + sum(map(len, parts))
        head = (b"MSG", _FINAL, size, self._channel, self._token, self._sequence, self._request)
        self._transport.write(b"".join([_CHUNK.pack(*head), *parts]))

    def _response(self, body: bytes) -> None:
        now = time.time_ns() // 100 + EPOCH
        _, _, type_, _, _, result, _ = _RESPONSE.unpack_from(body)
        if type_ != PUBLISH_RESPONSE or result:
            name = ua.StatusCode(result).name
            self._fail(f"{'fault' if type_ == SERVICE_FAULT else f'type {type_}'}: {name}")
            return
        sequence, blocks = self._rows(body)
        self._publish(sequence or None)
        for rows in blocks:
            self._count(rows, now)

    def _rows(self, body: bytes) -> Message:
        """Return what a publish response says."""
        try:
            found = self._fast(body)
        except _OtherFormError:
            self.tally.other += 1
            return _slow(body)
        if found[1] and self.compared < COMPARED:
            self._compare(found, _slow(body))
        return found

    def _fast(self, body: bytes) -> Message:
        at = _RESPONSE.size
        (strings,) = _COUNT.unpack_from(body, at)
        # An empty table of strings, and no additional header.
        if strings > 0 or body[at + 4 : at + 7] != b"\0\0\0":
            raise _OtherFormError
        at += 7 + _SUBSCRIPTION.size
        (available,) = _COUNT.unpack_from(body, at)
        at += 4 + 4 * max(available, 0)
        _, sequence, _ = _MESSAGE.unpack_from(body, at)
        at += _MESSAGE.size
        (count,) = _COUNT.unpack_from(body, at)
        at += 4
        blocks = []
        for _ in range(max(count, 0)):
            *_, type_, encoding, length = _TYPE.unpack_from(body, at)
            at += _TYPE.size
            if type_ != DATA_CHANGE or encoding != 1:
                raise _OtherFormError
            blocks.append(self._changes(body[at : at + length]))
            at += length
        return (sequence, blocks) if blocks else (0, ())

    def _changes(self, block: bytes) -> Sequence[Row]:
        """Return the rows of a DataChangeNotification whose values are all of one form."""
        (count,) = _COUNT.unpack_from(block)
        if count < 1:
            return ()
        mask, type_ = block[8], block[9]
        layout = self._layouts.get(mask) or self._layouts.setdefault(mask, _layout(mask))
        end = 4 + count * layout.size
        # Behind it stands an empty list of diagnostics.
        if type_ != _DOUBLE or len(block) != end + 4:
            raise _OtherFormError
        rows = []
        for handle, mask_, kind, value, stamp in layout.iter_unpack(memoryview(block)[4:end]):
            if mask_ != mask or kind != _DOUBLE:
                raise _OtherFormError
            rows.append((handle, value, stamp))
        return rows

    def _count(self, rows: Sequence[Row], now: int) -> None:
        tally, last = self.tally, self._last
        latencies = tally.latencies
        for handle, value, stamp in rows:
            before = last[handle]
            last[handle] = value
            # The first value is as old as the variable.
            if before >= 0:
                latencies[(now - stamp) // TICKS] += 1
                if value != before + 1:
                    tally.lost += max(int(value - before) - 1, 0)
        tally.notifications += len(rows)
        tally.messages += 1

    def _compare(self, mine: Message, theirs: Message) -> None:
        """Hold what was read here against what asyncua reads."""
        if _rounded(mine) != _rounded(theirs):
            self._fail("asyncua reads other values in the same message")
        self.compared += 1


class _OtherFormError(Exception):
    """The message has a form that a load does not consist of."""


def _layout(mask: int) -> struct.Struct:
    """Return how a notification lies in the message: handle, mask, type, double, timestamp.

    Raises:
        _OtherFormError: A value, or its source timestamp, is missing.
    """
    if mask & 0x05 != 0x05:  # noqa: PLR2004  (the bits of Part 6, table 26)
        raise _OtherFormError
    status = "4x" if mask & 0x02 else ""
    picoseconds = "2x" if mask & 0x10 else ""
    server = ("8x" if mask & 0x08 else "") + ("2x" if mask & 0x20 else "")
    return struct.Struct(f"<IBBd{status}q{picoseconds}{server}")


def _slow(body: bytes) -> Message:
    """Read a message with asyncua; values that are no numbers are left out."""
    buffer = Buffer(body)
    if nodeid_from_binary(buffer.copy()) != ua.FourByteNodeId(ua.Int32(PUBLISH_RESPONSE)):
        raise ConnectionError("no answer to a publish request")
    message = struct_from_binary(ua.PublishResponse, buffer).Parameters.NotificationMessage
    blocks: list[list[Row]] = [
        [
            (item.ClientHandle, item.Value.Value.Value, _ticks(item.Value.SourceTimestamp))
            for item in block.MonitoredItems
            if item.Value.Value is not None
            and item.Value.SourceTimestamp is not None
            and isinstance(item.Value.Value.Value, float)
        ]
        for block in message.NotificationData or ()
        if isinstance(block, ua.DataChangeNotification)
    ]
    return (message.SequenceNumber, blocks) if message.NotificationData else (0, ())


def _rounded(message: Message) -> list[list[Row]]:
    """Return the rows to the microsecond, with which asyncua's datetimes end."""
    return [[(handle, value, stamp // 10) for handle, value, stamp in rows] for rows in message[1]]


def _ticks(moment: datetime) -> int:
    since = moment.replace(tzinfo=moment.tzinfo or UTC) - datetime(1970, 1, 1, tzinfo=UTC)
    return since // timedelta(microseconds=1) * 10 + EPOCH
