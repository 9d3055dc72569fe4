"""Who may come in: client applications by their certificates, people by password or certificate.

asyncua asks neither by default: it accepts any certificate, and any password (user ``admin``
even gets to write).
"""

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal

import structlog
from asyncua import ua
from asyncua.common.utils import ServiceError
from asyncua.crypto import security_policies as crypto
from asyncua.ua.status_codes import StatusCodes
from cryptography import x509
from cryptography.x509.oid import ExtendedKeyUsageOID

from services.opcua_bridge.access import tokens
from services.opcua_bridge.access.throttle import Throttle
from voxtrude.errors import SetupError
from voxtrude.opcua.identity import Identity, thumbprint
from voxtrude.opcua.trust import LARGEST, Trust, Verdict, common_name
from voxtrude.opcua.users import Users
from voxtrude.process import utc_now

STANDS_ON = {
    "asyncua.crypto.security_policies:SecurityPolicyNone": "a34e671b63f6c7f7",
    "asyncua.crypto.security_policies:SecurityPolicyBasic256Sha256": "9033de75a319912d",
    "asyncua.crypto.security_policies:SecurityPolicyAes128Sha256RsaOaep": "016f2be324077359",
    "asyncua.crypto.security_policies:SecurityPolicyAes256Sha256RsaPss": "1eb47faf203b9b21",
}

AT_ONCE = 2  # passwords that are verified at the same time
REJECTIONS = 10  # certificates that are kept per minute: strangers may make as many as they like
_MINUTE = 60.0

_log = structlog.get_logger(__name__)

_Mode = ua.MessageSecurityMode


@dataclass(frozen=True, slots=True)
class Security:
    """A security policy with a mode, and how good that is (higher is better)."""

    policy: type[crypto.SecurityPolicy]
    mode: _Mode
    level: int

    @property
    def uri(self) -> str:
        """The policy's name."""
        return self.policy.URI


@dataclass(frozen=True, slots=True, kw_only=True)
class Offer:
    """What is offered to clients; every field but the defaults weakens it or may break clients."""

    no_security: bool = False
    anonymous: bool = False
    sign_only: bool = False
    aes: bool = False
    trust: Literal["list", "any"] = "list"

    def warnings(self) -> list[str]:
        """Return what an operator should know of it."""
        said = []
        if self.no_security:
            said.append(
                "an endpoint without security is offered: what is read there can be read by "
                "anybody on the way, and so can the passwords of clients that send them plain"
            )
        if self.anonymous:
            said.append("clients are let in without a user")
        if self.sign_only:
            said.append("endpoints without encryption (Sign) are offered")
        if self.trust == "any":
            said.append("every client certificate is accepted")
        return said

    def securities(self) -> list[Security]:
        """Return what a channel can be secured with, what every client can first."""
        kinds = ["Basic256Sha256"]
        if self.aes:
            kinds += ["Aes256Sha256RsaPss", "Aes128Sha256RsaOaep"]
        modes = ["SignAndEncrypt", *(["Sign"] if self.sign_only else [])]
        names = [f"{kind}_{mode}" for kind in kinds for mode in modes]
        if self.no_security:
            names.append("NoSecurity")
        table: dict[Any, list[Any]] = crypto.SECURITY_POLICY_TYPE_MAP
        return [Security(*table[getattr(ua.SecurityPolicyType, name)]) for name in names]


@dataclass(frozen=True, slots=True)
class Person:
    """Who uses a session: by which kind of token, and the user's name.

    ``credential`` is the password's hash: who has another one has to log in again.
    """

    kind: ua.UserTokenType
    name: str = ""
    certificate: x509.Certificate | None = None
    credential: str | None = field(default=None, repr=False)


class Admission:
    """Decides who may come in."""

    def __init__(self, identity: Identity, users: Users, trust: Trust, offer: Offer) -> None:
        self.identity = identity
        self.offer = offer
        self._users = users
        self._trust = trust
        self._throttle = Throttle(time.monotonic)
        self._verifying = asyncio.Semaphore(AT_ONCE)
        self._rejections: list[float] = []
        self.securities = offer.securities()
        for warning in offer.warnings():
            _log.warning("OPC UA is opened wider than by default", what=warning)

    # Channels and client applications.

    def unsecured(self) -> crypto.SecurityPolicy:
        """Return the security policy of a channel without security: it serves discovery."""
        none: Callable[..., crypto.SecurityPolicy] = crypto.SecurityPolicyNone
        return none(host_cert=self.identity.certificate)

    def secured(self, security: Security, peer: x509.Certificate) -> crypto.SecurityPolicy:
        """Return the security policy of a channel with a client application."""
        make: Callable[..., crypto.SecurityPolicy] = security.policy
        return make(peer, self.identity.certificate, self.identity.key, security.mode)

    def application(self, der: bytes | None) -> x509.Certificate:
        """Return the client application's certificate from the beginning of a channel.

        Raises:
            ServiceError: It is not let in. The client is not told why (Part 4, 6.1.3).
        """
        refused = ServiceError(StatusCodes.BadSecurityChecksFailed)
        if not der or len(der) > LARGEST:
            raise refused
        try:
            found = tokens.leaf(der)
            reason = None if found is None else self._doubt(found)
        except ValueError:
            raise refused from None
        if found is None:
            raise refused
        if reason is not None:
            self._reject(found, reason)
            raise refused
        return found

    def named(self, certificate: x509.Certificate, uri: str | None) -> None:
        """Check that the certificate is for the application that calls itself ``uri``.

        Raises:
            ServiceError: It is not.
        """
        try:
            names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName)
            uris = names.value.get_values_for_type(x509.UniformResourceIdentifier)
        except (x509.ExtensionNotFound, ValueError):
            uris = []
        if uri not in uris:
            raise ServiceError(StatusCodes.BadCertificateUriInvalid)

    def still_trusts(self, certificate: x509.Certificate) -> bool:
        """Tell whether a channel would be opened today."""
        return self._doubt(certificate) is None

    def _doubt(self, certificate: x509.Certificate) -> str | None:
        if not tokens.rsa_key(certificate):
            return "its key is not RSA of 2048 to 4096 bits"
        if self.offer.trust == "list":
            verdict = self._trust.judge(certificate)
            if verdict is not Verdict.TRUSTED:
                return "it is revoked" if verdict is Verdict.REVOKED else "it is not trusted"
        if not _valid(certificate, utc_now()):
            return "it is not valid today"
        if not _for_clients(certificate):
            return "it may not be used for that"
        return None

    def _reject(self, certificate: x509.Certificate, reason: str) -> None:
        now = time.monotonic()
        self._rejections = [at for at in self._rejections if at > now - _MINUTE]
        if len(self._rejections) >= REJECTIONS:
            return
        self._rejections.append(now)
        try:
            kept = self._trust.reject(certificate)
        except SetupError as error:
            _log.warning("a client's certificate was rejected", reason=reason, kept=str(error))
            return
        if kept is not None:
            _log.warning(
                "a client's certificate was rejected",
                reason=reason,
                name=common_name(certificate),
                thumbprint=thumbprint(certificate),
            )

    # People.

    def token_policies(self, uri: str) -> list[ua.UserTokenPolicy]:
        """Return which identity tokens an endpoint with the security policy takes."""
        fallback = crypto.SecurityPolicyBasic256Sha256.URI
        return tokens.policies(uri, fallback, anonymous=self.offer.anonymous)

    async def person(
        self,
        token: Any,  # noqa: ANN401 - what a client has sent
        signature: ua.SignatureData,
        uri: str,
        nonce: bytes,
        address: str,
    ) -> Person:
        """Return who the token is of, on a channel with the security policy ``uri``.

        Raises:
            ServiceError: Nobody who may come in.
        """
        if token is None or (isinstance(token, ua.ExtensionObject) and token.TypeId.is_null()):
            token = ua.AnonymousIdentityToken()  # as Part 4, 5.7.3.2 has it
        policy = tokens.chosen(token, self.token_policies(uri))
        if isinstance(token, ua.AnonymousIdentityToken):
            return Person(ua.UserTokenType.Anonymous)
        try:
            if isinstance(token, ua.UserNameIdentityToken):
                said = tokens.password(token, policy.SecurityPolicyUri, self.identity.key, nonce)
                return await self._by_password(said, address)
            challenge = tokens.Challenge(self.identity.der, nonce)
            shown = tokens.certificate(token, signature, policy.SecurityPolicyUri, challenge)
            name = self._users.of_certificate(shown)
        except SetupError as error:
            _log.error("nobody can log in", reason=str(error))
            raise ServiceError(StatusCodes.BadUserAccessDenied) from None
        if name is None or not _valid(shown, utc_now()):
            raise ServiceError(StatusCodes.BadIdentityTokenRejected)
        return Person(ua.UserTokenType.Certificate, name, shown)

    def still_knows(self, person: Person) -> bool:
        """Tell whether the person's user is still there, with the same password."""
        try:
            if person.certificate is not None:
                return self._users.of_certificate(person.certificate) == person.name
            if person.kind == ua.UserTokenType.UserName:
                return self._users.credential(person.name) == person.credential
        except SetupError:
            return False
        return self.offer.anonymous

    async def _by_password(self, said: tokens.Password, address: str) -> Person:
        await asyncio.sleep(self._throttle.pause(said.name, address))
        credential = self._users.credential(said.name)
        async with self._verifying:
            right = await asyncio.to_thread(self._users.verify, said.name, said.password)
        if not right:
            if self._throttle.failed(said.name, address):
                _log.warning("a password is being guessed", user=said.name, address=address)
            raise ServiceError(StatusCodes.BadUserAccessDenied)
        self._throttle.succeeded(said.name, address)
        return Person(ua.UserTokenType.UserName, said.name, credential=credential)


def _valid(certificate: x509.Certificate, now: datetime) -> bool:
    return certificate.not_valid_before_utc <= now <= certificate.not_valid_after_utc


def _for_clients(certificate: x509.Certificate) -> bool:
    """Tell whether the certificate's own terms, where it has some, let a client use it."""
    extensions = certificate.extensions
    try:
        usage = extensions.get_extension_for_class(x509.KeyUsage).value
        if not (usage.digital_signature and (usage.key_encipherment or usage.data_encipherment)):
            return False
    except x509.ExtensionNotFound:
        pass
    try:
        extended = extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    except x509.ExtensionNotFound:
        return True
    return ExtendedKeyUsageOID.CLIENT_AUTH in extended
