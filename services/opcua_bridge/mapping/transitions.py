"""The transitions of the program's and the job's state machines (OPC 40501-1).

What we know of a job are its states, and between two looks more than one transition may have
happened: a job can have started, run and ended. Each one is told, since no machine may jump.
"""

from collections import deque
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise

from services.opcua_bridge.mapping import availability
from services.opcua_bridge.mapping.nodes import Id, Namespace
from services.opcua_bridge.mapping.production import last
from services.opcua_bridge.mapping.situation import Pipeline, Situation
from services.opcua_bridge.mapping.statemachines import (
    ABORTED,
    ENDED,
    INITIALIZING,
    INTERRUPTED,
    OF_OUTCOME,
    RUNNING,
    State,
    program_state,
)
from voxtrude.documents import FileDocument, PrinterDocument
from voxtrude.printer import Status

EDGES = {
    (INITIALIZING, RUNNING): 153,
    (RUNNING, ENDED): 155,
    (ENDED, INITIALIZING): 99,
    (RUNNING, INTERRUPTED): 156,
    (INTERRUPTED, RUNNING): 95,
    (RUNNING, ABORTED): 154,
    (INTERRUPTED, ABORTED): 97,
    (ABORTED, INITIALIZING): 136,
    (INITIALIZING, ABORTED): 152,
}
"""The transitions of ProductionStateMachineType, by their NodeIds.

They are of the type that the states' ids are of, see ``statemachines``. RunningToRunning (i=137)
is not among them: OctoPrint knows no second run of a job.
"""

OVER = frozenset({ENDED, ABORTED})


@dataclass(frozen=True, slots=True, kw_only=True)
class Transition:
    """One transition of the job ``job``; ``completed`` counts its runs after it."""

    job: str
    file: FileDocument
    before: State
    after: State
    completed: int
    at: datetime

    @property
    def id(self) -> Id:
        """The transition's NodeId."""
        return Id(Namespace.MACHINE_TOOL, EDGES[self.before, self.after])

    @property
    def text(self) -> str:
        """The transition's name."""
        return f"{self.before.words.text}To{self.after.words.text}"


def transitions(before: PrinterDocument, after: PrinterDocument, now: datetime) -> list[Transition]:
    """Return what happened to the program between two states of one printer.

    While nobody hears of the printer nothing is told of its job, nor is it told again that
    a job initializes, or ends, that has done so.
    """
    old, new = last(before), last(after)
    if new is None:
        return []
    was, became = _state(before), _state(after)
    at = _moment(after) or now
    if old is None:
        return _steps(new.id, new.file, (was, became), at)
    if old.id != new.id:
        ended = _end(before, after)
        return [
            *_steps(old.id, old.file, (was, ended), at),
            *_steps(new.id, new.file, (ended, INITIALIZING, became), at),
        ]
    is_unheard = after.job is not None and availability.status(after) is Status.UNKNOWN
    if is_unheard or (was not in OVER and became is INITIALIZING) or {was, became} == OVER:
        return []
    return _steps(new.id, new.file, (was, became), at)


def _state(document: PrinterDocument) -> State:
    """Return the program's state by the document alone: our own pipeline changes no job."""
    return program_state(Situation(document, Pipeline.RUNNING))


def _end(before: PrinterDocument, after: PrinterDocument) -> State:
    """Return how the job ended that was there before; aborted where nobody tells."""
    job, past = before.job, after.last_job
    if job is None:
        return _state(before)
    return OF_OUTCOME[past.outcome] if past and past.id == job.id else ABORTED


def _steps(
    job: str, file: FileDocument, stations: tuple[State, ...], at: datetime
) -> list[Transition]:
    return [
        Transition(
            job=job, file=file, before=one, after=next_, completed=int(next_ is ENDED), at=at
        )
        for start, end in pairwise(stations)
        for one, next_ in path(start, end)
    ]


def path(start: State, end: State) -> list[tuple[State, State]]:
    """Return the shortest way from a state to another, by the transitions there are."""
    ways: deque[list[State]] = deque([[start]])
    seen = {start}
    while ways:
        way = ways.popleft()
        if way[-1] == end:
            return list(pairwise(way))
        for one, next_ in EDGES:
            if one == way[-1] and next_ not in seen:
                seen.add(next_)
                ways.append([*way, next_])
    return []


def _moment(document: PrinterDocument) -> datetime | None:
    """Return when the job came to be as it is."""
    job = document.job
    if job is None:
        return document.last_job.ended_at if document.last_job else None
    if job.paused_at:
        return job.paused_at
    return document.status.observed_at if document.status else job.started_at
