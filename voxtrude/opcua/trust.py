"""Which clients' certificates are trusted: folders of files, as OPC UA tools have them.

``pki/trusted`` holds certificates that are trusted (an authority's lets in whom it signed),
``pki/issuers`` authorities that only complete a chain, both with their revocation lists
(``*.crl``); ``pki/rejected`` the last ones that were refused. Whoever puts a file there, or
takes it away, is heard at once.
"""

import re
import shutil
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import Enum, auto
from pathlib import Path

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import serialization
from cryptography.x509.oid import NameOID

from voxtrude import files
from voxtrude.errors import SetupError
from voxtrude.opcua.identity import TRUSTED, thumbprint

ISSUERS = "issuers"
REJECTED = "rejected"
KEPT = 50  # rejected certificates
LARGEST = 16_384  # bytes of a certificate's file
LONGEST_CHAIN = 5
SHORTEST_THUMBPRINT = 4  # characters that may name a certificate

_CERTIFICATES = frozenset({".der", ".crt", ".cer", ".pem"})
_REVOCATIONS = frozenset({".crl"})
_LARGEST_LIST = 4 * 1024 * 1024  # bytes of a revocation list's file
_UNREADABLE = re.compile(r"[^A-Za-z0-9._-]+")


class Verdict(Enum):
    """What is thought of a certificate."""

    TRUSTED = auto()
    UNKNOWN = auto()
    REVOKED = auto()


@dataclass(frozen=True, slots=True)
class Kept:
    """A certificate in one of the folders; ``since`` is when its file was written."""

    certificate: x509.Certificate
    path: Path
    since: datetime

    @property
    def thumbprint(self) -> str:
        """SHA-1, as OPC UA tools show it."""
        return thumbprint(self.certificate)

    @property
    def name(self) -> str:
        """What it calls itself."""
        return common_name(self.certificate)


@dataclass(frozen=True, slots=True)
class _Lists:
    trusted: tuple[x509.Certificate, ...]
    issuers: tuple[x509.Certificate, ...]
    revocations: tuple[x509.CertificateRevocationList, ...]


def common_name(certificate: x509.Certificate) -> str:
    """Return a certificate's common name, or all of its subject."""
    try:
        names = certificate.subject.get_attributes_for_oid(NameOID.COMMON_NAME)
        return str(names[0].value) if names else certificate.subject.rfc4514_string()
    except ValueError:  # a subject that cannot be read
        return "unnamed"


def read_certificate(path: Path) -> x509.Certificate:
    """Read a certificate, PEM or DER.

    Raises:
        SetupError: There is none.
    """
    try:
        contents = path.read_bytes() if path.stat().st_size <= LARGEST else b""
    except OSError as error:
        raise SetupError(f"cannot read {path}: {error.strerror}") from None
    try:
        if contents.lstrip().startswith(b"-----BEGIN"):
            return x509.load_pem_x509_certificate(contents)
        return x509.load_der_x509_certificate(contents)
    except ValueError:
        raise SetupError(f"{path} holds no X.509 certificate (PEM or DER)") from None


class Trust:
    """The folders below ``pki``; they are made when something is put there."""

    def __init__(self, pki: Path) -> None:
        self._pki = pki
        self._read: tuple[object, _Lists] | None = None

    def judge(self, certificate: x509.Certificate) -> Verdict:
        """Tell whether ``certificate`` is trusted itself, or signed by an authority that is.

        Whether it is valid today is another question.
        """
        lists = self._lists()
        if certificate in lists.trusted:
            return Verdict.TRUSTED
        verdict = Verdict.UNKNOWN
        below = certificate
        for _ in range(LONGEST_CHAIN):
            above = _issuer(below, (*lists.trusted, *lists.issuers))
            if above is None or above == below:
                return verdict
            if _revoked(below, above, lists.revocations):
                return Verdict.REVOKED
            if above in lists.trusted:
                verdict = Verdict.TRUSTED
            below = above
        return verdict

    def reject(self, certificate: x509.Certificate) -> Kept | None:
        """Keep a refused certificate; return it where it was not kept yet.

        Raises:
            SetupError: The folder cannot be written.
        """
        der = certificate.public_bytes(serialization.Encoding.DER)
        if len(der) > LARGEST:
            return None
        readable = _UNREADABLE.sub("-", common_name(certificate))[:40].strip("-.") or "unnamed"
        path = self._pki / REJECTED / f"{readable}-{thumbprint(certificate)}.der"
        new = not path.exists()
        _folder(path.parent)
        files.write(path, der, mode=files.PUBLIC)  # again: the last one is known by its time
        for one in sorted(self.rejected(), key=lambda kept: kept.since, reverse=True)[KEPT:]:
            one.path.unlink(missing_ok=True)
        return Kept(certificate, path, datetime.now(UTC)) if new else None

    def trusted(self) -> list[Kept]:
        """Return what is trusted."""
        return list(_kept(self._pki / TRUSTED))

    def rejected(self) -> list[Kept]:
        """Return what was refused and is still kept, the last one first."""
        found = _kept(self._pki / REJECTED)
        return sorted(found, key=lambda kept: kept.since, reverse=True)

    def trust(self, what: str) -> Kept:
        """Trust a certificate: a file's, or a rejected one by (the beginning of) its thumbprint.

        Raises:
            SetupError: There is no such certificate, or more than one.
        """
        path = Path(what)
        if path.is_file():
            return self._trust(read_certificate(path))
        return self._trust(_named(what, self.rejected(), "rejected").certificate)

    def last_rejected(self) -> Kept:
        """Return the certificate that was refused last.

        Raises:
            SetupError: None was.
        """
        rejected = self.rejected()
        if not rejected:
            raise SetupError("no certificate was rejected: let the client connect once")
        return rejected[0]

    def distrust(self, what: str) -> Kept:
        """Trust a certificate no longer, named by (the beginning of) its thumbprint.

        Raises:
            SetupError: There is no such certificate, or more than one.
        """
        found = _named(what, self.trusted(), "trusted")
        try:
            found.path.unlink(missing_ok=True)
        except OSError as error:
            raise SetupError(f"cannot remove {found.path}: {error.strerror}") from None
        return found

    def _trust(self, certificate: x509.Certificate) -> Kept:
        for kept in self.trusted():
            if kept.certificate == certificate:
                break
        else:
            readable = _UNREADABLE.sub("-", common_name(certificate))[:40].strip("-.") or "unnamed"
            path = self._pki / TRUSTED / f"{readable}-{thumbprint(certificate)}.der"
            _folder(path.parent)
            der = certificate.public_bytes(serialization.Encoding.DER)
            files.write(path, der, mode=files.PUBLIC)
            _as_folder(path)
            kept = Kept(certificate, path, datetime.now(UTC))
        for one in self.rejected():
            if one.certificate == certificate:
                one.path.unlink(missing_ok=True)
        return kept

    def _lists(self) -> _Lists:
        """Return what the folders hold, read again where they have changed."""
        folders = self._pki / TRUSTED, self._pki / ISSUERS
        state = tuple(_state(folder) for folder in folders)
        if self._read is None or self._read[0] != state:
            trusted, issuers = (
                tuple(kept.certificate for kept in _kept(folder)) for folder in folders
            )
            revocations = tuple(one for folder in folders for one in _revocations(folder))
            self._read = state, _Lists(trusted, issuers, revocations)
        return self._read[1]


def _folder(path: Path) -> None:
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise SetupError(f"cannot write {path}: {error.strerror}") from None


def _as_folder(path: Path) -> None:
    """Let the folder's owner own the file, where we may: the server reads what root wrote."""
    owner = path.parent.stat()
    if owner.st_uid != path.stat().st_uid:
        try:
            shutil.chown(path, owner.st_uid, owner.st_gid)
        except PermissionError:
            return


def _files(folder: Path, suffixes: frozenset[str]) -> Iterator[Path]:
    try:
        paths = sorted(folder.iterdir())
    except OSError:
        return
    yield from (path for path in paths if path.suffix.lower() in suffixes and path.is_file())


def _state(folder: Path) -> tuple[tuple[str, int, int, int], ...]:
    """Return what differs as soon as a file has changed."""
    found = []
    for path in _files(folder, _CERTIFICATES | _REVOCATIONS):
        try:
            about = path.stat()
        except OSError:
            continue
        found.append((path.name, about.st_mtime_ns, about.st_size, about.st_ino))
    return tuple(found)


def _kept(folder: Path) -> Iterator[Kept]:
    """Yield the certificates that can be read: a foreign file shuts out nobody."""
    for path in _files(folder, _CERTIFICATES):
        try:
            since = datetime.fromtimestamp(path.stat().st_mtime, UTC)
            yield Kept(read_certificate(path), path, since)
        except (OSError, SetupError):
            continue


def _revocations(folder: Path) -> Iterator[x509.CertificateRevocationList]:
    for path in _files(folder, _REVOCATIONS):
        try:
            contents = path.read_bytes() if path.stat().st_size <= _LARGEST_LIST else b""
            if contents.lstrip().startswith(b"-----BEGIN"):
                yield x509.load_pem_x509_crl(contents)
            else:
                yield x509.load_der_x509_crl(contents)
        except (OSError, ValueError):
            continue


def _issuer(
    certificate: x509.Certificate, candidates: Iterable[x509.Certificate]
) -> x509.Certificate | None:
    for one in candidates:
        if one.subject != certificate.issuer or not _authority(one):
            continue
        try:
            certificate.verify_directly_issued_by(one)
        except (ValueError, TypeError, InvalidSignature):
            continue
        return one
    return None


def _authority(certificate: x509.Certificate) -> bool:
    """Tell whether the certificate may sign others, and is valid now."""
    now = datetime.now(UTC)
    if not certificate.not_valid_before_utc <= now <= certificate.not_valid_after_utc:
        return False
    try:
        found = certificate.extensions.get_extension_for_class(x509.BasicConstraints)
    except (x509.ExtensionNotFound, ValueError):
        return False
    return found.value.ca


def _revoked(
    certificate: x509.Certificate,
    issuer: x509.Certificate,
    lists: Iterable[x509.CertificateRevocationList],
) -> bool:
    for one in lists:
        if one.issuer != issuer.subject:
            continue
        if one.get_revoked_certificate_by_serial_number(certificate.serial_number) is None:
            continue
        public = issuer.public_key()
        # A list that the authority has not signed says nothing.
        if one.is_signature_valid(public):  # type: ignore[arg-type] # an authority's key can sign
            return True
    return False


def _named(what: str, among: list[Kept], kind: str) -> Kept:
    wanted = re.sub(r"[\s:]", "", what).upper()
    if len(wanted) < SHORTEST_THUMBPRINT:
        raise SetupError(f"{what!r} is no thumbprint: give at least 4 of its characters")
    found = [one for one in among if one.thumbprint.startswith(wanted)]
    if len(found) != 1:
        some = "more than one" if found else "no"
        raise SetupError(f"there is {some} {kind} certificate whose thumbprint begins with {what}")
    return found[0]
