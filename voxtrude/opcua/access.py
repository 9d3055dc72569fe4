"""What the server and the command line agree on: who they are, and the first users."""

import socket
from datetime import datetime
from pathlib import Path

from voxtrude import files
from voxtrude.credentials import new_secret
from voxtrude.opcua import identity
from voxtrude.opcua.identity import Identity
from voxtrude.opcua.settings import Opcua
from voxtrude.opcua.users import Users

VIEWER = "viewer"
"""The first user, for people."""

CHECK = "check"
"""The user of ``voxtrude opcua check``; its secret lies beside the server's key."""


def server(settings: Opcua, public_host: str, now: datetime) -> Identity:
    """Return the server's identity, made where needed.

    Raises:
        SetupError: A name is none, or the folder cannot be written.
    """
    hosts = _hosts(settings, public_host)
    return identity.server(settings.pki, application_uri(public_host), hosts, now)


def client(settings: Opcua, now: datetime) -> Identity:
    """Return the identity of our own client, which the server here trusts.

    Raises:
        SetupError: The folder cannot be written.
    """
    uri = f"urn:{_host()}:voxtrude:client"
    return identity.client(settings.pki, uri, (_host(), "localhost"), now)


def application_uri(public_host: str) -> str:
    """Return the server's ApplicationUri: the same for as long as it has its name."""
    return f"urn:{public_host}:voxtrude:opcua_bridge"


def first_users(settings: Opcua) -> str | None:
    """Make the users that there should be from the start; return the viewer's password once.

    Raises:
        SetupError: The folder cannot be written.
    """
    users = Users(settings.users)
    secret = check_secret(settings.data)
    if CHECK not in users or not secret.exists():
        word = new_secret()
        users.add(CHECK, password=word)
        files.write(secret, word.encode())
    if any(one.name != CHECK for one in users.all()):
        return None
    word = new_secret()
    users.add(VIEWER, password=word)
    return word


def check_secret(data: Path) -> Path:
    """Return where the check's password is."""
    return data / "check_password"


def _hosts(settings: Opcua, public_host: str) -> tuple[str, ...]:
    """Return the names in the certificate: all that is told, and nothing that may change.

    A container's own name does with each start, and clients would have to trust anew.
    """
    named = (name.strip() for name in settings.names.split(","))
    return (*(name for name in named if name), public_host, "localhost", "127.0.0.1")


def _host() -> str:
    return socket.gethostname()
