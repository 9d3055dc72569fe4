"""What our own topics say: the retained states and the events that pass by, parsed.

A burst is coalesced: of one printer only the newest state counts. What cannot be read is
left out and told once a topic; ingest writes these documents, so it is most likely another
release's.
"""

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field

import structlog
from pydantic import ValidationError

from voxtrude.documents import PrinterDocument
from voxtrude.mqtt import Connection, Delivery
from voxtrude.notices import Condition, EventDocument, ServiceDocument
from voxtrude.printer import PrinterId
from voxtrude.topics import (
    EVENTS,
    INGEST,
    STATES,
    printer_of,
    service_topic,
)

log = structlog.get_logger()

BURST = 256
_INGEST = service_topic(INGEST)


@dataclass(slots=True)
class News:
    """What one burst of messages says, in the order in which it should be used.

    ``states`` holds None for a printer that is gone. ``complete`` tells that all retained
    states have been sent: who was not among them does not exist.
    """

    states: dict[PrinterId, PrinterDocument | None] = field(default_factory=dict)
    events: list[EventDocument] = field(default_factory=list)
    ingest: Condition | None = None
    complete: bool = False


class Feed:
    """Reads a connection; ``service``'s presence must have been published on it before."""

    def __init__(self, connection: Connection, service: str) -> None:
        self._connection = connection
        self._mark = service_topic(service)
        self._unreadable: set[str] = set()
        self._complete = False

    async def news(self) -> AsyncIterator[News]:
        """Yield what is heard, and acknowledge it once it was used.

        Raises:
            LinkError: The broker went away.
            SetupError: It does not let us listen.
        """
        connection = self._connection
        await connection.subscribe(STATES, EVENTS, _INGEST)
        # The broker sends what it keeps in the order of the subscriptions: our own presence,
        # which is always there, comes after the last state.
        await connection.subscribe(self._mark, own=True)
        while True:
            burst = await connection.take(BURST)
            yield self._read(burst)
            connection.acknowledge(burst)

    def _read(self, burst: Sequence[Delivery]) -> News:
        news = News()
        for delivery in burst:
            if delivery.topic == self._mark:
                news.complete = news.complete or not self._complete
                self._complete = True
                continue
            try:
                self._sort(delivery, news)
            except ValidationError as error:
                if delivery.topic not in self._unreadable:
                    self._unreadable.add(delivery.topic)
                    log.warning(
                        "document cannot be read", topic=delivery.topic, errors=error.error_count()
                    )
        return news

    def _sort(self, delivery: Delivery, news: News) -> None:
        topic, payload = delivery.topic, delivery.payload
        if topic == _INGEST:
            news.ingest = (
                ServiceDocument.model_validate_json(payload).state if payload else Condition.STOPPED
            )
        elif topic.endswith("/state"):
            printer = printer_of(topic)
            news.states[printer] = PrinterDocument.model_validate_json(payload) if payload else None
        elif topic.endswith("/events") and payload:
            news.events.append(EventDocument.model_validate_json(payload))
