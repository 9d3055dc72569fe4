"""What the command line reads from the environment: all that it hands on, too."""

from pydantic import Field

from broker.settings import Broker
from voxtrude.opcua.settings import Opcua
from voxtrude.settings import Announce, Group, Keep, Mongo, Mqtt, Public, Settings


class Up(Group):
    """VOXTRUDE_UP_*: the native stack."""

    mongod: str = Field("", description="program; default: from PATH, or the installed wheel")
    cache: float = Field(0.25, ge=0.25, le=64, description="GB of memory for mongod's cache")


class CliSettings(Settings):
    """Every setting of every service: `up` starts them all."""

    mqtt: Mqtt = Mqtt()
    mongo: Mongo = Mongo()
    keep: Keep = Keep()
    announce: Announce = Announce()
    broker: Broker = Broker()
    public: Public = Public()
    opcua: Opcua = Opcua()
    up: Up = Up()
