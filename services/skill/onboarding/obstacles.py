"""Why OctoPrint could not be set up from here, in words for people.

Nothing that the other side said is repeated: it may not be OctoPrint at all.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from voxtrude.errors import VoxtrudeError

_KEYS = (
    "In OctoPrint open Settings (the wrench) → Application Keys, make a key there, and paste it "
    "here."
)
_INSTALL = (
    "In OctoPrint open Settings (the wrench) → Plugin Manager → Get More, search for MQTT, install "
    "the plugin “MQTT”, and restart OctoPrint when it asks you to. Then try again here."
)
_BROWSER = (
    "Open OctoPrint in your browser and copy the beginning of the address from there, such as "
    "http://octopi.local or http://192.168.1.20:5000."
)


@dataclass(frozen=True, slots=True)
class Text:
    """What is in the way, and what to do."""

    sentence: str
    fix: str


TEXTS: Mapping[str, Text] = {
    "address": Text("This is no web address.", _BROWSER),
    "forbidden-address": Text(
        "Voxtrude does not ask this address: it cannot be an OctoPrint.", _BROWSER
    ),
    "api-key": Text("This is no API key of OctoPrint: it is empty, or has blanks in it.", _KEYS),
    "unknown-host": Text(
        "Nobody knows a computer of this name.",
        "Look for a typing mistake. Names that end in .local often work in your browser only: then "
        "use the number instead, such as http://192.168.1.20. OctoPrint shows it in its system "
        "information, your router in its list of devices.",
    ),
    "unreachable": Text(
        "Nobody answers at this address.",
        "Is the printer's computer switched on? Does the same address open OctoPrint in your "
        "browser, with the same number after the colon, if there is one? Voxtrude itself has to "
        "reach it, not only your browser.",
    ),
    "timeout": Text(
        "OctoPrint did not answer in time.",
        "It may be starting or busy. Wait a minute and try again.",
    ),
    "certificate": Text(
        "The certificate of this address is not trusted.",
        "OctoPrint has made it itself, or it has run out. Inside your own network use the "
        "address with http:// instead of https://, or enter the settings yourself.",
    ),
    "no-tls": Text(
        "Something answers at this address, but it does not speak https.",
        "Use the address with http:// instead of https://.",
    ),
    "redirect": Text(
        "This address only leads to another one, which Voxtrude does not follow.",
        "Use the address that you see in your browser once OctoPrint has opened. Often it begins "
        "with https:// instead of http://.",
    ),
    "login": Text(
        "A login of its own stands in front of this OctoPrint.",
        "Use an address inside of your network that opens OctoPrint directly, or enter the "
        "settings yourself.",
    ),
    "not-octoprint": Text("Something answers there, but it is not OctoPrint.", _BROWSER),
    "too-large": Text(
        "Something answers there, but it says more than an OctoPrint would.", _BROWSER
    ),
    "not-running": Text(
        "The printer's computer answers, but OctoPrint does not run on it right now.",
        "If it has just been switched on, wait two minutes and try again.",
    ),
    "failed": Text(
        "OctoPrint answered that it has an error of its own.",
        "Wait a minute and try again. If it stays, restart OctoPrint and look into its log.",
    ),
    "wrong-key": Text("OctoPrint does not know this API key.", _KEYS),
    "no-permission": Text(
        "This API key may not change OctoPrint's settings: it lacks the permission “Settings "
        "access” (SETTINGS).",
        "Make the key while you are logged in to OctoPrint as an administrator, or give that user "
        "the permission.",
    ),
    "no-read-permission": Text(
        "This API key may not read OctoPrint's settings: it lacks the permission “Settings "
        "read access” (SETTINGS_READ).",
        "Make the key while you are logged in to OctoPrint as an administrator, or give that user "
        "the permission.",
    ),
    "plugin-missing": Text("This OctoPrint has no MQTT plugin yet.", _INSTALL),
    "plugin-disabled": Text(
        "The MQTT plugin is installed but switched off.",
        "In OctoPrint open Settings (the wrench) → Plugin Manager, switch “MQTT” on, and restart "
        "OctoPrint. Then try again here.",
    ),
    "plugin-pending": Text(
        "The MQTT plugin waits for OctoPrint to be restarted.",
        "Restart OctoPrint (the power sign at its top → Restart OctoPrint), wait a minute, and "
        "try again here.",
    ),
    "not-kept": Text(
        "OctoPrint answered, but it has not kept the settings.",
        "Restart OctoPrint and try again, or enter the settings yourself.",
    ),
    "no-way": Text(
        "This installation has no broker address for printers.",
        "Whoever runs it sets VOXTRUDE_PLUGIN_PORT or VOXTRUDE_PLUGIN_TLS_PORT.",
    ),
    "too-often": Text(
        "That was tried very often in a short time.", "Wait ten minutes, then try again."
    ),
}


class Obstacle(VoxtrudeError):  # noqa: N818  (it lies on the other side, and is expected)
    """OctoPrint cannot be set up from here; ``code`` is one of TEXTS."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code

    @property
    def sentence(self) -> str:
        """What is in the way."""
        return TEXTS[self.code].sentence

    @property
    def fix(self) -> str:
        """What to do."""
        return TEXTS[self.code].fix
