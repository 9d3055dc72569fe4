"""Tells whether one of our own services works: a level of its own, beside the printers'.

The last will says "stopped" for it, so that nobody takes old states for current ones.
"""

from datetime import datetime

from voxtrude import __version__
from voxtrude.errors import LinkError
from voxtrude.mqtt import Connection, Will
from voxtrude.notices import Condition, ServiceDocument
from voxtrude.topics import service_topic


def document(service: str, condition: Condition, since: datetime) -> bytes:
    """Return what is published."""
    told = ServiceDocument(service=service, state=condition, since=since, release=__version__)
    return told.model_dump_json().encode()


def will(service: str, since: datetime) -> Will:
    """Return what the broker says for a service that is gone."""
    return Will(service_topic(service), document(service, Condition.STOPPED, since))


class Presence:
    """Publishes each change of condition once."""

    def __init__(self, connection: Connection, service: str, since: datetime) -> None:
        self._connection = connection
        self._service = service
        self._topic = service_topic(service)
        self._since = since
        self._condition = Condition.STOPPED

    def set(self, condition: Condition) -> None:
        """Say how the service is, unless that is known."""
        if condition is self._condition:
            return
        self._condition = condition
        try:
            self._connection.send(self._topic, self._document(condition), retain=True)
        except LinkError:
            return  # the broker has published the will; who waits on the link learns of it

    async def stop(self) -> None:
        """Say goodbye: a clean disconnect lets the broker drop the will."""
        try:
            await self._connection.publish(
                self._topic, self._document(Condition.STOPPED), retain=True
            )
        except LinkError:
            return

    def _document(self, condition: Condition) -> bytes:
        return document(self._service, condition, self._since)
