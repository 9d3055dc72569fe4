"""Event filters (Part 4, 7.22.3): which events a client gets, and which of their fields."""

from dataclasses import dataclass

from asyncua import ua
from asyncua.ua.object_ids import ObjectIds
from asyncua.ua.status_codes import StatusCodes

from services.opcua_bridge.events.contentfilters import ContentFilter
from services.opcua_bridge.events.event import NOTHING, Event
from services.opcua_bridge.events.eventtypes import EventTypes, standard
from services.opcua_bridge.events.selection import Selection, SelectionError

MOST_CLAUSES = 1_000

UNFILTERED = frozenset(
    standard(number)
    for number in (
        ObjectIds.EventQueueOverflowEventType,
        ObjectIds.RefreshStartEventType,
        ObjectIds.RefreshEndEventType,
        ObjectIds.RefreshRequiredEventType,
    )
)
"""What tells of the subscription itself, and no where clause holds back (Part 9, 4.5)."""


@dataclass(frozen=True, slots=True)
class CompiledFilter:
    """A filter that has been checked.

    ``status`` is what the monitored item's result has to be: good where the where clause is
    valid and at least one of the select clauses. ``result`` is its FilterResult.
    """

    status: ua.StatusCode
    result: ua.EventFilterResult
    where: ContentFilter
    selections: tuple[Selection | None, ...]

    @property
    def weight(self) -> int:
        """How long an event takes, in operands of where clauses."""
        return 1 + self.where.weight

    def admits(self, event: Event) -> bool:
        """Tell whether the client gets ``event``; whether it may is not asked here."""
        return event.type in UNFILTERED or self.where.admits(event)

    def fields(self, event: Event) -> list[ua.Variant]:
        """Return the fields in the order of the select clauses; null for an invalid one."""
        return [selection.value(event) if selection else NOTHING for selection in self.selections]


def compiled(filter_: ua.EventFilter, types: EventTypes) -> CompiledFilter:
    """Check and prepare a filter; whatever it holds, nothing is raised."""
    clauses = list(filter_.SelectClauses or ())
    where = ContentFilter.of(filter_.WhereClause, types)
    if len(clauses) > MOST_CLAUSES:
        return _filter(StatusCodes.BadEventFilterInvalid, [], where, [])
    selections: list[Selection | None] = []
    codes: list[int] = []
    for clause in clauses:
        try:
            selections.append(Selection.of(clause, types))
            codes.append(StatusCodes.Good)
        except SelectionError as error:
            selections.append(None)
            codes.append(error.code)
    is_valid = where.is_valid and any(selections)
    status = StatusCodes.Good if is_valid else StatusCodes.BadEventFilterInvalid
    return _filter(status, codes, where, selections)


def _filter(
    status: int, codes: list[int], where: ContentFilter, selections: list[Selection | None]
) -> CompiledFilter:
    result = ua.EventFilterResult(
        SelectClauseResults=[ua.StatusCode(ua.UInt32(code)) for code in codes],
        WhereClauseResult=where.result,
    )
    return CompiledFilter(ua.StatusCode(ua.UInt32(status)), result, where, tuple(selections))
