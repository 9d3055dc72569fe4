"""What the server tells of itself to strangers: its endpoints, by the address they asked for.

asyncua repeats any host that a client writes into its request, and lists whoever registers.
"""

import re
from ipaddress import ip_address
from typing import Any
from urllib.parse import urlsplit

from asyncua import ua

from services.opcua_bridge.access.admission import Admission

TRANSPORT = "http://opcfoundation.org/UA-Profile/Transport/uatcp-uasc-uabinary"
NAME = "Voxtrude"
PRODUCT = "urn:voxtrude:opcua"
LONGEST_HOST = 253  # characters (RFC 1035)
_LONGEST_URL = 4_096
# Names within a Docker network have underscores.
_LABEL = re.compile(r"(?!-)[A-Za-z0-9_-]{1,63}(?<!-)")


def get_endpoints(
    admission: Admission, params: ua.GetEndpointsParameters, arrived: tuple[str, int]
) -> Any:  # noqa: ANN401 - asyncua's
    """Answer GetEndpoints."""
    found = []
    if not params.ProfileUris or TRANSPORT in params.ProfileUris:
        found = endpoints(admission, asked_for(params.EndpointUrl, arrived))
    return ua.GetEndpointsResponse(Endpoints=found)


def find_servers(
    admission: Admission, params: ua.FindServersParameters, arrived: tuple[str, int]
) -> Any:  # noqa: ANN401 - asyncua's
    """Answer FindServers."""
    found = []
    if not params.ServerUris or admission.identity.uri in params.ServerUris:
        found = [describe(admission, asked_for(params.EndpointUrl, arrived))]
    return ua.FindServersResponse(Servers=found)


def asked_for(url: str | None, fallback: tuple[str, int]) -> str:
    """Return the URL by which a client reaches us: its own words, where they are an address.

    It knows the way to us (a name, a forwarded port); ``fallback`` is where it has arrived.
    """
    return _address(url or "") or f"opc.tcp://{_bracketed(fallback[0])}:{fallback[1]}"


def _address(url: str) -> str | None:
    if len(url) > _LONGEST_URL:
        return None
    try:
        parts = urlsplit(url)
        host, port = parts.hostname or "", parts.port
    except ValueError:
        return None
    if parts.scheme != "opc.tcp" or not port or not _is_host(host):
        return None
    return f"opc.tcp://{_bracketed(host)}:{port}"


def _is_host(host: str) -> bool:
    try:
        ip_address(host)
    except ValueError:
        return len(host) <= LONGEST_HOST and all(map(_LABEL.fullmatch, host.split(".")))
    return "%" not in host


def _bracketed(host: str) -> str:
    host = host.partition("%")[0]
    return f"[{host}]" if ":" in host else host


def endpoints(admission: Admission, url: str) -> list[ua.EndpointDescription]:
    """Return a description of each way to connect to ``url``."""
    server = describe(admission, url)
    return [
        ua.EndpointDescription(
            EndpointUrl=url,
            Server=server,
            ServerCertificate=admission.identity.der,
            SecurityMode=one.mode,
            SecurityPolicyUri=one.uri,
            UserIdentityTokens=admission.token_policies(one.uri),
            TransportProfileUri=TRANSPORT,
            SecurityLevel=one.level,
        )
        for one in admission.securities
    ]


def describe(admission: Admission, url: str) -> ua.ApplicationDescription:
    """Return a description of the server as it is reached at ``url``."""
    return ua.ApplicationDescription(
        ApplicationUri=admission.identity.uri,
        ProductUri=PRODUCT,
        ApplicationName=ua.LocalizedText(NAME),
        ApplicationType=ua.ApplicationType.Server,
        DiscoveryUrls=[url],
    )
