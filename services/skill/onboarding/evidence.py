"""What a diagnosis rests on, and what follows from it at first sight. Pure."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from voxtrude.accounts import Login
from voxtrude.notices import Condition
from voxtrude.printer import Fact, Link, PrinterState, Status
from voxtrude.registration import Registration, Standing

SKEW = timedelta(seconds=5)
"""The broker's keeper and ingest note the time of one moment that far apart, at the most."""

CLASH = 3
CLASHING = timedelta(minutes=2)
"""So many evictions in so short a time are two clients; one alone is a reconnect."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """All that a diagnosis rests on.

    ``slashless_at`` is when somebody published under the base topic without its slash,
    ``unreadable_at`` when a message came that could not be read, ``unnamed_at`` when the broker
    turned somebody away without saying whom. ``pipeline`` is how ingest is, None where the
    broker is away.
    """

    registration: Registration
    login: Login | None = None
    state: PrinterState | None = None
    slashless_at: datetime | None = None
    unreadable_at: datetime | None = None
    unnamed_at: datetime | None = None
    pipeline: Condition | None = Condition.RUNNING

    @property
    def _login(self) -> Login:
        login = self.login
        return login or Login(printer=self.registration.id, updated_at=self.registration.created_at)

    @property
    def connected_at(self) -> datetime | None:
        """When OctoPrint logged in last."""
        return self._login.connected_at

    @property
    def seen_at(self) -> datetime | None:
        """When the last message was folded."""
        return self.state.seen_at if self.state else None

    @property
    def is_connected(self) -> bool:
        """Whether OctoPrint is logged in, as far as broker and printer have told."""
        login = self._login
        if self.registration.standing is not Standing.ACTIVE:
            return False
        if login.connected_at is None:  # the broker's words of long ago are not kept
            link = self._link
            return login.refused_at is None and bool(link and link.value is Link.CONNECTED)
        return not later(login.disconnected_at, login.connected_at)

    @property
    def is_refused(self) -> bool:
        """Whether the last who tried to log in had a wrong key."""
        login = self._login
        return login.refused_at is not None and not later(login.connected_at, login.refused_at)

    @property
    def is_heard(self) -> bool:
        """Whether a message has come since OctoPrint logged in last."""
        link, seen_at, connected_at = self._link, self.seen_at, self.connected_at
        if connected_at is None:
            return seen_at is not None
        since = connected_at - SKEW
        # Also where ingest came later, and the broker had kept the word for it.
        if link and link.value is Link.CONNECTED and link.observed_at >= since:
            return True
        if seen_at is None:
            return False
        # What was heard right before a farewell belongs to the login before this one.
        left = link and link.value is Link.DISCONNECTED and link.observed_at >= seen_at
        return seen_at >= connected_at or (seen_at >= since and not left)

    @property
    def status(self) -> Status | None:
        """What the printer does; None where that was never told."""
        fact = self.state.status if self.state else None
        return fact.value.status if fact and fact.value.status is not Status.UNKNOWN else None

    @property
    def clash_at(self) -> datetime | None:
        """When clients with one login threw each other out last, where they did so often."""
        times = sorted(self._login.evicted_at)
        last = times[-CLASH:]
        if len(last) < CLASH or last[-1] - last[0] > CLASHING:
            return None
        return last[-1]

    @property
    def _link(self) -> Fact[Link] | None:
        return self.state.link if self.state else None


def later(moment: datetime | None, than: datetime) -> bool:
    """Tell whether a moment was, and came after another."""
    return moment is not None and moment > than
