"""A connection to an OPC UA server as an integrator's client makes it, and what went wrong."""

import asyncio
import ssl
import struct
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

from asyncua import ua
from asyncua.client.client import Client
from asyncua.crypto import uacrypto
from asyncua.crypto.security_policies import SecurityPolicyBasic256Sha256
from asyncua.ua.status_codes import StatusCodes
from asyncua.ua.uaerrors import UaError, UaStatusCodeError
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from voxtrude.errors import LinkError, SetupError, VoxtrudeError
from voxtrude.opcua.identity import thumbprint

PORT = 4840
TIMEOUT = 10.0  # seconds for each answer
_UNTRUSTED = (
    StatusCodes.BadCertificateUntrusted,
    StatusCodes.BadSecurityChecksFailed,
)
_NO_LOGIN = (
    StatusCodes.BadIdentityTokenRejected,
    StatusCodes.BadIdentityTokenInvalid,
    StatusCodes.BadUserAccessDenied,
)
_FULL = (
    StatusCodes.BadTooManySessions,
    StatusCodes.BadTcpServerTooBusy,
    StatusCodes.BadTcpNotEnoughResources,
    StatusCodes.BadServerHalted,
    StatusCodes.BadMaxConnectionsReached,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Access:
    """How to introduce ourselves.

    With a certificate (PEM or DER, and its key) the connection is Sign & Encrypt with
    Basic256Sha256, without one it has no security. No username means Anonymous, and a
    password is never sent without security.
    """

    username: str | None = None
    password: str | None = field(default=None, repr=False)
    certificate: Path | None = None
    key: Path | None = None
    server_certificate: Path | None = None
    """The one that the server must show; None accepts any."""


@dataclass(frozen=True, slots=True)
class Connection:
    """An active session, and how the server may be reached."""

    client: Client
    endpoints: tuple[ua.EndpointDescription, ...]
    thumbprint: str
    """SHA-1 of the server's certificate, as OPC UA tools show it; empty without one."""


@asynccontextmanager
async def connected(
    url: str, access: Access, *, patience: float = TIMEOUT
) -> AsyncIterator[Connection]:
    """Connect to ``url`` (``opc.tcp://host:port``) until the block ends.

    Raises:
        SetupError: The server refuses us as we are, or the URL or a file is wrong; also
            from within the block.
        LinkError: The server is away, full, or no OPC UA server; also from within the block.
    """
    peer = _address(url)
    own = _Own.read(access)
    if access.username is not None and own is None:
        raise SetupError("a password needs an encrypted connection: give a certificate and its key")
    mark = thumbprint(own.certificate) if own is not None else ""
    try:
        endpoints = await _endpoints(peer, patience)
        endpoint = _chosen(peer, endpoints, secure=own is not None)
        client = Client(peer, patience)
        client.name = client.description = "Voxtrude check"
        client.product_uri = "urn:voxtrude:check"
        shown = ""
        if own is not None:
            # A server may show its whole chain; its own certificate is the first.
            server: x509.Certificate = uacrypto.x509_from_der(  # type: ignore[no-untyped-call]  # so in asyncua
                endpoint.ServerCertificate
            )
            _compare(peer, server, access.server_certificate)
            shown = thumbprint(server)
            client.application_uri = own.uri
            await client.set_security(
                SecurityPolicyBasic256Sha256,
                own.certificate.public_bytes(Encoding.DER),
                own.key,
                server_certificate=server.public_bytes(Encoding.DER),
            )
        if access.username is not None:
            client.set_user(access.username)
            client.set_password(access.password or "")
        async with client:
            yield Connection(client, tuple(endpoints), shown)
    except VoxtrudeError:
        raise
    except Exception as error:
        raise translated(error, peer, mark) from error


def translated(error: Exception, peer: str, ours: str) -> VoxtrudeError:  # noqa: PLR0911  (a table)
    """Say what a foreign error means to whom runs the check.

    ``ours`` is our certificate's thumbprint. Bugs of this program come back as they are.
    """
    if isinstance(error, UaStatusCodeError):
        return _refused(error, peer, ours)
    if isinstance(error, TimeoutError | asyncio.TimeoutError):
        return LinkError(f"{peer} does not answer within the time: is it an OPC UA server?")
    if isinstance(error, ConnectionRefusedError):
        return LinkError(f"nobody listens on {peer}")
    if isinstance(error, ConnectionError):
        if ours:
            return SetupError(
                f"{peer} closed the connection. It may not trust our certificate {ours}: "
                "look into its list of rejected certificates"
            )
        return LinkError(f"{peer} closed the connection: is it an OPC UA server?")
    if isinstance(error, ssl.SSLError | OSError):
        return LinkError(f"cannot reach {peer}: {error.strerror or error}")
    if isinstance(error, UaError | ValueError | TypeError | struct.error):
        return LinkError(f"{peer} answers what cannot be read: {error} ({type(error).__name__})")
    raise error


def _refused(error: UaStatusCodeError, peer: str, ours: str) -> VoxtrudeError:
    name = type(error).__name__
    if error.code in _UNTRUSTED:
        return SetupError(
            f"{peer} does not trust our certificate {ours} ({name}). Trust it there: for "
            f"Voxtrude's bridge with `voxtrude opcua trust {ours}`, elsewhere move it from "
            "the rejected to the trusted certificates"
        )
    if "Certificate" in name:
        return SetupError(f"{peer} refuses our certificate {ours}: {error}")
    if error.code in _NO_LOGIN:
        return SetupError(f"{peer} refuses the user name or the password ({name})")
    if error.code == StatusCodes.BadSecurityPolicyRejected:
        return SetupError(f"{peer} refuses a connection without security: give a certificate")
    if error.code in _FULL:
        return LinkError(f"{peer} takes no further client now ({name})")
    return LinkError(f"{peer}: {error}")


async def _endpoints(peer: str, patience: float) -> list[ua.EndpointDescription]:
    """Ask without security, as every client does first (Part 4, 5.5.4)."""
    try:
        return await Client(peer, patience).connect_and_get_server_endpoints()
    except Exception as error:
        raise translated(error, peer, "") from error


def _chosen(
    peer: str, endpoints: list[ua.EndpointDescription], *, secure: bool
) -> ua.EndpointDescription:
    wanted = "Basic256Sha256 SignAndEncrypt" if secure else "None"
    for endpoint in endpoints:
        if security(endpoint) == wanted:
            return endpoint
    offered = ", ".join(sorted({security(endpoint) for endpoint in endpoints})) or "nothing"
    if not secure:
        raise SetupError(f"{peer} demands security, so give a certificate; it offers {offered}")
    raise SetupError(f"{peer} does not offer {wanted}, but {offered}")


def _compare(peer: str, shown: x509.Certificate, expected: Path | None) -> None:
    if expected is not None and shown != _certificate(expected):
        raise SetupError(f"{peer} shows another certificate ({thumbprint(shown)}) than {expected}")


def security(endpoint: ua.EndpointDescription) -> str:
    """Return an endpoint's security in words."""
    policy = (endpoint.SecurityPolicyUri or "").rpartition("#")[2]
    return policy if policy == "None" else f"{policy} {endpoint.SecurityMode.name}"


def _address(url: str) -> str:
    """Return ``url`` with its port.

    Raises:
        SetupError: It is none of OPC UA's binary protocol.
    """
    try:
        parts = urlsplit(url)
        port = parts.port or PORT
    except ValueError:
        raise SetupError(f"{url!r} is no URL such as opc.tcp://host:{PORT}") from None
    if parts.scheme != "opc.tcp" or not parts.hostname:
        raise SetupError(f"{url!r} is no URL such as opc.tcp://host:{PORT}")
    if parts.username is not None:
        raise SetupError("the user name and the password do not belong into the URL")
    host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
    return f"opc.tcp://{host}:{port}{parts.path}"


@dataclass(frozen=True, slots=True)
class _Own:
    """Our certificate, its key, and the ApplicationUri that it names."""

    certificate: x509.Certificate
    key: Path
    uri: str

    @staticmethod
    def read(access: Access) -> "_Own | None":
        if access.certificate is None or access.key is None:
            return None
        certificate = _certificate(access.certificate)
        try:
            names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName)
            uris = names.value.get_values_for_type(x509.UniformResourceIdentifier)
        except (x509.ExtensionNotFound, ValueError):
            uris = []
        if not uris:
            raise SetupError(f"{access.certificate} names no ApplicationUri: make a new one")
        if not access.key.is_file():
            raise SetupError(f"cannot read the key {access.key}")
        return _Own(certificate, access.key, uris[0])


def _certificate(path: Path) -> x509.Certificate:
    """Read a certificate, PEM or DER."""
    try:
        content = path.read_bytes()
        if content.startswith(b"-----"):
            return x509.load_pem_x509_certificate(content)
        return x509.load_der_x509_certificate(content)
    except OSError as error:
        raise SetupError(f"cannot read {path}: {error.strerror}") from None
    except ValueError:
        raise SetupError(f"{path} holds no certificate") from None
