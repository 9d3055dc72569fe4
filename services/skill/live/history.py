"""Prints that are over, and messages that could not be read, as the pages tell of them. Pure."""

from dataclasses import dataclass
from datetime import datetime

from services.skill.live import phrases as words
from services.skill.live.phrases import Phrases
from services.skill.live.rows import OUTCOMES
from services.skill.live.standing import Kind
from voxtrude.mongo.client import Document
from voxtrude.mongo.jobs import JobRecord
from voxtrude.printer import Outcome

_KINDS = {
    Outcome.DONE: Kind.OK,
    Outcome.CANCELLED: Kind.OFF,
    Outcome.FAILED: Kind.BAD,
    Outcome.INTERRUPTED: Kind.WARN,
}


@dataclass(frozen=True, slots=True)
class Print:
    """One print."""

    file: str
    path: str
    result: str
    kind: Kind
    began: str
    ended: str
    took: str
    why: str


@dataclass(frozen=True, slots=True)
class Unread:
    """One message that could not be read."""

    at: str
    topic: str
    reason: str
    size: str


def prints(records: list[JobRecord], now: datetime, spoken: Phrases) -> list[Print]:
    """Return prints as a table has them."""
    return [_print(record, now, spoken) for record in records]


def _print(record: JobRecord, now: datetime, spoken: Phrases) -> Print:
    outcome = Outcome(record.outcome) if record.outcome else None
    result = OUTCOMES[outcome].capitalize() if outcome else "Not over"
    if outcome not in {None, Outcome.DONE} and record.progress is not None:
        result += f" at {words.bar(record.progress)} %"
    return Print(
        file=words.file_name(record.file.name or record.file.path) or "unknown file",
        path=words.plain(record.file.path or record.file.name, 500),
        result=result,
        kind=_KINDS[outcome] if outcome else Kind.BUSY,
        began=spoken.moment(record.started_at, now) if record.started_at else "not seen",
        ended=spoken.moment(record.ended_at, now) if record.ended_at else "",
        took=words.duration(record.duration.total_seconds()) if record.duration else "",
        why=words.plain(record.error or ""),
    )


def unread(documents: list[Document], now: datetime, spoken: Phrases) -> list[Unread]:
    """Return messages that could not be read; what they held is not shown."""
    return [
        Unread(
            at=spoken.moment(one["at"], now),
            topic=words.plain(str(one.get("topic", ""))),
            reason=words.plain(str(one.get("reason", ""))),
            size=f"{one.get('size', 0)} bytes",
        )
        for one in documents
    ]
