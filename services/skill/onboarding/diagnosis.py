"""Why nothing arrives from a printer, and how far it has come. Pure.

What is told rests on what the broker said of the printer's login, on what ingest folded, and
on what could not be read. A finding is told while it lasts and never once it is healed.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from services.skill.onboarding.evidence import CLASHING, Evidence, later
from services.skill.onboarding.findings import Finding, Kind
from voxtrude.notices import Condition
from voxtrude.printer import (
    Basis,
    Presence,
    Status,
)
from voxtrude.registration import Standing

SILENCE = timedelta(seconds=5)
"""A plugin says ``connected`` at once: one that has said nothing for so long is not heard."""

TYPING = timedelta(minutes=1)
"""So long nobody is told that a new printer is not there yet: its key is being entered."""

RECENT = timedelta(minutes=10)
"""For so long something that has happened is told of, where nothing tells that it is over."""


class Progress(StrEnum):
    """How far one step has come."""

    DONE = "done"
    WAITING = "waiting"
    WRONG = "wrong"


@dataclass(frozen=True, slots=True)
class Step:
    """One step of the way from the broker to a known state."""

    code: str
    progress: Progress
    sentence: str
    at: datetime | None = None


def steps(evidence: Evidence) -> tuple[Step, ...]:
    """Return how far the printer has come, the first step first."""
    return (_known(evidence), _logged_in(evidence), _message(evidence), _state(evidence))


def is_received(evidence: Evidence) -> bool:
    """Tell whether the printer is heard right now."""
    return evidence.is_connected and evidence.is_heard


def findings(evidence: Evidence, now: datetime) -> tuple[Finding, ...]:
    """Return what is wrong or could be better right now, the gravest first."""
    found = [
        *_ours(evidence),
        *_admission(evidence, now),
        *_login(evidence, now),
        *_topics(evidence, now),
        *_messages(evidence, now),
    ]
    return tuple(sorted(found, key=lambda one: list(Kind).index(one.kind)))


# The steps -------------------------------------------------------------------------------


def _known(evidence: Evidence) -> Step:
    match evidence.registration.standing:
        case Standing.ACTIVE:
            return Step("known", Progress.DONE, "The broker knows this printer's key")
        case Standing.PENDING:
            return Step("known", Progress.WAITING, "The broker is being told of this printer's key")
        case Standing.REVOKED:
            return Step("known", Progress.WRONG, "The key is revoked")


def _logged_in(evidence: Evidence) -> Step:
    code, at = "login", evidence.connected_at
    if evidence.registration.standing is not Standing.ACTIVE:
        return Step(code, Progress.WAITING, "OctoPrint cannot log in until the key is valid")
    if evidence.is_connected:
        protocol = evidence.login.protocol if evidence.login else None
        return Step(
            code,
            Progress.DONE,
            "OctoPrint is logged in" + (f" (MQTT {protocol})" if protocol else ""),
            at,
        )
    if evidence.is_refused:
        refused_at = evidence.login.refused_at if evidence.login else None
        return Step(code, Progress.WRONG, "OctoPrint was turned away: wrong key", refused_at)
    if at is not None:
        return Step(code, Progress.WAITING, "OctoPrint was logged in and has gone again", at)
    return Step(code, Progress.WAITING, "Waiting for OctoPrint to log in …")


def _message(evidence: Evidence) -> Step:
    code, seen_at = "message", evidence.seen_at
    if evidence.is_heard:
        text = (
            "First message received" if evidence.is_connected else "The last message was received"
        )
        return Step(code, Progress.DONE, text, seen_at)
    if evidence.is_connected:
        return Step(code, Progress.WAITING, "Waiting for the first message …")
    return Step(code, Progress.WAITING, "Then the first message")


def _state(evidence: Evidence) -> Step:
    code, status = "state", evidence.status
    state = evidence.state
    if status is None or state is None or state.status is None or not evidence.is_heard:
        return Step(code, Progress.WAITING, "Then what the printer does")
    return Step(
        code,
        Progress.DONE,
        f"The printer's state is known: {status.value}",
        state.status.observed_at,
    )


# The findings ----------------------------------------------------------------------------


def _ours(evidence: Evidence) -> list[Finding]:
    match evidence.pipeline:
        case None:
            return [Finding.of("broker-away")]
        case Condition.STOPPED:
            return [Finding.of("ingest-away")]
        case Condition.STALLED:
            return [Finding.of("database-away")]
        case Condition.RUNNING:
            return []


def _admission(evidence: Evidence, now: datetime) -> list[Finding]:
    standing, created_at = evidence.registration.standing, evidence.registration.created_at
    if standing is Standing.REVOKED:
        return [Finding.of("revoked")]
    if standing is Standing.PENDING and now - created_at > SILENCE:
        return [Finding.of("pending")]
    return []


def _login(evidence: Evidence, now: datetime) -> list[Finding]:
    if evidence.registration.standing is not Standing.ACTIVE:
        return []
    found = []
    login = evidence.login
    if login and evidence.is_refused:
        found.append(
            # Somebody who is in does not need the key that was tried beside it.
            Finding.of("another-key", login.refusals)
            if evidence.is_connected
            else Finding.of("wrong-key", login.refusals)
        )
    clash_at = evidence.clash_at
    if clash_at and now - clash_at <= CLASHING:
        found.append(Finding.of("clash"))
    if login and evidence.is_connected and login.protocol == "3.1":
        found.append(Finding.of("mqtt-3.1"))
    if not evidence.is_connected and not evidence.is_refused and evidence.pipeline is not None:
        absence = _absence(evidence, now)
        is_new = now - evidence.registration.created_at < TYPING
        found += [] if absence == "silent" and is_new else [Finding.of(absence)]
    return found


def _absence(evidence: Evidence, now: datetime) -> str:
    """Tell why a printer is not there that was not turned away by its name."""
    unnamed_at, since = evidence.unnamed_at, evidence.connected_at
    began = since or evidence.registration.created_at
    if unnamed_at and now - unnamed_at <= RECENT and unnamed_at > began:
        return "some-key"
    return "silent" if since is None and evidence.seen_at is None else "gone"


def _topics(evidence: Evidence, now: datetime) -> list[Finding]:
    """Return where the plugin publishes instead: the broker denies it without a word."""
    base, slashless_at = evidence.registration.base_topic, evidence.slashless_at
    if base.endswith("/") and slashless_at and not later(evidence.seen_at, slashless_at):
        return [Finding.of("slash", base.rstrip("/"), base)]
    silent_since = evidence.connected_at
    if (
        evidence.pipeline is Condition.RUNNING
        and evidence.is_connected
        and not evidence.is_heard
        and silent_since is not None
        and now - silent_since > SILENCE
    ):
        return [Finding.of("base-topic", base)]
    return []


def _messages(evidence: Evidence, now: datetime) -> list[Finding]:
    found = []
    unreadable_at = evidence.unreadable_at
    if unreadable_at and now - unreadable_at <= RECENT:
        found.append(Finding.of("unreadable"))
    state = evidence.state
    if state is None or not is_received(evidence):
        return found
    if evidence.status is None and evidence.pipeline is Condition.RUNNING:
        found.append(Finding.of("idle"))
    if evidence.status is Status.OFFLINE:
        found.append(Finding.of("printer-off"))
    job, presence = state.job, state.presence
    if (
        job
        and job.print_time is None
        and job.progress
        and job.time_left
        and job.time_left.basis is Basis.ESTIMATED
        and (presence is None or presence.value is Presence.ONLINE)
    ):
        found.append(Finding.of("extended"))
    return found
