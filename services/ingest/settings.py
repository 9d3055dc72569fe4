"""What ingest reads from its environment."""

from voxtrude.settings import Announce, Keep, Mongo, Mqtt, Settings


class IngestSettings(Settings):
    """Everything ingest can be told."""

    mqtt: Mqtt = Mqtt()
    mongo: Mongo = Mongo()
    keep: Keep = Keep()
    announce: Announce = Announce()
