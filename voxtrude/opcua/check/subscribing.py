"""Subscribes to every variable, as a umati client does, and sees what comes of it."""

import asyncio
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from asyncua import ua
from asyncua.ua.attribute_ids import AttributeIds

from voxtrude.opcua.check.services import Services
from voxtrude.opcua.check.tree import Instance

SAMPLING = 300.0  # ms; what the umati client asks for
PUBLISHING = 500.0  # ms
EACH = 5_000  # items in a subscription
SILENCE = 10.0  # seconds without a notification after which no more is expected


@dataclass(slots=True)
class Subscribed:
    """What became of the items; the nodes are those given."""

    items: int = 0
    refused: list[tuple[Instance, ua.StatusCode]] = field(default_factory=list)
    silent: list[Instance] = field(default_factory=list)
    """Items that were made, and whose first value never came."""

    lengthened: int = 0
    """Items whose queue of one was made longer: the old umati client gives those up."""


async def subscribe(
    services: Services, variables: Sequence[Instance], silence: float = SILENCE
) -> Subscribed:
    """Subscribe to all variables, wait for each one's first value, and end it."""
    listener = _Listener()
    result = Subscribed(items=len(variables))
    subscriptions: list[int] = []
    made: dict[int, Instance] = {}
    for start in range(0, len(variables), EACH):
        created = await services.client.uaclient.create_subscription(
            ua.CreateSubscriptionParameters(
                RequestedPublishingInterval=PUBLISHING,
                RequestedLifetimeCount=600,
                RequestedMaxKeepAliveCount=10,
                MaxNotificationsPerPublish=0,
                PublishingEnabled=True,
                Priority=0,
            ),
            listener.listen,
        )
        subscriptions.append(created.SubscriptionId)
        items = list(enumerate(variables[start : start + EACH], start))
        for handle, instance, answer in await _create(services, created.SubscriptionId, items):
            if not answer.StatusCode.is_good():
                result.refused.append((instance, answer.StatusCode))
                continue
            made[handle] = instance
            result.lengthened += answer.RevisedQueueSize > 1
    await listener.wait_for(made, silence)
    result.silent = [made[handle] for handle in made.keys() - listener.heard]
    await services.client.uaclient.delete_subscriptions(subscriptions)
    return result


class _Listener:
    """Hears the first values of items, by their handles."""

    def __init__(self) -> None:
        self.heard: set[int] = set()
        self._news = asyncio.Event()

    def listen(self, published: ua.PublishResult) -> None:
        for notification in published.NotificationMessage.NotificationData or ():
            if isinstance(notification, ua.DataChangeNotification):
                self.heard.update(item.ClientHandle for item in notification.MonitoredItems or ())
                self._news.set()

    async def wait_for(self, handles: Iterable[int], silence: float) -> None:
        """Return when all were heard, or nothing at all was for ``silence`` seconds."""
        wanted = set(handles)
        while not wanted <= self.heard:
            self._news.clear()
            try:
                await asyncio.wait_for(self._news.wait(), silence)
            except TimeoutError:
                return


async def _create(
    services: Services, subscription: int, items: Sequence[tuple[int, Instance]]
) -> list[tuple[int, Instance, ua.MonitoredItemCreateResult]]:
    made: list[tuple[int, Instance, ua.MonitoredItemCreateResult]] = []
    for start in range(0, len(items), services.items):
        some = items[start : start + services.items]
        results = await services.client.uaclient.create_monitored_items(
            ua.CreateMonitoredItemsParameters(
                SubscriptionId=subscription,
                TimestampsToReturn=ua.TimestampsToReturn.Both,
                ItemsToCreate=[_request(handle, instance) for handle, instance in some],
            )
        )
        made += [
            (handle, instance, result)
            for (handle, instance), result in zip(some, results, strict=True)
        ]
    return made


def _request(handle: int, instance: Instance) -> ua.MonitoredItemCreateRequest:
    return ua.MonitoredItemCreateRequest(
        ItemToMonitor=ua.ReadValueId(instance.node_id, AttributeIds.Value),
        MonitoringMode=ua.MonitoringMode.Reporting,
        RequestedParameters=ua.MonitoringParameters(
            ClientHandle=handle, SamplingInterval=SAMPLING, QueueSize=1, DiscardOldest=True
        ),
    )
