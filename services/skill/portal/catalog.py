"""What is stored, collection by collection: what for, for how long, and each of its fields.

The fields are those of the models that are stored, and the times those of the database's TTL
indexes. Only what no model holds is told here.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from services.skill.accounts.admission import UNCONFIRMED
from services.skill.accounts.sessions import IDLE, LONGEST
from services.skill.portal.descriptions import Row, rows
from services.skill.portal.durations import in_words
from voxtrude.accounts import Account, Counter, Login, Purpose, Session, Ticket, Token
from voxtrude.mongo import schema
from voxtrude.mongo.jobs import JobRecord
from voxtrude.mongo.quarantine import Specimen
from voxtrude.mongo.readings import Sample
from voxtrude.mongo.tickets import LIFETIMES
from voxtrude.printer import PrinterState
from voxtrude.registration import Registration
from voxtrude.retention import Retention

_YOU, _PRINTERS, _SERVER = "You", "Your printers", "The server itself"
_ALIVE = Row("alive_at", "When the printer was last heard of; from then on the time runs.")
_DATABASE_ID = Row("_id", "A number that the database gives it.")
_LINK = {purpose: in_words(lasts) for purpose, lasts in LIFETIMES.items()}


@dataclass(frozen=True, slots=True)
class Chapter:
    """One collection, as the page tells it; ``{time}`` in ``ends`` is its retention."""

    collection: str
    about: str
    title: str
    purpose: str
    ends: str
    model: type[Any] | None = None
    key: str | None = None  # which of the model's fields the database calls _id
    besides: tuple[Row, ...] = ()

    def rows(self) -> list[Row]:
        """Return every stored field."""
        told = rows(self.model) if self.model else []
        return [*told, *self.besides]

    def stored_names(self) -> set[str]:
        """Return the fields of a document as the database has them."""
        return {"_id" if row.name == self.key else row.name for row in self.rows()}


CHAPTERS = (
    Chapter(
        schema.ACCOUNTS,
        _YOU,
        "Your account",
        "To let you sign in, and to tell you things in your way.",
        "Until you delete it. An account whose address is never confirmed goes after "
        f"{in_words(UNCONFIRMED)}.",
        Account,
        "id",
    ),
    Chapter(
        schema.SESSIONS,
        _YOU,
        "Browsers that are signed in",
        "To keep you signed in, and to show you where you are. Of the network address only the "
        "beginning is kept.",
        f"{IDLE.days} days after it was used last, {LONGEST.days} days after it began, or when "
        "you sign out.",
        Session,
        "id",
    ),
    Chapter(
        schema.TICKETS,
        _YOU,
        "Links and codes that work once",
        "To confirm an address, set a new password, or invite somebody.",
        f"When it was used, or else after {_LINK[Purpose.FACTOR]} (a second step), "
        f"{_LINK[Purpose.RESET]} (a new password), {_LINK[Purpose.SETUP]} (the setup code), "
        f"{_LINK[Purpose.VERIFY]} (an address) or {_LINK[Purpose.INVITE]} (an invitation).",
        Ticket,
        "id",
    ),
    Chapter(
        schema.TOKENS,
        _YOU,
        "API tokens",
        "To let a program of yours in.",
        "Until you revoke it, or when nobody has used it for {time}.",
        Token,
        "id",
    ),
    Chapter(
        schema.COUNTERS,
        _YOU,
        "Counters of attempts",
        "To slow down whoever guesses or asks too often. They hold keyed hashes: neither an "
        "address nor a network can be read from them.",
        "Within the hour.",
        Counter,
        "id",
    ),
    Chapter(
        schema.PRINTERS,
        _PRINTERS,
        "Registrations",
        "To know your printers, and to let them in.",
        "{time} after a printer's last message, unless you keep it; or when you delete it.",
        Registration,
        "id",
    ),
    Chapter(
        schema.STATES,
        _PRINTERS,
        "The latest state of each printer",
        "To show how a printer is. There is one; each message replaces it.",
        "{time} after a printer's last message, or when you delete the printer.",
        PrinterState,
        "printer",
        (
            Row("version", "In which form it is written."),
            _ALIVE,
            Row("applied", "Which of the broker's messages are in it."),
            Row("state", "All of the above but the printer's id."),
        ),
    ),
    Chapter(
        schema.JOBS,
        _PRINTERS,
        "Print history",
        "To show you what was printed, and with what result.",
        "{time} after a print ended, or when you delete the printer.",
        JobRecord,
        "id",
        (
            Row(
                "written_at",
                "When it ended, or else when we first saw it; from then on the time runs.",
            ),
        ),
    ),
    Chapter(
        schema.READINGS,
        _PRINTERS,
        "Readings for charts",
        "To draw the charts of the last hours.",
        "{time} after it was read, or when you delete the printer.",
        Sample,
        None,
        (_DATABASE_ID,),
    ),
    Chapter(
        schema.LOGINS,
        _PRINTERS,
        "Logins of printers",
        "To tell you why nothing arrives: a wrong key, an old protocol, one key used twice.",
        "{time} after the broker said something of it last, or when you delete the printer.",
        Login,
        "printer",
    ),
    Chapter(
        schema.QUARANTINE,
        _PRINTERS,
        "Messages that could not be read",
        "To find out what was wrong with them.",
        "{time} after it came, or when you delete the printer.",
        Specimen,
        None,
        (_DATABASE_ID,),
    ),
    Chapter(
        schema.UNKNOWN,
        _SERVER,
        "Topics of nobody",
        "To help somebody whose printer speaks under a wrong topic. Nothing of what it says is "
        "kept.",
        "{time} after it was heard last.",
        besides=(
            Row("_id", "The beginning of the topic."),
            Row("first_seen_at", "When it was heard first."),
            Row("seen_at", "When it was heard last."),
        ),
    ),
    Chapter(
        schema.ANNOUNCED,
        _SERVER,
        "Printers that other services were told of",
        "To take the announcement back once a printer is deleted.",
        "Within a minute after the printer is deleted.",
        besides=(Row("_id", "The printer's id."),),
    ),
    Chapter(
        schema.META,
        _SERVER,
        "The server's own notes",
        "To know the version of the database, and when the server ran. They are about nobody.",
        "For as long as there is a server.",
        besides=(
            Row("_id", "Which note it is."),
            Row("version", "The version of the database."),
            Row("alive_at", "When messages were last taken in."),
        ),
    ),
)


def rows_of(collection: str) -> list[Row]:
    """Return every stored field of a collection."""
    return next(one for one in CHAPTERS if one.collection == collection).rows()


def ends(chapter: Chapter, retention: Retention) -> str:
    """Return for how long something is kept, in words."""
    after = schema.lifetimes(retention)[chapter.collection]
    return chapter.ends.format(time=in_words(after) if after else "")


def parts() -> Iterable[str]:
    """Return what the chapters are about, in order."""
    return dict.fromkeys(chapter.about for chapter in CHAPTERS)
