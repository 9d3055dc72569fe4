"""Secrets of machines: made here, shown once, kept as hashes.

The hash is the broker's own (PBKDF2 with SHA-512), so that the broker's file can be
written from the database. A secret holds 192 random bits, which no number of rounds
makes safer: the rounds are Mosquitto 2.0's default, and a login costs little.
"""

import base64
import hashlib
import hmac
import secrets
from dataclasses import dataclass

ROUNDS = 101
SALT_BYTES = 12  # Mosquitto 2.0 reads no other length
HASH_BYTES = 64


@dataclass(frozen=True, slots=True)
class Credential:
    """A secret's hash; ``salt`` and ``digest`` are base64, as Mosquitto writes them."""

    salt: str
    digest: str
    rounds: int = ROUNDS

    def matches(self, secret: str) -> bool:
        """Tell whether ``secret`` is the one that was hashed, in constant time."""
        again = _digest(secret, base64.b64decode(self.salt), self.rounds)
        return hmac.compare_digest(again, self.digest)


def new_secret() -> str:
    """Make a secret of 192 random bits in 32 URL-safe characters."""
    return secrets.token_urlsafe(24)


def hashed(secret: str) -> Credential:
    """Return what is stored of ``secret``."""
    salt = secrets.token_bytes(SALT_BYTES)
    return Credential(
        salt=base64.b64encode(salt).decode(), digest=_digest(secret, salt, ROUNDS), rounds=ROUNDS
    )


def _digest(secret: str, salt: bytes, rounds: int) -> str:
    digest = hashlib.pbkdf2_hmac("sha512", secret.encode(), salt, rounds, HASH_BYTES)
    return base64.b64encode(digest).decode()
