"""What the broker's own log tells of the printers' logins: why nothing arrives.

Mosquitto publishes its notices on ``$SYS/broker/log/N`` and its errors on ``…/E``. The lines
were seen with 2.0.11, and stand so in the sources of 2.0.22 and 2.1.2. 2.1 names the user
whose password was wrong; 2.0 says ``<unknown>`` and not even from where, so there the
connection that was open just then is taken, if it was the only one.

Whose wrong password it was is then concluded only where an address has been one printer's
alone. Addresses are kept in memory, and nowhere else.
"""

import re
from collections import OrderedDict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Literal, TypeAlias

from voxtrude.mongo.logins import EVICTIONS, UNNAMED, Tidings
from voxtrude.mqtt import Delivery
from voxtrude.printer import PrinterId
from voxtrude.registration import PRINTER_ID

TOPICS = ("$SYS/broker/log/N", "$SYS/broker/log/E")

MAX_REFUSED = 200
"""Names of refused logins noted at once: whoever guesses may make up as many as he likes."""

MAX_PENDING = 1000
MAX_ADDRESSES = 20_000

Protocol: TypeAlias = Literal["3.1", "3.1.1", "5"]

_PROTOCOLS: Mapping[str, Protocol] = {"1": "3.1", "2": "3.1.1", "5": "5"}

_STAMP = re.compile(r"\S+: ")
_OPENED = re.compile(r"New connection from (?P<peer>\S+:\d+) on port \d+\.")
_CONNECTED = re.compile(
    r"New client connected from (?P<peer>\S+:\d+) as (?P<name>\S+) \(p(?P<protocol>\d+), .*\)\."
)
# Who is refused may have chosen the name in the line, so that it looks like another line:
# these are tried before the ones below.
_REFUSED = (
    re.compile(r"Client (?P<name>.*) disconnected, not authorised\."),
    re.compile(
        r"Client (?P<name>.*) \[(?P<peer>\S+:\d+)\] disconnected: "
        r"(?:not authorised|bad username or password)\."
    ),
)
_EVICTED = (
    re.compile(r"Client (?P<name>\S+) already connected, closing old connection\."),
    re.compile(r"Client (?P<name>\S+) \[\S+:\d+\] disconnected: session taken over\."),
)
_UNNAMED = re.compile(r"Client <unknown> .*")
_DISCONNECTED = (
    re.compile(
        r"Client (?P<name>\S+)(?: \[\S+:\d+\])? "
        r"(?:disconnected|closed its connection|has exceeded timeout|been disconnected).*"
    ),
    re.compile(r"Bad socket read/write on client (?P<name>\S+): .*"),
)


@dataclass(frozen=True, slots=True)
class Opened:
    """Somebody opened a TCP connection; ``peer`` is address and port."""

    peer: str


@dataclass(frozen=True, slots=True)
class Connected:
    """Somebody logged in; ``protocol`` None for one that we do not know."""

    name: str
    peer: str
    protocol: Protocol | None


@dataclass(frozen=True, slots=True)
class Refused:
    """Somebody gave a wrong user name or password; None where the broker does not say."""

    name: str | None
    peer: str | None


@dataclass(frozen=True, slots=True)
class Evicted:
    """A second client with the same login threw the first one out."""

    name: str


@dataclass(frozen=True, slots=True)
class Disconnected:
    """A connection ended; ``name`` None for one that had not logged in."""

    name: str | None


Event: TypeAlias = Opened | Connected | Refused | Evicted | Disconnected


def read(line: str) -> Event | None:
    """Return what a line of the broker's log says, or None where nothing follows from it."""
    stamp = _STAMP.match(line)
    text = line[stamp.end() :] if stamp else line
    event: Event | None = None
    if found := _OPENED.fullmatch(text):
        event = Opened(found["peer"])
    elif found := _CONNECTED.fullmatch(text):
        protocol = _PROTOCOLS.get(found["protocol"])
        event = Connected(found["name"], found["peer"], protocol)
    elif found := _first(_REFUSED, text):
        name = found["name"]
        peer = found.groupdict().get("peer")
        event = Refused(name if PRINTER_ID.fullmatch(name) else None, peer)
    elif found := _first(_EVICTED, text):
        event = Evicted(found["name"])
    elif _UNNAMED.fullmatch(text):
        event = Disconnected(None)
    elif found := _first(_DISCONNECTED, text):
        event = Disconnected(found["name"])
    return event


def _first(patterns: Iterable[re.Pattern[str]], text: str) -> re.Match[str] | None:
    return next((found for one in patterns if (found := one.fullmatch(text))), None)


class Journal:
    """Adds up what was heard, until it is taken to be written down."""

    def __init__(self) -> None:
        self._tidings: dict[PrinterId, Tidings] = {}
        self._refused: set[PrinterId] = set()
        self._pending: OrderedDict[str, None] = OrderedDict()
        self._homes: OrderedDict[str, PrinterId | None] = OrderedDict()
        self._online: dict[PrinterId, bool] = {}

    def hear(self, deliveries: Iterable[Delivery]) -> None:
        """Take what the broker has published; what is no line of its log is passed over."""
        for one in deliveries:
            if one.topic in TOPICS and not one.retained:
                event = read(one.payload.decode(errors="replace"))
                if event:
                    self._note(event, datetime.fromtimestamp(one.received_at, UTC))

    def take(self) -> dict[PrinterId, Tidings]:
        """Return what was heard since the last time."""
        taken, self._tidings = self._tidings, {}
        self._refused.clear()
        return taken

    def give_back(self, tidings: Mapping[PrinterId, Tidings]) -> None:
        """Keep what could not be written; what was heard since goes on top of it."""
        for printer, older in tidings.items():
            newer = self._tidings.get(printer)
            self._tidings[printer] = _added(older, newer) if newer else older
            if older.refusals:
                self._refused.add(printer)

    def _note(self, event: Event, at: datetime) -> None:
        match event:
            case Opened(peer):
                self._pending[peer] = None
                if len(self._pending) > MAX_PENDING:
                    self._pending.popitem(last=False)
            case Refused(name, peer):
                self._refuse(name, peer or self._only_pending(), at)
            case Disconnected(None):
                self._only_pending()
            case Connected(name, peer):
                self._pending.pop(peer, None)
                self._logged_in(event, name, at)
            case Evicted(name) | Disconnected(name):
                self._logged_in(event, name, at)

    def _logged_in(
        self, event: Connected | Evicted | Disconnected, name: str | None, at: datetime
    ) -> None:
        """Take what tells of somebody that the broker has let in."""
        if name is None or not PRINTER_ID.fullmatch(name):
            return
        printer = PrinterId(name)
        match event:
            case Connected(peer=peer, protocol=protocol):
                self._connected(printer, peer, protocol, at)
            case Evicted():
                # 2.1 says so of a kept session that nobody used any more, too.
                if self._online.get(printer, True):
                    self._add(printer, Tidings(at, evicted_at=(at,)))
            case Disconnected():
                self._online[printer] = False
                self._add(printer, Tidings(at, disconnected_at=at))

    def _connected(
        self, printer: PrinterId, peer: str, protocol: Protocol | None, at: datetime
    ) -> None:
        self._online[printer] = True
        self._add(printer, Tidings(at, connected_at=at, protocol=protocol))
        address = peer.rpartition(":")[0]
        known = self._homes.get(address, printer)
        self._homes[address] = printer if known == printer else None
        self._homes.move_to_end(address)
        if len(self._homes) > MAX_ADDRESSES:
            self._homes.popitem(last=False)

    def _only_pending(self) -> str | None:
        """Return the connection that just ended without a login, if it can be no other."""
        only = next(iter(self._pending)) if len(self._pending) == 1 else None
        self._pending.clear()
        return only

    def _refuse(self, name: str | None, peer: str | None, at: datetime) -> None:
        if peer:
            self._pending.pop(peer, None)
        told = Tidings(at, refused_at=at, refusals=1)
        printer = PrinterId(name) if name else None
        if printer is None:
            self._add(UNNAMED, told)
            home = self._homes.get(peer.rpartition(":")[0]) if peer else None
            printer = home if home and not self._online.get(home) else None
        if printer and (printer in self._refused or len(self._refused) < MAX_REFUSED):
            self._refused.add(printer)
            self._add(printer, told)

    def _add(self, printer: PrinterId, newer: Tidings) -> None:
        older = self._tidings.get(printer)
        self._tidings[printer] = _added(older, newer) if older else newer


def _added(older: Tidings, newer: Tidings) -> Tidings:
    return replace(
        newer,
        connected_at=newer.connected_at or older.connected_at,
        protocol=newer.protocol or older.protocol,
        disconnected_at=newer.disconnected_at or older.disconnected_at,
        refused_at=newer.refused_at or older.refused_at,
        refusals=older.refusals + newer.refusals,
        evicted_at=(*older.evicted_at, *newer.evicted_at)[-EVICTIONS:],
    )
