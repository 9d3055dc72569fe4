"""The one publisher: hands ingest what a printer's plugin reported by HTTP."""

from pydantic import BaseModel

from voxtrude.errors import LinkError
from voxtrude.mqtt import Connection
from voxtrude.printer import PrinterId
from voxtrude.topics import report_topic


class Reporter:
    """Publishes reports while the broker is there; nothing it can say reaches a printer."""

    def __init__(self) -> None:
        self._connection: Connection | None = None

    def use(self, connection: Connection | None) -> None:
        """Take the connection of this session, or none."""
        self._connection = connection

    async def report(self, printer: PrinterId, document: BaseModel) -> None:
        """Return once the broker has taken the report over.

        Raises:
            LinkError: The broker is away; whoever reported tries again.
        """
        if self._connection is None:
            raise LinkError("the broker is away")
        await self._connection.publish(report_topic(printer), document.model_dump_json().encode())
