"""What the check says when there is no session, or nothing to check: one line with the fix."""

import asyncio
import secrets
from collections.abc import AsyncIterator, Awaitable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import pytest
import pytest_asyncio
from asyncua import ua
from asyncua.crypto.permission_rules import User, UserRole
from asyncua.crypto.truststore import TrustStore
from asyncua.crypto.validator import CertificateValidator, CertificateValidatorOptions
from asyncua.server.internal_server import InternalServer
from asyncua.server.server import Server
from asyncua.server.user_managers import UserManager
from cryptography import x509

from tests.integration import opcua_clients
from tests.integration.servers import free_port
from voxtrude.errors import LinkError, SetupError
from voxtrude.opcua import identity
from voxtrude.opcua.check import server as checking
from voxtrude.opcua.check.client import Access
from voxtrude.opcua.check.server import Report
from voxtrude.opcua.identity import Identity

pytestmark = [pytest.mark.integration, pytest.mark.asyncio(loop_scope="module")]


PASSWORD = secrets.token_urlsafe()


class OneUser(UserManager):
    """asyncua's way to ask who may come in."""

    def get_user(
        self,
        iserver: InternalServer,  # noqa: ARG002  (asyncua names its arguments)
        username: str | None = None,
        password: str | None = None,
        certificate: x509.Certificate | None = None,  # noqa: ARG002  (as above)
    ) -> User | None:
        known = (username, password) == ("mes", PASSWORD)
        return User(role=UserRole.User, name="mes") if known else None


@dataclass(frozen=True)
class Secure:
    url: str
    trusted: Identity
    stranger: Identity

    def as_user(
        self, password: str = PASSWORD, *, own: Identity | None = None, server: Path | None = None
    ) -> Access:
        own = own or self.trusted
        return Access(
            username="mes",
            password=password,
            certificate=own.certificate_path,
            key=own.key_path,
            server_certificate=server,
        )


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def secure(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Secure]:
    folder = tmp_path_factory.mktemp("opcua")
    server = Server(user_manager=OneUser())
    await server.init()
    url = f"opc.tcp://127.0.0.1:{free_port()}"
    server.set_endpoint(url)
    await server.set_application_uri("urn:example:server")
    server.set_security_policy([ua.SecurityPolicyType.Basic256Sha256_SignAndEncrypt])
    now = datetime.now(UTC)
    own = identity.server(folder / "server", "urn:example:server", ("localhost",), now)
    await server.load_certificate(str(own.certificate_path))
    await server.load_private_key(own.key_path)
    trusted = identity.client(folder / "trusted", "urn:example:client", ("localhost",), now)
    stranger = identity.client(folder / "stranger", "urn:example:client", ("localhost",), now)
    store = TrustStore([folder / "trusted" / identity.TRUSTED], [])
    await store.load()
    options = CertificateValidatorOptions.TRUSTED_VALIDATION
    server.set_certificate_validator(CertificateValidator(options, store))
    async with server:
        yield Secure(url, trusted, stranger)


async def refusal(checked: Awaitable[Report], kind: type[Exception]) -> str:
    with pytest.raises(kind) as caught:
        await checked
    assert "\n" not in str(caught.value)
    return str(caught.value)


async def test_a_server_without_machines_is_told_so(secure: Secure) -> None:
    report = await checking.check(secure.url, secure.as_user())
    assert report.security == ("Basic256Sha256 SignAndEncrypt",)
    assert len(report.thumbprint) == 40
    assert [finding.text for finding in report.findings if "Machinery" in finding.text]


async def test_a_wrong_password(secure: Secure) -> None:
    said = await refusal(checking.check(secure.url, secure.as_user("wrong")), SetupError)
    assert "refuses the user name or the password" in said


async def test_an_untrusted_certificate_names_itself_and_the_fix(secure: Secure) -> None:
    access = secure.as_user(own=secure.stranger)
    said = await refusal(checking.check(secure.url, access), SetupError)
    assert f"voxtrude opcua trust {secure.stranger.thumbprint}" in said


async def test_another_server_than_expected(secure: Secure) -> None:
    access = secure.as_user(server=secure.stranger.certificate_path)
    said = await refusal(checking.check(secure.url, access), SetupError)
    assert "shows another certificate" in said


async def test_a_server_that_wants_security(secure: Secure) -> None:
    said = await refusal(checking.check(secure.url, Access()), SetupError)
    assert "give a certificate" in said


async def test_a_password_is_not_sent_in_the_clear(secure: Secure) -> None:
    access = Access(username="mes", password=PASSWORD)
    said = await refusal(checking.check(secure.url, access), SetupError)
    assert "needs an encrypted connection" in said
    assert PASSWORD not in said


async def test_nobody_listens() -> None:
    url = f"opc.tcp://127.0.0.1:{free_port()}"
    assert "nobody listens on" in await refusal(checking.check(url, Access()), LinkError)


async def test_what_listens_is_no_server_of_opc_ua() -> None:
    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(10)
        writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")
        writer.close()

    web = await asyncio.start_server(answer, "127.0.0.1")
    async with web:
        port = web.sockets[0].getsockname()[1]
        said = await refusal(checking.check(f"opc.tcp://127.0.0.1:{port}", Access()), LinkError)
    assert "is it an OPC UA server?" in said


@pytest.mark.parametrize("url", ["http://example.org", "opc.tcp://", "opc.tcp://host:99999"])
async def test_an_address_that_is_none(url: str) -> None:
    assert "is no URL such as" in await refusal(checking.check(url, Access()), SetupError)


async def test_a_password_does_not_belong_into_the_url() -> None:
    said = await refusal(checking.check("opc.tcp://me:mine@host", Access()), SetupError)
    assert "mine" not in said


async def test_a_certificate_that_is_none(secure: Secure, tmp_path: Path) -> None:
    nothing = tmp_path / "nothing.der"
    nothing.write_bytes(b"nothing")
    access = Access(certificate=nothing, key=secure.trusted.key_path)
    assert "holds no certificate" in await refusal(checking.check(secure.url, access), SetupError)


async def test_another_stack_has_the_same_session(secure: Secure) -> None:
    own = secure.trusted
    login = opcua_clients.Login(
        username="mes",
        password=PASSWORD,
        certificate=own.certificate_path,
        key=own.key_path,
        uri=own.uri,
    )
    (offered,) = await asyncio.to_thread(opcua_clients.endpoints, secure.url, login)
    assert (offered["mode"], offered["policy"]) == ("SignAndEncrypt", "Basic256Sha256")
    answers = await asyncio.to_thread(opcua_clients.read, secure.url, ["i=2256"], login)
    assert answers["i=2256"]["status"] == "Good"
