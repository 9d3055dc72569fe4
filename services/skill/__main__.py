"""``python -m services.skill``."""

import sys

from services.skill.app import run
from services.skill.settings import SkillSettings
from voxtrude import logs, process
from voxtrude.settings import load
from voxtrude.topics import SKILL


def main() -> int:
    """Run the service; return its exit code."""
    settings = process.configured(lambda: load(SkillSettings), SKILL)
    logs.configure(settings.log, service=SKILL)
    return process.run(lambda ready: run(settings, ready))


if __name__ == "__main__":
    sys.exit(main())
