"""What a client gets instead of what it asks of a subscription (OPC 10000-4, 5.14.2.2)."""

import math
from dataclasses import dataclass

from asyncua import ua

from services.opcua_bridge.limits import Limits

_LEAST_LIFETIME = 3  # keep-alive counts


@dataclass(frozen=True, slots=True)
class Terms:
    """The revised parameters of a subscription; ``interval`` is in ms."""

    interval: float
    lifetime: int
    keep_alive: int
    notifications: int

    @classmethod
    def revised(
        cls,
        asked: ua.CreateSubscriptionParameters | ua.ModifySubscriptionParameters,
        limits: Limits,
    ) -> "Terms":
        """Return what is near to ``asked`` and within ``limits``."""
        interval = asked.RequestedPublishingInterval
        if math.isnan(interval):
            interval = limits.shortest_publishing
        interval = min(max(interval, limits.shortest_publishing), limits.longest_publishing)
        keep_alive = min(max(asked.RequestedMaxKeepAliveCount, 1), limits.keep_alive_count)
        lifetime = min(asked.RequestedLifetimeCount, limits.lifetime_count)
        most = asked.MaxNotificationsPerPublish or limits.notifications
        return cls(
            interval,
            max(lifetime, _LEAST_LIFETIME * keep_alive),
            keep_alive,
            min(most, limits.notifications),
        )

    @property
    def seconds(self) -> float:
        """The publishing interval."""
        return self.interval / 1000
