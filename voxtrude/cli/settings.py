"""What the command line reads from the environment: all that it hands on, too."""

from pydantic import Field, SecretStr

from broker.settings import Broker
from voxtrude.opcua.settings import Opcua
from voxtrude.portal import Accounts, Plugin, Portal, Smtp, Web
from voxtrude.settings import Announce, Group, Keep, Mongo, Mqtt, Public, Settings


class Up(Group):
    """VOXTRUDE_UP_*: the native stack."""

    mongod: str = Field("", description="program; default: from PATH, or the installed wheel")
    cache: float = Field(0.25, ge=0.25, le=64, description="GB of memory for mongod's cache")


class UpWeb(Web):
    """VOXTRUDE_WEB_*, where `up` makes the secret unless one is given."""

    secret: SecretStr = Field(SecretStr(""), min_length=32)


class CliSettings(Settings):
    """Every setting of every service: `up` starts them all."""

    mqtt: Mqtt = Mqtt()
    mongo: Mongo = Mongo()
    keep: Keep = Keep()
    announce: Announce = Announce()
    broker: Broker = Broker()
    public: Public = Public()
    opcua: Opcua = Opcua()
    web: UpWeb = UpWeb()
    accounts: Accounts = Accounts()
    smtp: Smtp = Smtp()
    plugin: Plugin = Plugin()
    portal: Portal = Portal()
    up: Up = Up()
