"""From where somebody visits us, cut short: enough to slow down who guesses."""

from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network

from starlette.requests import HTTPConnection

UNKNOWN = "unknown"
IPV4_PREFIX, IPV6_PREFIX = 24, 48  # bits that are kept


def network_of(request: HTTPConnection) -> str:
    """Return the client's network, such as ``192.0.2.0/24`` or ``2001:db8::/48``."""
    return network(request.client.host) if request.client else UNKNOWN


def network(address: str) -> str:
    """Return the network that an address belongs to."""
    try:
        found = ip_address(address)
    except ValueError:
        return UNKNOWN
    if isinstance(found, IPv6Address):
        found = found.ipv4_mapped or IPv6Address(int(found))  # without an interface's name
    prefix = IPV4_PREFIX if isinstance(found, IPv4Address) else IPV6_PREFIX
    return str(ip_network(f"{found}/{prefix}", strict=False))
