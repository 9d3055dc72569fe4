"""Where a printer stands, in one word and one sentence. Pure.

The levels are gone through from the outside in: was anything ever heard, is OctoPrint there,
is the printer, what does it do, how did its last print end. Each has words of its own, so
that a lost link is never told as an idle printer. The pipeline is no part of it: while it is
away nothing is said about silence, which may be ours.
"""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum

from services.skill.live import phrases as words
from services.skill.live.phrases import Phrases
from voxtrude.documents import PastJobDocument, PrinterDocument, TemperatureDocument
from voxtrude.printer import WORKING, Host, Link, Origin, Outcome, Presence, Status

FRESH = timedelta(minutes=2)
"""A number that was heard longer ago is told as an old one; who prints speaks each few seconds."""

REPORTED = timedelta(minutes=6)
"""The same where the host has no link and reports by HTTP, each five minutes at least."""

TROUBLE = timedelta(hours=24)
"""For so long a print that went wrong asks for somebody, unless the next one begins."""

DONE = timedelta(hours=2)
"""For so long a printer is called done rather than idle."""

WARNING = 0.7
"""The part of a printer's time after which its silence is warned about: day 7 of 10."""

COLD = 5.0
"""A heater that is further below its target heats up (°C)."""


class Kind(StrEnum):
    """How it looks; the style's classes."""

    OK = "ok"
    BUSY = "busy"
    WARN = "warn"
    BAD = "bad"
    OFF = "off"


class Group(StrEnum):
    """Under which of four it is counted and found."""

    ATTENTION = "attention"
    PRINTING = "printing"
    IDLE = "idle"
    OFFLINE = "offline"


@dataclass(frozen=True, slots=True)
class Standing:
    """A word, how it looks, a sentence where one is needed, and the group."""

    word: str
    kind: Kind
    group: Group
    why: str = ""


@dataclass(frozen=True, slots=True)
class Lifetime:
    """When a printer was added, and after which silence it is removed (None: never)."""

    created_at: datetime
    after: timedelta | None = None


_WORDS = {
    Status.STARTING: "Starting",
    Status.PRINTING: "Printing",
    Status.PAUSING: "Pausing",
    Status.PAUSED: "Paused",
    Status.RESUMING: "Resuming",
    Status.CANCELLING: "Cancelling",
    Status.FINISHING: "Finishing",
}


def silence(document: PrinterDocument, now: datetime) -> timedelta | None:
    """Return how long ago the printer spoke; None where it never did."""
    return None if document.seen_at is None else max(now - document.seen_at, timedelta())


def is_old(document: PrinterDocument, now: datetime, *, running: bool) -> bool:
    """Tell whether its numbers are old; ``running`` tells whether our pipeline works."""
    silent = silence(document, now)
    return not running or silent is None or silent > _fresh(document) or _is_away(document)


def _fresh(document: PrinterDocument) -> timedelta:
    return FRESH if _is_linked(document) else REPORTED


def _is_linked(document: PrinterDocument) -> bool:
    return document.link is not None and document.link.state is Link.CONNECTED


def standing(
    document: PrinterDocument,
    now: datetime,
    spoken: Phrases,
    *,
    running: bool = True,
    lifetime: Lifetime | None = None,
) -> Standing:
    """Return where the printer stands."""
    found = _level(document, now, spoken, running=running)
    warning = running and lifetime and _removal(document, now, lifetime)
    return replace(found, why=f"{found.why} {warning}".strip()) if warning else found


def _level(document: PrinterDocument, now: datetime, spoken: Phrases, *, running: bool) -> Standing:
    if document.seen_at is None:
        return _unheard(document)
    if _is_away(document):
        return _unreachable(document, now, spoken)
    status = document.status.state if document.status else Status.UNKNOWN
    if status is Status.ERROR or (document.fault and status not in WORKING):
        told = document.fault.text if document.fault else ""
        reason = words.plain(told) or "The printer reports an error."
        return Standing("Error", Kind.BAD, Group.ATTENTION, reason)
    if status in WORKING:
        silent = silence(document, now)
        if running and silent is not None and silent > _fresh(document):
            how = "It is connected, but has said nothing" if _is_linked(document) else "No report"
            why = f"{how} for {words.span(silent)}."
            return Standing(_WORDS[status], Kind.WARN, Group.ATTENTION, why)
        return _working(document, status, now, spoken)
    return _without_job(document, status, now)


def _is_away(document: PrinterDocument) -> bool:
    return document.presence is not None and document.presence.state is Presence.OFFLINE


def _unheard(document: PrinterDocument) -> Standing:
    why = "It is registered, but has not reported yet. Check the MQTT settings in OctoPrint."
    if document.temperatures or document.status or document.job:
        why += " What is shown is what the broker remembers."
    return Standing("Not heard yet", Kind.WARN, Group.ATTENTION, why)


def _unreachable(document: PrinterDocument, now: datetime, spoken: Phrases) -> Standing:
    host = document.octoprint
    if host and host.state is Host.STOPPED and host.origin is Origin.LIVE:
        word = "OctoPrint is off"
        why = f"OctoPrint was shut down {spoken.moment(host.observed_at, now)}."
    else:
        word = "Unreachable"
        silent = silence(document, now) or timedelta()
        why = f"It cannot be reached. It was last heard {words.age(silent)}."
    if document.job is None:
        return Standing(word, Kind.OFF, Group.OFFLINE, why)
    progress = document.job.progress
    far = f" at {words.percent(progress)}" if progress is not None else ""
    if progress is not None and words.percent(progress) == "almost done":
        far = ", almost done"
    return Standing(word, Kind.WARN, Group.ATTENTION, f"{why} Then it was printing{far}.")


def _working(document: PrinterDocument, status: Status, now: datetime, spoken: Phrases) -> Standing:
    job, word = document.job, _WORDS[status]
    progress = job.progress if job else None
    if status is Status.PAUSED:
        since = job and job.paused_at and f" {words.age(now - job.paused_at)}"
        return Standing(
            word, Kind.WARN, Group.ATTENTION, f"It was paused{since or ''}. It may need you."
        )
    if document.attention:
        why = "It waits for somebody: the print asks for a hand."
        return Standing(word, Kind.WARN, Group.ATTENTION, why)
    if status in {Status.STARTING, Status.PRINTING} and not progress:
        cold = _cold(document)
        if cold:
            return Standing("Heating up", Kind.BUSY, Group.PRINTING, _heating(*cold, spoken))
    why = ""
    if document.status and document.status.origin is not Origin.LIVE:
        why = "It was out of reach for a while, and has not said since whether this is still so."
    return Standing(word, Kind.BUSY, Group.PRINTING, why)


def _without_job(document: PrinterDocument, status: Status, now: datetime) -> Standing:
    last = document.last_job
    trouble = last and now - last.ended_at < TROUBLE and _trouble(last, now)
    if trouble:
        return trouble
    match status:
        case Status.OFFLINE:
            why = "OctoPrint is running, but the printer is not connected."
            return Standing("Not connected", Kind.OFF, Group.OFFLINE, why)
        case Status.CONNECTING:
            why = "OctoPrint is connecting to the printer."
            return Standing("Connecting", Kind.BUSY, Group.OFFLINE, why)
        case Status.UPLOADING:
            why = "A file is being copied to the printer's SD card."
            return Standing("Uploading", Kind.BUSY, Group.IDLE, why)
        case Status.IDLE:
            done = last and last.outcome is Outcome.DONE and now - last.ended_at < DONE
            return Standing("Done" if done else "Idle", Kind.OK, Group.IDLE)
        case _:
            why = "OctoPrint is connected, but has not said what the printer does."
            return Standing("Unknown", Kind.OFF, Group.OFFLINE, why)


def _trouble(last: PastJobDocument, now: datetime) -> Standing | None:
    far = "" if last.progress is None else f" at {words.bar(last.progress)} %"
    ago = words.age(now - last.ended_at)
    if last.outcome is Outcome.FAILED:
        reason = words.plain(last.error or "")
        why = f"The last print failed{far}, {ago}{f': {reason}' if reason else '.'}"
        return Standing("Print failed", Kind.BAD, Group.ATTENTION, why)
    if last.outcome is Outcome.INTERRUPTED:
        why = f"The last print ended{far}, {ago}, and nobody said how."
        return Standing("Interrupted", Kind.WARN, Group.ATTENTION, why)
    return None


def heater_name(heater: str, document: PrinterDocument) -> str:
    """Return what people call a heater of this printer."""
    return heater_label(heater, sum(name.startswith("tool") for name in document.temperatures))


def heater_label(heater: str, tools: int) -> str:
    """Return what people call a heater; ``tools`` is how many the printer has."""
    if heater.startswith("tool") and heater[4:].isdecimal():
        return "Nozzle" if tools == 1 else f"Nozzle {int(heater[4:]) + 1}"
    return words.plain(heater, 20).capitalize() or "Heater"


def heater_place(heater: str) -> tuple[int, str]:
    """Return where a heater stands among others: tools, bed, chamber, the rest."""
    rank = {"tool": 0, "bed": 1, "chamber": 2}.get(heater.rstrip("0123456789"), 3)
    return rank, words.natural(heater)


def _cold(document: PrinterDocument) -> tuple[str, TemperatureDocument] | None:
    """Return the heater that is furthest below its target."""
    cold = [
        (reading.target - reading.actual, heater, reading)
        for heater, reading in document.temperatures.items()
        if reading.current and reading.target and reading.actual is not None
    ]
    gap, heater, reading = max(cold, default=(0.0, "", None), key=lambda one: one[0])
    return (heater_name(heater, document), reading) if reading and gap > COLD else None


def _heating(name: str, reading: TemperatureDocument, spoken: Phrases) -> str:
    actual, target = spoken.temperature(reading.actual), spoken.temperature(reading.target)
    return f"{name} at {actual} of {target} {spoken.unit}."


def _removal(document: PrinterDocument, now: datetime, lifetime: Lifetime) -> str | None:
    if lifetime.after is None or (document.presence and document.presence.state is Presence.ONLINE):
        return None
    link = document.link
    signs = [lifetime.created_at, document.seen_at]
    signs.append(link.observed_at if link and link.origin is Origin.LIVE else None)
    silent = now - max(sign for sign in signs if sign)
    if silent < lifetime.after * WARNING:
        return None
    after = words.span(lifetime.after)
    return f"Nothing was heard for {words.span(silent)}: its data is removed after {after}."
