"""Tells whether the pipeline itself works: a level of its own, beside the printers'.

The last will says "stopped" for us, so that nobody takes old states for current ones.
"""

from datetime import datetime

from voxtrude import __version__
from voxtrude.errors import LinkError
from voxtrude.mqtt import Connection, Will
from voxtrude.notices import Condition, ServiceDocument
from voxtrude.topics import INGEST, service_topic

TOPIC = service_topic(INGEST)


def document(condition: Condition, since: datetime) -> bytes:
    """Return what is published."""
    told = ServiceDocument(service=INGEST, state=condition, since=since, release=__version__)
    return told.model_dump_json().encode()


def will(since: datetime) -> Will:
    """Return what the broker says for us when we are gone."""
    return Will(TOPIC, document(Condition.STOPPED, since))


class Presence:
    """Publishes each change of condition once."""

    def __init__(self, connection: Connection, since: datetime) -> None:
        self._connection = connection
        self._since = since
        self._condition = Condition.STOPPED

    def set(self, condition: Condition) -> None:
        """Say how the pipeline is, unless that is known."""
        if condition is self._condition:
            return
        self._condition = condition
        try:
            self._connection.send(TOPIC, document(condition, self._since), retain=True)
        except LinkError:
            return  # the broker has published the will; who waits on the link learns of it

    async def stop(self) -> None:
        """Say goodbye: a clean disconnect lets the broker drop the will."""
        try:
            await self._connection.publish(
                TOPIC, document(Condition.STOPPED, self._since), retain=True
            )
        except LinkError:
            return
