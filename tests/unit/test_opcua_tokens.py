"""Passwords that OPC UA clients send: encrypted as agreed, for this session, or not taken."""

import struct
from typing import Any

import pytest
from asyncua import ua
from asyncua.common.utils import ServiceError
from asyncua.crypto import security_policies, uacrypto
from asyncua.crypto.security_policies import (
    SecurityPolicyAes256Sha256RsaPss,
    SecurityPolicyBasic256Sha256,
)
from asyncua.ua.status_codes import StatusCodes
from cryptography.hazmat.primitives.asymmetric import rsa

from services.opcua_bridge.access import tokens

KEY = rsa.generate_private_key(public_exponent=65537, key_size=2048)
NONCE = bytes(range(32))
BASIC = SecurityPolicyBasic256Sha256.URI
RSA_15 = "http://www.w3.org/2001/04/xmlenc#rsa-1_5"


def secret(password: bytes, nonce: bytes = NONCE, length: int | None = None) -> bytes:
    content = password + nonce
    return struct.pack("<I", len(content) if length is None else length) + content


def token(plain: bytes, policy: str = BASIC) -> Any:  # noqa: ANN401 - asyncua's
    encrypt: Any = security_policies.encrypt_asymmetric
    encrypted, algorithm = encrypt(KEY.public_key(), plain, policy)
    made: Any = ua.UserNameIdentityToken()
    made.UserName, made.Password, made.EncryptionAlgorithm = "alice", encrypted, algorithm
    return made


def test_a_password_is_read_as_it_was_encrypted() -> None:
    assert tokens.password(token(secret(b"right")), BASIC, KEY, NONCE).password == b"right"
    other = SecurityPolicyAes256Sha256RsaPss.URI
    assert tokens.password(token(secret(b"right"), other), other, KEY, NONCE).password == b"right"


def test_a_long_password_has_more_than_one_block() -> None:
    plain, encrypt = secret(b"x" * 300), uacrypto.encrypt_rsa_oaep
    made = token(secret(b""))
    made.Password = b"".join(encrypt(KEY.public_key(), plain[at : at + 214]) for at in (0, 214))  # type: ignore[no-untyped-call] # asyncua's
    assert tokens.password(made, BASIC, KEY, NONCE).password == b"x" * 300


@pytest.mark.parametrize(
    "plain",
    [
        secret(b"right", bytes(32)),
        secret(b"right", b""),
        secret(b"right", length=1_000_000),
        secret(b"right", length=5),
        b"",
        b"\x00",
    ],
    ids=["another nonce", "no nonce", "too long", "cut off", "empty", "a byte"],
)
def test_what_is_not_for_this_session_is_refused(plain: bytes) -> None:
    with pytest.raises(ServiceError) as caught:
        tokens.password(token(plain), BASIC, KEY, NONCE)
    assert caught.value.code == StatusCodes.BadIdentityTokenInvalid


@pytest.mark.parametrize("algorithm", [RSA_15, "", None, "http://example.org"])
def test_another_algorithm_is_refused(algorithm: str | None) -> None:
    made = token(secret(b"right"))
    made.EncryptionAlgorithm = algorithm
    with pytest.raises(ServiceError) as caught:
        tokens.password(made, BASIC, KEY, NONCE)
    assert caught.value.code == StatusCodes.BadIdentityTokenInvalid


def test_what_is_not_encrypted_at_all_is_refused() -> None:
    made = token(secret(b"right"))
    for password in (b"right", bytes(256), bytes(100_000), None):
        made.Password = password
        with pytest.raises(ServiceError):
            tokens.password(made, BASIC, KEY, NONCE)
    with pytest.raises(ServiceError):  # encrypted, where plain was agreed on
        tokens.password(token(secret(b"right")), tokens.NONE, KEY, NONCE)


def test_only_what_is_offered_is_taken() -> None:
    offered = tokens.policies(BASIC, BASIC, anonymous=False)
    assert {one.SecurityPolicyUri for one in offered} == {BASIC}
    named: Any = token(secret(b""))
    named.PolicyId = "username"
    assert tokens.chosen(named, offered).TokenType == ua.UserTokenType.UserName
    named.PolicyId = "username-plain"
    anonymous: Any = ua.AnonymousIdentityToken()
    issued: Any = ua.IssuedIdentityToken()
    for one in (named, anonymous, issued, object()):
        with pytest.raises(ServiceError) as caught:
            tokens.chosen(one, offered)
        assert caught.value.code in {
            StatusCodes.BadIdentityTokenInvalid,
            StatusCodes.BadIdentityTokenRejected,
        }
