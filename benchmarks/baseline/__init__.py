"""The scripts that the services are measured against, and how they are installed and run."""

import contextlib
import shutil
from collections.abc import Iterator
from pathlib import Path

from benchmarks.stack import Stack
from tests.integration import nodejs, servers
from tests.integration.servers import wait_until

HERE = Path(__file__).parent
FILES = ("package.json", "package-lock.json", ".npmrc", "ingest.js", "opcua_server.js")
START = 20.0


def install() -> Path:
    """Install the scripts' packages, once, outside of the repository; return the folder."""
    folder = Path.home() / ".cache" / "voxtrude-benchmarks" / "baseline"
    folder.mkdir(parents=True, exist_ok=True)
    for name in FILES:
        shutil.copyfile(HERE / name, folder / name)
    nodejs.install(folder)
    return folder


@contextlib.contextmanager
def running(stack: Stack) -> Iterator[servers.Server]:
    """Run the mqtt.js script in ingest's place until the block ends."""
    folder = install()
    username, secret = stack.login("ingest")
    command = [
        "env",
        f"MQTT_URL=mqtt://127.0.0.1:{stack.port}",
        f"MQTT_USERNAME={username}",
        f"MQTT_PASSWORD={secret}",
        f"MONGO_URL={stack.mongo_url}",
        *(nodejs.node(), str(folder / "ingest.js")),
    ]
    log = stack.folder / "baseline.log"
    log.unlink(missing_ok=True)
    with servers.running(command, log, []) as server:
        wait_until(lambda: "listening" in server.said, START, f"it does not listen: {log}")
        yield server
