"""The broker's files, written: configuration, accounts, certificates, service secrets."""

import json
import os
import pwd
from collections.abc import Iterable
from datetime import datetime
from pathlib import Path

from broker import config, secrets
from broker.settings import Broker
from broker.version import Mosquitto, discover, told
from voxtrude import certificates, dynsec, files
from voxtrude.errors import SetupError
from voxtrude.registration import Registration

CONFIG = "mosquitto.conf"
ACCOUNTS = "dynamic-security.json"


def mosquitto(settings: Broker) -> Mosquitto:
    """Return the broker that ``settings`` speak of.

    Raises:
        SetupError: There is none, or it cannot be used.
    """
    if settings.version is not None:
        return told(settings.version, settings.plugins)
    return discover(settings.binary)


def render(
    settings: Broker, host: str, registrations: Iterable[Registration], now: datetime
) -> Path:
    """Write everything the broker needs to start, and return its configuration's path.

    ``host`` is the name under which printers reach the broker. The broker must not be
    running: it writes its accounts back when it changes them.

    Raises:
        SetupError: A setting is wrong, or a folder cannot be written.
    """
    broker = mosquitto(settings)
    user, uid = _user(settings)
    folder = settings.folder
    _make(folder, uid)
    services = secrets.credentials(secrets.ensure(settings.secrets))
    names = tuple(name.strip() for name in settings.names.split(",") if name.strip())
    listeners = [config.Listener(settings.port, settings.bind)]
    if settings.tls_port:
        signed = certificates.ensure(settings.certificates, (host, *names), now, owner=uid)
        listeners.append(config.Listener(settings.tls_port, settings.tls_bind, signed))
    accounts = dynsec.document(registrations, services, broker.version)
    files.write(folder / ACCOUNTS, (json.dumps(accounts, indent=1) + "\n").encode(), owner=uid)
    text = config.render(
        broker, folder, tuple(listeners), user=user, connections=settings.connections
    )
    files.write(folder / CONFIG, text.encode(), mode=files.PUBLIC, owner=uid)
    return folder / CONFIG


def _user(settings: Broker) -> tuple[str, int | None]:
    """Return whom the broker runs as, and the number to give its files to, if another's."""
    ours = os.getuid()
    if settings.user is None:
        return pwd.getpwuid(ours).pw_name, settings.uid
    uid = settings.uid
    if uid is None:
        try:
            uid = pwd.getpwnam(settings.user).pw_uid
        except KeyError:
            raise SetupError(
                f"VOXTRUDE_BROKER_USER: there is no user {settings.user} here; "
                "set VOXTRUDE_BROKER_UID to its number"
            ) from None
    return settings.user, None if uid == ours else uid


def _make(folder: Path, uid: int | None) -> None:
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        folder.mkdir(mode=0o700, exist_ok=True)
        if uid is not None:
            os.chown(folder, uid, -1)
    except OSError as error:
        raise SetupError(f"VOXTRUDE_BROKER_DATA: cannot write {folder}: {error.strerror}") from None
    if not os.access(folder.parent, os.W_OK):
        raise SetupError(f"VOXTRUDE_BROKER_DATA: cannot write {folder.parent}: permission denied")
