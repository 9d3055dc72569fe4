"""What a machine's values are read from: the printer's document, and how we hear of it."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from enum import Enum
from functools import cached_property
from typing import TypeVar, cast

from services.opcua_bridge.mapping import availability
from services.opcua_bridge.mapping.quality import Quality
from voxtrude.documents import PrinterDocument
from voxtrude.printer import AWAY, Status

T = TypeVar("T")


class Pipeline(Enum):
    """Whether states reach us at all: a level of its own, beside the printer's."""

    RUNNING = "running"
    STALLED = "stalled"  # ingest hears printers and cannot store
    GONE = "gone"  # no ingest, or no broker


@dataclass(frozen=True)
class Situation:
    """All that the mapping looks at, and what most of it asks, answered once."""

    document: PrinterDocument
    pipeline: Pipeline
    since: datetime | None = None
    """When the pipeline came to be so."""

    _answers: dict[object, object] = field(
        default_factory=dict, init=False, repr=False, compare=False
    )

    def once(self, ask: "Callable[[Situation], T]") -> T:
        """Return what ``ask`` says of this situation: asked once, however many want to know."""
        answer = self._answers.get(ask)
        if answer is None:
            answer = self._answers[ask] = ask(self)
        return cast("T", answer)

    @cached_property
    def is_gone(self) -> bool:
        """Whether nobody tells us of any printer."""
        return self.pipeline is Pipeline.GONE

    @cached_property
    def status(self) -> Status:
        """What the printer does; UNKNOWN where nobody hears of it."""
        return Status.UNKNOWN if self.is_gone else availability.status(self.document)

    @cached_property
    def is_faulty(self) -> bool:
        """Whether an error stopped the printer."""
        return not self.is_gone and availability.is_faulty(self.document)

    @cached_property
    def is_connected(self) -> bool:
        """Whether we hear of the printer, and OctoPrint has it."""
        return self.status not in AWAY

    @cached_property
    def live(self) -> Quality:
        """How good a live value is that was heard."""
        if self.is_gone:
            return Quality.NO_COMMUNICATION
        good = self.is_connected and self.pipeline is Pipeline.RUNNING
        return Quality.GOOD if good else Quality.LAST_USABLE

    @cached_property
    def unheard(self) -> Quality:
        """How good the neutral value is that stands for one that was never heard."""
        return Quality.NO_COMMUNICATION if self.is_gone else Quality.INITIAL

    @cached_property
    def changed_at(self) -> datetime | None:
        """When the newest fact was observed that tells whether a printer is there, and how."""
        document = self.document
        newest = self.since if self.is_gone else None
        for fact in (document.presence, document.status, document.fault, document.attention):
            if fact is not None and (newest is None or fact.observed_at > newest):
                newest = fact.observed_at
        return newest
