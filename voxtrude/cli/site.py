"""What a command works on: the native stack in the data folder, or what the settings say."""

import fcntl
import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from pydantic import BaseModel, ConfigDict, SecretStr, ValidationError

from broker import secrets
from voxtrude import files
from voxtrude.cli.settings import CliSettings
from voxtrude.errors import LinkError, SetupError
from voxtrude.portal import public_url
from voxtrude.settings import Mongo, Mqtt, load

DATA_DIR = Path(".voxtrude")
STACK = "stack.json"
SECRETS = "secrets"
OPCUA = "opcua"
SOCKET = "supervisor.sock"
LONGEST_SOCKET = 100  # bytes; the kernel takes 107


class Stack(BaseModel):
    """The native stack's addresses, as ``up`` wrote them into the data folder."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    version: int = 1
    host: str
    mqtt_host: str
    mqtt_port: int
    tls_port: int
    http_port: int | None = None  # None: of a version that had no portal
    opcua_port: int = 4840
    mongo_url: str
    database: str

    @property
    def opcua_url(self) -> str:
        """Where OPC UA clients on this machine find the server."""
        return f"opc.tcp://127.0.0.1:{self.opcua_port}"


@dataclass(frozen=True, slots=True)
class Site:
    """Where broker and database are, and how to log in."""

    data_dir: Path
    settings: CliSettings
    stack: Stack | None

    @property
    def mongo(self) -> Mongo:
        """The database."""
        return self.settings.mongo

    @property
    def portal(self) -> str:
        """The portal's address as people see it."""
        return public_url(self.settings.public, self.settings.web)

    @property
    def supervisor(self) -> Path:
        """The process runner's socket."""
        return self.data_dir / SOCKET

    @property
    def ca_file(self) -> Path | None:
        """The authority that clients of the broker need."""
        path = self.settings.broker.certificates / "ca.crt"
        return path if path.exists() else self.settings.mqtt.ca_file

    def login(self, account: str) -> Mqtt:
        """Return the way to the broker as one of the service accounts.

        Raises:
            SetupError: Nobody told us a password.
        """
        mqtt = self.settings.mqtt
        if mqtt.username is not None:
            return mqtt
        path = self.settings.broker.secrets
        if not path.exists():
            raise SetupError(
                f"VOXTRUDE_MQTT_USERNAME: not set, and there are no service accounts in {path}; "
                "start with `voxtrude up`, or set VOXTRUDE_BROKER_DATA"
            )
        known = secrets.load(path)
        if account not in known:
            raise SetupError(f"{path} has no account {account}: render the broker's files again")
        return mqtt.model_copy(update={"username": account, "password": SecretStr(known[account])})


def folder(data_dir: Path | None) -> Path:
    """Return the data folder, absolute."""
    return (data_dir or DATA_DIR).absolute()


def find(data_dir: Path | None) -> Site:
    """Find what the commands shall work on.

    Raises:
        SetupError: A setting is wrong, or there is neither a stack nor a database.
        LinkError: There is a stack, and it does not run.
    """
    settings = load(CliSettings)
    place = folder(data_dir)
    stack = read(place)
    if stack is None:
        if data_dir is not None:
            raise SetupError(f"--data-dir: there is no stack in {place}; `voxtrude up` makes one")
        if "url" not in settings.mongo.model_fields_set:
            raise SetupError(
                f"there is no stack in {place}: start one with `voxtrude up`, "
                "or set VOXTRUDE_MONGO_URL"
            )
        return Site(place, settings, None)
    if not answers(place / SOCKET):
        raise LinkError(f"the stack in {place} does not run: start it with `voxtrude up`")
    return Site(place, stacked(settings, stack, place), stack)


def broker(data_dir: Path | None) -> Mqtt:
    """Find the broker as a printer does: the stack's, or the one that VOXTRUDE_MQTT_* name.

    Raises:
        SetupError: A setting is wrong.
        LinkError: There is a stack, and it does not run.
    """
    if data_dir is not None or read(folder(None)) is not None:
        return find(data_dir).settings.mqtt
    return load(CliSettings).mqtt


def stacked(settings: CliSettings, stack: Stack, place: Path) -> CliSettings:
    """Return the settings as they are for a stack in ``place``."""
    return settings.model_copy(
        update={
            "mqtt": Mqtt(host=stack.mqtt_host, port=stack.mqtt_port),
            "mongo": settings.mongo.model_copy(
                update={"url": SecretStr(stack.mongo_url), "database": stack.database}
            ),
            "web": settings.web.model_copy(update={"port": stack.http_port or settings.web.port}),
            "opcua": settings.opcua.model_copy(
                update={"port": stack.opcua_port, "data": place / OPCUA}
            ),
            "broker": settings.broker.model_copy(
                update={
                    "data": place,
                    "port": stack.mqtt_port,
                    "tls_port": stack.tls_port,
                    "supervisor_socket": place / SOCKET,
                }
            ),
        }
    )


def read(place: Path) -> Stack | None:
    """Return the stack in a data folder, if there is one.

    Raises:
        SetupError: Its description cannot be read.
    """
    path = place / STACK
    try:
        return Stack.model_validate_json(path.read_bytes())
    except FileNotFoundError:
        return None
    except OSError as error:
        raise SetupError(f"--data-dir: cannot read {path}: {error.strerror}") from None
    except ValidationError:
        raise SetupError(f"{path} describes no stack: delete it, then `voxtrude up`") from None


def write(place: Path, stack: Stack) -> None:
    """Describe a stack; the database's address may hold a password."""
    files.write(place / STACK, (stack.model_dump_json(indent=2) + "\n").encode())


def answers(path: Path) -> bool:
    """Tell whether somebody listens on a socket."""
    with socket.socket(socket.AF_UNIX) as connection:
        try:
            connection.connect(str(path))
        except OSError:
            return False
    return True


@contextmanager
def alone(place: Path) -> Iterator[None]:
    """Let only one command at a time change the stack in a data folder.

    Raises:
        SetupError: Another does so right now.
    """
    try:
        place.mkdir(mode=0o700, parents=True, exist_ok=True)
        handle = os.open(place / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, files.PRIVATE)
    except OSError as error:
        raise SetupError(f"--data-dir: cannot write {place}: {error.strerror}") from None
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise SetupError(f"another `voxtrude` is starting or stopping {place}") from None
        yield
    finally:
        os.close(handle)
