"""A rendered broker with printers, and clients as plain as OctoPrint's, for tests."""

import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Literal, Self

from paho.mqtt.client import Client, ConnectFlags, MQTTMessage
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode
from pydantic import SecretStr

from broker import rendering, secrets
from broker.settings import Broker
from tests.integration.servers import (
    DOCKER_UID,
    Server,
    free_port,
    mosquitto,
    mosquitto_docker,
    require_docker,
    wait_until,
)
from voxtrude.credentials import hashed, new_secret
from voxtrude.registration import Registration, Standing, new_printer_id, standard_base
from voxtrude.settings import Mqtt

Kind = Literal["native", "docker-2.1.2"]
KINDS: tuple[Kind, ...] = ("native", "docker-2.1.2")

V31 = MQTTProtocolVersion.MQTTv31
V311 = MQTTProtocolVersion.MQTTv311
V5 = MQTTProtocolVersion.MQTTv5

BORN = datetime(2026, 1, 1, tzinfo=UTC)
DEADLINE = 10.0


@dataclass(frozen=True)
class Printer:
    """A registered printer and its plain secret."""

    registration: Registration
    secret: str

    @property
    def id(self) -> str:
        return self.registration.id

    @property
    def base(self) -> str:
        return self.registration.base_topic


def printer(
    base: str | None = None, standing: Standing = Standing.ACTIVE, days: int = 0
) -> Printer:
    """Register a printer, ``days`` after the first ones."""
    identifier, secret = new_printer_id(), new_secret()
    registration = Registration(
        id=identifier,
        name="a printer",
        base_topic=base or standard_base(identifier),
        created_at=BORN + timedelta(days=days),
        alive_at=None,
        standing=standing,
        credential=hashed(secret),
    )
    return Printer(registration, secret)


@dataclass
class Site:
    """A broker's folder with its settings; a source of registrations, too."""

    kind: Kind
    settings: Broker
    printers: list[Printer] = field(default_factory=list)

    async def registrations(self) -> list[Registration]:
        return [one.registration for one in self.printers]

    def render(self) -> Path:
        return rendering.render(
            self.settings,
            "broker.example",
            [one.registration for one in self.printers],
            datetime.now(UTC),
        )

    @property
    def accounts(self) -> Path:
        return self.settings.folder / rendering.ACCOUNTS

    @property
    def batch(self) -> int:
        return rendering.mosquitto(self.settings).batch

    @contextmanager
    def run(self) -> Iterator[Server]:
        """Run the broker on the files that were rendered."""
        config = self.settings.folder / rendering.CONFIG
        if self.kind == "native":
            with mosquitto(config) as server:
                yield server
        else:
            with mosquitto_docker(self.settings.data, config) as server:
                yield server

    def service(self, name: str) -> tuple[str, str]:
        return name, secrets.load(self.settings.secrets)[name]

    def login(self, name: str) -> Mqtt:
        username, secret = self.service(name)
        return Mqtt(port=self.settings.port, username=username, password=SecretStr(secret))


def site(kind: Kind, data: Path, *printers: Printer) -> Site:
    """Prepare a broker of one of KINDS on free ports; skips where there is no such broker."""
    settings = Broker(data=data, port=free_port(), tls_port=free_port())
    if kind != "native":
        require_docker()
        settings = settings.model_copy(
            update={
                "version": "2.1.2",
                "plugins": Path("/usr/lib"),
                "user": "mosquitto",
                "uid": DOCKER_UID,
            }
        )
    return Site(kind, settings, list(printers))


class Raw:
    """A client without any of our code: it may try whatever a stranger may try."""

    def __init__(
        self,
        port: int,
        login: tuple[str, str] | None,
        *,
        client_id: str = "",
        protocol: MQTTProtocolVersion = V5,
        clean: bool = True,
        will: tuple[str, bytes] | None = None,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        self.messages: list[tuple[str, bytes]] = []
        self.session_present = False
        self._port = port
        self._protocol = protocol
        self._clean = clean
        self._codes: dict[tuple[str, int], list[ReasonCode]] = {}
        self._admitted: list[ReasonCode] = []
        self._gone = threading.Event()
        options: dict[str, Any] = {} if protocol == V5 else {"clean_session": clean}
        self._client = client = Client(
            CallbackAPIVersion.VERSION2,
            client_id=client_id,
            protocol=protocol,
            reconnect_on_failure=False,
            **options,
        )
        if login:
            client.username_pw_set(*login)
        if will:
            client.will_set(*will, qos=1)
        if tls:
            client.tls_set_context(tls)
        client.on_connect = self._on_connect
        client.on_disconnect = lambda *_: self._gone.set()
        client.on_message = self._on_message
        client.on_publish = lambda _c, _d, mid, code, _p: self._code("publish", mid, [code])
        client.on_subscribe = lambda _c, _d, mid, codes, _p: self._code("subscribe", mid, codes)

    def _on_connect(
        self, _client: Client, _data: object, flags: ConnectFlags, code: ReasonCode, _p: object
    ) -> None:
        self.session_present = flags.session_present
        self._admitted.append(code)

    def _on_message(self, _client: Client, _data: object, message: MQTTMessage) -> None:
        self.messages.append((message.topic, bytes(message.payload)))

    def _code(self, kind: str, mid: int, codes: list[ReasonCode]) -> None:
        self._codes[kind, mid] = codes

    def connect(self) -> bool:
        """Connect; tell whether the broker let us in."""
        if self._protocol == V5:
            properties = Properties(PacketTypes.CONNECT)  # type: ignore[no-untyped-call]  # paho has no types here
            properties.SessionExpiryInterval = 0 if self._clean else 600
            self._client.connect(
                "127.0.0.1", self._port, 60, clean_start=self._clean, properties=properties
            )
        else:
            self._client.connect("127.0.0.1", self._port, 60)
        self._client.loop_start()
        wait_until(lambda: self._admitted or self.gone, DEADLINE, "no answer to CONNECT")
        return bool(self._admitted) and not self._admitted[0].is_failure

    @property
    def gone(self) -> bool:
        """Whether the connection has ended."""
        return self._gone.is_set()

    def topics(self) -> list[str]:
        return [topic for topic, _ in list(self.messages)]

    def publish(self, topic: str, payload: bytes = b"x", *, retain: bool = False) -> bool:
        """Publish with QoS 1; tell whether the broker allowed it (only MQTT 5 says so)."""
        mid = self._client.publish(topic, payload, qos=1, retain=retain).mid
        (code,) = self._answer("publish", mid)
        assert not code.is_failure or str(code) == "Not authorized"
        return not code.is_failure

    def subscribe(self, name: str) -> bool:
        """Subscribe; tell whether the broker allowed it."""
        _, mid = self._client.subscribe(name, qos=1)
        assert mid is not None
        return not self._answer("subscribe", mid)[0].is_failure

    def _answer(self, kind: str, mid: int) -> list[ReasonCode]:
        wait_until(lambda: (kind, mid) in self._codes, DEADLINE, f"no answer to {kind}")
        return self._codes.pop((kind, mid))

    def send(self, topic: str, payload: bytes) -> None:
        """Publish without waiting for an answer."""
        self._client.publish(topic, payload, qos=1)

    def break_off(self) -> None:
        """Vanish as a printer without power does; the broker publishes the will."""
        raw: Any = self._client.socket()  # a socket or an SSL socket; paho's type has less
        raw.shutdown(socket.SHUT_RDWR)
        wait_until(lambda: self.gone, DEADLINE, "the connection is still there")
        self._client.loop_stop()

    def close(self) -> None:
        self._client.disconnect()
        self._client.loop_stop()

    def __enter__(self) -> Self:
        assert self.connect(), "the broker did not let us in"
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def logs_in(place: Site, one: Printer) -> bool:
    client = Raw(place.settings.port, (one.id, one.secret))
    try:
        return client.connect()
    finally:
        client.close()


def connected(place: Site, one: Printer, protocol: MQTTProtocolVersion = V5) -> Raw:
    """Return a printer's client; it connects when it is entered."""
    return Raw(place.settings.port, (one.id, one.secret), protocol=protocol)


def heard(ingest: Raw, topic: str) -> None:
    """Wait until a client has heard something on a topic."""
    wait_until(lambda: topic in ingest.topics(), DEADLINE, f"ingest did not hear {topic}")
