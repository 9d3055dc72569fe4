"""The application instance certificates (OPC 10000-6, 6.2.2): the server's, and our client's.

Clients keep the server's certificate in their trust lists, so it lives long and is made anew
only when it ends, or when the names by which the server is reached have changed.
"""

import hashlib
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from voxtrude import files
from voxtrude.certificates import CLOCK_SKEW, RENEW_BEFORE, alternative_name
from voxtrude.errors import SetupError

LIFE = timedelta(days=1826)
KEY_SIZE = 2048  # bits: the least that Basic256Sha256 allows, and the most that every client can
OWN = "own"
TRUSTED = "trusted"
CLIENT = "client"
SERVER = "server"


@dataclass(frozen=True, slots=True)
class Identity:
    """An application instance: its URI, its certificate, its key, and where those two lie.

    The certificate's file is DER, as OPC UA tools import it, the key's is PEM.
    """

    uri: str
    certificate: x509.Certificate
    key: rsa.RSAPrivateKey = field(repr=False, compare=False)
    certificate_path: Path
    key_path: Path

    @property
    def der(self) -> bytes:
        """The certificate as it is sent."""
        return self.certificate.public_bytes(serialization.Encoding.DER)

    @property
    def thumbprint(self) -> str:
        """SHA-1 of the certificate, as OPC UA tools show it."""
        return thumbprint(self.certificate)


def thumbprint(certificate: x509.Certificate) -> str:
    """Return SHA-1 of the certificate in upper case hex, as OPC UA tools show it.

    It is a name for people: whoever decides by a certificate compares the whole of it.
    """
    der = certificate.public_bytes(serialization.Encoding.DER)
    return hashlib.sha1(der, usedforsecurity=False).hexdigest().upper()


def server(
    pki: Path, uri: str, hosts: tuple[str, ...], now: datetime, *, owner: int | None = None
) -> Identity:
    """Return the server's identity, made where needed, for the names it is reached by.

    Raises:
        SetupError: A name is none, or the folder cannot be read or written.
    """
    return _ensure(pki, SERVER, uri, hosts, now, owner)


def client(
    pki: Path, uri: str, hosts: tuple[str, ...], now: datetime, *, owner: int | None = None
) -> Identity:
    """Return our own client's identity, made where needed; the server here trusts it.

    Raises:
        SetupError: A name is none, or the folder cannot be read or written.
    """
    found = _ensure(pki, CLIENT, uri, hosts, now, owner)
    trusted = pki / TRUSTED / f"voxtrude-{CLIENT}.der"
    _folder(trusted.parent)
    try:
        known = trusted.read_bytes() == found.der
    except OSError:
        known = False
    if not known:
        files.write(trusted, found.der, mode=files.PUBLIC, owner=owner)
    return found


def _ensure(
    pki: Path, role: str, uri: str, hosts: tuple[str, ...], now: datetime, owner: int | None
) -> Identity:
    if not uri.isascii():  # a URI is, and so is what a certificate can hold of it
        raise SetupError(f"the application URI {uri!r} is not ASCII: use another host name")
    names = _names(uri, hosts)
    folder = pki / OWN
    certificate_path, key_path = folder / f"{role}.der", folder / f"{role}_key.pem"
    pair = _load(certificate_path, key_path)
    if pair is None or not _good(pair[0], names, now):
        _folder(folder)
        pair = _make(role, names, now)
        _save(pair, certificate_path, key_path, owner)
    return Identity(uri, *pair, certificate_path, key_path)


def _folder(path: Path) -> None:
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise SetupError(f"cannot write {path}: {error.strerror}") from None


def _names(uri: str, hosts: tuple[str, ...]) -> list[x509.GeneralName]:
    names = (alternative_name(host, "VOXTRUDE_OPCUA_NAMES") for host in hosts)
    return [x509.UniformResourceIdentifier(uri), *dict.fromkeys(names)]


def _good(certificate: x509.Certificate, names: list[x509.GeneralName], now: datetime) -> bool:
    if (
        not certificate.not_valid_before_utc
        <= now
        <= certificate.not_valid_after_utc - RENEW_BEFORE
    ):
        return False
    try:
        found = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName)
    except x509.ExtensionNotFound:
        return False
    return set(found.value) == set(names)


def _make(
    role: str, names: list[x509.GeneralName], now: datetime
) -> tuple[x509.Certificate, rsa.RSAPrivateKey]:
    key = rsa.generate_private_key(public_exponent=65537, key_size=KEY_SIZE)
    host = next((str(name.value) for name in names[1:]), "voxtrude")
    subject = x509.Name(
        [
            x509.NameAttribute(NameOID.COMMON_NAME, f"Voxtrude OPC UA {role} {host}"[:64]),
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, "Voxtrude"),
        ]
    )
    public = key.public_key()
    certificate = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(public)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - CLOCK_SKEW)
        .not_valid_after(now + LIFE)
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_USAGE, critical=True)
        .add_extension(_EXTENDED_USAGE, critical=False)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(public), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(public), critical=False)
        .sign(key, hashes.SHA256())
    )
    return certificate, key


# As OPC 10000-6, 6.2.2 demands of every application instance certificate.
_USAGE = x509.KeyUsage(
    digital_signature=True,
    content_commitment=True,
    key_encipherment=True,
    data_encipherment=True,
    key_agreement=False,
    key_cert_sign=False,
    crl_sign=False,
    encipher_only=False,
    decipher_only=False,
)
_EXTENDED_USAGE = x509.ExtendedKeyUsage(
    [ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH]
)


def _load(
    certificate_path: Path, key_path: Path
) -> tuple[x509.Certificate, rsa.RSAPrivateKey] | None:
    """Return what the files hold, None if they are missing or do not belong together."""
    try:
        certificate = x509.load_der_x509_certificate(certificate_path.read_bytes())
        key = serialization.load_pem_private_key(key_path.read_bytes(), None)
    except (FileNotFoundError, ValueError, TypeError):
        return None
    except OSError as error:
        raise SetupError(f"cannot read {error.filename}: {error.strerror}") from None
    if not isinstance(key, rsa.RSAPrivateKey) or key.public_key() != certificate.public_key():
        return None
    return certificate, key


def _save(
    pair: tuple[x509.Certificate, rsa.RSAPrivateKey],
    certificate_path: Path,
    key_path: Path,
    owner: int | None,
) -> None:
    certificate, key = pair
    pem = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    files.write(key_path, pem, owner=owner)
    der = certificate.public_bytes(serialization.Encoding.DER)
    files.write(certificate_path, der, mode=files.PUBLIC, owner=owner)
