"""The services that a session may use, and how each is answered.

What is not here is answered BadServiceUnsupported: AddNodes, DeleteNodes, AddReferences,
DeleteReferences, HistoryRead, HistoryUpdate, Query*, Cancel, SetTriggering,
TransferSubscriptions, RegisterServer.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, Protocol

from asyncua import ua
from asyncua.common.utils import Buffer, ServiceError
from asyncua.ua.object_ids import ObjectIds
from asyncua.ua.status_codes import StatusCodes
from asyncua.ua.ua_binary import struct_from_binary

from services.opcua_bridge.stack.sessions import Session

STANDS_ON = {
    "asyncua.ua.ua_binary:struct_from_binary": "b88a8f35b6fd603a",
}

Response = Any
"""One of asyncua's response structures, which have no type in common."""


class Publisher(Protocol):
    """The connection's side of publishing."""

    async def forward_publish_response(self, result: Any, requestdata: Any) -> None:  # noqa: ANN401 - asyncua's
        """Send a publish response."""

    def get_publish_request(self, subscription_id: Any) -> Any:  # noqa: ANN401 - asyncua's
        """Return a waiting publish request."""

    def starve(self, session: Session) -> None:
        """Answer the publish requests of a session that has no subscriptions left."""


@dataclass(frozen=True, slots=True)
class Request:
    """A request's headers, and what is left of it."""

    header: ua.RequestHeader
    sequence: ua.SequenceHeader
    body: Buffer

    def decoded(self, parameters: type[Any]) -> Any:  # noqa: ANN401 - one of asyncua's structures
        """Return the request's parameters.

        Raises:
            ServiceError: They are not what they should be.
        """
        try:
            return struct_from_binary(parameters, self.body)
        except Exception:  # noqa: BLE001 - whatever a stranger's bytes do to the decoder
            raise ServiceError(StatusCodes.BadDecodingError) from None


@dataclass(frozen=True, slots=True)
class Service:
    """How a request is decoded, and answered."""

    parameters: type[Any]
    answer: Callable[[Session, Any, Publisher], Awaitable[Response]]


async def _read(session: Session, params: ua.ReadParameters, _: Publisher) -> Response:
    return ua.ReadResponse(Results=await session.read(params))


async def _write(session: Session, params: ua.WriteParameters, _: Publisher) -> Response:
    return ua.WriteResponse(Results=await session.write(params))


async def _browse(session: Session, params: ua.BrowseParameters, _: Publisher) -> Response:
    return ua.BrowseResponse(Results=await session.browse(params))


async def _browse_next(session: Session, params: ua.BrowseNextParameters, _: Publisher) -> Response:
    results = await session.browse_next(params)
    return ua.BrowseNextResponse(Parameters=ua.BrowseNextResult(Results=results))


async def _translate(
    session: Session, params: ua.TranslateBrowsePathsToNodeIdsParameters, _: Publisher
) -> Response:
    results = await session.translate_browsepaths_to_nodeids(params.BrowsePaths)
    return ua.TranslateBrowsePathsToNodeIdsResponse(Results=results)


async def _register(session: Session, params: ua.RegisterNodesParameters, _: Publisher) -> Response:
    nodes = await session.register_nodes(params.NodesToRegister)
    return ua.RegisterNodesResponse(Parameters=ua.RegisterNodesResult(nodes))


async def _unregister(
    session: Session, params: ua.UnregisterNodesParameters, _: Publisher
) -> Response:
    await session.unregister_nodes(params.NodesToUnregister)
    return ua.UnregisterNodesResponse()


async def _call(session: Session, params: ua.CallParameters, _: Publisher) -> Response:
    return ua.CallResponse(Results=await session.call(params.MethodsToCall))


async def _create_subscription(
    session: Session, params: ua.CreateSubscriptionParameters, publisher: Publisher
) -> Response:
    result = await session.create_subscription(
        params, publisher.forward_publish_response, publisher.get_publish_request
    )
    return ua.CreateSubscriptionResponse(Parameters=result)


async def _modify_subscription(
    session: Session, params: ua.ModifySubscriptionParameters, _: Publisher
) -> Response:
    return ua.ModifySubscriptionResponse(Parameters=session.modify_subscription(params))


async def _delete_subscriptions(
    session: Session, params: ua.DeleteSubscriptionsParameters, publisher: Publisher
) -> Response:
    results = await session.delete_subscriptions(params.SubscriptionIds)
    publisher.starve(session)
    return ua.DeleteSubscriptionsResponse(Results=results)


async def _set_publishing_mode(
    session: Session, params: ua.SetPublishingModeParameters, _: Publisher
) -> Response:
    results = await session.set_publishing_mode(params)
    return ua.SetPublishingModeResponse(Parameters=ua.SetPublishingModeResult(results))


async def _republish(session: Session, params: ua.RepublishParameters, _: Publisher) -> Response:
    return ua.RepublishResponse(NotificationMessage=session.republish(params))


async def _create_items(
    session: Session, params: ua.CreateMonitoredItemsParameters, _: Publisher
) -> Response:
    return ua.CreateMonitoredItemsResponse(Results=await session.create_monitored_items(params))


async def _modify_items(
    session: Session, params: ua.ModifyMonitoredItemsParameters, _: Publisher
) -> Response:
    return ua.ModifyMonitoredItemsResponse(Results=await session.modify_monitored_items(params))


async def _delete_items(
    session: Session, params: ua.DeleteMonitoredItemsParameters, _: Publisher
) -> Response:
    return ua.DeleteMonitoredItemsResponse(Results=await session.delete_monitored_items(params))


async def _set_monitoring_mode(
    session: Session, params: ua.SetMonitoringModeParameters, _: Publisher
) -> Response:
    results = await session.set_monitoring_mode(params)
    return ua.SetMonitoringModeResponse(Parameters=ua.SetMonitoringModeResult(results))


SERVICES: dict[int, Service] = {
    ObjectIds.ReadRequest_Encoding_DefaultBinary: Service(ua.ReadParameters, _read),
    ObjectIds.WriteRequest_Encoding_DefaultBinary: Service(ua.WriteParameters, _write),
    ObjectIds.BrowseRequest_Encoding_DefaultBinary: Service(ua.BrowseParameters, _browse),
    ObjectIds.BrowseNextRequest_Encoding_DefaultBinary: Service(
        ua.BrowseNextParameters, _browse_next
    ),
    ObjectIds.TranslateBrowsePathsToNodeIdsRequest_Encoding_DefaultBinary: Service(
        ua.TranslateBrowsePathsToNodeIdsParameters, _translate
    ),
    ObjectIds.RegisterNodesRequest_Encoding_DefaultBinary: Service(
        ua.RegisterNodesParameters, _register
    ),
    ObjectIds.UnregisterNodesRequest_Encoding_DefaultBinary: Service(
        ua.UnregisterNodesParameters, _unregister
    ),
    ObjectIds.CallRequest_Encoding_DefaultBinary: Service(ua.CallParameters, _call),
    ObjectIds.CreateSubscriptionRequest_Encoding_DefaultBinary: Service(
        ua.CreateSubscriptionParameters, _create_subscription
    ),
    ObjectIds.ModifySubscriptionRequest_Encoding_DefaultBinary: Service(
        ua.ModifySubscriptionParameters, _modify_subscription
    ),
    ObjectIds.DeleteSubscriptionsRequest_Encoding_DefaultBinary: Service(
        ua.DeleteSubscriptionsParameters, _delete_subscriptions
    ),
    ObjectIds.SetPublishingModeRequest_Encoding_DefaultBinary: Service(
        ua.SetPublishingModeParameters, _set_publishing_mode
    ),
    ObjectIds.RepublishRequest_Encoding_DefaultBinary: Service(ua.RepublishParameters, _republish),
    ObjectIds.CreateMonitoredItemsRequest_Encoding_DefaultBinary: Service(
        ua.CreateMonitoredItemsParameters, _create_items
    ),
    ObjectIds.ModifyMonitoredItemsRequest_Encoding_DefaultBinary: Service(
        ua.ModifyMonitoredItemsParameters, _modify_items
    ),
    ObjectIds.DeleteMonitoredItemsRequest_Encoding_DefaultBinary: Service(
        ua.DeleteMonitoredItemsParameters, _delete_items
    ),
    ObjectIds.SetMonitoringModeRequest_Encoding_DefaultBinary: Service(
        ua.SetMonitoringModeParameters, _set_monitoring_mode
    ),
}
"""By the NodeIds of their requests; Publish is the connection's own."""
