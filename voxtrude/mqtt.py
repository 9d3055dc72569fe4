"""The only door to paho-mqtt: a broker session as an async context manager.

paho runs on our event loop, without a thread: the loop watches its socket. Every error
leaves as LinkError or SetupError, and a broken link ends the session, so that an
acknowledgement can only ever go to the connection its message came from.
"""

import asyncio
import socket
import ssl
import time
from collections import deque
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

from paho.mqtt.client import (
    MQTT_CLEAN_START_FIRST_ONLY,
    Client,
    ConnectFlags,
    DisconnectFlags,
    MQTTMessage,
)
from paho.mqtt.enums import CallbackAPIVersion, MQTTErrorCode, MQTTProtocolVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode
from paho.mqtt.subscribeoptions import SubscribeOptions

from voxtrude.errors import LinkError, SetupError
from voxtrude.settings import Mqtt

TIMEOUT = 10.0
BURST = 256  # packets read before the loop may do something else
RECEIVE_MAXIMUM = 4000  # messages the broker may send ahead of our acknowledgements
# Above these we stop reading, and TCP slows the broker. Receive Maximum alone does not:
# Mosquitto before 2.0.15 answers each acknowledgement with as many messages as it allows.
BACKLOG_MESSAGES = 4000
BACKLOG_BYTES = 4 * 1024 * 1024
SESSION_SECONDS = 7 * 24 * 3600

REFUSED = frozenset({"Not authorized", "Bad user name or password", "Banned"})


@dataclass(frozen=True, slots=True)
class Delivery:
    """One message as the broker delivered it.

    ``duplicate`` tells that the broker sent it before, on a connection that broke;
    ``mid`` is then the same as before. ``received_at`` is seconds since 1970.
    """

    topic: str
    payload: bytes
    retained: bool
    duplicate: bool
    qos: int
    mid: int
    received_at: float


@dataclass(frozen=True, slots=True)
class Will:
    """What the broker says for us, retained, when our connection breaks."""

    topic: str
    payload: bytes


class Connection:
    """A live session with the broker; made by ``connect``."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self._loop = asyncio.get_running_loop()
        self._socket: Any = None  # a socket or an SSL socket; paho's type is private
        self._backlog: deque[Delivery] = deque()
        self._backlog_bytes = 0
        self._paused = False
        self._closing = False
        self._received = 0
        self._changed = asyncio.Event()
        self._lost: LinkError | None = None
        self._opened: asyncio.Future[bool] = self._loop.create_future()
        self._answers: dict[tuple[str, int], asyncio.Future[list[ReasonCode]]] = {}
        self.session_present = False
        client.on_connect = self._on_connect
        client.on_disconnect = self._on_disconnect
        # Before paho closes a socket: the loop would take the next one with the same number
        # for one that it watches already, and never read it.
        client.on_socket_close = lambda _c, _u, _socket: self._forget_socket()
        client.on_message = self._on_message
        client.on_publish = lambda _c, _u, mid, code, _p: self._answer("publish", mid, [code])
        client.on_subscribe = lambda _c, _u, mid, codes, _p: self._answer("subscribe", mid, codes)
        client.on_unsubscribe = lambda _c, _u, mid, codes, _p: self._answer(
            "unsubscribe", mid, codes
        )

    # What services use ----------------------------------------------------------------

    async def subscribe(self, *filters: str, own: bool = False) -> None:
        """Subscribe at QoS 1; with ``own`` to what we publish ourselves, too.

        A filter that the session already had brings no retained messages again.

        Raises:
            SetupError: The broker does not let us.
            LinkError: The broker went away.
        """
        if not filters:
            return
        options = SubscribeOptions(
            qos=1, noLocal=not own, retainHandling=SubscribeOptions.RETAIN_SEND_IF_NEW_SUB
        )
        self._check_lost()
        code, mid = self._client.subscribe([(name, options) for name in filters])
        codes = await self._answered("subscribe", code, mid)
        for name, answer in zip(filters, codes, strict=False):
            if answer.is_failure:
                raise SetupError(f"the broker does not let us subscribe to {name}: {answer}")

    def unsubscribe(self, *filters: str) -> None:
        """Give subscriptions up, as soon as the broker comes to it.

        Raises:
            LinkError: The broker went away.
        """
        if not filters:
            return
        self._check_lost()
        code, mid = self._client.unsubscribe(list(filters))
        self._expect("unsubscribe", code, mid)

    async def take(self, limit: int, patience: float | None = None) -> list[Delivery]:
        """Wait for a message, then return all that are there, at most ``limit``.

        After ``patience`` seconds without one the answer is empty.

        Raises:
            LinkError: The broker went away; what was not acknowledged comes again.
        """
        try:
            async with asyncio.timeout(patience):
                while not self._backlog:
                    self._check_lost()
                    self._changed.clear()
                    await self._changed.wait()
        except TimeoutError:
            return []
        self._check_lost()
        if len(self._backlog) <= limit:
            taken = list(self._backlog)
            self._backlog.clear()
            self._backlog_bytes = 0
        else:
            taken = [self._backlog.popleft() for _ in range(limit)]
            self._backlog_bytes -= sum(len(delivery.payload) for delivery in taken)
        if self._paused and not self._is_full(2):
            self._paused = False
            self._loop.add_reader(self._socket, self._readable)
            self._loop.call_soon(self._readable)  # what TLS has decrypted is not announced again
        return taken

    async def deliveries(self) -> AsyncIterator[Delivery]:
        """Yield messages one by one and acknowledge each once it was handled."""
        while True:
            for delivery in await self.take(BURST):
                yield delivery
                self.acknowledge([delivery])

    def acknowledge(self, deliveries: Iterable[Delivery]) -> None:
        """Tell the broker that these need not come again; a lost link makes it a no-op."""
        if self._lost or self._closing:
            return
        for delivery in deliveries:
            if delivery.qos:
                self._client.ack(delivery.mid, delivery.qos)
        self._watch_writable()

    async def publish(
        self, topic: str, payload: bytes, *, qos: int = 1, retain: bool = False
    ) -> None:
        """Publish, and return once the broker has taken the message over.

        Raises:
            LinkError: The broker went away, or refused the message.
        """
        self._check_lost()
        info = self._client.publish(topic, payload, qos=qos, retain=retain)
        if qos == 0:
            self._watch_writable()
            return
        for answer in await self._answered("publish", info.rc, info.mid):
            if answer.is_failure:
                raise LinkError(f"the broker refused a message on {topic}: {answer}")

    def send(
        self, topic: str, payload: bytes, *, retain: bool = False
    ) -> "asyncio.Future[list[ReasonCode]]":
        """Publish at QoS 1; the future ends when the broker has taken the message over.

        It fails with LinkError when the connection breaks first. Messages and
        acknowledgements reach the broker in the order in which they were made.

        Raises:
            LinkError: The broker went away.
        """
        self._check_lost()
        info = self._client.publish(topic, payload, qos=1, retain=retain)
        return self._expect("publish", info.rc, info.mid)

    @property
    def waiting(self) -> int:
        """How many messages were received and not yet taken."""
        return len(self._backlog)

    # How it lives ---------------------------------------------------------------------

    async def open(
        self, host: str, port: int, keep_alive: int, properties: Properties | None
    ) -> None:
        """Connect and return once the broker has let us in; only MQTT 5 has properties."""
        try:
            await asyncio.to_thread(
                self._client.connect,
                host,
                port,
                keep_alive,
                # MQTT 3 tells in its client's settings whether the session is a clean one.
                clean_start=self._clean if properties else MQTT_CLEAN_START_FIRST_ONLY,
                properties=properties,
            )
        except ssl.SSLError as error:
            raise SetupError(
                f"the broker at {host}:{port} has no certificate that we trust: "
                f"{error.reason or error}"
            ) from error
        except (OSError, ValueError) as error:
            raise LinkError(f"no broker at {host}:{port}: {error}") from error
        self._socket = self._client.socket()
        if self._socket is None:
            raise LinkError(f"no broker at {host}:{port}: it closed the connection")
        # Nagle would hold an answer back until the broker's delayed acknowledgement, 40 ms.
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._loop.add_reader(self._socket, self._readable)
        self._watch_writable()
        self._tick()
        try:
            async with asyncio.timeout(TIMEOUT):
                self.session_present = await self._opened
        except SetupError as error:
            if properties is None:  # a printer: it has no such settings
                raise
            raise SetupError(
                f"{error}; check VOXTRUDE_MQTT_USERNAME and VOXTRUDE_MQTT_PASSWORD, "
                "or render the broker's files again"
            ) from None
        except TimeoutError:
            raise LinkError(f"the broker at {host}:{port} does not answer") from None

    _clean = True

    def persist(self) -> None:
        """Ask the broker to keep our subscriptions and messages while we are away."""
        self._clean = False

    async def close(self) -> None:
        """Say goodbye, so that the broker does not publish our will."""
        if self._socket is None:
            return
        self._closing = True
        if not self._lost:
            self._client.disconnect()
            deadline = self._loop.time() + 1
            while self._client.want_write() and self._loop.time() < deadline:
                self._client.loop_write()
                await asyncio.sleep(0)
        self._forget_socket()
        self._lose("closed by us")

    def abort(self) -> None:
        """Break the connection without a goodbye: the broker publishes our will."""
        if self._socket is None or self._lost:
            return
        self._closing = True
        self._forget_socket()
        self._socket.close()
        self._lose("broken by us")

    async def lost(self) -> NoReturn:
        """Wait until the link breaks.

        Raises:
            LinkError: It did.
        """
        while True:
            self._check_lost()
            self._changed.clear()
            await self._changed.wait()

    @property
    def is_congested(self) -> bool:
        """Whether the broker takes what we publish more slowly than we do."""
        return not self._lost and self._client.want_write()

    def _tick(self) -> None:
        """Keep the connection alive once a second."""
        if self._lost:
            return
        code = self._client.loop_misc()
        if code is not MQTTErrorCode.MQTT_ERR_SUCCESS:
            self._lose(_words(code))
            return
        self._watch_writable()
        self._loop.call_later(1.0, self._tick)

    def _readable(self) -> None:
        """Read what is there, but not so much that nobody else has a turn.

        paho reads one packet a call, or as many as messages of ours are under way.
        """
        start = self._received
        more = True
        while more and self._received - start < BURST and not self._is_full():
            before = self._received
            code = self._client.loop_read()
            if code is not MQTTErrorCode.MQTT_ERR_SUCCESS:
                self._lose(_words(code))
                return
            more = self._received != before
        if self._lost:
            return
        if self._is_full():
            if not self._paused:
                self._paused = True
                self._loop.remove_reader(self._socket)
        elif more:
            # TLS may hold decrypted packets that the socket does not announce again.
            self._loop.call_soon(self._readable)
        self._watch_writable()

    def _is_full(self, part: int = 1) -> bool:
        """Tell whether the backlog exceeds its limits, or a ``part`` of them."""
        return (
            len(self._backlog) > BACKLOG_MESSAGES // part
            or self._backlog_bytes > BACKLOG_BYTES // part
        )

    def _watch_writable(self) -> None:
        if not self._lost and self._client.want_write():
            code = self._client.loop_write()
            if code is not MQTTErrorCode.MQTT_ERR_SUCCESS:
                self._lose(_words(code))
            elif self._client.want_write():
                self._loop.add_writer(self._socket, self._writable)

    def _writable(self) -> None:
        self._loop.remove_writer(self._socket)
        self._watch_writable()

    def _forget_socket(self) -> None:
        if self._socket is not None and self._socket.fileno() >= 0:
            self._loop.remove_reader(self._socket)
            self._loop.remove_writer(self._socket)

    # What paho calls, always on our loop ------------------------------------------------

    def _on_connect(
        self, _client: Client, _data: object, flags: ConnectFlags, code: ReasonCode, _p: object
    ) -> None:
        if self._opened.done():
            return
        if not code.is_failure:
            self._opened.set_result(flags.session_present)
        elif str(code) in REFUSED:
            self._opened.set_exception(
                SetupError(f"the broker refused our user name or password: {code}")
            )
        else:
            self._opened.set_exception(LinkError(f"the broker refused us: {code}"))

    def _on_disconnect(
        self, _client: Client, _data: object, _flags: DisconnectFlags, code: ReasonCode, _p: object
    ) -> None:
        self._lose(str(code))

    def _on_message(self, _client: Client, _data: object, message: MQTTMessage) -> None:
        self._received += 1
        self._backlog.append(
            Delivery(
                topic=message.topic,
                payload=bytes(message.payload),
                retained=message.retain,
                duplicate=message.dup,
                qos=message.qos,
                mid=message.mid,
                received_at=time.time(),
            )
        )
        self._backlog_bytes += len(message.payload)
        self._changed.set()

    def _answer(self, kind: str, mid: int, codes: list[ReasonCode]) -> None:
        self._received += 1
        future = self._answers.pop((kind, mid), None)
        if future and not future.done():
            future.set_result(codes)

    def _expect(
        self, kind: str, code: MQTTErrorCode, mid: int | None
    ) -> "asyncio.Future[list[ReasonCode]]":
        if code is not MQTTErrorCode.MQTT_ERR_SUCCESS or mid is None:
            raise LinkError(f"cannot {kind}: {_words(code)}")
        future: asyncio.Future[list[ReasonCode]] = self._loop.create_future()
        self._answers[kind, mid] = future
        self._watch_writable()
        return future

    async def _answered(self, kind: str, code: MQTTErrorCode, mid: int | None) -> list[ReasonCode]:
        """Wait for an answer; it may stand behind many messages that the broker has sent."""
        future = self._expect(kind, code, mid)
        while True:
            before = self._received
            await asyncio.wait([future], timeout=TIMEOUT)
            if future.done():
                return future.result()
            if self._received == before and not self._paused:
                raise LinkError(f"cannot {kind}: the broker does not answer")

    def _lose(self, reason: str) -> None:
        if self._lost:
            return
        self._lost = LinkError(f"the broker went away: {reason}")
        if not self._opened.done():
            self._opened.set_exception(self._lost)
            self._opened.exception()  # seen: nobody may wait for it any more
        for future in self._answers.values():
            if not future.done():
                future.set_exception(self._lost)
                future.exception()  # seen: who waits gets it, and nobody need wait
        self._answers.clear()
        self._changed.set()

    def _check_lost(self) -> None:
        if self._lost:
            raise self._lost


@asynccontextmanager
async def connect(
    settings: Mqtt,
    identifier: str,
    *,
    persistent: bool = False,
    will: Will | None = None,
    receive_maximum: int = RECEIVE_MAXIMUM,
    legacy: bool = False,
) -> AsyncIterator[Connection]:
    """Open a session with the broker, MQTT 5.

    With ``legacy`` it is MQTT 3.1.1, as OctoPrint speaks it: for publishers only, and
    the session is always a clean one.

    Raises:
        LinkError: The broker is not there.
        SetupError: It refused our name or password, or its certificate.
    """
    client = Client(
        CallbackAPIVersion.VERSION2,
        client_id=identifier,
        protocol=MQTTProtocolVersion.MQTTv311 if legacy else MQTTProtocolVersion.MQTTv5,
        reconnect_on_failure=False,
        manual_ack=True,
    )
    client.max_inflight_messages_set(0)
    if settings.username:
        secret = settings.password.get_secret_value() if settings.password else None
        client.username_pw_set(settings.username, secret)
    if settings.tls:
        client.tls_set_context(_tls_context(settings.ca_file))
    if will:
        client.will_set(will.topic, will.payload, qos=1, retain=True)
    connection = Connection(client)
    properties = None
    if not legacy:
        properties = Properties(PacketTypes.CONNECT)  # type: ignore[no-untyped-call]  # untyped in paho
        properties.ReceiveMaximum = receive_maximum
        if persistent:
            connection.persist()
            properties.SessionExpiryInterval = SESSION_SECONDS
    try:
        await connection.open(settings.host, settings.port, settings.keep_alive, properties)
        yield connection
    finally:
        await connection.close()


def _tls_context(ca_file: Path | None) -> ssl.SSLContext:
    try:
        return ssl.create_default_context(cafile=str(ca_file) if ca_file else None)
    except (OSError, ssl.SSLError):
        raise SetupError(f"VOXTRUDE_MQTT_CA_FILE: {ca_file} is no readable PEM file") from None


def _words(code: MQTTErrorCode) -> str:
    return code.name.removeprefix("MQTT_ERR_").replace("_", " ").lower()
