"""mosquitto.conf from its template; pure."""

from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from string import Template

from broker.version import Mosquitto
from voxtrude.certificates import Certificates
from voxtrude.errors import SetupError

# Every listener takes the client id from the user name: otherwise a printer could log in
# with its own password and the ingest's client id, and end the ingest's session.
_LISTENER = """\
listener {port} {bind}
protocol mqtt
use_username_as_clientid true
max_connections {connections}
max_qos 1
max_topic_alias 0
"""
_TLS = """\
certfile {certificates.certificate}
keyfile {certificates.key}
tls_version tlsv1.2
"""
# The whole of memory, every other second, whether or not it changed: with
# autosave_on_changes the interval would count changes, a full write for each.
_SNAPSHOT = """\
persistence true
persistence_location {folder}/
persistence_file mosquitto.db
autosave_interval 1
autosave_on_changes false"""
# Each turn of the network loop is committed; `persistence true` excludes this plugin.
_SQLITE = """\
plugin {plugin}
plugin_opt_db_file {folder}/mosquitto.sqlite3
plugin_opt_flush_period 0"""

# In 2.0 the dynamic-security plugin gives memory back that the broker never counted: with
# a limit, the count falls below zero after some changes and every client is refused.
_MEMORY = "memory_limit 1610612736"


@dataclass(frozen=True, slots=True)
class Listener:
    """A port that the broker listens on; with ``certificates`` it speaks TLS only."""

    port: int
    bind: str = "127.0.0.1"
    certificates: Certificates | None = None


def render(
    mosquitto: Mosquitto,
    folder: Path,
    listeners: tuple[Listener, ...],
    *,
    user: str,
    connections: int = 12000,
) -> str:
    """Return the broker's configuration; ``folder`` is where it keeps its data.

    ``connections`` is how many each listener accepts at the same time.

    Raises:
        SetupError: A path cannot stand in the file.
    """
    if not folder.is_absolute() or not str(folder).isprintable():
        raise SetupError(f"VOXTRUDE_BROKER_DATA: {folder} is no absolute, printable path")
    if mosquitto.sqlite:
        persistence = _SQLITE.format(plugin=mosquitto.sqlite, folder=folder)
    else:
        persistence = _SNAPSHOT.format(folder=folder)
    template = Template(files("broker").joinpath("mosquitto.conf.in").read_text(encoding="utf-8"))
    return template.substitute(
        version=".".join(str(part) for part in mosquitto.version),
        user=user,
        dynamic_security=mosquitto.dynamic_security,
        folder=folder,
        persistence=persistence,
        memory=_MEMORY if mosquitto.counts_memory else "",
        listeners="\n".join(_listener(one, connections) for one in listeners),
    )


def _listener(one: Listener, connections: int) -> str:
    text = _LISTENER.format(port=one.port, bind=one.bind, connections=connections)
    return text + _TLS.format(certificates=one.certificates) if one.certificates else text
