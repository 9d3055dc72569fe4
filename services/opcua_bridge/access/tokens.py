"""User identity tokens (OPC 10000-4, 7.41): which ones an endpoint takes, and what they say.

asyncua takes any algorithm (PKCS #1 v1.5 too) for any token, and does not look whether the
server's nonce is in it.
"""

import hmac
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from asyncua import ua
from asyncua.common.utils import ServiceError
from asyncua.crypto import security_policies as crypto
from asyncua.crypto import uacrypto
from asyncua.ua.status_codes import StatusCodes
from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import rsa

STANDS_ON = {
    "asyncua.crypto.uacrypto:decrypt_rsa_oaep": "f173f23422aab5a7",
    "asyncua.crypto.uacrypto:decrypt_rsa_oaep_sha256": "f1e59b0b471796aa",
    "asyncua.crypto.uacrypto:x509_from_der": "89fac43a81d18578",
    "asyncua.crypto.uacrypto:verify_sha256": "f3dbae8e70d1ab55",
    "asyncua.crypto.uacrypto:verify_pss_sha256": "fb2f14b7a4b032c8",
}

NONE = crypto.SecurityPolicyNone.URI
LONGEST_SECRET = 1_024  # bytes, encrypted
LONGEST_NAME = 64  # characters

_LENGTH = 4  # bytes in front of an encrypted password
_DECRYPT: dict[str, Callable[[Any, bytes], bytes]] = {
    crypto.SecurityPolicyBasic256Sha256.URI: uacrypto.decrypt_rsa_oaep,
    crypto.SecurityPolicyAes128Sha256RsaOaep.URI: uacrypto.decrypt_rsa_oaep,
    crypto.SecurityPolicyAes256Sha256RsaPss.URI: uacrypto.decrypt_rsa_oaep_sha256,
}
_VERIFY: dict[str, Callable[[x509.Certificate, bytes, bytes], None]] = {
    crypto.SecurityPolicyBasic256Sha256.URI: uacrypto.verify_sha256,
    crypto.SecurityPolicyAes128Sha256RsaOaep.URI: uacrypto.verify_sha256,
    crypto.SecurityPolicyAes256Sha256RsaPss.URI: uacrypto.verify_pss_sha256,
}
_POLICIES = {
    policy.URI: policy
    for policy in (
        crypto.SecurityPolicyBasic256Sha256,
        crypto.SecurityPolicyAes128Sha256RsaOaep,
        crypto.SecurityPolicyAes256Sha256RsaPss,
    )
}


@dataclass(frozen=True, slots=True)
class Password:
    """Somebody's name and what they say is their password."""

    name: str
    password: bytes


@dataclass(frozen=True, slots=True)
class Challenge:
    """What a client must show to have seen: our certificate, and the session's last nonce."""

    certificate: bytes
    nonce: bytes


def policies(uri: str, fallback: str, *, anonymous: bool) -> list[ua.UserTokenPolicy]:
    """Return what an endpoint with the security policy ``uri`` takes.

    Without a security policy, passwords and certificates use the ``fallback``; clients that
    cannot do that find a policy for plain passwords after it.
    """
    strong = fallback if uri == NONE else uri
    found = [
        _policy("username", ua.UserTokenType.UserName, strong),
        _policy("certificate", ua.UserTokenType.Certificate, strong),
    ]
    if uri == NONE:
        found.insert(1, _policy("username-plain", ua.UserTokenType.UserName, NONE))
    if anonymous:
        found.append(_policy("anonymous", ua.UserTokenType.Anonymous, NONE))
    return found


def _policy(name: str, kind: ua.UserTokenType, uri: str) -> ua.UserTokenPolicy:
    return ua.UserTokenPolicy(PolicyId=name, TokenType=kind, SecurityPolicyUri=uri)


def chosen(token: Any, offered: Iterable[ua.UserTokenPolicy]) -> ua.UserTokenPolicy:  # noqa: ANN401 - whatever came
    """Return the policy that the token goes by.

    Raises:
        ServiceError: It is not one of those that are offered, or not of its kind.
    """
    kinds = {
        ua.AnonymousIdentityToken: ua.UserTokenType.Anonymous,
        ua.UserNameIdentityToken: ua.UserTokenType.UserName,
        ua.X509IdentityToken: ua.UserTokenType.Certificate,
    }
    kind = kinds.get(type(token))
    if kind is None:
        raise ServiceError(StatusCodes.BadIdentityTokenInvalid)
    of_kind = [policy for policy in offered if policy.TokenType == kind]
    for policy in of_kind:
        # A missing token is anonymous and names no policy (5.7.3.2).
        if token.PolicyId == policy.PolicyId or (
            kind == ua.UserTokenType.Anonymous and not token.PolicyId
        ):
            return policy
    raise ServiceError(
        StatusCodes.BadIdentityTokenInvalid if of_kind else StatusCodes.BadIdentityTokenRejected
    )


def password(
    token: ua.UserNameIdentityToken, uri: str, key: rsa.RSAPrivateKey, nonce: bytes
) -> Password:
    """Return what a token says, encrypted as the security policy ``uri`` demands.

    Raises:
        ServiceError: It is not encrypted so, or not for this nonce.
    """
    name, secret = token.UserName or "", token.Password or b""
    if len(name) > LONGEST_NAME or len(secret) > LONGEST_SECRET:
        raise ServiceError(StatusCodes.BadIdentityTokenInvalid)
    if uri == NONE:
        if token.EncryptionAlgorithm:
            raise ServiceError(StatusCodes.BadIdentityTokenInvalid)
        return Password(name, bytes(secret))
    if token.EncryptionAlgorithm != _POLICIES[uri].AsymmetricEncryptionURI:
        raise ServiceError(StatusCodes.BadIdentityTokenInvalid)
    block = key.key_size // 8
    decrypt = _DECRYPT[uri]
    try:
        plain = b"".join(
            decrypt(key, secret[start : start + block]) for start in range(0, len(secret), block)
        )
    except ValueError:
        raise ServiceError(StatusCodes.BadIdentityTokenInvalid) from None
    length = int.from_bytes(plain[:_LENGTH], "little")
    content = plain[_LENGTH : _LENGTH + length]
    text, given = content[: -len(nonce)], content[-len(nonce) :]
    if len(content) != length or not hmac.compare_digest(given, nonce):
        raise ServiceError(StatusCodes.BadIdentityTokenInvalid)
    return Password(name, text)


def certificate(
    token: ua.X509IdentityToken, signature: ua.SignatureData, uri: str, challenge: Challenge
) -> x509.Certificate:
    """Return the certificate whose key the client has shown to have.

    Raises:
        ServiceError: It is none, or the signature is not by it, or not of this challenge.
    """
    try:
        found = leaf(token.CertificateData)
    except ValueError:
        found = None
    if found is None or not rsa_key(found):
        raise ServiceError(StatusCodes.BadIdentityTokenInvalid)
    verified(found, signature, uri, challenge, StatusCodes.BadUserSignatureInvalid)
    return found


def verified(
    by: x509.Certificate, signature: ua.SignatureData, uri: str, challenge: Challenge, refusal: int
) -> None:
    """Check that ``by``'s key has signed the challenge.

    Raises:
        ServiceError: It has not; the code is ``refusal``.
    """
    if signature.Algorithm != _POLICIES[uri].AsymmetricSignatureURI:
        raise ServiceError(refusal)
    try:
        signed = challenge.certificate + challenge.nonce
        _VERIFY[uri](by, signed, bytes(signature.Signature or b""))
    except (InvalidSignature, ValueError):
        raise ServiceError(refusal) from None


def leaf(chain: bytes | None) -> x509.Certificate | None:
    """Return the first certificate of a chain, None where there is nothing.

    Raises:
        ValueError: It is none.
    """
    first: Callable[[bytes | None], x509.Certificate | None] = uacrypto.x509_from_der
    try:
        return first(chain)
    except (IndexError, TypeError) as error:
        raise ValueError("not a certificate") from error


def rsa_key(found: x509.Certificate) -> bool:
    """Tell whether the key is one that the security policies allow (2048 to 4096 bits)."""
    try:
        key = found.public_key()
    except (ValueError, TypeError):
        return False
    return isinstance(key, rsa.RSAPublicKey) and 2048 <= key.key_size <= 4096  # noqa: PLR2004  (OPC 10000-7)
