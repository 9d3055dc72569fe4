"""Everything that is known of one printer, each fact with its age and where it comes from. Pure.

As slots, like a row: ``fact.link`` is the value, ``fact.link.age`` how old it is, and
``fact.link.origin`` from what it is known.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from services.skill.live import phrases as words
from services.skill.live.phrases import Phrases, phrases
from services.skill.live.rows import Slots, heaters, row
from services.skill.live.standing import Lifetime
from voxtrude.accounts import Preferences
from voxtrude.documents import JobDocument, Observed, PrinterDocument
from voxtrude.notices import Condition
from voxtrude.printer import Basis, Host, Link, Origin, Presence

NEVER = "never heard"

LABELS = {
    "link": "Connection to the broker",
    "presence": "Reachable",
    "octoprint": "OctoPrint",
    "status": "Printer",
    "fault": "Error",
    "attention": "Asks for a hand",
    "firmware": "Firmware",
    "height": "Height (Z)",
    "selected": "Selected file",
    "metadata": "Metadata",
    "started": "Print began",
    "elapsed": "Print time so far",
    "completion": "Completion",
    "remaining": "Time left, as told",
    "totals": "Since we know it",
}
"""The facts in the order of the page."""

LEVELS = ("link", "presence", "octoprint", "status")
"""These are always told, the others where they are known."""

_ORIGINS = {
    Origin.LIVE: "told live",
    Origin.RETAINED: "remembered by the broker",
    Origin.INFERRED: "inferred",
}
_BASES = {
    Basis.REPORTED: "told by OctoPrint",
    Basis.ESTIMATED: "computed from progress and print time",
    Basis.ANALYSIS: "from OctoPrint's analysis of the file",
}


@dataclass(frozen=True, slots=True)
class _Fact:
    value: str
    at: datetime | None = None
    origin: str = ""


def detail(
    document: PrinterDocument,
    pipeline: Condition | None,
    preferences: Preferences,
    now: datetime,
    lifetime: Lifetime | None = None,
) -> Slots:
    """Return a printer's row with all its facts."""
    spoken = phrases(preferences)
    slots = dict(row(document, pipeline, preferences, now, lifetime))
    known = dict(_known(document, now, spoken))
    for name in LABELS:
        fact = known.get(name) or _Fact(NEVER if name in LEVELS else "")
        slots[f"fact.{name}.row@hidden"] = "" if fact.value else "hidden"
        slots[f"fact.{name}"] = fact.value
        slots[f"fact.{name}.age"] = words.age(_past(fact.at, now)) if fact.at else ""
        slots[f"fact.{name}.origin"] = fact.origin
    for index, (_heater, reading) in enumerate(heaters(document)):
        origin = _ORIGINS[reading.origin]
        slots[f"heater.{index}.age"] = words.age(_past(reading.observed_at, now))
        slots[f"heater.{index}.origin"] = origin if reading.current else f"{origin}, not current"
    return slots


def _known(
    document: PrinterDocument, now: datetime, spoken: Phrases
) -> Iterator[tuple[str, _Fact]]:
    if link := document.link:
        connected = link.state is Link.CONNECTED
        yield "link", _observed("connected" if connected else "disconnected", link)
    if presence := document.presence:
        online = presence.state is Presence.ONLINE
        yield "presence", _observed("yes" if online else "no", presence)
    if octoprint := document.octoprint:
        running = octoprint.state is Host.RUNNING
        yield "octoprint", _observed("running" if running else "shut down", octoprint)
    if status := document.status:
        text = words.plain(status.text)
        told = f" (“{text}”)" if text and text.casefold() != status.state.value else ""
        yield "status", _observed(f"{status.state.value}{told}", status)
    yield from _told(document, spoken)
    if document.job:
        yield from _job(document.job, now, spoken)
    if totals := document.totals:
        prints = "print" if totals.jobs_ended == 1 else "prints"
        told = (
            f"{totals.jobs_ended} {prints} ended, {totals.jobs_done} of them done, "
            f"{words.duration(totals.printing)} of printing in "
            f"{words.duration(totals.operational)} of being connected"
        )
        since = f"counted since {spoken.day(totals.since, now)}"
        yield "totals", _Fact(told, totals.observed_at, since)


def _told(document: PrinterDocument, spoken: Phrases) -> Iterator[tuple[str, _Fact]]:
    if fault := document.fault:
        what = f" ({words.plain(fault.consequence)})" if fault.consequence else ""
        yield "fault", _observed(words.plain(fault.text) + what, fault)
    if attention := document.attention:
        yield "attention", _observed(words.plain(attention.text), attention)
    if firmware := document.firmware:
        yield "firmware", _observed(words.plain(firmware.text), firmware)
    if height := document.height:
        yield "height", _observed(f"{spoken.number(height.mm, 2)} mm", height)
    if selected := document.selected_file:
        yield "selected", _Fact(words.plain(selected.path or selected.name))
    if document.metadata:
        pairs = (f"{key}: {value}" for key, value in sorted(document.metadata.items()))
        yield "metadata", _Fact(words.plain("; ".join(pairs), 500))


def _job(job: JobDocument, now: datetime, spoken: Phrases) -> Iterator[tuple[str, _Fact]]:
    origin = _ORIGINS[job.origin]
    if job.started_at:
        yield "started", _Fact(spoken.moment(job.started_at, now), job.started_at, origin)
    else:
        yield "started", _Fact("before we could hear it", None, origin)
    if job.elapsed is not None:
        yield "elapsed", _Fact(words.duration(job.elapsed), job.elapsed_at)
    if job.progress is not None:
        # What is not done is never told as done.
        told = spoken.number(min(max(job.progress, 0.0), 99.9))
        yield "completion", _Fact(f"{told} %", job.progress_at)
    if left := job.time_left:
        yield "remaining", _Fact(words.duration(left.seconds), left.observed_at, _BASES[left.basis])


def _observed(value: str, fact: Observed) -> _Fact:
    return _Fact(value, fact.observed_at, _ORIGINS[fact.origin])


def _past(at: datetime, now: datetime) -> timedelta:
    return max(now - at, timedelta())
