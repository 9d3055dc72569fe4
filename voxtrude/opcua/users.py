"""The users of the OPC UA server: a JSON file with password hashes and certificates.

The server looks whether the file has changed whenever somebody logs in, so that what the
command line writes holds at once.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass, replace
from hashlib import sha256
from pathlib import Path
from typing import Literal

from cryptography import x509
from cryptography.hazmat.primitives import serialization
from pydantic import BaseModel, ConfigDict, ValidationError

from voxtrude import files, passwords
from voxtrude.errors import SetupError

SHORTEST_PASSWORD = 8  # characters
LONGEST_PASSWORD = 128  # bytes in UTF-8: what fits into one block of RSA with a nonce
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._@-]{0,63}")


@dataclass(frozen=True, slots=True)
class User:
    """Somebody who may come in: by password, by certificates (SHA-256), or both."""

    name: str
    password: str | None = None
    certificates: tuple[str, ...] = ()


class _Entry(BaseModel):
    model_config = ConfigDict(extra="forbid")

    name: str
    password: str | None = None
    certificates: list[str] = []


class _File(BaseModel):
    model_config = ConfigDict(extra="forbid")

    version: Literal[1] = 1
    users: list[_Entry] = []


class Users:
    """The users in a file; a missing one has none."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._known: tuple[object, dict[str, User]] | None = None

    @property
    def path(self) -> Path:
        """Where they are kept."""
        return self._path

    def all(self) -> tuple[User, ...]:
        """Return all users, by name.

        Raises:
            SetupError: The file cannot be read.
        """
        users = self._users()
        return tuple(users[name] for name in sorted(users))

    def add(
        self,
        name: str,
        *,
        password: str | None = None,
        certificate: x509.Certificate | None = None,
        owner: int | None = None,
    ) -> User:
        """Add a user, or give one another password or one more certificate.

        ``owner`` is the number of the system's user that shall own the file.

        Raises:
            SetupError: The name or the password cannot be used, or the file not be written.
        """
        if not NAME.fullmatch(name):
            raise SetupError(
                f"{name!r} cannot be a user's name: use letters, digits and . _ @ -, at most 64"
            )
        user = self._users().get(name, User(name))
        if password is not None:
            user = replace(user, password=_hashed(password))
        if certificate is not None:
            mark = fingerprint(certificate)
            for other in self._users().values():
                if other.name != name and mark in other.certificates:
                    raise SetupError(f"this certificate is {other.name}'s already")
            certificates = dict.fromkeys((*user.certificates, mark))
            user = replace(user, certificates=tuple(certificates))
        if user.password is None and not user.certificates:
            raise SetupError(f"{name} needs a password or a certificate")
        self._save({**self._users(), name: user}.values(), owner)
        return user

    def remove(self, name: str, *, owner: int | None = None) -> None:
        """Remove a user.

        Raises:
            SetupError: There is none of that name, or the file cannot be written.
        """
        users = dict(self._users())
        if users.pop(name, None) is None:
            raise SetupError(f"there is no user {name}")
        self._save(users.values(), owner)

    def __contains__(self, name: str) -> bool:
        """Return whether there is such a user.

        Raises:
            SetupError: The file cannot be read.
        """
        return name in self._users()

    def verify(self, name: str, password: bytes) -> bool:
        """Tell whether it is the user's password. It takes its time, known or not.

        Raises:
            SetupError: The file cannot be read.
        """
        user = self._users().get(name)
        known = user.password if user is not None else None
        right = passwords.matches(known, password[:LONGEST_PASSWORD])
        return right and len(password) <= LONGEST_PASSWORD

    def credential(self, name: str) -> str | None:
        """Return the hash of a user's password: it is another one once that was changed.

        Raises:
            SetupError: The file cannot be read.
        """
        user = self._users().get(name)
        return user.password if user is not None else None

    def of_certificate(self, certificate: x509.Certificate) -> str | None:
        """Return the user whose certificate it is.

        Raises:
            SetupError: The file cannot be read.
        """
        mark = fingerprint(certificate)
        for user in self._users().values():
            if mark in user.certificates:
                return user.name
        return None

    def _users(self) -> dict[str, User]:
        try:
            about = self._path.stat()
            state = about.st_mtime_ns, about.st_size, about.st_ino
            if self._known is None or self._known[0] != state:
                self._known = state, _parsed(self._path)
        except FileNotFoundError:
            self._known = None, {}
        except OSError as error:
            raise SetupError(f"cannot read {self._path}: {error.strerror}") from None
        return self._known[1]

    def _save(self, users: Iterable[User], owner: int | None) -> None:
        entries = [
            _Entry(name=user.name, password=user.password, certificates=list(user.certificates))
            for user in sorted(users, key=lambda user: user.name)
        ]
        text = _File(users=entries).model_dump_json(indent=2, exclude_none=True) + "\n"
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise SetupError(f"cannot write {self._path}: {error.strerror}") from None
        files.write(self._path, text.encode(), owner=owner)
        self._known = None


def fingerprint(certificate: x509.Certificate) -> str:
    """Return SHA-256 of a user's certificate, as it is kept."""
    return sha256(certificate.public_bytes(serialization.Encoding.DER)).hexdigest()


def _hashed(password: str) -> str:
    if len(password) < SHORTEST_PASSWORD:
        raise SetupError(f"a password needs at least {SHORTEST_PASSWORD} characters")
    if len(password.encode()) > LONGEST_PASSWORD:
        raise SetupError(f"a password has at most {LONGEST_PASSWORD} bytes")
    return passwords.hashed(password.encode())


def _parsed(path: Path) -> dict[str, User]:
    try:
        found = _File.model_validate_json(path.read_bytes())
    except ValidationError as error:
        where = ".".join(str(part) for part in error.errors(include_input=False)[0]["loc"])
        raise SetupError(f"{path} is no file of users ({where or 'not JSON'})") from None
    return {one.name: User(one.name, one.password, tuple(one.certificates)) for one in found.users}
