"""Which topic belongs to which printer."""

import re
from collections.abc import Iterable
from dataclasses import replace

from voxtrude.printer import PrinterId
from voxtrude.registration import (
    PRINTER_ID,
    STANDARD_ROOT,
    Identification,
    Registration,
    Standing,
    Templates,
    topic_filters,
)
from voxtrude.topics import REPORTS, printer_of

STANDARD_FILTER = f"{STANDARD_ROOT}/#"

MAX_LEFT = 1000  # removed printers that are remembered

_REPORT = REPORTS.removesuffix("+")

_GLUED = re.compile(
    rf"({STANDARD_ROOT}/{PRINTER_ID.pattern})"
    r"(?:mqtt|(?:event|temperature|progress|metadata)/[^/]+)"
)
"""A standard base whose last slash was left out; the broker lets the last will through."""


class Registry:
    """The registered printers, found by the topics they publish on.

    A base topic that ends in a slash is found by looking up the topic's beginnings; one
    that does not (OctoPrint-MQTT then glues it to the template) by trying each.
    """

    def __init__(self, registrations: Iterable[Registration] = ()) -> None:
        self._by_id: dict[PrinterId, Registration] = {}
        self._by_base: dict[str, Registration] = {}
        self._glued: dict[str, Registration] = {}
        self._plates: dict[Identification, Identification] = {}
        self._templates: dict[Templates, Templates] = {}
        self._left: dict[str, None] = {}
        for registration in registrations:
            self.add(registration)

    def __contains__(self, printer: PrinterId) -> bool:
        """Tell whether a printer is registered."""
        return printer in self._by_id

    def __len__(self) -> int:
        """Return how many printers are registered."""
        return len(self._by_id)

    def __getitem__(self, printer: PrinterId) -> Registration:
        """Return a printer's registration."""
        return self._by_id[printer]

    def get(self, printer: PrinterId) -> Registration | None:
        """Return a printer's registration, if it has one."""
        return self._by_id.get(printer)

    def ids(self) -> set[PrinterId]:
        """Return all printers."""
        return set(self._by_id)

    def add(self, registration: Registration) -> None:
        """Add or replace a registration; a revoked printer is not listened to.

        Ingest has no use for credentials, and most share templates and plates.
        """
        self.remove(registration.id)
        registration = replace(
            registration,
            credential=None,
            identification=self._plates.setdefault(
                registration.identification, registration.identification
            ),
            templates=self._templates.setdefault(registration.templates, registration.templates),
        )
        self._by_id[registration.id] = registration
        if registration.standing is Standing.REVOKED:
            return
        base = registration.base_topic
        self._left.pop(base.removesuffix("/"), None)
        (self._by_base if base.endswith("/") else self._glued)[base] = registration

    def remove(self, printer: PrinterId) -> None:
        """Forget a registration."""
        known = self._by_id.pop(printer, None)
        if known:
            self._by_base.pop(known.base_topic, None)
            self._glued.pop(known.base_topic, None)
            self._left[known.base_topic.removesuffix("/")] = None
            if len(self._left) > MAX_LEFT:
                del self._left[next(iter(self._left))]

    def has_left(self, base: str) -> bool:
        """Tell whether a printer had this base topic and was removed: what comes was on its way.

        The broker lets it in no more, and nothing shall be kept of it.
        """
        return base.removesuffix("/") in self._left

    def owner(self, topic: str) -> Registration | None:
        """Return the printer that publishes on ``topic``; the longest base wins.

        A report is about the printer in its topic, if the broker would let that in.
        """
        if is_report(topic):
            known = self._by_id.get(printer_of(topic))
            return known if known and known.standing is not Standing.REVOKED else None
        end = topic.rfind("/")
        while end >= 0:
            found = self._by_base.get(topic[: end + 1])
            if found:
                return found
            end = topic.rfind("/", 0, end)
        for base, registration in self._glued.items():
            if topic.startswith(base):
                return registration
        return None

    def filters(self) -> set[str]:
        """Return what to subscribe to: every base, reports, strangers under the standard root."""
        filters = {STANDARD_FILTER, REPORTS}
        for registration in (*self._by_base.values(), *self._glued.values()):
            for name in topic_filters(registration.base_topic, registration.templates):
                if not name.startswith(f"{STANDARD_ROOT}/"):
                    filters.add(name)
        return filters


def is_report(topic: str) -> bool:
    """Tell whether this is a topic of ours, on which a report by HTTP comes."""
    return topic.startswith(_REPORT)


def stranger_base(topic: str) -> str | None:
    """Guess the base topic of an unregistered printer from one of its default topics.

    It ends in a slash, unless that is what a printer of ours left out.
    """
    if slip := _GLUED.fullmatch(topic):
        return slip[1]
    levels = topic.split("/")
    if levels[-1] == "mqtt":
        return "/".join(levels[:-1]) + "/"
    for place in range(1, len(levels) - 1):
        if levels[place] in {"event", "temperature", "progress"} and place == len(levels) - 2:
            return "/".join(levels[:place]) + "/"
    return None
