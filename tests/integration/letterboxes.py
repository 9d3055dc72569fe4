"""A real SMTP server that keeps the letters it gets."""

import re
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default
from pathlib import Path
from typing import Any

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult, Envelope, LoginPassword

from tests.integration.servers import free_port
from voxtrude.certificates import Certificates, ensure
from voxtrude.portal import Smtp
from voxtrude.process import utc_now

HOST = "127.0.0.1"
USER, PASSWORD = "voxtrude", "a mail password"
_LINK = re.compile(r"https?://\S+/(?:verify|reset|join)/(\S+)")


@dataclass
class Letterbox:
    """What the server got, and how to reach it."""

    settings: Smtp
    letters: list[EmailMessage] = field(default_factory=list)
    answers: list[str] = field(default_factory=list)
    """What it answers to the next letters instead of taking them."""
    logins: list[bytes] = field(default_factory=list)
    secured: list[bool] = field(default_factory=list)

    def to(self, address: str) -> list[EmailMessage]:
        """Return the letters to somebody, oldest first."""
        return [letter for letter in self.letters if letter["X-Recipient"] == address]

    # The names that aiosmtpd calls.

    async def handle_DATA(  # noqa: N802
        self,
        server: Any,  # noqa: ANN401  (the library's)
        _session: Any,  # noqa: ANN401  (the library's)
        envelope: Envelope,
    ) -> str:
        if self.answers:
            return self.answers.pop(0)
        content = envelope.content
        assert isinstance(content, bytes)
        letter = message_from_bytes(content, policy=default)
        assert isinstance(letter, EmailMessage)
        letter["X-Recipient"] = envelope.rcpt_tos[0]
        self.secured.append(server.transport.get_extra_info("ssl_object") is not None)
        self.letters.append(letter)
        return "250 OK"

    def authenticate(self, *arguments: Any) -> AuthResult:  # noqa: ANN401  (the library's)
        said = arguments[-1]
        assert isinstance(said, LoginPassword)
        self.logins.append(said.login)
        right = (said.login, said.password) == (USER.encode(), PASSWORD.encode())
        return AuthResult(success=right, handled=False)


def code_in(letter: EmailMessage) -> str:
    """Return the code of the link in a letter."""
    found = _LINK.search(letter.get_content())
    assert found, letter.get_content()
    return found[1]


def certificates(folder: Path) -> Certificates:
    """Make the server's certificate and its authority."""
    return ensure(folder, (HOST,), utc_now())


def _context(made: Certificates) -> ssl.SSLContext:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(made.certificate, made.key)
    return context


@contextmanager
def plain() -> Iterator[Letterbox]:
    """Run a server on loopback without encryption."""
    port = free_port()
    box = Letterbox(Smtp(host=HOST, port=port, security="none", sender="voxtrude@example.org"))
    with _running(Controller(box, HOST, port)):
        yield box


@contextmanager
def starttls(folder: Path) -> Iterator[Letterbox]:
    """Run a server that wants STARTTLS and a login."""
    port, made = free_port(), certificates(folder)
    settings = {"host": HOST, "port": port, "security": "starttls", "ca_file": made.authority}
    box = Letterbox(Smtp.model_validate({**settings, "username": USER, "password": PASSWORD}))
    controller = Controller(
        box,
        HOST,
        port,
        tls_context=_context(made),
        require_starttls=True,
        authenticator=box.authenticate,
        auth_required=True,
    )
    with _running(controller):
        yield box


@contextmanager
def tls(folder: Path) -> Iterator[Letterbox]:
    """Run a server that speaks TLS from the first byte."""
    port, made = free_port(), certificates(folder)
    settings = {"host": HOST, "port": port, "security": "tls", "ca_file": made.authority}
    box = Letterbox(Smtp.model_validate(settings))
    with _running(Controller(box, HOST, port, ssl_context=_context(made))):
        yield box


@contextmanager
def _running(controller: Controller) -> Iterator[None]:
    controller.start()
    try:
        yield
    finally:
        controller.stop()
