"""Sessions (OPC 10000-4, 5.7): who reads what, and nothing is changed by anybody.

asyncua's tokens are i=1000, 1001, …, which a stranger can guess, and any session may touch
any other's subscriptions by their numbers, which are consecutive, too.
"""

import asyncio
import math
import secrets
import uuid
from collections.abc import Callable, Collection, Iterable, Sequence
from typing import TYPE_CHECKING, Any

from asyncua import ua
from asyncua.common.utils import ServiceError
from asyncua.crypto.permission_rules import User, UserRole
from asyncua.server.internal_session import InternalSession, SessionState
from asyncua.ua.status_codes import StatusCodes
from cryptography import x509

from services.opcua_bridge.access.admission import Person
from services.opcua_bridge.addressspace.continuation import ContinuationPoints
from services.opcua_bridge.values import status
from voxtrude.printer import PrinterId

if TYPE_CHECKING:
    from services.opcua_bridge.stack.core import Core
    from services.opcua_bridge.stack.endpoints import Endpoint

STANDS_ON = {
    "asyncua.server.internal_session:InternalSession": "04f0c77a9796bd7d",
}

NONCE = 32  # bytes, as is the token


class Session(InternalSession):
    """One client's session; it outlives its connection for a while, if it has subscriptions.

    ``lost`` is called when the session ends, whoever ended it.
    """

    def __init__(self, core: "Core", endpoint: "Endpoint", name: str) -> None:
        super().__init__(core, core.aspace, core.subscription_service, name)
        self.external = True
        self.core = core
        self.endpoint = endpoint
        self.session_id = _node_id(uuid.uuid4(), 1, ua.NodeIdType.Guid)
        self.auth_token = _node_id(secrets.token_bytes(NONCE), 0, ua.NodeIdType.ByteString)
        self.nonce: bytes = secrets.token_bytes(NONCE)
        self.certificate: x509.Certificate | None = None
        self.security: tuple[str, ua.MessageSecurityMode] | None = None
        self.person: Person | None = None
        self.lost: Callable[[], object] = lambda: None
        self.alone = False
        """Whether its connection is gone: it waits for its client to come back."""
        self._points = ContinuationPoints(core.limits.continuation_points)
        self._timer: asyncio.TimerHandle | None = None
        self._heard = 0.0
        core.register_external_session(self)

    def admits(self, machine: PrinterId) -> bool:
        """Tell whether the machine exists for this session: asked anew each time."""
        return self.endpoint.admits(machine)

    # Its life.

    def begin(self, asked: float) -> float:
        """Start the clock; return the timeout, in ms as was asked."""
        limits = self.core.limits
        wanted = limits.longest_session if not asked or math.isnan(asked) else asked / 1000
        self.session_timeout = min(max(wanted, limits.shortest_session), limits.longest_session)
        self.touch()
        self._wait()
        return self.session_timeout * 1000

    def touch(self) -> None:
        """Count the timeout anew: the client was heard."""
        self._heard = asyncio.get_running_loop().time()

    @property
    def heard(self) -> float:
        """When the client was last heard, by the event loop's clock."""
        return self._heard

    def _wait(self) -> None:
        loop = asyncio.get_running_loop()
        left = self._heard + (self.session_timeout or 0) - loop.time()
        if left <= 0:
            self.end()
        else:
            self._timer = loop.call_later(left, self._wait)

    def activate(self, person: Person) -> None:
        """Let ``person`` use the session, with a new nonce.

        Raises:
            ServiceError: The session is over, or somebody else's.
        """
        if self.state == SessionState.Closed:
            raise ServiceError(StatusCodes.BadSessionClosed)
        if self.person is not None and self.person != person:
            raise ServiceError(StatusCodes.BadIdentityChangeNotSupported)
        self.person = person
        self.user = User(UserRole.User, person.name or None)
        self.nonce = secrets.token_bytes(NONCE)
        self.state = SessionState.Activated
        self.touch()

    async def close_session(self, delete_subs: bool = True) -> None:  # noqa: FBT001, FBT002 - as asyncua's
        """End; subscriptions end with it, since none can be transferred."""
        del delete_subs
        self.end()

    def end(self) -> None:
        """End, and everything with it."""
        if self.state == SessionState.Closed:
            return
        self.state = SessionState.Closed
        if self._timer is not None:
            self._timer.cancel()
        self.core.unregister_external_session(self)
        self.core.forget_subscriptions(self.session_id)
        self.lost()

    # What it may see.

    async def read(self, params: ua.ReadParameters) -> list[ua.DataValue]:
        """Read attributes."""
        values = self.core.views.read(params, self.admits)
        if sum(map(_size, values)) > self.core.limits.response:
            raise ServiceError(StatusCodes.BadResponseTooLarge)  # before it is put together
        return values

    async def browse(self, params: ua.BrowseParameters) -> list[ua.BrowseResult]:
        """Browse."""
        return self.core.views.browse(params, self.admits, self._points)

    async def browse_next(self, parameters: ua.BrowseNextParameters) -> list[ua.BrowseResult]:
        """Browse on."""
        return self.core.views.browse_next(parameters, self._points)

    async def translate_browsepaths_to_nodeids(
        self, params: list[ua.BrowsePath]
    ) -> list[ua.BrowsePathResult]:
        """Follow browse paths."""
        return self.core.views.translate(params, self.admits)

    async def register_nodes(self, nodes: list[ua.NodeId]) -> list[ua.NodeId]:
        """Return the same NodeIds: none is quicker than another here."""
        self._count(nodes, self.core.limits.registrations)
        return nodes

    async def unregister_nodes(self, nodes: list[ua.NodeId]) -> None:
        """Forget nothing."""
        self._count(nodes, self.core.limits.registrations)

    # What it may not change.

    async def write(self, params: ua.WriteParameters) -> list[ua.StatusCode]:
        """Refuse each value: every node is read-only."""
        self._count(params.NodesToWrite, self.core.limits.writes)
        return [status(self._refusal(one)) for one in params.NodesToWrite]

    def _refusal(self, what: ua.WriteValue) -> int:
        if not self.core.views.exists(what.NodeId, self.admits):
            return int(StatusCodes.BadNodeIdUnknown)
        value = self.core.aspace.read_attribute_value(what.NodeId, what.AttributeId)
        if value.StatusCode is not None and (
            value.StatusCode.value == StatusCodes.BadAttributeIdInvalid
        ):
            return int(StatusCodes.BadAttributeIdInvalid)
        return int(StatusCodes.BadNotWritable)

    async def call(self, params: list[ua.CallMethodRequest]) -> list[ua.CallMethodResult]:
        """Call the methods that are allowed, and refuse the others."""
        self._count(params, self.core.limits.calls)
        return [await self._called(one) for one in params]

    async def _called(self, one: ua.CallMethodRequest) -> ua.CallMethodResult:
        if self.core.conditions is not None:
            own = self.core.subscription_service.of_session(self.session_id)
            answer = self.core.conditions.answer(one, own)
            if answer is not None:
                return answer
        exists = self.core.views.exists
        there = exists(one.ObjectId, self.admits) and exists(one.MethodId, self.admits)
        if there and not self.core.may_call(one.ObjectId, one.MethodId):
            return ua.CallMethodResult(status(StatusCodes.BadUserAccessDenied))
        (result,) = await self.core.methods.call([one], self.admits)
        return result

    @staticmethod
    def _count(asked: Sequence[object] | None, limit: int) -> None:
        if not asked:
            raise ServiceError(StatusCodes.BadNothingToDo)
        if len(asked) > limit:
            raise ServiceError(StatusCodes.BadTooManyOperations)

    # Its subscriptions, and nobody else's.

    def _owns(self, number: int) -> bool:
        found = self.subscriptions.get(number)
        return found is not None and found.session_id == self.session_id

    def _own(self, number: int) -> None:
        if not self._owns(number):
            raise ServiceError(StatusCodes.BadSubscriptionIdInvalid)

    @property
    def subscriptions(self) -> dict[int, Any]:
        """All subscriptions of the server, by number."""
        return self.core.subscription_service.subscriptions

    @property
    def has_subscriptions(self) -> bool:
        """Whether one is its own."""
        return any(self._owns(number) for number in self.subscriptions)

    def deliver_to(self, answer: Callable[..., Any], ask: Callable[..., Any]) -> None:
        """Publish over another connection from now on."""
        for number, subscription in self.subscriptions.items():
            if self._owns(number):
                subscription.pub_result_callback = answer
                subscription.pub_request_callback = ask

    async def create_subscription(
        self,
        params: ua.CreateSubscriptionParameters,
        callback: Callable[..., Any],
        request_callback: Callable[..., Any] | None = None,
    ) -> ua.CreateSubscriptionResult:
        """Create a subscription that sees what the session sees."""
        result = await self.core.subscription_service.create_subscription(
            params, callback, self.session_id, request_callback=request_callback
        )
        self.subscriptions[result.SubscriptionId].admits = self.admits
        return result

    def modify_subscription(
        self, params: ua.ModifySubscriptionParameters
    ) -> ua.ModifySubscriptionResult:
        """Modify a subscription."""
        self._own(params.SubscriptionId)
        return self.core.subscription_service.modify_subscription(params)

    async def delete_subscriptions(self, ids: list[int]) -> list[ua.StatusCode]:
        """Delete subscriptions."""
        self._count(ids, self.core.limits.items_per_call)
        return await self._of_own(ids, self.core.subscription_service.delete_subscriptions)

    async def set_publishing_mode(
        self, params: ua.SetPublishingModeParameters
    ) -> list[ua.StatusCode]:
        """Switch publishing on or off."""
        ids = params.SubscriptionIds
        self._count(ids, self.core.limits.items_per_call)

        async def switch(own: list[int]) -> list[ua.StatusCode]:
            params.SubscriptionIds = own
            return await self.core.subscription_service.set_publishing_mode(params)

        return await self._of_own(ids, switch)

    async def _of_own(
        self, ids: Collection[int], service: Callable[[list[int]], Any]
    ) -> list[ua.StatusCode]:
        """Return the results of a service that takes subscriptions, the foreign ones refused."""
        own = [number for number in dict.fromkeys(ids) if self._owns(number)]
        done = dict(zip(own, await service(own), strict=True)) if own else {}
        unknown = status(StatusCodes.BadSubscriptionIdInvalid)
        return [done.get(number, unknown) for number in ids]

    def publish(
        self, acks: Iterable[ua.SubscriptionAcknowledgement] | None = None
    ) -> tuple[int, list[ua.StatusCode]]:
        """Take acknowledgements; return how many subscriptions there are."""
        return self.core.subscription_service.publish(acks or [], self.session_id)

    def republish(self, params: ua.RepublishParameters) -> ua.NotificationMessage:
        """Return a message again."""
        self._own(params.SubscriptionId)
        return self.core.subscription_service.republish(params)

    async def create_monitored_items(
        self, params: ua.CreateMonitoredItemsParameters
    ) -> list[ua.MonitoredItemCreateResult]:
        """Create monitored items."""
        self._own(params.SubscriptionId)
        return await self.core.subscription_service.create_monitored_items(params)

    async def modify_monitored_items(
        self, params: ua.ModifyMonitoredItemsParameters
    ) -> list[ua.MonitoredItemModifyResult]:
        """Modify monitored items."""
        self._own(params.SubscriptionId)
        return self.core.subscription_service.modify_monitored_items(params)

    async def delete_monitored_items(
        self, params: ua.DeleteMonitoredItemsParameters
    ) -> list[ua.StatusCode]:
        """Delete monitored items."""
        self._own(params.SubscriptionId)
        return self.core.subscription_service.delete_monitored_items(params)

    async def set_monitoring_mode(
        self, params: ua.SetMonitoringModeParameters
    ) -> list[ua.StatusCode]:
        """Switch items between disabled, sampling and reporting."""
        self._own(params.SubscriptionId)
        return await self.core.subscription_service.set_monitoring_mode(params)


def _size(value: ua.DataValue) -> int:
    """Return about how many bytes a value has, where they could be many."""
    content: Any = None if value.Value is None else value.Value.Value
    if isinstance(content, bytes | str):
        return len(content)
    if isinstance(content, list):
        return sum(len(one) for one in content if isinstance(one, bytes | str))
    return 0


def _node_id(identifier: Any, namespace: Any, kind: ua.NodeIdType) -> ua.NodeId:  # noqa: ANN401 - asyncua wants types of its own
    return ua.NodeId(identifier, namespace, kind)
