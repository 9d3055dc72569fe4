"""The where clause of an event filter (Part 4, 7.7): checked once, then asked of every event.

An element may only refer to later ones, as the specification's rule against loops is
commonly read. So the elements are evaluated from the last to the first, each one once: it
takes no longer than the clause is long, and nothing nests.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from asyncua import ua
from asyncua.ua import FilterOperator
from asyncua.ua.status_codes import StatusCodes

from services.opcua_bridge.events.event import Event
from services.opcua_bridge.events.eventtypes import EventTypes
from services.opcua_bridge.events.filteroperators import OPERANDS, OPERATORS, UNSUPPORTED, Operation
from services.opcua_bridge.events.selection import Selection, SelectionError

LIKE_WEIGHT = 500
"""How many plain operands a Like takes the time of, at the worst."""

MOST_ELEMENTS = 200
MOST_OPERANDS = 2_000
"""Of all elements together; asyncua's clients list every subtype of an event type."""

Values = Sequence[ua.Variant]
"""What the elements have come to; a place that is not yet known is null."""

Operand = Callable[[Event, Values], ua.Variant]


@dataclass(frozen=True, slots=True)
class Element:
    """An operator and its operands; one that nothing refers to is not evaluated."""

    index: int
    operation: Operation
    operands: tuple[Operand, ...]
    types: EventTypes

    @property
    def weight(self) -> int:
        """How long it takes to evaluate, in plain operands."""
        like = self.operation is OPERATORS[FilterOperator.Like]
        return LIKE_WEIGHT if like else len(self.operands)

    def value(self, event: Event, later: Values) -> ua.Variant:
        """Return what the element comes to, from what later ones came to."""
        operands = [operand(event, later) for operand in self.operands]
        return self.operation(event, self.types, operands)


@dataclass(frozen=True, slots=True)
class ContentFilter:
    """A where clause; ``result`` says which elements and operands are wrong."""

    size: int
    elements: tuple[Element, ...]
    result: ua.ContentFilterResult
    is_valid: bool

    @classmethod
    def of(cls, clause: ua.ContentFilter | None, types: EventTypes) -> "ContentFilter":
        """Check and prepare ``clause``."""
        given = list(clause.Elements or ()) if clause else []
        operands = sum(len(element.FilterOperands or ()) for element in given)
        if len(given) > MOST_ELEMENTS or operands > MOST_OPERANDS:
            return cls(0, (), ua.ContentFilterResult(), is_valid=False)
        checked = [_checked(given, index, types) for index in range(len(given))]
        results = [result for _, result in checked]
        return cls(
            len(given),
            _reachable(given, [element for element, _ in checked]),
            ua.ContentFilterResult(ElementResults=results),
            is_valid=all(result.StatusCode.is_good() for result in results),
        )

    @property
    def weight(self) -> int:
        """How long it takes to evaluate, in plain operands."""
        return sum(element.weight for element in self.elements)

    def admits(self, event: Event) -> bool:
        """Tell whether the clause is true for ``event``; an empty one always is."""
        if not self.size:
            return True
        values = [ua.Variant()] * self.size
        for element in self.elements:
            values[element.index] = element.value(event, values)
        return values[0].Value is True


def _checked(
    given: Sequence[ua.ContentFilterElement], index: int, types: EventTypes
) -> tuple[Element | None, ua.ContentFilterElementResult]:
    operator, operands = given[index].FilterOperator, list(given[index].FilterOperands or ())
    failure = _operator_failure(operator, len(operands))
    if failure:
        return None, ua.ContentFilterElementResult(StatusCode=ua.StatusCode(ua.UInt32(failure)))
    prepared: list[Operand] = []
    codes: list[int] = []
    for operand in operands:
        try:
            prepared.append(_operand(operand, index, len(given), types))
            codes.append(StatusCodes.Good)
        except SelectionError as error:
            codes.append(error.code)
    failed = any(codes)
    code = StatusCodes.BadFilterOperandInvalid if failed else StatusCodes.Good
    result = ua.ContentFilterElementResult(
        StatusCode=ua.StatusCode(ua.UInt32(code)),
        OperandStatusCodes=[ua.StatusCode(ua.UInt32(each)) for each in codes],
    )
    if failed:
        return None, result
    return Element(index, OPERATORS[operator], tuple(prepared), types), result


def _operator_failure(operator: int, operands: int) -> int:
    if operator in UNSUPPORTED:
        return StatusCodes.BadFilterOperatorUnsupported
    if operator not in OPERATORS:
        return StatusCodes.BadFilterOperatorInvalid
    least, most = OPERANDS[FilterOperator(operator)]
    if not least <= operands <= most:
        return StatusCodes.BadFilterOperandCountMismatch
    return StatusCodes.Good


def _operand(operand: object, index: int, size: int, types: EventTypes) -> Operand:
    """Return how to get at an operand's value; raise SelectionError."""
    if isinstance(operand, ua.LiteralOperand):
        literal = operand.Value if isinstance(operand.Value, ua.Variant) else ua.Variant()
        return lambda _event, _later: literal
    if isinstance(operand, ua.ElementOperand):
        target = operand.Index
        if not index < target < size:
            raise SelectionError(StatusCodes.BadFilterElementInvalid)
        return lambda _event, later: later[target]
    if isinstance(operand, ua.SimpleAttributeOperand):
        selection = Selection.of(operand, types)
        return lambda event, _later: selection.value(event)
    # An AttributeOperand may not be used in event filters (Part 4, 7.22.3).
    raise SelectionError(StatusCodes.BadFilterOperandInvalid)


def _reachable(
    given: Sequence[ua.ContentFilterElement], elements: Sequence[Element | None]
) -> tuple[Element, ...]:
    """Return the elements that the first one rests on, the last one first."""
    needed = {0}
    for index, element in enumerate(given):
        if index in needed:
            needed |= {_index(operand) for operand in element.FilterOperands or ()}
    chosen = [element for element in elements if element and element.index in needed]
    return tuple(reversed(chosen))


def _index(operand: Any) -> int:  # noqa: ANN401  (whatever a client has sent)
    return operand.Index if isinstance(operand, ua.ElementOperand) else 0
