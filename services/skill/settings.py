"""What the skill reads from its environment."""

from voxtrude.portal import Accounts, Plugin, Portal, Smtp, Web, public_url
from voxtrude.settings import Keep, Mongo, Mqtt, Public, Settings


class SkillSettings(Settings):
    """Everything the skill can be told."""

    mqtt: Mqtt = Mqtt()
    mongo: Mongo = Mongo()
    keep: Keep = Keep()
    public: Public = Public()
    web: Web
    accounts: Accounts = Accounts()
    smtp: Smtp = Smtp()
    plugin: Plugin = Plugin()
    portal: Portal = Portal()

    @property
    def url(self) -> str:
        """The portal's address as people see it."""
        return public_url(self.public, self.web)

    @property
    def registrar(self) -> Mqtt:
        """How to reach the broker as the account that adds printers."""
        return self.mqtt.model_copy(
            update={"username": self.portal.username, "password": self.portal.password}
        )
