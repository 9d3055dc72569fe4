"""``python -m services.opcua_bridge``."""

import sys

from services.opcua_bridge.app import run
from services.opcua_bridge.settings import BridgeSettings
from voxtrude import logs, process
from voxtrude.settings import load
from voxtrude.topics import OPCUA_BRIDGE


def main() -> int:
    """Run the service; return its exit code."""
    settings = process.configured(lambda: load(BridgeSettings), OPCUA_BRIDGE)
    logs.configure(settings.log, service=OPCUA_BRIDGE)
    return process.run(lambda ready: run(settings, ready))


if __name__ == "__main__":
    sys.exit(main())
