"""Who is let in by a running bridge, as its operator changes that on the command line."""

import json
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import pytest
from asyncua import ua
from asyncua.client.client import Client
from asyncua.crypto.security_policies import SecurityPolicyBasic256Sha256
from asyncua.ua.object_ids import ObjectIds
from asyncua.ua.uaerrors import UaStatusCodeError

from tests.integration.opcua_bridges import PASSWORD, Bridge, entry
from tests.integration.opcua_clients import read
from tests.integration.opcua_guests import eventually
from voxtrude.errors import SetupError
from voxtrude.opcua import identity
from voxtrude.opcua.check.client import Access, connected
from voxtrude.opcua.identity import Identity
from voxtrude.opcua.trust import Trust
from voxtrude.opcua.users import Users
from voxtrude.process import utc_now

pytestmark = [pytest.mark.integration, pytest.mark.asyncio(loop_scope="module")]

STATE = ua.NodeId(ua.Int32(ObjectIds.Server_ServerStatus_State))
REJECTED = "a client's certificate was rejected"


def operate(bridge: Bridge, place: Path, *arguments: str) -> str:
    """Run ``voxtrude opcua`` beside the bridge; return what it said."""
    done = subprocess.run(
        [sys.executable, "-m", "voxtrude.cli", "opcua", *arguments],
        env=entry({"VOXTRUDE_OPCUA_DATA": str(bridge.settings.data)}),
        cwd=place,
        capture_output=True,
        text=True,
        check=False,
        stdin=subprocess.DEVNULL,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def identified(folder: Path, name: str) -> Identity:
    """Make a certificate."""
    uri = f"urn:voxtrude:tests:{name}"
    return identity.client(folder / name, uri, ("localhost",), utc_now())


def access(bridge: Bridge, one: Identity) -> Access:
    """Return how our user comes in from another client."""
    return replace(bridge.access(), certificate=one.certificate_path, key=one.key_path)


async def serves(client: Client) -> bool:
    """Tell whether a session is served."""
    try:
        state = await client.get_node(STATE).read_value()
    except (UaStatusCodeError, ConnectionError):
        return False
    assert state == ua.ServerState.Running
    return True


async def ended(client: Client) -> None:
    """Wait until a session has ended."""

    async def gone() -> bool:
        return not await serves(client)

    await eventually(gone)


async def test_a_user_comes_in_without_a_restart(bridge: Bridge, tmp_path: Path) -> None:
    with pytest.raises(SetupError, match="refuses the user name or the password"):
        async with connected(bridge.url, bridge.access("mes2", "whatever that may be")):
            pass
    made = json.loads(operate(bridge, tmp_path, "user", "add", "mes2", "--json"))
    async with connected(bridge.url, bridge.access("mes2", made["password"])) as connection:
        assert await serves(connection.client)
    assert made["password"] not in bridge.said


async def test_a_client_is_trusted_once_the_operator_says_so(
    bridge: Bridge, tmp_path: Path
) -> None:
    stranger = identified(tmp_path, "stranger")
    for _ in range(2):
        with pytest.raises(SetupError, match="trust"):
            async with connected(bridge.url, access(bridge, stranger)):
                pass
    trust = Trust(bridge.settings.pki)
    assert [one.thumbprint for one in trust.rejected()] == [stranger.thumbprint]
    told = [line for line in bridge.lines() if line["event"] == REJECTED]
    assert [line["thumbprint"] for line in told] == [stranger.thumbprint]
    operate(bridge, tmp_path, "trust", "--last")
    assert stranger.thumbprint in {one.thumbprint for one in trust.trusted()}
    assert trust.rejected() == []
    login = replace(
        bridge.login,
        uri=stranger.uri,
        certificate=stranger.certificate_path,
        key=stranger.key_path,
    )
    assert read(bridge.url, ["i=2259"], login)["i=2259"]["value"] == 0


@asynccontextmanager
async def by_certificate(bridge: Bridge, person: Identity) -> AsyncIterator[Client]:
    """Log in with a user's certificate, from our own client."""
    client, ours = Client(bridge.url, timeout=10), bridge.client
    client.application_uri = ours.uri
    client.session_timeout = 60_000
    await client.set_security(
        SecurityPolicyBasic256Sha256,
        ours.certificate_path,
        str(ours.key_path),
        server_certificate=str(bridge.settings.pki / "own" / "server.der"),
    )
    await client.load_client_certificate(str(person.certificate_path))
    await client.load_private_key(person.key_path)
    async with client:
        yield client


async def test_a_user_logs_in_with_a_certificate(bridge: Bridge, tmp_path: Path) -> None:
    person = identified(tmp_path, "person")
    with pytest.raises(UaStatusCodeError, match="BadIdentityTokenRejected"):
        async with by_certificate(bridge, person):
            pass
    file = str(person.certificate_path)
    operate(bridge, tmp_path, "user", "add", "person", "--certificate", file)
    async with by_certificate(bridge, person) as client:
        assert await serves(client)


async def test_who_may_not_come_in_any_more_is_out_within_seconds(
    bridge: Bridge, tmp_path: Path
) -> None:
    """No restart, and nobody else is disturbed."""
    person, app = identified(tmp_path, "somebody"), identified(tmp_path, "app")
    users = Users(bridge.settings.users)
    users.add("leaves", password=PASSWORD)
    users.add("somebody", certificate=person.certificate)
    trust = Trust(bridge.settings.pki)
    trust.trust(str(app.certificate_path))
    ours = bridge.access("leaves", PASSWORD)
    async with (
        bridge.connected() as other,
        connected(bridge.url, ours) as by_password,
        connected(bridge.url, access(bridge, app)) as of_app,
        by_certificate(bridge, person) as of_person,
    ):
        leaving = (by_password.client, of_app.client, of_person)
        assert all([await serves(client) for client in leaving])
        operate(bridge, tmp_path, "user", "remove", "leaves")
        users.remove("somebody")
        trust.distrust(app.thumbprint)
        for client in leaving:
            await ended(client)
        assert await serves(other.client)
    with pytest.raises(SetupError, match="refuses the user name or the password"):
        async with connected(bridge.url, ours):
            pass
    with pytest.raises(SetupError, match="trust"):
        async with connected(bridge.url, access(bridge, app)):
            pass


async def test_nobody_comes_in_without_a_user_or_without_encryption(bridge: Bridge) -> None:
    ours = bridge.client
    anonymous = Access(certificate=ours.certificate_path, key=ours.key_path)
    with pytest.raises(SetupError):
        async with connected(bridge.url, anonymous):
            pass
    with pytest.raises(SetupError, match="demands security"):
        async with connected(bridge.url, Access()):
            pass
