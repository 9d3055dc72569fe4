"""Accounts of people, and what they log in with, as they are stored.

Each model is one collection. The descriptions of its fields are what people read on the
privacy page: they say what is kept, and why. Secrets are kept as hashes: a password by
Argon2id, everything random by SHA-256.
"""

import re
import secrets
import unicodedata
from datetime import datetime
from enum import StrEnum
from hashlib import sha256
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from voxtrude.errors import SetupError
from voxtrude.printer import PrinterId
from voxtrude.registration import AccountId

LONGEST_EMAIL = 254  # RFC 5321, 4.5.3.1.3
_SPECIAL = r"@\s\"(),:;<>\[\\\]"  # what an unquoted address cannot hold: RFC 5322, 3.4.1
_EMAIL = re.compile(rf"[^{_SPECIAL}]{{1,64}}@[^{_SPECIAL}.]+(\.[^{_SPECIAL}.]+)*")


class Stored(BaseModel):
    """What every stored document of an account is."""

    model_config = ConfigDict(frozen=True, extra="ignore")


class Role(StrEnum):
    """What an account may do besides seeing its own printers."""

    ADMIN = "admin"  # invite people, and see the printers that belong to nobody
    MEMBER = "member"


class Scale(StrEnum):
    """In which degrees temperatures are told."""

    CELSIUS = "celsius"
    FAHRENHEIT = "fahrenheit"


class Preferences(Stored):
    """How somebody wants to be told."""

    locale: str = Field("en-US", description="language and country, for dates and numbers")
    time_zone: str | None = Field(None, description="time zone, for times of day")
    scale: Scale = Field(Scale.CELSIUS, description="Celsius or Fahrenheit")


class Account(Stored):
    """Somebody who may sign in."""

    id: AccountId = Field(description="a random number that stands for the account")
    email: str = Field(description="e-mail address, to sign in and to write to")
    key: str = Field(description="the same address in small letters, to find it by")
    password: str | None = Field(None, description="a hash of the password (Argon2id)")
    role: Role = Field(Role.MEMBER, description="whether it administrates this installation")
    created_at: datetime = Field(description="when it was made")
    verified_at: datetime | None = Field(None, description="when the address was confirmed")
    expires_at: datetime | None = Field(
        None, description="when it goes unless the address is confirmed"
    )
    preferences: Preferences = Field(Preferences(), description="language, time zone, degrees")
    totp: str | None = Field(None, description="the secret of the second factor, encrypted")
    totp_step: int = Field(0, description="the last code used, so that none is used twice")

    @property
    def reach(self) -> tuple[AccountId | None, ...]:
        """Whose printers it sees: its own, and for an administrator those of nobody."""
        return (self.id, None) if self.role is Role.ADMIN else (self.id,)


class Session(Stored):
    """A browser that is signed in."""

    id: str = Field(description="a hash of the cookie")
    account: AccountId = Field(description="whose it is")
    created_at: datetime = Field(description="when it began")
    used_at: datetime = Field(description="when it was used last")
    expires_at: datetime = Field(description="when it ends")
    device: str = Field("", description="browser and system, as the browser names them, in short")
    network: str = Field("", description="the beginning of the network address")


class Purpose(StrEnum):
    """What a single-use link or code is for."""

    SETUP = "setup"  # the first administrator
    INVITE = "invite"
    VERIFY = "verify"  # an address
    RESET = "reset"  # a password
    FACTOR = "factor"  # the password was right, the second factor is asked for


class Ticket(Stored):
    """A link or code that works once."""

    id: str = Field(description="a hash of the link's code")
    purpose: Purpose = Field(description="what it is for")
    account: AccountId | None = Field(None, description="whose it is")
    email: str | None = Field(None, description="the address that it was sent to")
    expires_at: datetime = Field(description="when it ends")


class Scope(StrEnum):
    """What an API token may do."""

    READ = "printers:read"
    WRITE = "printers:write"  # add, rename, rotate, revoke, delete; nothing reaches a printer
    EXPORT = "account:read"


class Token(Stored):
    """An API token, made by somebody for a program."""

    id: str = Field(description="the token's public part")
    secret: str = Field(description="a hash of its secret part")
    account: AccountId = Field(description="whose it is")
    name: str = Field(description="what its owner calls it")
    scopes: tuple[Scope, ...] = Field(description="what it may do")
    created_at: datetime = Field(description="when it was made")
    used_at: datetime = Field(description="when it was used last; unused ones go")


class Counter(Stored):
    """How often something was tried, to slow down who guesses."""

    id: str = Field(description="a keyed hash of the address or the network")
    count: int = Field(description="how often")
    expires_at: datetime = Field(description="when it starts anew")


class Login(Stored):
    """What the broker said of a printer's login: why nothing arrives."""

    printer: PrinterId = Field(description="the printer")
    connected_at: datetime | None = Field(None, description="when it connected last")
    protocol: Literal["3.1", "3.1.1", "5"] | None = Field(
        None, description="the MQTT version that it speaks"
    )
    disconnected_at: datetime | None = Field(None, description="when its connection ended last")
    refused_at: datetime | None = Field(None, description="when a wrong key was used last")
    refusals: int = Field(0, description="how often a wrong key was used")
    evicted_at: tuple[datetime, ...] = Field(
        (), description="when a second client with the same login threw the first one out"
    )
    updated_at: datetime = Field(description="when the broker said something last")


def new_account_id() -> AccountId:
    """Make an id."""
    return AccountId(f"acc-{secrets.token_hex(8)}")


def checked_email(text: str) -> str:
    """Return an address as it is stored.

    Raises:
        SetupError: It is none.
    """
    email = unicodedata.normalize("NFC", text.strip())
    if len(email) > LONGEST_EMAIL or not email.isprintable() or not _EMAIL.fullmatch(email):
        raise SetupError("this is no e-mail address")
    return email


def email_key(email: str) -> str:
    """Return what an address is found by: one mailbox is one account."""
    return unicodedata.normalize("NFKC", email.strip()).casefold()


def digest(secret: str) -> str:
    """Return what is stored of a random secret of 128 bits or more."""
    return sha256(secret.encode()).hexdigest()
