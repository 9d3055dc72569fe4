"""The settings of the broker's files and of its keeper."""

from pathlib import Path

from pydantic import Field

from voxtrude.settings import Group, Mongo, Mqtt, Public, Settings


class Broker(Group):
    """VOXTRUDE_BROKER_*: the broker's files, its listeners, and its keeper.

    Under ``data``: ``broker/`` is the broker's own folder, ``certificates/`` and
    ``credentials.json`` are ours.
    """

    data: Path = Path("data")
    binary: str = Field("mosquitto", min_length=1)
    version: str | None = Field(None, description="of a broker that runs elsewhere: 2.1.2")
    plugins: Path = Field(Path("/usr/lib"), description="its plugins' folder, with `version`")
    user: str | None = Field(None, description="whom it runs as; default: whoever renders")
    uid: int | None = Field(None, ge=0, description="number of `user`, where it is not known here")
    bind: str = Field("127.0.0.1", pattern=r"^[0-9A-Za-z.:_%-]+$")
    port: int = Field(1883, ge=1, le=65535)
    tls_bind: str = Field("127.0.0.1", pattern=r"^[0-9A-Za-z.:_%-]+$")
    tls_port: int = Field(8883, ge=0, le=65535, description="0 for no TLS listener")
    names: str = Field("", description="more names for the certificate, separated by commas")
    connections: int = Field(12000, ge=1, description="at most, on each listener")
    interval: float = Field(60.0, gt=0, description="seconds between two reconciliations")
    supervisor_socket: Path | None = Field(None, description="to restart the broker, natively")
    supervisor_program: str = Field("mosquitto", min_length=1)

    @property
    def folder(self) -> Path:
        """The broker's own folder."""
        return self.data.absolute() / "broker"

    @property
    def certificates(self) -> Path:
        """The folder of the certificate authority and of the broker's certificate."""
        return self.data.absolute() / "certificates"

    @property
    def secrets(self) -> Path:
        """The file with the service accounts' secrets."""
        return self.data.absolute() / "credentials.json"


class BrokerSettings(Settings):
    """Everything that ``python -m broker`` reads."""

    broker: Broker = Broker()
    public: Public = Public()
    mqtt: Mqtt = Mqtt()
    mongo: Mongo = Mongo()
