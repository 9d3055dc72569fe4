"""How what happened to a machine reads as an OPC UA event: types, fields, NodeIds.

Alarms (AlertType, a subtype of AlarmConditionType) are written in the form of a server that
nobody can command:

* no condition is a node: its ConditionId, ``<printer>/Notification/Messages/<condition>``, is
  in the events alone, which Part 9 (5.5.2) allows;
* AckedState is always true. False would ask for an acknowledgement that nobody can give, and
  would retain the alarm for ever;
* Retain is ActiveState: who comes later gets what is active by ConditionRefresh;
* there are no branches, nothing is shelved, commented or disabled.
"""

import secrets
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from asyncua import ua
from asyncua.ua import VariantType
from asyncua.ua.object_ids import ObjectIds

from services.opcua_bridge.addressspace.modelchanges import ModelChange
from services.opcua_bridge.addressspace.space import MachineSpace
from services.opcua_bridge.events.event import Event, Path
from services.opcua_bridge.events.eventtypes import standard
from services.opcua_bridge.mapping import notification, production
from services.opcua_bridge.mapping.alarms import INPUT, Change, Condition
from services.opcua_bridge.mapping.messages import Message
from services.opcua_bridge.mapping.nodes import Name, Namespace
from services.opcua_bridge.mapping.transitions import Transition
from services.opcua_bridge.model.catalog import Catalog
from voxtrude.printer import PrinterId

SERVER = standard(ObjectIds.Server)
QUIET = 100
"""The severity of what machines read and people do not: transitions, model changes."""

CLASSES = {
    Condition.FAULT: (ObjectIds.SystemConditionClassType, "SystemConditionClassType"),
    Condition.ATTENTION: (ObjectIds.ProcessConditionClassType, "ProcessConditionClassType"),
    Condition.JOB: (ObjectIds.ProcessConditionClassType, "ProcessConditionClassType"),
}
TRUE_STATES = {True: "Active", False: "Inactive"}

Fields = Iterable[tuple[str, Any, VariantType]]
"""Fields by their paths, whose names stand between slashes, with their types."""


class EventWriter:
    """Writes events of the machines in ``space``; it decides nothing."""

    def __init__(self, space: MachineSpace, catalog: Catalog) -> None:
        self._space = space
        self._tool = catalog.index(Namespace.MACHINE_TOOL)
        self._alert, self._notification, self._program, self._job = (
            catalog.type(Name(Namespace.MACHINE_TOOL, name))
            for name in (
                "AlertType",
                "NotificationEventType",
                "ProductionProgramTransitionEventType",
                "ProductionJobTransitionEventType",
            )
        )
        self._catalog = catalog

    def message(self, machine: PrinterId, name: str, told: Message, now: datetime) -> Event:
        """Write a message."""
        return Event(
            id=told.event_id.encode(),
            type=self._notification,
            machine=machine,
            source=self._space.node_id(machine, notification.MESSAGES),
            source_name=name,
            at=told.at,
            received_at=now,
            message=told.text,
            severity=told.severity,
            fields=self._named({"Identifier": (told.identifier, VariantType.String)}),
        )

    def alarm(self, machine: PrinterId, name: str, change: Change, now: datetime) -> Event:
        """Write that an alarm became active or inactive."""
        alarm, at = change.alarm, change.ended_at or change.alarm.since
        place = self._space.node_id(machine, notification.MESSAGES)
        return Event(
            id=change.event_id.encode(),
            type=self._alert,
            machine=machine,
            source=place,
            source_name=name,
            at=at,
            received_at=now,
            message=alarm.text if change.is_active else f"No longer: {alarm.text}",
            severity=alarm.severity,
            condition=self._space.node_id(machine, f"{notification.MESSAGES}/{alarm.condition}"),
            fields={
                **_fields(0, self._alarm_fields(machine, change, at)),
                **self._named({"ErrorCode": (alarm.code, VariantType.String)}),
            },
        )

    def _alarm_fields(self, machine: PrinterId, change: Change, at: datetime) -> Fields:
        alarm, is_active = change.alarm, change.is_active
        number, class_name = CLASSES[alarm.condition]
        kinds = VariantType
        return (
            ("ConditionClassId", standard(number), kinds.NodeId),
            ("ConditionClassName", ua.LocalizedText(class_name), kinds.LocalizedText),
            ("ConditionName", str(alarm.condition), kinds.String),
            ("BranchId", ua.NodeId(), kinds.NodeId),
            ("Retain", is_active, kinds.Boolean),
            ("EnabledState", _words("Enabled"), kinds.LocalizedText),
            ("EnabledState/Id", True, kinds.Boolean),
            ("Quality", ua.StatusCode(), kinds.StatusCode),
            ("Quality/SourceTimestamp", at, kinds.DateTime),
            ("LastSeverity", alarm.severity, kinds.UInt16),
            ("LastSeverity/SourceTimestamp", alarm.since, kinds.DateTime),
            ("Comment", ua.LocalizedText(), kinds.LocalizedText),
            ("Comment/SourceTimestamp", alarm.since, kinds.DateTime),
            ("ClientUserId", "", kinds.String),
            ("AckedState", _words("Acknowledged"), kinds.LocalizedText),
            ("AckedState/Id", True, kinds.Boolean),
            ("ActiveState", _words(TRUE_STATES[is_active]), kinds.LocalizedText),
            ("ActiveState/Id", is_active, kinds.Boolean),
            ("ActiveState/TransitionTime", at, kinds.DateTime),
            ("InputNode", self._space.node_id(machine, INPUT[alarm.condition]), kinds.NodeId),
            ("SuppressedOrShelved", False, kinds.Boolean),
        )

    def transition(
        self, machine: PrinterId, name: str, told: Transition, now: datetime
    ) -> tuple[Event, Event]:
        """Write a transition: of the program's state machine, and of the job's."""
        text = VariantType.String
        shared = _fields(0, self._transition_fields(told))
        of_program = self._named(
            {"Name": (told.file.name or told.file.path, text), "JobIdentifier": (told.job, text)}
        )
        of_job = self._named(
            {
                "Identifier": (told.job, text),
                "RunsCompleted": (told.completed, VariantType.UInt32),
                "RunsPlanned": (1, VariantType.UInt32),
                "RunsPlanned/IsValid": (True, VariantType.Boolean),
            }
        )

        def event(type_: ua.NodeId, path: str, fields: Mapping[Path, ua.Variant]) -> Event:
            moment = int(told.at.timestamp() * 1000)
            return Event(
                id=f"{told.job}.{path.rpartition('/')[2]}.{moment}.{told.text}".encode(),
                type=type_,
                machine=machine,
                source=self._space.node_id(machine, f"{path}/State"),
                source_name=name,
                at=told.at,
                received_at=now,
                message=f"{told.file.name or 'A print'}: {told.text}",
                severity=QUIET,
                fields={**shared, **fields},
            )

        return (
            event(self._program, production.PROGRAM, of_program),
            event(self._job, production.JOB, of_job),
        )

    def _transition_fields(self, told: Transition) -> Fields:
        kinds = VariantType
        node_id = self._catalog.node_id
        return (
            ("Transition", _words(told.text), kinds.LocalizedText),
            ("Transition/Id", node_id(told.id), kinds.NodeId),
            ("FromState", _words(told.before.words.text), kinds.LocalizedText),
            ("FromState/Id", node_id(told.before.id), kinds.NodeId),
            ("ToState", _words(told.after.words.text), kinds.LocalizedText),
            ("ToState/Id", node_id(told.after.id), kinds.NodeId),
        )

    def model(self, machine: PrinterId, changes: Iterable[ModelChange], now: datetime) -> Event:
        """Write how a machine's nodes changed, or that it came or went (Part 5, 6.4.31)."""
        structures = [change.structure() for change in changes]
        changed = ua.Variant(structures, VariantType.ExtensionObject)
        return self._of_server(
            ObjectIds.GeneralModelChangeEventType,
            "The address space has changed",
            now,
            machine=machine,
            fields={((0, "Changes"),): changed},
        )

    def refresh_begins(self, now: datetime) -> Event:
        """Write the mark before the events of a ConditionRefresh (Part 9, 5.11.2)."""
        return self._of_server(ObjectIds.RefreshStartEventType, "Refresh begins", now)

    def refresh_ends(self, now: datetime) -> Event:
        """Write the mark after them."""
        return self._of_server(ObjectIds.RefreshEndEventType, "Refresh ends", now)

    def _of_server(
        self,
        type_: int,
        message: str,
        now: datetime,
        *,
        machine: PrinterId | None = None,
        fields: Mapping[Path, ua.Variant] | None = None,
    ) -> Event:
        return Event(
            id=secrets.token_bytes(16),
            type=standard(type_),
            machine=machine,
            source=SERVER,
            source_name="Server",
            at=now,
            received_at=now,
            message=message,
            severity=QUIET,
            fields=fields or {},
        )

    def _named(self, fields: Mapping[str, tuple[Any, VariantType]]) -> dict[Path, ua.Variant]:
        """Return fields whose names are all MachineTool's."""
        return _fields(self._tool, ((path, *value) for path, value in fields.items()))


def _fields(namespace: int, fields: Fields) -> dict[Path, ua.Variant]:
    return {
        tuple((namespace, name) for name in path.split("/")): ua.Variant(value, kind)
        for path, value, kind in fields
    }


def _words(text: str) -> ua.LocalizedText:
    return ua.LocalizedText(text, "en")
