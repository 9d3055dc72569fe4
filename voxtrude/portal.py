"""The settings of the portal: the skill's, and the command line's that starts it."""

from pathlib import Path
from typing import Literal

from pydantic import Field, SecretStr

from voxtrude.settings import Group, Public


class Web(Group):
    """VOXTRUDE_WEB_*: the HTTP server.

    ``secret`` encrypts second factors and keys the counters of failed logins: whoever loses it
    sets second factors up anew.
    """

    bind: str = Field("127.0.0.1", pattern=r"^[0-9A-Za-z.:_%-]+$")
    port: int = Field(8080, ge=1, le=65535)
    secret: SecretStr = Field(min_length=32, description="32 random characters or more")
    proxies: str = Field(
        "", description="addresses of the proxies in front of us, separated by commas"
    )
    metrics_token: SecretStr | None = Field(
        None, description="asked for at /metrics; without one only this machine may ask"
    )
    assets: Path | None = Field(None, description="folder of the installed scripts")


class Accounts(Group):
    """VOXTRUDE_ACCOUNTS_*: who may make one, and how many printers each may have."""

    sign_up: Literal["open", "invite", "off"] = "invite"
    printers: int = Field(1000, ge=1, description="printers of one account, at the most")


class Smtp(Group):
    """VOXTRUDE_SMTP_*: how we send e-mail; without a host we send none."""

    host: str | None = None
    port: int = Field(587, ge=1, le=65535)
    security: Literal["starttls", "tls", "none"] = "starttls"
    username: str | None = None
    password: SecretStr | None = None
    sender: str = Field("voxtrude@localhost", pattern=r"^[^@\s]+@[^@\s]+$")
    ca_file: Path | None = Field(None, description="PEM of the authority that signed the server")


class Plugin(Group):
    """VOXTRUDE_PLUGIN_*: where OctoPrint's MQTT plugin finds the broker.

    Its host is VOXTRUDE_PUBLIC_HOST unless it is told here.
    """

    host: str | None = None
    port: int = Field(1883, ge=0, le=65535, description="0: only with TLS")
    tls_port: int = Field(8883, ge=0, le=65535, description="0: only without TLS")
    ca_file: Path | None = Field(None, description="PEM of the authority that signed the broker")


class Portal(Group):
    """VOXTRUDE_PORTAL_*: the broker's account that adds printers."""

    username: str = "portal"
    password: SecretStr | None = None


def public_url(public: Public, web: Web) -> str:
    """Return the portal's address as people see it, without a slash at its end."""
    return public.url or f"http://{public.host}:{web.port}"
