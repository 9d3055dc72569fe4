"""A printer's row on the page, as flat slots of text. Pure.

The page's first HTML and the changes on the stream both come from here, so they cannot
disagree. A slot's name says where its text goes: ``left`` is the text of the element
``data-slot="left"``, ``file@title`` an attribute of the element ``file``, ``@data-group`` one
of the row itself. An empty text hides its element, an empty attribute is taken away. Heaters
are counted: ``heater.0.name``, and ``@data-heaters`` says how many there are.

What is old is marked (``@data-old``) and told with its time (``age``); nothing is computed
from it.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from services.skill.live import phrases as words
from services.skill.live.phrases import Phrases, phrases
from services.skill.live.standing import (
    Group,
    Kind,
    Lifetime,
    Standing,
    heater_name,
    heater_place,
    is_old,
    silence,
    standing,
)
from voxtrude.accounts import Preferences
from voxtrude.documents import PastJobDocument, PrinterDocument, TemperatureDocument
from voxtrude.notices import Condition
from voxtrude.printer import Basis, Outcome, Status

Slots = Mapping[str, str]

MOVES = frozenset({Status.STARTING, Status.PRINTING, Status.RESUMING, Status.FINISHING})
"""The states in which a job comes nearer to its end."""

STEP = 300
"""Seconds: printers that finish within the same five minutes are sorted by their names, so that
rows do not change places all the time."""

HEATERS = 12
"""More are not shown in a row."""

OUTCOMES = {
    Outcome.DONE: "done",
    Outcome.CANCELLED: "cancelled",
    Outcome.FAILED: "failed",
    Outcome.INTERRUPTED: "interrupted",
}
_BANNERS = {
    None: "The connection to the broker is interrupted.",
    Condition.STALLED: "The database does not answer, so nothing new is taken in.",
    Condition.STOPPED: "The service that listens to the printers is not running.",
}
_GROUPS = (
    (Group.ATTENTION, "need attention", "needs attention"),
    (Group.PRINTING, "printing", "printing"),
    (Group.IDLE, "idle", "idle"),
    (Group.OFFLINE, "offline", "offline"),
)


@dataclass(frozen=True, slots=True)
class _End:
    """When a job ends: how long that is, and when, as far as both may be told."""

    left: timedelta
    at: datetime
    is_guess: bool


def row(
    document: PrinterDocument,
    pipeline: Condition | None,
    preferences: Preferences,
    now: datetime,
    lifetime: Lifetime | None = None,
) -> Slots:
    """Return a printer's row; ``pipeline`` is None while the broker is away."""
    spoken = phrases(preferences)
    running = pipeline is Condition.RUNNING
    stands = standing(document, now, spoken, running=running, lifetime=lifetime)
    old = is_old(document, now, running=running)
    end = None if old else _end(document, now)
    slots = {
        "name": words.plain(document.printer.name) or document.printer.id,
        "name@href": f"/printers/{document.printer.id}",
        "state": stands.word,
        "state@class": f"badge {stands.kind}",
        "why": stands.why,
        "@data-kind": stands.kind.value,
        "@data-group": stands.group.value,
        "@data-old": "old" if old else "",
        "@data-order": _order(document, stands, end),
        "age": _age(document, now, spoken, old=old),
    }
    slots |= _job(document)
    slots |= _finish(document, end, now, spoken, old=old)
    slots |= _heaters(document, now, spoken, old=old)
    slots["last"] = "" if document.job else _last(document.last_job, now)
    return slots


def head(rows: Iterable[Slots], pipeline: Condition | None) -> Slots:
    """Return the slots above the list: how many printers are how, and what is wrong with us."""
    groups = [one["@data-group"] for one in rows]
    counted = [(groups.count(group), many, one) for group, many, one in _GROUPS]
    told = ", ".join(
        f"{count} {one if count == 1 else many}" for count, many, one in counted if count
    )
    running = pipeline is Condition.RUNNING
    banner = "" if running else f"{_BANNERS[pipeline]} What you see is the last that was known."
    waiting = counted[0][0] if running else 0
    return {
        "counts": told if running or not told else f"Last known: {told}",
        "banner": banner,
        "waiting": str(waiting or ""),
        "@data-pipeline": "" if running else "away",
    }


def changes(before: Slots, after: Slots) -> dict[str, str]:
    """Return the slots that differ; one that is gone is emptied."""
    told = {name: text for name, text in after.items() if before.get(name) != text}
    return told | {name: "" for name, text in before.items() if text and name not in after}


def _age(document: PrinterDocument, now: datetime, spoken: Phrases, *, old: bool) -> str:
    silent = silence(document, now)
    if silent is None or document.seen_at is None:
        return ""
    ago = words.age(silent)
    if not old:
        return f"heard {ago}"
    today = spoken.day(document.seen_at, now) == "today"
    at = spoken.clock(document.seen_at) if today else spoken.moment(document.seen_at, now)
    return f"as of {at}, {ago}"


def _job(document: PrinterDocument) -> Slots:
    job = document.job
    progress = job.progress if job else None
    name = words.file_name(job.file.name or job.file.path) if job else ""
    return {
        "file": name,
        "file@title": words.plain(job.file.path or job.file.name, 500) if job and name else "",
        "bar@value": "" if progress is None else words.bar(progress),
        "bar@hidden": "hidden" if progress is None else "",
        "progress": "" if progress is None else words.percent(progress),
    }


def _end(document: PrinterDocument, now: datetime) -> _End | None:
    """Let the time left run on from when it was told; the caller knows that it is not old."""
    job = document.job
    status = document.status.state if document.status else None
    if job is None or job.time_left is None or job.paused_at or status not in MOVES:
        return None
    told = job.time_left
    if not 0 <= told.seconds <= words.FAR.total_seconds():
        return None
    at = told.observed_at + timedelta(seconds=told.seconds)
    return _End(max(at - now, timedelta()), at, told.basis is not Basis.REPORTED)


def _finish(
    document: PrinterDocument, end: _End | None, now: datetime, spoken: Phrases, *, old: bool
) -> Slots:
    if end is None:
        job, status = document.job, document.status
        moves = not old and job and status and status.state in MOVES
        unknown = moves and job and job.time_left is None
        return {"left": "time left not known yet" if unknown else "", "finish": ""}
    seconds = end.left.total_seconds()
    if seconds < words.MINUTE:
        return {"left": "less than a minute left", "finish": ""}
    about = "about " if end.is_guess else ""
    return {
        "left": f"{about}{words.duration(seconds)} left",
        "finish": f"done {spoken.moment(end.at, now)}",
    }


def _heaters(document: PrinterDocument, now: datetime, spoken: Phrases, *, old: bool) -> Slots:
    found = heaters(document)[:HEATERS]
    slots = {"@data-heaters": str(len(found))}
    for index, (heater, reading) in enumerate(found):
        actual, unit = spoken.temperature(reading.actual), spoken.unit
        target = f"of {spoken.temperature(reading.target)} {unit}" if reading.target else ""
        # Where the whole row is old, its age tells how old.
        stale = not (old or reading.current)
        note = words.age(max(now - reading.observed_at, timedelta())) if stale else ""
        slots |= {
            f"heater.{index}.name": heater_name(heater, document),
            f"heater.{index}.actual": actual if target else f"{actual} {unit}",
            f"heater.{index}.target": target,
            f"heater.{index}.note": note,
            f"heater.{index}@data-old": "old" if old or not reading.current else "",
        }
    return slots


def heaters(document: PrinterDocument) -> list[tuple[str, TemperatureDocument]]:
    """Return the heaters as people expect them: tools, bed, chamber, others."""
    return sorted(document.temperatures.items(), key=lambda one: heater_place(one[0]))


def _last(last: PastJobDocument | None, now: datetime) -> str:
    if last is None:
        return ""
    name = words.file_name(last.file.name or last.file.path) or "unknown file"
    took = "" if last.duration is None else f", took {words.duration(last.duration)}"
    ago = words.age(now - last.ended_at)
    return f"Last print: {name}, {OUTCOMES[last.outcome]} {ago}{took}"


def _order(document: PrinterDocument, stands: Standing, end: _End | None) -> str:
    # The space comes before everything else, so that "Ender" comes before "Ender 2".
    name = words.natural(document.printer.name).replace(" ", "!") + f" {document.printer.id}"
    match stands.group:
        case Group.ATTENTION:
            return f"0 {0 if stands.kind is Kind.BAD else 1} {name}"
        case Group.PRINTING:
            step = int(end.at.timestamp()) // STEP if end else 10**10
            return f"1 {step:011} {name}"
        case Group.IDLE:
            return f"2 {0 if stands.word == 'Done' else 1} {name}"
        case _:
            return f"3 {name}"
