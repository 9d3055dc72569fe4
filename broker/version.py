"""Which Mosquitto this is, and what follows from it; nothing else knows its version."""

import re
import shutil
import subprocess
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from voxtrude.errors import SetupError

OLDEST = (2, 0)
REWORKED = (2, 1)  # its own database, memory accounting and batches of commands

DYNAMIC_SECURITY = "mosquitto_dynamic_security.so"
PERSIST_SQLITE = "mosquitto_persist_sqlite.so"

_SYSTEM_FOLDERS = ("/usr/sbin", "/usr/local/sbin", "/opt/homebrew/sbin")
_LIBRARIES = ("/usr/lib", "/usr/lib64", "/usr/local/lib", "/opt/homebrew/lib")
_PATTERNS = ("{name}", "*-linux-*/{name}", "*-linux-*/mosquitto/{name}", "mosquitto/{name}")


@dataclass(frozen=True, slots=True)
class Mosquitto:
    """A broker's version and the plugins that it loads; ``sqlite`` None before 2.1."""

    version: tuple[int, ...]
    dynamic_security: Path
    sqlite: Path | None = None

    @property
    def counts_memory(self) -> bool:
        """Whether ``memory_limit`` can be used together with dynamic security."""
        return self.version >= REWORKED

    @property
    def batch(self) -> int:
        """How many control commands to send at once.

        2.0 writes its whole file after every command and serves nobody meanwhile, so it
        gets one at a time; 2.1 writes once a batch.
        """
        return 100 if self.version >= REWORKED else 1


def discover(binary: str) -> Mosquitto:
    """Ask the broker's program for its version and find its plugins on this machine.

    Raises:
        SetupError: There is no such program, or it is too old, or a plugin is missing.
    """
    path = shutil.which(binary) or shutil.which(binary, path=":".join(_SYSTEM_FOLDERS))
    if path is None:
        raise SetupError(
            f"VOXTRUDE_BROKER_BINARY: there is no {binary} here; install mosquitto, or set "
            "VOXTRUDE_BROKER_VERSION and VOXTRUDE_BROKER_PLUGINS if it runs elsewhere"
        )
    # The path is a program that shutil.which found; the argument is a constant.
    output = subprocess.run([path, "-h"], stdout=subprocess.PIPE, check=False).stdout  # noqa: S603
    found = re.search(rb"mosquitto version (\d+(?:\.\d+)+)", output)
    if found is None:
        raise SetupError(f"VOXTRUDE_BROKER_BINARY: {path} is no Mosquitto")
    plugins = [
        file
        for library in _LIBRARIES
        for pattern in _PATTERNS
        for name in (DYNAMIC_SECURITY, PERSIST_SQLITE)
        for file in sorted(Path(library).glob(pattern.format(name=name)))
    ]
    return _chosen(found[1].decode(), plugins)


def told(version: str, plugins: Path) -> Mosquitto:
    """Describe a broker that runs elsewhere (in its own container) from settings.

    Raises:
        SetupError: The version is none, or too old.
    """
    return _chosen(version, [plugins / DYNAMIC_SECURITY, plugins / PERSIST_SQLITE])


def _chosen(text: str, plugins: Iterable[Path]) -> Mosquitto:
    if not re.fullmatch(r"\d+(\.\d+)+", text):
        raise SetupError(f"VOXTRUDE_BROKER_VERSION: {text} is no version; for instance 2.1.2")
    version = tuple(int(part) for part in text.split("."))
    if version < OLDEST:
        raise SetupError(f"Mosquitto {text} has no dynamic security; install 2.0 or newer")
    by_name: dict[str, Path] = {}
    for plugin in plugins:
        by_name.setdefault(plugin.name, plugin)
    needed = [DYNAMIC_SECURITY, *([PERSIST_SQLITE] if version >= REWORKED else [])]
    for name in needed:
        if name not in by_name:
            raise SetupError(f"Mosquitto {text} is here without its plugin {name}; install it")
    return Mosquitto(
        version=version,
        dynamic_security=by_name[DYNAMIC_SECURITY],
        sqlite=by_name[PERSIST_SQLITE] if version >= REWORKED else None,
    )
