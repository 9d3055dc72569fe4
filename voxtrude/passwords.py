"""Passwords of people: Argon2id, for the portal's accounts and for the users of OPC UA."""

import asyncio
import unicodedata

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

AT_ONCE = 2  # hashes that are made at the same time: 40 MB

# OWASP's parameters for Argon2id: a Raspberry Pi takes a fifth of a second, and two logins at
# a time take 40 MB. A hash names its own.
_HASHER = PasswordHasher(time_cost=2, memory_cost=19_456, parallelism=1)
# Nobody's password: who is unknown waits as long as who is known.
_NOBODY = (
    "$argon2id$v=19$m=19456,t=2,p=1$AAECAwQFBgcICQoLDA0ODw"
    "$b2Q1MzAxNjY5YzY3ZTQ4YzE2ZTk0YjYxOGI1ZDU4ZTE"
)


def hashed(password: bytes) -> str:
    """Return what is stored of a password."""
    return _HASHER.hash(password)


def matches(known: str | None, password: bytes) -> bool:
    """Tell whether it is the password of that hash. It takes its time, known or not."""
    try:
        _HASHER.verify(known or _NOBODY, password)
    except (VerificationError, InvalidHashError):
        return False
    return known is not None


def is_dated(known: str) -> bool:
    """Tell whether a hash was made with other parameters than today's."""
    try:
        return _HASHER.check_needs_rehash(known)
    except InvalidHashError:
        return True


class Passwords:
    """Hashes beside the event loop, so many at once as the memory allows."""

    def __init__(self) -> None:
        self._free = asyncio.Semaphore(AT_ONCE)

    async def hash(self, password: str) -> str:
        """Return what is stored of a password."""
        async with self._free:
            return await asyncio.to_thread(hashed, _bytes(password))

    async def verify(self, known: str | None, password: str) -> bool:
        """Tell whether it is the password of that hash; None: nobody's, in the same time."""
        async with self._free:
            return await asyncio.to_thread(matches, known, _bytes(password))


def _bytes(password: str) -> bytes:
    """Return the same for the same text, however a keyboard composes it (NIST SP 800-63B)."""
    # A lone surrogate comes from no keyboard, but may come in JSON: it is just a wrong password.
    return unicodedata.normalize("NFKC", password).encode("utf-8", "surrogatepass")
