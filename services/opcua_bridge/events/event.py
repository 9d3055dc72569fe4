"""One event, as OPC UA tells of it (Part 5, 6.4): its fields by their browse paths."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property

from asyncua import ua
from asyncua.ua.attribute_ids import AttributeIds

from voxtrude.printer import PrinterId

Path = tuple[tuple[int, str], ...]
"""A browse path: namespace indices and names, from the event type down to the field."""

NOTHING = ua.Variant()
"""What stands for a field that the event's type does not have (Part 4, 7.22.3)."""


@dataclass(frozen=True, kw_only=True)
class Event:
    """One event.

    ``id`` is the same for the same event, however often and by whichever server it is told.
    ``machine`` is whom it tells of: a session that may not see that machine gets no such
    event; None for what concerns everybody. ``condition`` is the ConditionId (Part 9, 5.5.2),
    of conditions only. ``fields`` are those beyond BaseEventType's.
    """

    id: bytes
    type: ua.NodeId
    machine: PrinterId | None
    source: ua.NodeId
    source_name: str
    at: datetime
    received_at: datetime
    message: str
    severity: int
    condition: ua.NodeId | None = None
    fields: Mapping[Path, ua.Variant] = field(default_factory=dict)

    def select(self, operand: ua.SimpleAttributeOperand) -> ua.Variant:
        """Return the field that ``operand`` means, whatever type it names; null without one."""
        return self.value(browse_path(operand.BrowsePath), operand.AttributeId)

    def value(self, path: Path | None, attribute: int = AttributeIds.Value) -> ua.Variant:
        """Return the value at ``path``; the attribute NodeId of the empty path is ConditionId."""
        if path == () and attribute == AttributeIds.NodeId and self.condition is not None:
            return ua.Variant(self.condition, ua.VariantType.NodeId)
        if path is None or attribute != AttributeIds.Value:
            return NOTHING
        return self._all.get(path, NOTHING)

    @cached_property
    def _all(self) -> dict[Path, ua.Variant]:
        kinds = ua.VariantType
        return {
            **self.fields,
            **{
                ((0, name),): ua.Variant(value, kind)
                for name, value, kind in (
                    ("EventId", self.id, kinds.ByteString),
                    ("EventType", self.type, kinds.NodeId),
                    ("SourceNode", self.source, kinds.NodeId),
                    ("SourceName", self.source_name, kinds.String),
                    ("Time", self.at, kinds.DateTime),
                    ("ReceiveTime", self.received_at, kinds.DateTime),
                    ("LocalTime", _local_time(self.at), kinds.ExtensionObject),
                    ("Message", ua.LocalizedText(self.message, "en"), kinds.LocalizedText),
                    ("Severity", self.severity, kinds.UInt16),
                )
            },
        }


def browse_path(names: Iterable[ua.QualifiedName | None] | None) -> Path | None:
    """Return names as a path; None where one of them is empty."""
    path: list[tuple[int, str]] = []
    for name in names or ():
        if name is None or not name.Name:
            return None
        path.append((name.NamespaceIndex, name.Name))
    return tuple(path)


def _local_time(at: datetime) -> ua.TimeZoneDataType:
    """Return by how many minutes this server's wall clock is ahead of UTC (Part 3, 8.28)."""
    local = at.astimezone()
    ahead, summer = local.utcoffset(), local.dst()
    return ua.TimeZoneDataType(
        Offset=int(ahead.total_seconds() // 60) if ahead else 0,
        DaylightSavingInOffset=bool(summer),
    )
