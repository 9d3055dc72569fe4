"""Sending e-mail over somebody's SMTP server.

No error and no log line holds an address or what was written.
"""

import ssl
from email.errors import MessageError
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP, SMTPUTF8
from email.utils import format_datetime, make_msgid

import aiosmtplib

from voxtrude.errors import LinkError, SetupError
from voxtrude.portal import Smtp
from voxtrude.process import utc_now

TIMEOUT = 20.0  # seconds for each answer of the server
_FOR_GOOD = 500  # SMTP replies from here on say: do not try again (RFC 5321, 4.2.1)
_NAME = "Voxtrude"


class Undeliverable(LinkError):  # noqa: N818  (it says what the letter is)
    """The server will never take this letter: trying again is useless."""


class Mail:
    """Sends letters; without a host in the settings it sends none.

    Raises:
        SetupError: A setting cannot work.
    """

    def __init__(self, settings: Smtp) -> None:
        self._settings = settings
        if (settings.username is None) != (settings.password is None):
            raise SetupError(
                "VOXTRUDE_SMTP_USERNAME and VOXTRUDE_SMTP_PASSWORD belong together: "
                "set both or none"
            )
        self._tls = _context(settings) if self.can_send else None

    @property
    def can_send(self) -> bool:
        """Whether a server is set."""
        return self._settings.host is not None

    async def send(self, to: str, subject: str, text: str) -> None:
        """Return once the server has taken the letter over.

        Raises:
            LinkError: It has not; Undeliverable: and it never will.
        """
        settings = self._settings
        if settings.host is None:
            raise LinkError("no mail server is set")
        message = _message(settings.sender, to, subject, text)
        password = settings.password.get_secret_value() if settings.password else None
        secured = settings.security != "none"
        try:
            await aiosmtplib.send(
                message,
                hostname=settings.host,
                port=settings.port,
                username=settings.username,
                password=password,
                # The system's own name may take seconds to find, and is nobody's business.
                local_hostname=settings.sender.rpartition("@")[2],
                use_tls=settings.security == "tls",
                start_tls=settings.security == "starttls",
                tls_context=self._tls if secured else None,
                timeout=TIMEOUT,
            )
        except aiosmtplib.SMTPRecipientsRefused as error:
            raise _failure(max(one.code for one in error.recipients)) from None
        except aiosmtplib.SMTPAuthenticationError as error:
            raise LinkError(f"the mail server refused our login ({error.code})") from None
        except aiosmtplib.SMTPResponseException as error:
            raise _failure(error.code) from None
        except ssl.SSLCertVerificationError as error:
            raise LinkError(f"the mail server's certificate: {error.verify_message}") from None
        except OSError as error:  # of the network, or of a server that fell silent
            raise LinkError(f"the mail server is away ({type(error).__name__})") from None
        except aiosmtplib.SMTPException:
            raise LinkError(
                "the mail server cannot do what VOXTRUDE_SMTP_SECURITY or the address asks for"
            ) from None


def _failure(code: int) -> LinkError:
    if code >= _FOR_GOOD:
        return Undeliverable(f"the mail server refused a letter ({code})")
    return LinkError(f"the mail server asks to try later ({code})")


def _context(settings: Smtp) -> ssl.SSLContext:
    try:
        return ssl.create_default_context(cafile=settings.ca_file)
    except OSError as error:  # ssl.SSLError is one
        reason = "no PEM certificates" if isinstance(error, ssl.SSLError) else error.strerror
        raise SetupError(
            f"VOXTRUDE_SMTP_CA_FILE: cannot read {settings.ca_file}: {reason}"
        ) from None


def _message(sender: str, to: str, subject: str, text: str) -> EmailMessage:
    user, _, domain = to.rpartition("@")
    try:
        if user.isascii():  # then only servers that know SMTPUTF8 would take the domain as it is
            domain = domain.encode("idna").decode()
        message = EmailMessage(policy=SMTP if user.isascii() else SMTPUTF8)
        message["From"] = Address(_NAME, addr_spec=sender)
        message["To"] = Address(username=user, domain=domain)
        message["Subject"] = subject
    except (ValueError, MessageError):  # UnicodeError is a ValueError
        raise Undeliverable("no letter can be sent to such an address") from None
    message["Date"] = format_datetime(utc_now())
    message["Message-ID"] = make_msgid(domain=sender.rpartition("@")[2])
    message["Auto-Submitted"] = "auto-generated"  # RFC 3834: nobody's holiday answers
    message.set_content(text)
    return message
