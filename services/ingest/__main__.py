"""``python -m services.ingest``."""

import sys

from services.ingest.app import run
from services.ingest.settings import IngestSettings
from voxtrude import logs, process
from voxtrude.settings import load


def main() -> int:
    """Run the service; return its exit code."""
    settings = process.configured(lambda: load(IngestSettings), "ingest")
    logs.configure(settings.log, service="ingest")
    return process.run(lambda ready: run(settings, ready))


if __name__ == "__main__":
    sys.exit(main())
