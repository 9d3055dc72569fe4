"""The broker's certificate and the authority that signs it, both made here.

The authority lives for ten years, so that what was installed on a printer's host stays
valid; the server's certificate is renewed long before browsers would refuse its age.
"""

import re
from dataclasses import dataclass
from datetime import datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from voxtrude import files
from voxtrude.errors import SetupError

AUTHORITY_LIFE = timedelta(days=3652)
SERVER_LIFE = timedelta(days=397)
RENEW_BEFORE = timedelta(days=30)
CLOCK_SKEW = timedelta(days=1)  # a Pi without a battery clock may be behind

ALWAYS = ("localhost", "127.0.0.1", "::1")
_LABEL = re.compile(r"(?!-)[a-z0-9-]{1,63}(?<!-)")


@dataclass(frozen=True, slots=True)
class Certificates:
    """Where the PEM files are; ``authority`` is the one to give to clients."""

    authority: Path
    certificate: Path
    key: Path


@dataclass(frozen=True, slots=True)
class _Signed:
    certificate: x509.Certificate
    key: ec.EllipticCurvePrivateKey


def ensure(
    folder: Path, hosts: tuple[str, ...], now: datetime, *, owner: int | None = None
) -> Certificates:
    """Return certificates for ``hosts`` (DNS names or IP addresses), made where needed.

    What is valid is left alone. The server's certificate is made anew when ``hosts``
    changed or it ends within 30 days, the authority only when it ends within 30 days.
    ``owner`` is the number of the user that shall own the server's key.

    Raises:
        SetupError: A host name is none, or the folder cannot be read or written.
    """
    names = _names(hosts)
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise SetupError(f"cannot write {folder}: {error.strerror}") from None
    paths = Certificates(folder / "ca.crt", folder / "server.crt", folder / "server.key")
    authority = _load(paths.authority, folder / "ca.key")
    if authority is None or _ends(authority.certificate, now):
        authority = _new_authority(now)
        _save(authority, paths.authority, folder / "ca.key", None)
    server = _load(paths.certificate, paths.key)
    if (
        server is None
        or _ends(server.certificate, now)
        or not _signed_by(server.certificate, authority.certificate)
        or set(_alternatives(server.certificate)) != set(names)
    ):
        server = _new_server(authority, names, now)
        _save(server, paths.certificate, paths.key, owner)
    return paths


def _names(hosts: tuple[str, ...]) -> list[x509.GeneralName]:
    names = (alternative_name(host, "VOXTRUDE_PUBLIC_HOST") for host in (*hosts, *ALWAYS))
    return list(dict.fromkeys(names))


def alternative_name(host: str, setting: str) -> x509.GeneralName:
    """Return ``host``, which ``setting`` names, as certificates have it.

    Raises:
        SetupError: It is neither a host name nor an IP address.
    """
    try:
        return x509.IPAddress(ip_address(host.strip("[]")))
    except ValueError:
        pass
    try:
        ascii_name = host.lower().encode("idna").decode()
    except UnicodeError:
        ascii_name = ""
    labels = ascii_name.split(".")
    if not all(_LABEL.fullmatch(label) for label in labels) or labels[-1].isdigit():
        raise SetupError(f"{setting}: {host!r} is neither a host name nor an IP address")
    return x509.DNSName(ascii_name)


def _alternatives(certificate: x509.Certificate) -> list[x509.GeneralName]:
    try:
        extension = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName)
    except x509.ExtensionNotFound:
        return []
    return list(extension.value)


def _ends(certificate: x509.Certificate, now: datetime) -> bool:
    return not (
        certificate.not_valid_before_utc <= now <= certificate.not_valid_after_utc - RENEW_BEFORE
    )


def _signed_by(certificate: x509.Certificate, authority: x509.Certificate) -> bool:
    try:
        certificate.verify_directly_issued_by(authority)
    except (ValueError, TypeError, InvalidSignature):
        return False
    return True


def _new_authority(now: datetime) -> _Signed:
    key = ec.generate_private_key(ec.SECP256R1())
    serial = x509.random_serial_number()
    # Two authorities of two installations must not look alike in a client's list.
    name = _subject(f"Voxtrude certificate authority {serial:x}"[:64])
    builder = (
        _builder(name, name, key, now, AUTHORITY_LIFE)
        .serial_number(serial)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_usage(authority=True), critical=True)
    )
    return _Signed(builder.sign(key, hashes.SHA256()), key)


def _new_server(authority: _Signed, names: list[x509.GeneralName], now: datetime) -> _Signed:
    key = ec.generate_private_key(ec.SECP256R1())
    issuer = authority.certificate
    life = min(SERVER_LIFE, issuer.not_valid_after_utc - now)
    builder = (
        _builder(_subject("Voxtrude broker"), issuer.subject, key, now, life)
        .serial_number(x509.random_serial_number())
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_usage(authority=False), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
        .add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_public_key(authority.key.public_key()),
            critical=False,
        )
    )
    return _Signed(builder.sign(authority.key, hashes.SHA256()), key)


def _builder(
    subject: x509.Name,
    issuer: x509.Name,
    key: ec.EllipticCurvePrivateKey,
    now: datetime,
    life: timedelta,
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .not_valid_before(now - CLOCK_SKEW)
        .not_valid_after(now + life)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
    )


def _subject(common_name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name)])


def _usage(*, authority: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not authority,
        key_cert_sign=authority,
        crl_sign=authority,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )


def _load(certificate_path: Path, key_path: Path) -> _Signed | None:
    """Return what the files hold, None if they are missing or do not belong together."""
    try:
        certificate = x509.load_pem_x509_certificate(certificate_path.read_bytes())
        key = serialization.load_pem_private_key(key_path.read_bytes(), None)
    except (FileNotFoundError, ValueError, TypeError):
        return None
    except OSError as error:
        raise SetupError(f"cannot read {error.filename}: {error.strerror}") from None
    if not isinstance(key, ec.EllipticCurvePrivateKey):
        return None
    if key.public_key() != certificate.public_key():
        return None
    return _Signed(certificate, key)


def _save(signed: _Signed, certificate_path: Path, key_path: Path, owner: int | None) -> None:
    key = signed.key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    files.write(key_path, key, owner=owner)
    pem = signed.certificate.public_bytes(serialization.Encoding.PEM)
    files.write(certificate_path, pem, mode=files.PUBLIC)
