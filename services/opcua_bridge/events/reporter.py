"""Which events follow from what we are told, and at which nodes they can be heard.

An event passes from its source up to the Server object: who subscribes at the Server hears of
all machines, at Machinery's folder of all machines too, at a machine of that one.
"""

from collections import OrderedDict
from collections.abc import Callable, Collection, Iterable, Iterator
from datetime import datetime
from itertools import groupby

from asyncua import ua

from services.opcua_bridge.addressspace.modelchanges import ModelChange
from services.opcua_bridge.addressspace.space import MachineSpace
from services.opcua_bridge.events.event import Event
from services.opcua_bridge.events.eventwriter import SERVER, EventWriter
from services.opcua_bridge.mapping import notification
from services.opcua_bridge.mapping.alarms import Change, alarms, changes
from services.opcua_bridge.mapping.messages import message
from services.opcua_bridge.mapping.situation import Situation
from services.opcua_bridge.mapping.transitions import transitions
from voxtrude.notices import EventDocument
from voxtrude.printer import PrinterId
from voxtrude.process import utc_now

REMEMBERED = 4_096
"""So many events are known again when they are told twice."""

Report = Callable[[Event, Collection[ua.NodeId]], None]

Told = tuple[Event, Collection[ua.NodeId]]
"""An event, and the nodes at which it is heard."""


class Reporter:
    """Reports what happens; ``report`` is ``Subscriptions.report``."""

    def __init__(
        self,
        space: MachineSpace,
        writer: EventWriter,
        report: Report,
        now: Callable[[], datetime] = utc_now,
    ) -> None:
        self._space = space
        self._writer = writer
        self._report = report
        self._now = now
        self._told: OrderedDict[str, None] = OrderedDict()

    def told(self, document: EventDocument) -> None:
        """Report an event as a message, once; what is an alarm follows from states."""
        found = message(document)
        if found is None or document.id in self._told:
            return
        self._told[document.id] = None
        if len(self._told) > REMEMBERED:
            self._told.popitem(last=False)
        machine = PrinterId(document.printer)
        event = self._writer.message(machine, document.name, found, self._now())
        self._report(event, self._heard_at(machine, notification.MESSAGES))

    def changed(self, before: Situation | None, after: Situation) -> None:
        """Report the transitions and alarms between two situations of one machine.

        Without one before, nothing has changed: who subscribes finds the states as they
        are, and asks for alarms by ConditionRefresh.
        """
        if before is None:
            return
        now, plate = self._now(), after.document.printer
        machine = PrinterId(plate.id)
        for transition in transitions(before.document, after.document, now):
            for event in self._writer.transition(machine, plate.name, transition, now):
                self._report(event, self._heard_at(machine))
        for change in changes(alarms(before.document), alarms(after.document), now):
            event = self._writer.alarm(machine, plate.name, change, now)
            self._report(event, self._heard_at(machine, notification.MESSAGES))

    def model(self, told: Iterable[ModelChange]) -> None:
        """Report changes of the address space, one event a machine."""
        now = self._now()
        for machine, group in groupby(told, lambda change: change.machine):
            event = self._writer.model(machine, group, now)
            self._report(event, self._heard_by_all())

    def refresh(self, situations: Iterable[Situation]) -> Iterator[Told]:
        """Return what ConditionRefresh reports to one subscription, and nobody else.

        Whether its session may see a machine is asked there, event by event.
        """
        now = self._now()
        everywhere: dict[ua.NodeId, None] = {}
        retained: list[Told] = []
        for situation in situations:
            plate = situation.document.printer
            machine = PrinterId(plate.id)
            heard_at = self._heard_at(machine, notification.MESSAGES)
            everywhere |= dict.fromkeys(heard_at)
            for alarm in alarms(situation.document).values():
                event = self._writer.alarm(machine, plate.name, Change(alarm), now)
                retained.append((event, heard_at))
        marks = tuple(everywhere or self._heard_by_all())
        yield self._writer.refresh_begins(now), marks
        yield from retained
        yield self._writer.refresh_ends(now), marks

    def _heard_at(self, machine: PrinterId, source: str = "") -> tuple[ua.NodeId, ...]:
        """Return the nodes of a machine from ``source`` upwards, and those above machines."""
        paths = [source]
        while paths[-1]:
            paths.append(paths[-1].rpartition("/")[0])
        below = (self._space.node_id(machine, path) for path in paths)
        return (*below, *self._heard_by_all())

    def _heard_by_all(self) -> tuple[ua.NodeId, ...]:
        return self._space.folder.id, SERVER
