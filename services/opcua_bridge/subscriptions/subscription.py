"""One subscription and its publishing cycle (OPC 10000-4, 5.14.1)."""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Iterable, Iterator
from typing import Any, Protocol

import structlog
from asyncua import ua
from asyncua.common.utils import ServiceError
from asyncua.server.internal_subscription import InternalSubscription
from asyncua.server.uaprocessor import PublishRequestData
from asyncua.ua.status_codes import StatusCodes
from asyncua.ua.uaerrors import UaError

from services.opcua_bridge.limits import Limits
from services.opcua_bridge.subscriptions.items import Items
from services.opcua_bridge.subscriptions.notifications import data_change, event_list
from services.opcua_bridge.subscriptions.retransmission import Retransmission
from services.opcua_bridge.subscriptions.terms import Terms
from services.opcua_bridge.values import status
from voxtrude.printer import PrinterId

STANDS_ON = {
    "asyncua.server.internal_subscription:InternalSubscription": "8bf466a8374ace2a",
    "asyncua.server.uaprocessor:PublishRequestData": "d2b903015e9cbee6",
    "asyncua.server.uaprocessor:UaProcessor._process_message": "029ff357dd3bdd16",
    "asyncua.server.uaprocessor:UaProcessor.get_publish_request": "0a49bf1a7add9b70",
    "asyncua.server.uaprocessor:UaProcessor.forward_publish_response": "9e380500dd66b172",
}

_log = structlog.get_logger(__name__)

Answer = Callable[[ua.PublishResult, PublishRequestData], Awaitable[None]]
"""Sends a publish response."""

Ask = Callable[[int], PublishRequestData | None]
"""Returns a waiting publish request; without one, the subscription is called when it comes."""


class Timer(Protocol):
    """Something that will happen."""

    def cancel(self) -> None:
        """Let it not happen."""


class Scheduler(Protocol):
    """The part of an event loop that subscriptions need."""

    def time(self) -> float:
        """Return the time in seconds."""

    def call_at(self, when: float, callback: Callable[[], object], /) -> Timer:
        """Call at the time."""


class Subscription(InternalSubscription):
    """One subscription: its items, its publishing cycle, and what the client has not yet got.

    It gets the session's waiting publish requests by ``pub_request_callback``, and answers by
    ``pub_result_callback``; a session that moves to another connection replaces both. Nothing
    of asyncua's subscription is used but its type, not even what its ``__init__`` makes.
    """

    def __init__(
        self,
        number: int,
        terms: Terms,
        items: Items,
        scheduler: Scheduler,
        limits: Limits,
    ) -> None:
        self.data = ua.CreateSubscriptionResult(number)
        self.terms = terms
        self.items = items
        self.expired = False
        """The client is still to be told, and all else is over."""
        self.session_id = ua.NodeId()
        self.pub_result_callback: Answer
        self.pub_request_callback: Ask
        self.forget: Callable[[], object] = lambda: None
        self._scheduler = scheduler
        self._limits = limits
        self._enabled = True
        self._ended = False
        self._timer: Timer | None = None
        self._next = 0.0  # the time of the next cycle
        self._said = False  # whether there has been a message
        self._silent = 0  # cycles with nothing to publish
        self._idle = 0  # cycles since the client was last heard or served
        self._retransmission = Retransmission(limits)
        self._outbox: deque[tuple[Answer, ua.PublishResult, PublishRequestData]] = deque()
        self._is_sending = False
        self._sender: asyncio.Future[None] | None = None  # or it would be collected

    @property
    def admits(self) -> Callable[[PrinterId], bool]:
        """Whether the session may know of a machine: set by the session."""
        return self.items.admits

    @admits.setter
    def admits(self, admits: Callable[[PrinterId], bool]) -> None:
        self.items.admits = admits

    # The client's parameters.

    async def start(self) -> None:
        """Begin: the first message is due at the end of the first cycle."""
        self.apply(self.terms)

    def apply(self, terms: Terms) -> None:
        """Use ``terms`` from now on."""
        changed = terms.interval != self.terms.interval
        self.terms = terms
        self.data.RevisedPublishingInterval = terms.interval
        self.data.RevisedLifetimeCount = terms.lifetime
        self.data.RevisedMaxKeepAliveCount = terms.keep_alive
        if changed or self._timer is None:
            self.items.set_cycle(terms.seconds)
            if self._timer is not None:
                self._timer.cancel()
            self._next = self._scheduler.time() + terms.seconds
            self._timer = self._scheduler.call_at(self._next, self._cycle)

    async def set_publishing_mode(self, enabled: bool) -> None:  # noqa: FBT001 - as asyncua's
        """Publish notifications, or keep-alives only."""
        self._enabled = enabled

    def touch(self) -> None:
        """Count the lifetime anew: the client has called a service for this subscription."""
        self._idle = 0

    # The publishing cycle.

    def _cycle(self) -> None:
        """Publish what there is: the publishing timer expires."""
        at = self._next
        self._next = max(at + self.terms.seconds, self._scheduler.time())
        self._timer = self._scheduler.call_at(self._next, self._cycle)
        self.items.collect(at)
        self._idle += 1
        if self._idle > (self._patience if self.expired else self.terms.lifetime):
            self._expire()
        elif not (self._enabled and self.items.ready):
            self._silent += 1
        if self._is_due:
            self._outbox.extend(self._messages(None))
        if self._outbox and not self._is_sending:
            self._is_sending = True
            self._sender = asyncio.ensure_future(self._send())

    @property
    def _is_due(self) -> bool:
        return not self._ended and (
            self.expired
            or not self._said
            or (self._enabled and self.items.ready)
            or self._silent >= self.terms.keep_alive
        )

    def _messages(
        self, request: PublishRequestData | None
    ) -> Iterator[tuple[Answer, ua.PublishResult, PublishRequestData]]:
        """Return messages while there is something to say and a request to say it to.

        Each goes to the connection that the request came from.
        """
        while self._is_due:
            answer = self.pub_result_callback
            asked = request or self.pub_request_callback(self.data.SubscriptionId)
            request = None
            if asked is None:
                return
            yield answer, self._message(), asked
            if self.expired:
                self._end()

    async def publish_results(self, requestdata: PublishRequestData | None = None) -> bool:
        """Publish what is overdue; return whether that took ``requestdata``."""
        messages = list(self._messages(requestdata))
        self._outbox.extend(messages)
        if self._outbox and not self._is_sending:
            self._is_sending = True
            await self._send()
        return bool(messages)

    async def _send(self) -> None:
        """Send what is in the outbox, one after the other."""
        try:
            while self._outbox:
                await self._deliver(*self._outbox.popleft())
        finally:
            self._is_sending = False

    async def _deliver(
        self, answer: Answer, result: ua.PublishResult, request: PublishRequestData
    ) -> None:
        try:
            await answer(result, request)
        except (OSError, UaError) as error:  # the client can have the message again
            _log.debug("not sent", subscription=self.data.SubscriptionId, error=str(error))

    def _message(self) -> ua.PublishResult:
        """Return the next message: notifications, or a keep-alive."""
        self._said = True
        self._silent = self._idle = 0
        bodies: list[Any] = []
        size = 0
        if self.expired:
            bodies.append(ua.StatusChangeNotification(status(StatusCodes.BadTimeout)))
        elif self._enabled:
            values: list[bytes] = []
            events: list[bytes] = []
            self.items.drain(self.terms.notifications, values, events)
            if values:
                bodies.append(data_change(values))
            if events:
                bodies.append(event_list(events))
            size = sum(len(body.Body) for body in bodies)
        number = self._retransmission.next_number
        message = ua.NotificationMessage(number, NotificationData=bodies)
        if bodies:
            self._retransmission.keep(message, size)
        return ua.PublishResult(
            self.data.SubscriptionId,
            AvailableSequenceNumbers=self._retransmission.numbers,
            MoreNotifications=self._enabled and self.items.ready,
            NotificationMessage=message,
        )

    def publish(self, acks: Iterable[int]) -> None:
        """Forget acknowledged messages."""
        for number in acks:
            self.acknowledge(number)

    def acknowledge(self, number: int) -> ua.StatusCode:
        """Forget the message that the client says it has got."""
        known = self._retransmission.forget(number)
        return status(StatusCodes.Good if known else StatusCodes.BadSequenceNumberUnknown)

    def republish(self, nb: int) -> ua.NotificationMessage:
        """Return a message again that the client has not acknowledged."""
        message = self._retransmission.get(nb)
        if message is None:
            raise ServiceError(StatusCodes.BadMessageNotAvailable)
        return message

    # The end.

    @property
    def _patience(self) -> float:
        """For how many cycles an expired subscription waits for a request to say so."""
        return self._limits.longest_session / self.terms.seconds

    def _expire(self) -> None:
        """End: the client has not asked for messages. It is told as soon as it does."""
        if self.expired:
            self._end()
            return
        _log.debug("subscription expired", subscription=self.data.SubscriptionId)
        self.expired = True
        self._idle = 0
        self._release()

    def _end(self) -> None:
        self.close()
        self.forget()

    async def stop(self) -> None:
        """End."""
        self.close()

    def close(self) -> None:
        """End, and let go of everything."""
        self._ended = True
        if self._timer is not None:
            self._timer.cancel()
        self._release()

    def _release(self) -> None:
        self.items.close()
        self._retransmission.clear()
