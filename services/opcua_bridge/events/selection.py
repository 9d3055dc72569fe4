"""Which field of an event a SimpleAttributeOperand means (Part 4, 7.7.4.5 and 7.22.3)."""

from dataclasses import dataclass

from asyncua import ua
from asyncua.ua.attribute_ids import AttributeIds
from asyncua.ua.status_codes import StatusCodes

from services.opcua_bridge.events.event import NOTHING, Event, Path, browse_path
from services.opcua_bridge.events.eventtypes import BASE, CONDITION, EventTypes
from services.opcua_bridge.ranges import IndexRange, RangeError


class SelectionError(ValueError):
    """The operand means no field that any event could have; ``code`` is why."""

    def __init__(self, code: int) -> None:
        super().__init__(hex(code))
        self.code = code


@dataclass(frozen=True, slots=True)
class Selection:
    """A field of the events of a type."""

    types: EventTypes
    type: ua.NodeId
    path: Path
    attribute: int
    range: IndexRange | None

    @classmethod
    def of(cls, operand: ua.SimpleAttributeOperand, types: EventTypes) -> "Selection":
        """Return what ``operand`` means; raise SelectionError where that can never be."""
        type_ = operand.TypeDefinitionId
        if type_ is None or not types.known(type_):
            raise SelectionError(StatusCodes.BadTypeDefinitionInvalid)
        path = browse_path(operand.BrowsePath)
        if path is None:
            raise SelectionError(StatusCodes.BadBrowseNameInvalid)
        allowed = _attribute(type_, path, types)
        if operand.AttributeId != allowed:
            raise SelectionError(StatusCodes.BadAttributeIdInvalid)
        return cls(types, type_, path, allowed, _range(operand.IndexRange, allowed))

    def value(self, event: Event) -> ua.Variant:
        """Return the field; null where the event's type does not have it."""
        # A path that starts at BaseEventType is to be followed whatever the type.
        if self.type != BASE and not self.types.derives(event.type, self.type):
            return NOTHING
        value = event.value(self.path, self.attribute)
        if self.range is None or value.Value is None:
            return value
        part = self.range.of(ua.DataValue(value))
        if part.Value is None or part.Value.Value is None:
            return ua.Variant(part.StatusCode, ua.VariantType.StatusCode)
        return part.Value


def _attribute(type_: ua.NodeId, path: Path, types: EventTypes) -> int:
    """Return the one attribute that can be had at ``path``: a server need not have others."""
    if not path:  # the event itself: of a condition its ConditionId (Part 9, 5.5.2)
        if type_ != BASE and not types.derives(type_, CONDITION):
            raise SelectionError(StatusCodes.BadAttributeIdInvalid)
        return int(AttributeIds.NodeId)
    declared = types.declared(type_, path)
    if declared is None:
        raise SelectionError(StatusCodes.BadNodeIdUnknown)
    return int(AttributeIds.Value if declared == ua.NodeClass.Variable else AttributeIds.NodeId)


def _range(text: str | None, attribute: int) -> IndexRange | None:
    if not text:
        return None
    if attribute != AttributeIds.Value:
        raise SelectionError(StatusCodes.BadIndexRangeInvalid)
    try:
        return IndexRange.parsed(text)
    except RangeError:
        raise SelectionError(StatusCodes.BadIndexRangeInvalid) from None
