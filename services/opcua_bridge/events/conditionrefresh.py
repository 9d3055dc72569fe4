"""ConditionRefresh (Part 9, 5.5.7): the alarms that are active, told to one subscription.

It is a method of ConditionType itself, not of a machine, and what it does depends on who
calls: a session answers it before its other calls. ConditionRefresh2, for one monitored
item, is optional, and not offered.
"""

from collections.abc import Callable, Collection, Iterable, Sequence
from typing import Any, Protocol

from asyncua import ua
from asyncua.ua.object_ids import ObjectIds
from asyncua.ua.status_codes import StatusCodes

from services.opcua_bridge.events.event import Event
from services.opcua_bridge.events.eventtypes import CONDITION, standard
from services.opcua_bridge.events.reporter import Reporter
from services.opcua_bridge.mapping.situation import Situation

METHOD = standard(ObjectIds.ConditionType_ConditionRefresh)


class Items(Protocol):
    """A subscription's monitored items."""

    def report(self, event: Event, notifiers: Collection[ua.NodeId]) -> None:
        """Queue an event for those that listen to one of the nodes."""


class Subscription(Protocol):
    """What is needed of a subscription; its ``data`` is a CreateSubscriptionResult."""

    data: Any

    @property
    def items(self) -> Items:
        """Its monitored items."""


class ConditionRefresh:
    """Answers the method from ``situations``, those of all machines."""

    def __init__(self, reporter: Reporter, situations: Callable[[], Iterable[Situation]]) -> None:
        self._reporter = reporter
        self._situations = situations

    def answer(
        self, call: ua.CallMethodRequest, subscriptions: Iterable[Subscription]
    ) -> ua.CallMethodResult | None:
        """Answer a call of a session with these ``subscriptions``; None for another method."""
        if call.MethodId != METHOD or call.ObjectId != CONDITION:
            return None
        arguments = call.InputArguments or []
        code, results = _checked(arguments)
        if code:
            return _result(code, results)
        number = arguments[0].Value
        for subscription in subscriptions:
            if subscription.data.SubscriptionId == number:
                for event, heard_at in self._reporter.refresh(self._situations()):
                    subscription.items.report(event, heard_at)
                return _result(StatusCodes.Good, results)
        return _result(StatusCodes.BadSubscriptionIdInvalid, results)


def _checked(arguments: Sequence[ua.Variant]) -> tuple[int, list[int]]:
    """Return what is wrong with the arguments as a whole, and with each."""
    if not arguments:
        return StatusCodes.BadArgumentsMissing, []
    if len(arguments) > 1:
        return StatusCodes.BadTooManyArguments, []
    if arguments[0].VariantType != ua.VariantType.UInt32 or arguments[0].is_array:
        return StatusCodes.BadInvalidArgument, [StatusCodes.BadTypeMismatch]
    return StatusCodes.Good, [StatusCodes.Good]


def _result(code: int, arguments: list[int]) -> ua.CallMethodResult:
    return ua.CallMethodResult(
        ua.StatusCode(ua.UInt32(code)),
        InputArgumentResults=[ua.StatusCode(ua.UInt32(each)) for each in arguments],
    )
