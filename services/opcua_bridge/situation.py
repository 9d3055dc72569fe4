"""What a machine's values are read from: the printer's document, and how we hear of it."""

from dataclasses import dataclass
from enum import Enum

from voxtrude.documents import PrinterDocument


class Pipeline(Enum):
    """Whether states reach us at all: a level of its own, beside the printer's."""

    RUNNING = "running"
    STALLED = "stalled"  # ingest hears printers and cannot store
    GONE = "gone"  # no ingest, or no broker


@dataclass(frozen=True, slots=True)
class Situation:
    """All that the mapping looks at."""

    document: PrinterDocument
    pipeline: Pipeline
