"""A printer told all at once, and what follows from it: pure, and of no particular source.

Whoever cannot hear OctoPrint's events sees only pictures of it, each up to some minutes after
the one before: a plugin that reports by HTTP, or somebody who asks OctoPrint's REST API. What
happened between two pictures is concluded here and told in the words of voxtrude.messages, so
that states, jobs and history come out as if the printer had said it.

The result of the last print is what the plugins make of OctoPrint's events: empty from the
start of a print, then ``Success``, ``cancelled`` or ``error``.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TypedDict

from services.ingest.printer_data import status_in_words
from voxtrude.jobs import LATE_END
from voxtrude.messages import (
    Details,
    FaultReported,
    FileSelected,
    HeightReported,
    JobEnded,
    JobStarted,
    Message,
    ProgressReported,
    SnapshotTaken,
    StatusReported,
    TemperatureReported,
)
from voxtrude.printer import (
    UNKNOWN_FILE,
    WORKING,
    Fault,
    Link,
    Origin,
    Outcome,
    PrinterId,
    PrinterState,
    PrinterStatus,
    PrintFile,
    Status,
)
from voxtrude.reducer import SILENCE

SUCCESS = "Success"
CANCELLED = "cancelled"

RUNNING = frozenset({Status.PRINTING, Status.PAUSING, Status.PAUSED, Status.RESUMING})
"""The states of a print between its start and its end."""

AGAIN = 5.0
"""Progress that fell by more than this many percent is another print's."""

ENDING = frozenset({Status.FINISHING, Status.CANCELLING})
"""A print's last states: in them its result may already be told."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Picture:
    """What is told of a printer at one moment; None is "not told".

    ``text`` is OctoPrint's own word for its state. Each heater has actual and target.
    ``last_duration`` is print time of the selected file.
    """

    printer: PrinterId
    at: datetime
    text: str | None = None
    heaters: Mapping[str, tuple[float | None, float | None]] = field(default_factory=dict)
    completion: float | None = None
    time_left: timedelta | None = None
    height: float | None = None
    file: PrintFile | None = None
    last_duration: timedelta | None = None
    last_result: str | None = None


class Stamp(TypedDict):
    """The arguments that every message shares."""

    printer: PrinterId
    received_at: datetime
    linked: bool


def conclude(before: PrinterState, picture: Picture) -> list[Message]:
    """Return what the printer would have said since ``before``, in its order."""
    return list(_Conclusion(before, picture).messages())


class _Conclusion:
    def __init__(self, before: PrinterState, picture: Picture) -> None:
        self._before = before
        self._picture = picture
        self._stamp = Stamp(printer=picture.printer, received_at=picture.at, linked=False)
        text = picture.text
        self._status = (
            None
            if text is None
            else status_in_words(text) or PrinterStatus(Status.UNKNOWN, "", text)
        )
        self._known = self._status.status if self._status else None
        snapshot = before.snapshot
        # What was told so long ago says nothing of what happened since.
        self._last = snapshot if snapshot and picture.at - snapshot.at < SILENCE else None

    def messages(self) -> Iterator[Message]:
        yield SnapshotTaken(**self._stamp, result=self._picture.last_result)
        link = self._before.link
        if link and link.value is Link.CONNECTED and link.origin is not Origin.RETAINED:
            return
        yield from self._selected()
        yield from self._ended()
        yield from self._started()
        yield from self._said()
        yield from self._read()
        yield from self._progressed()

    def _selected(self) -> Iterator[Message]:
        file, known = self._picture.file, self._before.selected
        if file and not (known and _is_same(known.value, file)):
            yield FileSelected(**self._stamp, file=file)

    # Ends and starts, which nobody has told us ---------------------------------------------

    @property
    def _is_another(self) -> bool:
        """Whether the printer prints, and it is not the job that we know."""
        job, file, completion = self._before.job, self._picture.file, self._picture.completion
        if job is None or self._known not in RUNNING:
            return False
        if file and job.file.path and not _is_same(job.file, file):
            return True
        known = job.progress.value if job.progress else 0.0
        return completion is not None and completion < known - AGAIN

    def _ended(self) -> Iterator[Message]:
        job = self._before.job
        result = self._picture.last_result
        if not result or self._known is None:
            return  # the reducer waits for a result, and then the job was interrupted
        running = self._known in WORKING - ENDING
        if job is None:
            if self._is_news and not running and not self._is_told:
                yield self._end(self._unseen_file)
        elif self._known not in WORKING or self._is_another or (self._is_news and not running):
            yield self._end(job.file)

    @property
    def _is_news(self) -> bool:
        """Whether the result was not told in the picture before."""
        last = self._last
        return last is not None and last.result not in {None, self._picture.last_result}

    @property
    def _is_told(self) -> bool:
        """Whether we know of this end from elsewhere."""
        past, last = self._before.last_job, self._last
        return (
            past is not None
            and last is not None
            and past.ended_at >= last.at
            and past.outcome is _outcome(self._picture.last_result or "")
        )

    @property
    def _unseen_file(self) -> PrintFile:
        """The file of a print that began and ended between two pictures.

        Where one was given up for want of a result, this is the result.
        """
        past, at = self._before.last_job, self._picture.at
        if past and past.outcome is Outcome.INTERRUPTED and at - past.ended_at <= LATE_END:
            return past.file
        selected = self._before.selected
        return self._picture.file or (selected.value if selected else UNKNOWN_FILE)

    def _end(self, file: PrintFile) -> JobEnded:
        picture = self._picture
        result = picture.last_result or ""
        outcome = _outcome(result)
        error = _reason(picture.text) or (None if result == "error" else result)
        return JobEnded(
            **self._stamp,
            outcome=outcome,
            file=file,
            # Of prints that failed OctoPrint keeps no time: it is an earlier one's.
            duration=picture.last_duration if outcome is Outcome.DONE else None,
            error=error if outcome is Outcome.FAILED else None,
        )

    def _started(self) -> Iterator[Message]:
        """Tell of a start that was between two pictures; otherwise we came in the middle."""
        if self._known not in RUNNING:
            return
        before, selected = self._before, self._before.selected
        idle = before.status is not None and before.status.value.status not in RUNNING
        fresh = before.job is None and self._last is not None and idle
        if fresh or self._is_another:
            file = self._picture.file or (selected.value if selected else UNKNOWN_FILE)
            yield JobStarted(**self._stamp, file=file)

    # What is told as it is -----------------------------------------------------------------

    def _said(self) -> Iterator[Message]:
        status, known = self._status, self._before.status
        if status is None:
            return
        if known is None or known.origin is not Origin.LIVE or not _is_like(known.value, status):
            yield StatusReported(**self._stamp, status=status)
        reason, fault = _reason(status.text), self._before.fault
        away = status.status in {Status.OFFLINE, Status.ERROR}
        if away and reason and not (fault and fault.value.text == reason):
            yield FaultReported(**self._stamp, fault=Fault(reason))

    def _read(self) -> Iterator[Message]:
        for heater, (actual, target) in self._picture.heaters.items():
            yield TemperatureReported(**self._stamp, heater=heater, actual=actual, target=target)
        if self._picture.height is not None:
            yield HeightReported(**self._stamp, mm=self._picture.height)

    def _progressed(self) -> Iterator[Message]:
        picture, job = self._picture, self._before.job
        if picture.completion is None or self._known not in WORKING - ENDING:
            return  # after a print OctoPrint goes on to say how far it came
        file = picture.file
        if job and not self._is_another and (file is None or _is_same(job.file, file)):
            file = None  # we may know more of it
        yield ProgressReported(
            **self._stamp,
            path=picture.file.path if picture.file else "",
            percent=int(picture.completion),
            details=Details(
                status=self._status,
                file=file,
                completion=picture.completion,
                time_left=picture.time_left,
            ),
        )


def _outcome(result: str) -> Outcome:
    if result == SUCCESS:
        return Outcome.DONE
    return Outcome.CANCELLED if result == CANCELLED else Outcome.FAILED


def _is_same(known: PrintFile, told: PrintFile) -> bool:
    """Compare by name where one source tells no folders."""
    names = {known.path, known.name, known.path.rsplit("/", 1)[-1]}
    return told.path in names or (told.name in names and "/" not in told.path)


def _is_like(known: PrinterStatus, told: PrinterStatus) -> bool:
    return (known.status, known.text) == (told.status, told.text)


def _reason(text: str | None) -> str | None:
    """Return what follows a state's word: ``Offline after error: …``."""
    return (text or "").partition(":")[2].strip() or None
