"""The fold: deliveries → messages → states, and what has to be written. No I/O."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import islice
from typing import Protocol

from services.ingest import reports
from services.ingest.inbox import Inbox, mark
from services.ingest.octoprint import decode
from services.ingest.registry import Registry, is_report, stranger_base
from services.ingest.shelf import Shelf
from services.ingest.snapshots import conclude
from voxtrude.errors import PayloadError
from voxtrude.events import Event, happenings
from voxtrude.jobs import finished
from voxtrude.messages import LinkDoubted, Message, TimePassed
from voxtrude.mongo.quarantine import Specimen
from voxtrude.printer import Job, JobId, PastJob, PrinterId, PrinterState
from voxtrude.reducer import evolve, wakes_at
from voxtrude.registration import Registration

PART = 100
"""So many printers are told the same at once: all of a large fleet take too much memory."""

MAX_STRANGERS = 100
"""Unregistered base topics noted in one batch; who floods is not worth more."""


class Delivery(Protocol):
    """What the fold needs of an incoming message; ``voxtrude.mqtt.Delivery`` has it."""

    @property
    def topic(self) -> str:
        """Where it was published."""

    @property
    def payload(self) -> bytes:
        """What it says."""

    @property
    def retained(self) -> bool:
        """Whether the broker had kept it."""

    @property
    def duplicate(self) -> bool:
        """Whether the broker has sent it before."""

    @property
    def mid(self) -> int:
        """Its packet id."""

    @property
    def received_at(self) -> float:
        """When it came, in seconds since 1970."""


@dataclass(slots=True)
class Changes:
    """What one batch changed, coalesced: one state a printer, one record a job."""

    number: int
    states: dict[PrinterId, PrinterState] = field(default_factory=dict)
    jobs: dict[JobId, tuple[PrinterId, Job | PastJob]] = field(default_factory=dict)
    events: list[Event] = field(default_factory=list)
    specimens: list[Specimen] = field(default_factory=list)
    strangers: dict[str, datetime] = field(default_factory=dict)


class Fleet:
    """The latest state of every printer, in memory.

    ``fold`` takes a batch of deliveries in the order of their arrival; a message that an
    earlier session has written is passed over.
    """

    def __init__(self, registry: Registry, inbox: Inbox) -> None:
        self.registry = registry
        self.inbox = inbox
        self.states = Shelf()
        self.waiting: dict[PrinterId, datetime] = {}
        self._number = 0

    def restore(self, state: PrinterState, applied: bytes) -> None:
        """Take a stored state."""
        self.states[state.printer] = state
        self.inbox.restore(state.printer, applied)
        self._await(state)

    def forget(self, printers: Iterable[PrinterId]) -> None:
        """Drop printers that are gone."""
        for printer in printers:
            self.states.drop(printer)
            self.waiting.pop(printer, None)
            self.inbox.forget([printer])

    def fold(self, batch: Iterable[Delivery]) -> Changes:
        """Fold a batch; return what has to be written before it is acknowledged."""
        self._number += 1
        changes = Changes(self._number)
        for delivery in batch:
            if not delivery.duplicate:
                self.inbox.saw_fresh(changes.number)
            registration = self.registry.owner(delivery.topic)
            if registration is None:
                self._note_stranger(changes, delivery)
                continue
            if not delivery.retained:
                one = mark(delivery.mid, delivery.topic, delivery.payload)
                if delivery.duplicate and self.inbox.knows(registration.id, one):
                    continue
                # Also where nothing follows from it: after the next message it might.
                self.inbox.add(changes.number, registration.id, one)
            try:
                messages = self._messages(changes, registration, delivery)
            except PayloadError as error:
                changes.specimens.append(_specimen(registration.id, delivery, error))
                continue
            for message in messages:
                self._apply(changes, message)
        self.states.take(changes.states)
        return changes

    def _messages(
        self, changes: Changes, registration: Registration, delivery: Delivery
    ) -> Sequence[Message]:
        """Return what a delivery says; a report may say many things at once."""
        topic, payload, at = delivery.topic, delivery.payload, delivery.received_at
        if not is_report(topic):
            message = decode(registration, topic, payload, at, retained=delivery.retained)
            return () if message is None else (message,)
        if delivery.retained:  # nobody of ours retains one
            return ()
        picture = reports.read(registration.id, topic, payload, at)
        return conclude(self._known(changes, registration.id), picture)

    def _known(self, changes: Changes, printer: PrinterId) -> PrinterState:
        return (
            changes.states.get(printer) or self.states.get(printer) or PrinterState(printer=printer)
        )

    def _await(self, state: PrinterState) -> None:
        """Note when time alone may change a state."""
        moment = wakes_at(state)
        if moment is None:
            self.waiting.pop(state.printer, None)
        else:
            self.waiting[state.printer] = moment

    def pass_time(self, now: datetime) -> Iterator[Changes]:
        """Settle what only silence can tell, for the printers whose time has come; in parts."""
        due = [printer for printer, moment in self.waiting.items() if moment <= now]
        return self._tell(TimePassed, due, now)

    def doubt_links(self, broker_started_at: datetime, now: datetime) -> Iterator[Changes]:
        """Doubt every connection that is older than the broker; in parts."""
        older = (
            printer
            for printer in list(self.states)
            if (state := self.states.get(printer))
            and state.link
            and state.link.observed_at < broker_started_at
        )
        return self._tell(LinkDoubted, older, now)

    def _tell(
        self,
        kind: type[TimePassed | LinkDoubted],
        printers: Iterable[PrinterId],
        now: datetime,
    ) -> Iterator[Changes]:
        """Tell printers the same; each part is written before the next is begun."""
        rest = iter(printers)
        while some := list(islice(rest, PART)):
            self._number += 1
            changes = Changes(self._number)
            for printer in some:
                self._apply(changes, kind(printer=printer, received_at=now))
            self.states.take(changes.states)
            yield changes

    def _apply(self, changes: Changes, message: Message) -> None:
        printer = message.printer
        before = self._known(changes, printer)
        after = evolve(before, message)
        if after is before or after == before:
            return
        changes.states[printer] = after
        self._await(after)
        changes.events += happenings(before, after)
        for past in finished(before, after):
            changes.jobs[past.id] = (printer, past)
        if after.job and _is_news(before.job, after.job):
            changes.jobs[after.job.id] = (printer, after.job)

    def _note_stranger(self, changes: Changes, delivery: Delivery) -> None:
        if delivery.retained or not delivery.payload:  # what is emptied is nobody's word
            return
        base = stranger_base(delivery.topic)
        if base is None or self.registry.has_left(base):
            return
        if base in changes.strangers or len(changes.strangers) < MAX_STRANGERS:
            changes.strangers[base] = datetime.fromtimestamp(delivery.received_at, UTC)


def _is_news(known: Job | None, job: Job) -> bool:
    """Tell whether an open job's record changes: its progress alone is no history."""
    return known is None or (known.id, known.file, known.started_at) != (
        job.id,
        job.file,
        job.started_at,
    )


def _specimen(printer: PrinterId, delivery: Delivery, error: PayloadError) -> Specimen:
    return Specimen(
        at=datetime.fromtimestamp(delivery.received_at, UTC),
        printer=printer,
        topic=delivery.topic,
        reason=error.reason,
        size=len(delivery.payload),
        sample=delivery.payload,
    )
