"""The bridge's OPC UA core with namespace 0 only, and asyncua's own server, for tests."""

import asyncio
import threading
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from asyncua.client.client import Client
from asyncua.crypto.security_policies import SecurityPolicy, SecurityPolicyBasic256Sha256
from asyncua.server.server import Server

from services.opcua_bridge.access.admission import Admission, Offer
from services.opcua_bridge.addressspace.space import MachineSpace
from services.opcua_bridge.addressspace.views import Views
from services.opcua_bridge.limits import Limits
from services.opcua_bridge.stack.core import Core
from services.opcua_bridge.stack.endpoints import Endpoint
from services.opcua_bridge.stack.listeners import Listener
from services.opcua_bridge.subscriptions.service import Subscriptions
from tests.integration.opcua_strangers import Structure, ua
from tests.integration.servers import PATIENCE, free_port
from voxtrude.opcua import identity
from voxtrude.opcua.identity import Identity
from voxtrude.opcua.trust import Trust
from voxtrude.opcua.users import Users
from voxtrude.process import utc_now

URI = "urn:voxtrude:tests:server"
CLIENT_URI = "urn:voxtrude:tests:client"
HOSTS = ("localhost", "127.0.0.1")
USER, PASSWORD = "alice", "correct horse battery"
WRONG = "not the right one"

How = Any
"""An argument of ``Served.secured``."""

Bound = Any
"""A field of ``Limits``."""

T = TypeVar("T")


class Loop:
    """An event loop in a thread of its own: attackers may block theirs."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        """Run ``work`` there, and return what it returns."""
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(30)

    def do(self, function: Callable[[], T]) -> T:
        """Call ``function`` there."""

        async def call() -> T:
            return function()

        return self.run(call())

    def close(self) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()


@dataclass
class Served:
    """A server that listens, and what one needs to be let in."""

    port: int
    folder: Path
    server: Identity
    client: Identity
    loop: Loop
    core: Any = None  # the bridge's; asyncua's own server has none
    clients: dict[str, Identity] = field(default_factory=dict)

    @property
    def url(self) -> str:
        return f"opc.tcp://127.0.0.1:{self.port}"

    @property
    def users(self) -> Users:
        return Users(self.folder / "users.json")

    @property
    def trust(self) -> Trust:
        return Trust(self.folder / "pki")

    def stranger(self) -> Identity:
        """Return a client that is not trusted."""
        found = self.clients.get("stranger")
        if found is None:
            pki = self.folder / "stranger"
            found = identity.client(pki, CLIENT_URI, HOSTS, utc_now())
            self.clients["stranger"] = found
        return found

    def another_client(self) -> Identity:
        """Return one more client that is trusted."""
        found = self.clients.get("another")
        if found is None:
            pki = self.folder / "another"
            found = identity.client(pki, "urn:voxtrude:tests:another", HOSTS, utc_now())
            self.trust.trust(str(found.certificate_path))
            self.clients["another"] = found
        return found

    async def secured(
        self,
        user: str | None = USER,
        password: str | None = PASSWORD,
        by: Identity | None = None,
        policy: type[SecurityPolicy] = SecurityPolicyBasic256Sha256,
        mode: Structure = ua.MessageSecurityMode.SignAndEncrypt,
    ) -> Client:
        """Return a client that is set up, and not connected."""
        by = by or self.client
        client = Client(self.url, timeout=10)
        client.application_uri = by.uri
        client.session_timeout = 60_000
        await client.set_security(
            policy,
            by.certificate_path,
            str(by.key_path),
            server_certificate=str(self.server.certificate_path),
            mode=mode,
        )
        if user is not None:
            client.set_user(user)
            client.set_password(password or "")
        return client

    @asynccontextmanager
    async def guest(self, **how: How) -> AsyncIterator[Client]:
        """Connect a well-behaved client until the block ends."""
        client = await self.secured(**how)
        async with client:
            yield client

    async def serves(self) -> bool:
        """Tell whether a well-behaved client is served."""
        async with self.guest() as client:
            state = client.get_node(ua.NodeId(ua.ObjectIds.Server_ServerStatus_State))
            return bool(await state.read_value() == ua.ServerState.Running)


@contextmanager
def serving(folder: Path, offer: Offer | None = None, **limits: Bound) -> Iterator[Served]:
    """Run the bridge's core with one listener until the block ends."""
    now = utc_now()
    server = identity.server(folder / "pki", URI, HOSTS, now)
    client = identity.client(folder / "pki", CLIENT_URI, HOSTS, now)
    users = Users(folder / "users.json")
    users.add(USER, password=PASSWORD)
    bounds = Limits(**limits)
    loop = Loop()

    async def begin() -> tuple[Core, Listener]:
        space = MachineSpace()
        views = Views(space, bounds)
        admission = Admission(server, users, Trust(folder / "pki"), offer or Offer())
        core = Core(space, Subscriptions(space, bounds), views, bounds, admission)
        await Server(iserver=core).init()
        await core.start()
        listener = Listener(core, Endpoint("127.0.0.1", 0))
        await listener.start()
        return core, listener

    async def end(core: Core, listener: Listener) -> None:
        await listener.stop()
        await core.stop()

    core, listener = loop.run(begin())
    try:
        yield Served(listener.port, folder, server, client, loop, core)
    finally:
        loop.run(end(core, listener))
        loop.close()


@contextmanager
def stock(folder: Path) -> Iterator[Served]:
    """Run asyncua's own server, which offers Basic256Sha256 Sign & Encrypt only."""
    now = utc_now()
    server = identity.server(folder / "pki", URI, HOSTS, now)
    client = identity.client(folder / "pki", CLIENT_URI, HOSTS, now)
    loop, port = Loop(), free_port()

    async def begin() -> Server:
        made = Server()
        await made.init()
        made.set_endpoint(f"opc.tcp://127.0.0.1:{port}")
        await made.set_application_uri(URI)
        made.set_security_policy([ua.SecurityPolicyType.Basic256Sha256_SignAndEncrypt])
        made.iserver.certificate, made.iserver.private_key = server.certificate, server.key
        await made.start()
        return made

    made = loop.run(begin())
    try:
        yield Served(port, folder, server, client, loop)
    finally:
        loop.run(made.stop())
        loop.close()


async def until(condition: Callable[[], object], seconds: float = 10) -> None:
    """Return as soon as ``condition`` holds."""
    async with asyncio.timeout(seconds):
        while not condition():  # noqa: ASYNC110 - the condition is another thread's
            await asyncio.sleep(PATIENCE)
