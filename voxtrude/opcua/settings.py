"""The settings of the OPC UA server: the bridge's, and the command line's that starts it."""

import re
from pathlib import Path
from typing import Literal

from pydantic import Field, field_validator

from voxtrude.opcua.scope import Scope
from voxtrude.settings import Group

_PORT = re.compile(r"\s*(\d{1,5})\s*=(.*)")


class Opcua(Group):
    """VOXTRUDE_OPCUA_*: the server, and who may come in.

    Everything that weakens it is off, and told in the log where it is switched on.
    """

    bind: str = Field("127.0.0.1", pattern=r"^[0-9A-Za-z.:_%-]+$")
    port: int = Field(4840, ge=1, le=65535, description="where all machines are served")
    endpoints: str = Field("", description="more endpoints: 4841=mes:1, 4842=prn-…")
    machine_ports: bool = Field(
        default=True, description="serve a machine that has a port of its own there, too"
    )
    data: Path = Field(Path("data/opcua"), description="users, certificates, trust list")
    names: str = Field("", description="more names for the certificate, separated by commas")
    trust: Literal["list", "any"] = Field(
        "list", description="which clients' certificates: the trusted ones, or any"
    )
    no_security: bool = Field(default=False, description="offer an endpoint without encryption")
    anonymous: bool = Field(default=False, description="let clients in without a user")
    aes: bool = Field(default=False, description="offer Aes128/Aes256 policies, too")
    job_orders: bool = Field(
        default=False, description="fill the lists of job orders; old gateways crash on them"
    )
    type_dictionaries: bool = Field(
        default=False, description="show the old type dictionaries; old gateways crash on them"
    )
    nodesets: Path | None = Field(None, description="folder of the companion NodeSets")
    additive_nodeset: Path | None = Field(
        None, description="the official Additive Manufacturing NodeSet, where you have it"
    )

    @field_validator("endpoints")
    @classmethod
    def _readable(cls, text: str) -> str:
        _endpoints(text)
        return text

    @property
    def users(self) -> Path:
        """The file of users."""
        return self.data.absolute() / "users.json"

    @property
    def pki(self) -> Path:
        """The folder of certificates: own, trusted, rejected, issuers."""
        return self.data.absolute() / "pki"

    def scopes(self) -> dict[int, Scope]:
        """Return what is served at each port."""
        return {self.port: Scope(), **_endpoints(self.endpoints)}


def _endpoints(text: str) -> dict[int, Scope]:
    scopes: dict[int, Scope] = {}
    for part in text.split(","):
        if not part.strip():
            continue
        found = _PORT.fullmatch(part)
        if found is None or not 1 <= int(found[1]) <= 65535:  # noqa: PLR2004  (TCP's last port)
            raise ValueError(f"{part.strip()!r} is not PORT=all, PORT=mes:NUMBER or PORT=prn-…")
        port = int(found[1])
        if port in scopes:
            raise ValueError(f"port {port} stands there twice")
        scopes[port] = Scope.parse(found[2])
    return scopes
