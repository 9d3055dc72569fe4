"""Keys for different purposes from the one secret in the settings."""

from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from pydantic import SecretStr

KEY_BYTES = 32


def derived(secret: SecretStr, purpose: str) -> bytes:
    """Return 32 bytes that tell nothing of the secret or of another purpose's (RFC 5869)."""
    info = f"voxtrude {purpose}".encode()
    return HKDF(SHA256(), KEY_BYTES, salt=None, info=info).derive(
        secret.get_secret_value().encode()
    )
