"""All subscriptions of a server, behind the interface that asyncua's sessions call.

asyncua's own engine copies and encodes each value for each client, leaves most parameters
unused (ModifySubscription, sampling intervals, MaxNotificationsPerPublish), forgets a message
that is republished and never tells a client that its subscription has expired.
"""

import asyncio
from collections.abc import Callable, Collection, Iterable
from typing import Any

from asyncua import ua
from asyncua.common.utils import ServiceError
from asyncua.server.subscription_service import SubscriptionService
from asyncua.ua.status_codes import StatusCodes

from services.opcua_bridge.events.event import Event
from services.opcua_bridge.limits import Limits
from services.opcua_bridge.subscriptions.eventitems import Compile
from services.opcua_bridge.subscriptions.items import Items, Tally, demand
from services.opcua_bridge.subscriptions.revision import Space
from services.opcua_bridge.subscriptions.subscription import Scheduler, Subscription
from services.opcua_bridge.subscriptions.terms import Terms
from services.opcua_bridge.values import status
from voxtrude.printer import PrinterId

STANDS_ON = {
    "asyncua.server.subscription_service:SubscriptionService": "97b0ee0fe2bdfe5a",
    "asyncua.server.internal_session:InternalSession": "04f0c77a9796bd7d",
}


class Subscriptions(SubscriptionService):
    """All subscriptions of a server.

    ``compile_events`` makes event filters; without it, events cannot be subscribed to.
    ``scheduler`` is the running event loop unless said otherwise.
    """

    subscriptions: dict[int, Subscription]  # type: ignore[assignment] # ours, all of them

    def __init__(
        self,
        space: Any,  # noqa: ANN401 - a Space that is an AddressSpace, or stands in for one
        limits: Limits,
        *,
        compile_events: Compile | None = None,
        scheduler: Scheduler | None = None,
    ) -> None:
        super().__init__(space)
        self._space: Space = space
        self._limits = limits
        self._compile_events = compile_events
        self._scheduler = scheduler
        self._tally = Tally()

    @property
    def items(self) -> int:
        """How many monitored items there are."""
        return self._tally.items

    def of_session(self, session_id: ua.NodeId) -> list[Subscription]:
        """Return the subscriptions of one session."""
        return [each for each in self.subscriptions.values() if each.session_id == session_id]

    def report(self, event: Event, notifiers: Collection[ua.NodeId]) -> None:
        """Tell of ``event`` all who listen to one of the nodes and may know."""
        for subscription in self.subscriptions.values():
            subscription.items.report(event, notifiers)

    def review(self, machine: PrinterId) -> None:
        """Ask anew who may know of ``machine``: its place has changed, or it has come back."""
        for subscription in self.subscriptions.values():
            subscription.items.review(machine)

    def _found(self, number: int) -> Subscription:
        subscription = self.subscriptions.get(number)
        if subscription is None or subscription.expired:
            raise ServiceError(StatusCodes.BadSubscriptionIdInvalid)
        subscription.touch()
        return subscription

    async def create_subscription(
        self,
        params: ua.CreateSubscriptionParameters,
        callback: Callable[..., Any],
        session_id: ua.NodeId,
        request_callback: Callable[..., Any] | None = None,
    ) -> ua.CreateSubscriptionResult:
        """Create a subscription of a session; the server itself watches the space instead."""
        if request_callback is None:
            raise ServiceError(StatusCodes.BadServiceUnsupported)
        if (
            len(self.subscriptions) >= self._limits.subscriptions
            or len(self.of_session(session_id)) >= self._limits.subscriptions_each
        ):
            raise ServiceError(StatusCodes.BadTooManySubscriptions)
        scheduler = self._scheduler or asyncio.get_running_loop()
        terms = Terms.revised(params, self._limits)
        items = Items(
            self._space,
            self._limits,
            self._tally,
            compile_events=self._compile_events,
            clock=scheduler.time,
            cycle=terms.seconds,
        )
        self._sub_id_counter += 1
        number = self._sub_id_counter
        subscription = Subscription(number, terms, items, scheduler, self._limits)
        subscription.session_id = session_id
        subscription.pub_result_callback = callback
        subscription.pub_request_callback = request_callback
        subscription.forget = lambda: self.subscriptions.pop(number, None)
        self.subscriptions[number] = subscription
        await subscription.set_publishing_mode(params.PublishingEnabled)
        await subscription.start()
        return subscription.data

    def modify_subscription(
        self, params: ua.ModifySubscriptionParameters
    ) -> ua.ModifySubscriptionResult:
        """Give a subscription other parameters."""
        terms = Terms.revised(params, self._limits)
        self._found(params.SubscriptionId).apply(terms)
        return ua.ModifySubscriptionResult(terms.interval, terms.lifetime, terms.keep_alive)

    async def delete_subscriptions(self, ids: list[int]) -> list[ua.StatusCode]:
        """Delete subscriptions with all that is theirs."""
        results = []
        for number in ids:
            subscription = self.subscriptions.pop(number, None)
            if subscription is None:
                results.append(status(StatusCodes.BadSubscriptionIdInvalid))
            else:
                subscription.close()
                results.append(ua.StatusCode())
        return results

    def publish(
        self,
        acks: Iterable[ua.SubscriptionAcknowledgement],
        session_id: ua.NodeId | None = None,
    ) -> tuple[int, list[ua.StatusCode]]:
        """Take acknowledgements; return how many subscriptions (of the session) there are."""
        mine = self.subscriptions
        if session_id is not None:
            mine = {each.data.SubscriptionId: each for each in self.of_session(session_id)}
        if not mine:
            raise ServiceError(StatusCodes.BadNoSubscription)
        results = []
        for ack in acks:
            subscription = mine.get(ack.SubscriptionId)
            if subscription is None or subscription.expired:
                results.append(status(StatusCodes.BadSubscriptionIdInvalid))
            else:
                results.append(subscription.acknowledge(ack.SequenceNumber))
        return len(mine), results

    async def create_monitored_items(
        self, params: ua.CreateMonitoredItemsParameters
    ) -> list[ua.MonitoredItemCreateResult]:
        """Create monitored items."""
        subscription = self._found(params.SubscriptionId)
        demand(params.ItemsToCreate, self._limits)
        return await subscription.items.create(params)

    def modify_monitored_items(
        self, params: ua.ModifyMonitoredItemsParameters
    ) -> list[ua.MonitoredItemModifyResult]:
        """Modify monitored items."""
        subscription = self._found(params.SubscriptionId)
        demand(params.ItemsToModify, self._limits)
        return subscription.items.modify(params)

    async def set_publishing_mode(
        self, params: ua.SetPublishingModeParameters
    ) -> list[ua.StatusCode]:
        """Switch publishing on or off."""
        demand(params.SubscriptionIds, self._limits)
        results = []
        for number in params.SubscriptionIds:
            try:
                await self._found(number).set_publishing_mode(params.PublishingEnabled)
                results.append(ua.StatusCode())
            except ServiceError as error:
                results.append(status(error.code))
        return results

    async def set_monitoring_mode(
        self, params: ua.SetMonitoringModeParameters
    ) -> list[ua.StatusCode]:
        """Switch items between disabled, sampling and reporting."""
        subscription = self._found(params.SubscriptionId)
        demand(params.MonitoredItemIds, self._limits)
        return subscription.items.set_mode(params.MonitoringMode, params.MonitoredItemIds)

    def delete_monitored_items(
        self, params: ua.DeleteMonitoredItemsParameters
    ) -> list[ua.StatusCode]:
        """Delete monitored items."""
        subscription = self._found(params.SubscriptionId)
        demand(params.MonitoredItemIds, self._limits)
        return subscription.items.delete(params.MonitoredItemIds)

    def republish(self, params: ua.RepublishParameters) -> ua.NotificationMessage:
        """Return a message again."""
        return self._found(params.SubscriptionId).republish(params.RetransmitSequenceNumber)

    async def transfer_subscriptions(
        self,
        params: ua.TransferSubscriptionsParameters,  # noqa: ARG002 - refused whatever they are
        session_id: ua.NodeId,  # noqa: ARG002
        callback: Callable[..., Any],  # noqa: ARG002
    ) -> list[ua.TransferResult]:
        """Refuse: a subscription belongs to the session that made it."""
        raise ServiceError(StatusCodes.BadServiceUnsupported)

    async def trigger_event(
        self,
        event: Any,  # noqa: ANN401, ARG002 - as asyncua's, refused whatever it is
        subscription_id: int | None = None,  # noqa: ARG002
    ) -> None:
        """Refuse asyncua's own events: ours come by ``report``."""
        raise TypeError("asyncua's events are none of ours: see report")
