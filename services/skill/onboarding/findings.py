"""What can be wrong between OctoPrint and us, in words for people who never heard of MQTT.

The labels in quotes are those of the plugin's settings dialog.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Self


class Kind(StrEnum):
    """How grave it is, the gravest first; also the style of the notice."""

    BAD = "bad"
    WARN = "warn"
    INFO = "info"


@dataclass(frozen=True, slots=True)
class Text:
    """The words of a finding; ``{0}``, ``{1}`` stand for its details."""

    kind: Kind
    sentence: str
    fix: str


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is wrong or could be better, and what to do."""

    code: str
    kind: Kind
    sentence: str
    fix: str

    @classmethod
    def of(cls, code: str, *details: object) -> Self:
        """Put one of TEXTS into words."""
        text = TEXTS[code]
        return cls(code, text.kind, text.sentence.format(*details), text.fix.format(*details))


_SETTINGS = "In OctoPrint open Settings (the wrench) → MQTT"

TEXTS: Mapping[str, Text] = {
    "broker-away": Text(
        Kind.BAD,
        "Voxtrude's own broker cannot be reached, so no printer can be heard right now.",
        "This is not your printer's fault. Whoever runs this installation sees more with "
        "`voxtrude doctor`.",
    ),
    "ingest-away": Text(
        Kind.BAD,
        "Voxtrude is not reading messages right now: the service “ingest” is not running.",
        "This is not your printer's fault. What the broker takes meanwhile is read later. "
        "Whoever runs this installation sees more with `voxtrude doctor`.",
    ),
    "database-away": Text(
        Kind.BAD,
        "Voxtrude's database cannot be reached, so what your printer says waits.",
        "This is not your printer's fault, and nothing is lost. Whoever runs this installation "
        "sees more with `voxtrude doctor`.",
    ),
    "revoked": Text(
        Kind.BAD,
        "This printer's key is revoked: it may not log in.",
        "Let it in again in the printer's settings, or give it a new key.",
    ),
    "pending": Text(
        Kind.WARN,
        "The broker has not been told of this printer's key yet.",
        "If this stays, delete the printer and add it again.",
    ),
    "wrong-key": Text(
        Kind.BAD,
        "OctoPrint tried to log in with a wrong key (times: {0}).",
        f"{_SETTINGS} → Broker and copy “Username” and “Password” anew, without blanks around "
        "them. If you do not have the key any more, make a new one; the old one then ends.",
    ),
    "some-key": Text(
        Kind.WARN,
        "Somebody has just been turned away with a wrong key. The broker does not say who, but it "
        "may well have been this printer.",
        f"{_SETTINGS} → Broker and copy “Username” and “Password” anew, without blanks around "
        "them. If you do not have the key any more, make a new one; the old one then ends.",
    ),
    "another-key": Text(
        Kind.INFO,
        "Your printer is logged in, but something else tried its user name with a wrong key "
        "(times: {0}).",
        "Perhaps a second OctoPrint, or a copy of its SD card, still has an old key. If you do "
        "not know of one, nothing needs to be done: it was turned away.",
    ),
    "clash": Text(
        Kind.BAD,
        "Two devices use this printer's key and keep throwing each other out.",
        "Each printer needs a key of its own: add the second one here as another printer and "
        "enter its own key there. A copied SD card brings the key along with it.",
    ),
    "mqtt-3.1": Text(
        Kind.INFO,
        "OctoPrint speaks MQTT 3.1, the plugin's old default. That works.",
        f"{_SETTINGS} → Broker and choose “MQTTv311” as “Protocol version” when you are there.",
    ),
    "silent": Text(
        Kind.INFO,
        "Nobody has tried to log in with this printer's key so far.",
        f"{_SETTINGS} → Broker, compare “Host”, “Port” and the box for TLS, and save. If they are "
        "right, the printer's computer cannot reach that address: a firewall, another network, or "
        "an address that only works on this computer.",
    ),
    "gone": Text(
        Kind.INFO,
        "OctoPrint is not connected at the moment.",
        "If the printer's computer is switched on, it comes back by itself within two minutes.",
    ),
    "slash": Text(
        Kind.BAD,
        "OctoPrint uses the base topic without the slash at its end: {0}",
        f"{_SETTINGS} → Topics, write “Base topic” as {{1}} with the slash at its end, and save.",
    ),
    "base-topic": Text(
        Kind.BAD,
        "OctoPrint is logged in, but it sends its messages to a place where this printer may not "
        "write, so the broker drops them.",
        f"{_SETTINGS} → Topics. “Base topic” must be {{0}} to the last character: most likely it "
        "still is the plugin's own octoPrint/, or the slash at its end is missing. Then save.",
    ),
    "unreadable": Text(
        Kind.WARN,
        "A message came that could not be read; it was put aside.",
        "The table below says which. If it comes from a changed topic or from another plugin, "
        "nothing else is lost.",
    ),
    "idle": Text(
        Kind.INFO,
        "OctoPrint is connected. What the printer does is not known yet: an idle printer says "
        "nothing until something changes.",
        "Click Connect in OctoPrint, warm up the nozzle a little, or start a print.",
    ),
    "printer-off": Text(
        Kind.INFO,
        "OctoPrint is heard, and it says that no printer is connected to it.",
        "Switch the printer on and click Connect in OctoPrint.",
    ),
    "extended": Text(
        Kind.INFO,
        "OctoPrint does not tell the time left; it is estimated from the progress.",
        f"{_SETTINGS} → Topics, tick “Include extended information” below “Progress messages”, "
        "and save.",
    ),
}
