"""Where an OctoPrint may be asked: an address that somebody typed, read, resolved, and judged.

OctoPrint may stand anywhere in a home network or on this very machine, so private addresses are
fine. Not asked are addresses that no printer has (link-local ones, where clouds keep their
machines' secrets), and the ports of our own services. What was judged is what is connected to:
a name that is resolved again could lead elsewhere.
"""

import asyncio
import socket
from collections.abc import Iterator
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from typing import Self, TypeAlias
from urllib.parse import unquote_to_bytes, urlsplit

from services.skill.onboarding.obstacles import Obstacle
from services.skill.settings import SkillSettings

Address: TypeAlias = IPv4Address | IPv6Address

LONGEST = 300  # characters
RESOLVING = 5.0  # seconds
MOST = 4  # addresses of one name that are tried
STANDARD = {"http": 80, "https": 443}

METADATA = frozenset({ip_address("fd00:ec2::254"), ip_address("100.100.100.200")})
"""Where clouds keep machines' secrets, besides link-local addresses."""

RISKY = frozenset({22, 23, 25, 53, 110, 143, 465, 587, 993, 995, 1883, 3306, 5432, 6379, 8883})
"""Where no OctoPrint is: protocols that might take our lines for their own."""

_TRANSLATED = ip_network("64:ff9b::/96")  # RFC 6052

MONGODB = 27017  # its standard port


@dataclass(frozen=True, slots=True)
class Ports:
    """Where our own services listen: ``inner`` wherever they run, ``portal`` on this machine."""

    inner: frozenset[int]
    portal: int

    @classmethod
    def of(cls, settings: SkillSettings) -> Self:
        """Read them from our settings."""
        inner = {settings.mqtt.port, settings.plugin.port, settings.plugin.tls_port}
        if settings.smtp.host:
            inner.add(settings.smtp.port)
        inner.update(_database_ports(settings.mongo.url.get_secret_value()))
        return cls(frozenset(inner), settings.web.port)


@dataclass(frozen=True, slots=True)
class Place:
    """A base URL in its parts; ``prefix`` has no slash at its end."""

    scheme: str
    host: str
    port: int
    prefix: str = ""

    @property
    def authority(self) -> str:
        """What stands in the Host header."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == STANDARD[self.scheme] else f"{host}:{self.port}"


def parsed(text: str) -> Place:
    """Read what somebody typed; http where they left it out.

    Raises:
        Obstacle: It is no web address.
    """
    text = text.strip()
    if not text or len(text) > LONGEST or not text.isprintable() or " " in text or "\\" in text:
        raise Obstacle("address")
    try:
        parts = urlsplit(text if "://" in text else f"http://{text}")
        host, port = parts.hostname, parts.port
    except ValueError:
        raise Obstacle("address") from None
    if parts.scheme not in STANDARD or not host or parts.username is not None or "%" in host:
        raise Obstacle("address")
    try:
        # Names of other scripts as DNS has them.
        name = host if ":" in host else host.encode("idna").decode()
    except UnicodeError:
        raise Obstacle("address") from None
    return Place(
        parts.scheme,
        name,
        STANDARD[parts.scheme] if port is None else port,
        _prefix(parts.path),
    )


def _prefix(path: str) -> str:
    """Return the path of OctoPrint's first page; what its pages add is left out."""
    path = path.removesuffix("/").removesuffix("/login").rstrip("/")
    if any(one in {b".", b".."} for one in unquote_to_bytes(path).split(b"/")):
        raise Obstacle("address")
    return path


async def resolved(place: Place, ours: Ports) -> list[Address]:
    """Return the addresses at which ``place`` may be asked.

    Raises:
        Obstacle: Nobody knows the name, or one of its addresses may not be asked.
    """
    loop = asyncio.get_running_loop()
    try:
        async with asyncio.timeout(RESOLVING):
            found = await loop.getaddrinfo(place.host, place.port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError, TimeoutError):
        raise Obstacle("unknown-host") from None
    addresses = [ip_address(str(one[4][0]).partition("%")[0]) for one in found]
    if any(is_forbidden(one, place.port, ours) for one in addresses):
        raise Obstacle("forbidden-address")
    return list(dict.fromkeys(addresses))[:MOST]


def is_forbidden(address: Address, port: int, ours: Ports) -> bool:
    """Tell whether an address is not asked."""
    if port == 0 or port in RISKY or port in ours.inner:
        return True
    return any(
        one.is_link_local
        or one.is_multicast
        or one.is_unspecified
        or one in METADATA
        or (isinstance(one, IPv4Address) and one.is_reserved)
        or (port == ours.portal and is_this_machine(one))
        for one in _meanings(address)
    )


def is_this_machine(address: Address) -> bool:
    """Tell whether an address is this machine's: only then can somebody listen there."""
    if address.is_loopback:
        return True
    family = socket.AF_INET if isinstance(address, IPv4Address) else socket.AF_INET6
    with socket.socket(family, socket.SOCK_DGRAM) as probe:
        try:
            probe.bind((str(address), 0))
        except OSError:
            return False
    return True


def _meanings(address: Address) -> Iterator[Address]:
    """Yield an address, and the one of IPv4 that it leads to, if it does."""
    yield address
    if isinstance(address, IPv6Address):
        if inner := address.ipv4_mapped or address.sixtofour:
            yield inner
        if address.teredo:
            yield address.teredo[1]
        if address in _TRANSLATED:
            yield IPv4Address(int(address) & 0xFFFF_FFFF)


def _database_ports(url: str) -> Iterator[int]:
    hosts = url.partition("://")[2].partition("/")[0].rpartition("@")[2]
    for host in hosts.split(","):
        port = host.rpartition("]")[2].rpartition(":")[2] if ":" in host else ""
        yield int(port) if port.isdecimal() else MONGODB
