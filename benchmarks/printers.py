"""OctoPrint's side of the wire, as cheap as can be: MQTT 3.1.1 over plain sockets.

A client library would cost more than what it measures. Messages are encoded before the
clock runs, and what is sent is QoS 0, as nearly everything that OctoPrint says.
"""

import contextlib
import resource
import socket
import struct
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Self

from voxtrude.registration import Registration

KEEP_ALIVE = 600  # seconds; no run is longer, so nobody has to ping
TIMEOUT = 60.0


@dataclass(frozen=True, slots=True)
class Printer:
    """A registered printer and its plain secret."""

    registration: Registration
    secret: str

    @property
    def id(self) -> str:
        """Its id, which is its user name, too."""
        return self.registration.id

    def topic(self, relative: str) -> str:
        """Return one of its topics."""
        return f"{self.registration.base_topic}{relative}"


def publish(topic: str, payload: bytes, *, retain: bool = False) -> bytes:
    """Return a PUBLISH packet of QoS 0."""
    name = topic.encode()
    body = struct.pack(">H", len(name)) + name + payload
    return bytes([0x31 if retain else 0x30]) + _length(len(body)) + body


def allow_connections(count: int) -> None:
    """Raise this process's limit of open files; the servers it starts inherit it.

    Raises:
        OSError: The system allows fewer.
    """
    wanted = count + 512
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft == resource.RLIM_INFINITY or soft >= wanted:
        return
    if hard != resource.RLIM_INFINITY and hard < wanted:
        raise OSError(f"only {hard} open files are allowed here, {wanted} are needed")
    resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


class Host:
    """One client's connection to the broker."""

    def __init__(self, port: int, username: str, secret: str, *, clean: bool = True) -> None:
        self._port = port
        self._login = username, secret
        self._clean = clean
        self._socket: socket.socket | None = None

    def connect(self) -> None:
        """Log in.

        Raises:
            OSError: There is no broker, or it does not let us in.
        """
        self.close()
        connection = socket.create_connection(("127.0.0.1", self._port), TIMEOUT)
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        username, secret = self._login
        body = b"\x00\x04MQTT\x04" + bytes([0xC2 if self._clean else 0xC0])
        body += struct.pack(">H", KEEP_ALIVE)
        for text in (username, username, secret):
            body += struct.pack(">H", len(text)) + text.encode()
        connection.sendall(b"\x10" + _length(len(body)) + body)
        answer = connection.recv(4)
        if answer[:1] != b"\x20" or answer[3:] != b"\x00":
            connection.close()
            raise ConnectionRefusedError(f"the broker does not let {username} in: {answer!r}")
        self._socket = connection

    def send(self, packets: bytes) -> None:
        """Send encoded packets; wait where the broker is busy.

        Raises:
            OSError: The connection is broken.
        """
        if self._socket is None:
            raise ConnectionResetError("not connected")
        self._socket.sendall(packets)

    def close(self) -> None:
        """Say goodbye and close."""
        if self._socket is not None:
            with contextlib.suppress(OSError):
                self._socket.sendall(b"\xe0\x00")
            self._socket.close()
            self._socket = None

    def __enter__(self) -> Self:
        """Connect."""
        self.connect()
        return self

    def __exit__(self, *_: object) -> None:
        """Close."""
        self.close()


@contextlib.contextmanager
def connected(port: int, printers: Iterable[Printer]) -> Iterator[list[Host]]:
    """Connect all ``printers``, each with its own login."""
    hosts = [Host(port, printer.id, printer.secret) for printer in printers]
    try:
        for host in hosts:
            host.connect()
        yield hosts
    finally:
        for host in hosts:
            host.close()


def _length(number: int) -> bytes:
    encoded = bytearray()
    while True:
        number, seven = divmod(number, 128)
        encoded.append(seven | 0x80 if number else seven)
        if not number:
            return bytes(encoded)
