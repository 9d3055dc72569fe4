"""The second factor: codes by time (RFC 6238), from a secret that is stored encrypted."""

import base64
import io
import re
from dataclasses import dataclass, field
from datetime import datetime

import pyotp
import segno
from cryptography.fernet import Fernet, InvalidToken
from pydantic import SecretStr
from pyotp.exceptions import OTPVerificationError

from services.skill.accounts.keys import derived
from services.skill.accounts.refusals import Refusal

ISSUER = "Voxtrude"
DIGITS = 6
WINDOW = 1  # steps of 30 s that a clock may be wrong
_SECRET = re.compile(r"[A-Z2-7]{32}")  # 160 bits in base 32


@dataclass(frozen=True, slots=True)
class Totp:
    """A second factor that is not confirmed yet: to scan (``svg``) or to type (``secret``)."""

    secret: str = field(repr=False)
    uri: str = field(repr=False)
    svg: str = field(repr=False)


class Factor:
    """Makes secrets, seals them, and checks codes."""

    def __init__(self, secret: SecretStr) -> None:
        key = derived(secret, "second factors")
        self._box = Fernet(base64.urlsafe_b64encode(key))

    def begin(self, email: str, secret: str | None = None) -> Totp:
        """Make a secret, or show one again that we made; nothing is stored."""
        if secret is None or not _SECRET.fullmatch(secret):
            secret = pyotp.random_base32()
        uri = pyotp.TOTP(secret).provisioning_uri(name=email, issuer_name=ISSUER)
        picture = io.BytesIO()
        # White stays white on a dark page, or no camera reads it.
        segno.make(uri, micro=False).save(
            picture, kind="svg", xmldecl=False, svgns=True, scale=4, light="white", nl=False
        )
        return Totp(secret, uri, picture.getvalue().decode())

    def seal(self, secret: str) -> str:
        """Return what is stored of a secret.

        Raises:
            Refusal: It is none that we made.
        """
        if not _SECRET.fullmatch(secret):
            raise Refusal("wrong-code")
        return self._box.encrypt(secret.encode()).decode()

    def unseal(self, sealed: str) -> str:
        """Return the secret.

        Raises:
            Refusal: VOXTRUDE_WEB_SECRET is not what it was.
        """
        try:
            return self._box.decrypt(sealed).decode()
        except InvalidToken:
            raise Refusal("factor-lost") from None

    def step(self, secret: str, code: str, now: datetime) -> int | None:
        """Return the number of the time step that a code is of; None where it is wrong."""
        typed = re.sub(r"\s", "", code)
        if not re.fullmatch(rf"[0-9]{{{DIGITS}}}", typed):
            return None
        try:
            return pyotp.TOTP(secret).verify_and_get_timecode(
                typed, for_time=now, valid_window=WINDOW
            )
        except OTPVerificationError:
            return None
