"""A printer as somebody registered it: its name, its topics and its credential.

A printer is known by its base topic. ``octoPrint/<printer id>/`` is the standard; any
other base, and the plugin's topic templates where they were changed, are properties of
the registration.
"""

import re
import secrets
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum
from typing import NewType

from voxtrude.credentials import Credential
from voxtrude.errors import SetupError
from voxtrude.printer import PrinterId

AccountId = NewType("AccountId", str)
"""Whose printer it is; see ``voxtrude.accounts``."""

STANDARD_ROOT = "octoPrint"
PRINTER_ID = re.compile(r"prn-[0-9a-f]{16}")
MAX_NAME = 64
MAX_BASE = 200
MAX_PLATE = 100
FIRST_YEAR, LAST_YEAR = 1980, 2100
MAX_MES = 2**31 - 1
FIRST_PORT, LAST_PORT = 1024, 65535


class Standing(StrEnum):
    """How a registration stands with the broker."""

    PENDING = "pending"  # stored, and not yet known to the broker
    ACTIVE = "active"
    REVOKED = "revoked"


@dataclass(frozen=True, slots=True)
class Templates:
    """OctoPrint-MQTT's topic templates, relative to the base topic, with its defaults."""

    event: str = "event/{event}"
    progress: str = "progress/{progress}"
    temperature: str = "temperature/{temp}"
    metadata: str = "metadata/{key}"
    last_will: str = "mqtt"


@dataclass(frozen=True, slots=True)
class Identification:
    """What stands on the machine's plate; all optional, told by its owner."""

    manufacturer: str | None = None
    model: str | None = None
    serial_number: str | None = None
    location: str | None = None
    year_of_construction: int | None = None


@dataclass(frozen=True, slots=True)
class Factory:
    """Where the machine stands on a factory floor.

    ``mes_ids`` are the manufacturing execution systems that may see it, ``opcua_port`` a port
    on which it is served alone (as a client of its predecessor may expect it).
    """

    mes_ids: tuple[int, ...] = ()
    opcua_port: int | None = None
    maintenance: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Registration:
    """One printer's registration.

    It is forgotten when ``alive_at`` is too long ago; None keeps it for ever. Without an
    ``owner`` it belongs to the installation: its administrators see it.
    """

    id: PrinterId
    """A random number that stands for the printer; its user name at the broker, too."""
    name: str
    """What its owner calls it."""
    base_topic: str
    """The MQTT topic under which it publishes."""
    created_at: datetime
    """When it was added."""
    alive_at: datetime | None
    """When it was last heard of."""
    owner: AccountId | None = None
    """Whose it is."""
    warned_at: datetime | None = None
    """When its owner was told that it is silent."""
    templates: Templates = field(default_factory=Templates)
    """How the plugin's topics are made, where that was changed."""
    timestamp_field: str = "_timestamp"
    """How the plugin names the time in its messages."""
    identification: Identification = field(default_factory=Identification)
    """What stands on the machine's plate, where its owner told it."""
    factory: Factory = field(default_factory=Factory)
    """Where it stands on a factory floor, where that was told."""
    standing: Standing = Standing.PENDING
    """Whether the broker lets it in."""
    credential: Credential | None = None
    """A salted hash of its key; the key itself is shown once and not kept."""

    @property
    def topics(self) -> tuple[str, ...]:
        """The topic filters that hold everything this printer may say."""
        return topic_filters(self.base_topic, self.templates)


def new_printer_id() -> PrinterId:
    """Make an id; it is the printer's user name at the broker, too."""
    return PrinterId(f"prn-{secrets.token_hex(8)}")


def standard_base(printer: PrinterId) -> str:
    """Return the base topic of a printer that has no other."""
    return f"{STANDARD_ROOT}/{printer}/"


def topic_filters(base: str, templates: Templates) -> tuple[str, ...]:
    """Return the filters under which a printer with this base publishes.

    OctoPrint-MQTT glues base and template together without a separator, so a base that
    does not end in a slash has no single subtree: then there is a filter a template.
    """
    if base.endswith("/"):
        return (f"{base}#",)
    relative = (
        templates.event,
        templates.progress,
        templates.temperature,
        templates.metadata,
        templates.last_will,
    )
    return tuple(
        "/".join("+" if "{" in level else level for level in f"{base}{template}".split("/"))
        for template in relative
    )


def checked_name(name: str) -> str:
    """Return ``name`` as it is stored.

    Raises:
        SetupError: It is empty, too long, or holds control characters.
    """
    name = " ".join(name.split())
    if not name or len(name) > MAX_NAME or not name.isprintable():
        raise SetupError(f"a printer's name has 1 to {MAX_NAME} printable characters")
    return name


def checked_plate(plate: Identification) -> Identification:
    """Return ``plate`` as it is stored; an empty text is none.

    Raises:
        SetupError: A text is too long or holds control characters, or the year cannot be.
    """
    year = plate.year_of_construction
    if year is not None and not FIRST_YEAR <= year <= LAST_YEAR:
        raise SetupError(f"{year} is no year in which a printer was built")
    return Identification(
        manufacturer=_line(plate.manufacturer, "a manufacturer"),
        model=_line(plate.model, "a model"),
        serial_number=_line(plate.serial_number, "a serial number"),
        location=_line(plate.location, "a location"),
        year_of_construction=year,
    )


def _line(text: str | None, what: str) -> str | None:
    text = " ".join((text or "").split())
    if len(text) > MAX_PLATE or not text.isprintable():
        raise SetupError(f"{what} has at most {MAX_PLATE} printable characters")
    return text or None


def checked_factory(factory: Factory) -> Factory:
    """Return ``factory`` as it is stored, each MES once.

    Raises:
        SetupError: A number cannot be.
    """
    if any(not 0 <= one <= MAX_MES for one in factory.mes_ids):
        raise SetupError(f"a MES has a number from 0 to {MAX_MES}")
    port = factory.opcua_port
    if port is not None and not FIRST_PORT <= port <= LAST_PORT:
        raise SetupError(f"an OPC UA port is a number from {FIRST_PORT} to {LAST_PORT}")
    return replace(factory, mes_ids=tuple(dict.fromkeys(factory.mes_ids)))


def checked_base(base: str) -> str:
    """Return ``base``, a base topic other than the standard one.

    Raises:
        SetupError: The broker or the plugin could not use it, or it is ours.
    """
    if not base or len(base) > MAX_BASE or not base.isprintable():
        raise SetupError(f"a base topic has 1 to {MAX_BASE} printable characters")
    if any(character in base for character in "+#$%{}") or base.startswith("/"):
        raise SetupError("a base topic has no leading slash and none of the characters + # $ % { }")
    if not base.endswith("/"):
        raise SetupError(
            f"the base topic must end in a slash, as OctoPrint-MQTT adds none: {base}/"
        )
    if base.startswith("voxtrude/"):
        raise SetupError("base topics under voxtrude/ are taken by Voxtrude itself")
    if base == f"{STANDARD_ROOT}/":
        raise SetupError(
            "octoPrint/ is the plugin's default: printers that share it mix up; "
            "without a base topic it gets one of its own"
        )
    return base
