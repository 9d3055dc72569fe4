"""What the bridge reads from its environment."""

from voxtrude.opcua.settings import Opcua
from voxtrude.settings import Mqtt, Public, Settings


class BridgeSettings(Settings):
    """Everything the bridge can be told."""

    mqtt: Mqtt = Mqtt()
    public: Public = Public()
    opcua: Opcua = Opcua()
