"""The server behind all listeners: asyncua's, with the parts that we replace put in.

asyncua's constructor makes its own address space and services; they are thrown away again.
"""

import logging
from collections.abc import Callable
from typing import Protocol

from asyncua import ua
from asyncua.common.node import Node
from asyncua.common.utils import ServiceError
from asyncua.crypto.permission_rules import User, UserRole
from asyncua.server.address_space import AttributeService, NodeManagementService
from asyncua.server.internal_server import InternalServer
from asyncua.server.internal_session import InternalSession
from asyncua.ua.object_ids import ObjectIds
from asyncua.ua.status_codes import StatusCodes

from services.opcua_bridge.access.admission import Admission
from services.opcua_bridge.addressspace.methods import Methods
from services.opcua_bridge.addressspace.space import MachineSpace
from services.opcua_bridge.addressspace.views import Views
from services.opcua_bridge.events.conditionrefresh import ConditionRefresh
from services.opcua_bridge.limits import Limits
from services.opcua_bridge.stack import decoding
from services.opcua_bridge.stack.sessions import Session
from services.opcua_bridge.subscriptions.service import Subscriptions

STANDS_ON = {
    "asyncua.server.internal_server:InternalServer": "96343b7a31bf5625",
}

# What a client can make these say is said by us, once.
_SILENT = ("asyncua.server", "asyncua.uaprotocol")


class Connection(Protocol):
    """What counts as a connection."""

    @property
    def unsent(self) -> int:
        """How many bytes wait for the client to read."""


def nobody(_owner: ua.NodeId, _method: ua.NodeId) -> bool:
    """Let nobody call a method."""
    return False


class Core(InternalServer):
    """Address space, services and sessions; a ``Listener`` lets clients in.

    ``may_call`` tells whether an object's method may be called by clients.
    """

    def __init__(
        self,
        space: MachineSpace,
        subscriptions: Subscriptions,
        views: Views,
        limits: Limits,
        admission: Admission,
        *,
        may_call: Callable[[ua.NodeId, ua.NodeId], bool] = nobody,
    ) -> None:
        decoding.install()
        for name in _SILENT:
            logging.getLogger(name).setLevel(logging.CRITICAL)
        super().__init__()
        self.space = space
        self.views = views
        self.methods = Methods(space, views, limits)
        self.limits = limits
        self.admission = admission
        self.may_call = may_call
        self.conditions: ConditionRefresh | None = None
        self.connections: dict[Connection, tuple[str, bool]] = {}
        """The open connections: the peer's address, and whether a session is active."""
        self.allow_remote_admin = False
        self.certificate = admission.identity.certificate
        self.private_key = admission.identity.key
        self.aspace = space
        self.attribute_service = AttributeService(space)
        self.view_service = views
        self.method_service = self.methods
        self.node_mgt_service = NodeManagementService(space)
        self.subscription_service: Subscriptions = subscriptions
        self.isession = InternalSession(
            self, space, subscriptions, "Internal", user=User(role=UserRole.Admin)
        )
        clock, state = ObjectIds.Server_ServerStatus_CurrentTime, ObjectIds.Server_ServerStatus
        self.current_time_node = Node(self.isession, ua.NodeId(ua.Int32(clock)))
        self.server_status_node = Node(self.isession, ua.NodeId(ua.Int32(state)))

    # Sessions.

    @property
    def sessions(self) -> list[Session]:
        """The sessions of clients."""
        return [one for one in self._external_sessions.values() if isinstance(one, Session)]

    def session(self, token: ua.NodeId) -> Session | None:
        """Return the session of a token."""
        found = self._external_sessions.get(token)
        return found if isinstance(found, Session) else None

    def make_room(self) -> None:
        """Let there be room for one more session: of those that are alone, the oldest ends.

        Raises:
            ServiceError: None is alone.
        """
        sessions = self.sessions
        if len(sessions) < self.limits.sessions:
            return
        alone = [one for one in sessions if one.alone]
        if not alone:
            raise ServiceError(StatusCodes.BadTooManySessions)
        min(alone, key=lambda one: one.heard).end()

    def forget_subscriptions(self, session_id: ua.NodeId) -> None:
        """Delete what a session that ends has subscribed to."""
        service = self.subscription_service
        for one in service.of_session(session_id):
            service.subscriptions.pop(one.data.SubscriptionId, None)
            one.close()

    def review(self) -> None:
        """End the sessions of users and applications that may not come in any more."""
        for session in self.sessions:
            person, certificate = session.person, session.certificate
            if (person is not None and not self.admission.still_knows(person)) or (
                certificate is not None and not self.admission.still_trusts(certificate)
            ):
                session.end()

    # Connections.

    def welcome(self, connection: Connection, address: str) -> bool:
        """Count a new connection; return whether there is room for it."""
        here = [each for each in self.connections.values() if each[0] == address]
        waiting = [each for each in self.connections.values() if not each[1]]
        limits = self.limits
        if (
            len(self.connections) >= limits.connections
            or len(here) >= limits.connections_each
            or len(waiting) >= limits.waiting
            or sum(not active for _, active in here) >= limits.waiting_each
        ):
            return False
        self.connections[connection] = address, False
        return True

    def seated(self, connection: Connection, *, active: bool) -> None:
        """Remember whether a connection has an active session."""
        if connection in self.connections:
            self.connections[connection] = self.connections[connection][0], active
