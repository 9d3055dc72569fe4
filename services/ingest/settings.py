"""What ingest reads from its environment."""

from datetime import timedelta
from typing import Annotated

from pydantic import Field

from voxtrude.mongo.schema import Retention
from voxtrude.settings import Group, Mongo, Mqtt, Settings

Days = Annotated[timedelta, Field(gt=timedelta())]


class Keep(Group):
    """VOXTRUDE_KEEP_*: for how long, as ISO 8601 durations (P10D) or seconds."""

    printers: Days = Retention().printers
    jobs: Days = Retention().jobs
    quarantine: Days = Retention().quarantine
    unknown: Days = Retention().unknown

    def retention(self) -> Retention:
        """Return the same for the store."""
        return Retention(self.printers, self.jobs, self.quarantine, self.unknown)


class Announce(Group):
    """VOXTRUDE_ANNOUNCE_*: how often other services hear of one printer, at the most."""

    interval: float = Field(0.2, ge=0, le=60, description="seconds")


class IngestSettings(Settings):
    """Everything ingest can be told."""

    mqtt: Mqtt = Mqtt()
    mongo: Mongo = Mongo()
    keep: Keep = Keep()
    announce: Announce = Announce()
