"""A plain stream of printers: each retained document as it is, to everybody who listens.

``python portal_stream.py ORDER``, a JSON object: ``port`` to listen on, ``broker`` (its port),
``username``, ``password_file``, and ``beat``, the seconds for which a listener's documents are
collected (0: none is). FastAPI, uvicorn and the same way to the broker as the product's; no
accounts, no owners, no words for people, and no thought of what a page has already.
"""

import asyncio
import json
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import uvicorn
from fastapi import FastAPI
from fastapi.responses import StreamingResponse
from pydantic import SecretStr

from voxtrude import mqtt
from voxtrude.settings import Mqtt
from voxtrude.topics import STATES

BURST = 256


@dataclass(eq=False, slots=True)
class Listener:
    """Somebody who listens, and what he has not got yet."""

    pending: dict[str, bytes]
    changed: asyncio.Event = field(default_factory=asyncio.Event)


class Station:
    """Passes on what the broker says."""

    def __init__(self, order: dict[str, Any]) -> None:
        username = order["username"]
        password = SecretStr(Path(order["password_file"]).read_text())
        self._login = Mqtt(port=order["broker"], username=username, password=password)
        self._beat: float = order["beat"]
        self._latest: dict[str, bytes] = {}
        self._listeners: set[Listener] = set()

    async def listen(self) -> None:
        """Follow the broker for ever."""
        async with mqtt.connect(self._login, str(self._login.username)) as connection:
            await connection.subscribe(STATES)
            while True:
                burst = await connection.take(BURST)
                for delivery in burst:
                    self._latest[delivery.topic] = delivery.payload
                    for listener in self._listeners:
                        listener.pending[delivery.topic] = delivery.payload
                        listener.changed.set()
                connection.acknowledge(burst)

    async def told(self) -> AsyncIterator[bytes]:
        """Yield everything there is, then everything that comes."""
        listener = Listener(dict(self._latest))
        listener.changed.set()
        self._listeners.add(listener)
        try:
            while True:
                await listener.changed.wait()
                listener.changed.clear()
                pending, listener.pending = listener.pending, {}
                yield b"".join(b"data: %b\n\n" % document for document in pending.values())
                await asyncio.sleep(self._beat)
        finally:
            self._listeners.discard(listener)


def make_site(station: Station) -> FastAPI:
    """Return the application."""

    @asynccontextmanager
    async def lifespan(_site: FastAPI) -> AsyncIterator[None]:
        listening = asyncio.create_task(station.listen())
        yield
        listening.cancel()

    site = FastAPI(lifespan=lifespan)

    @site.get("/live")
    async def live() -> StreamingResponse:
        return StreamingResponse(station.told(), media_type="text/event-stream")

    return site


if __name__ == "__main__":
    order = json.loads(sys.argv[1])
    uvicorn.run(make_site(Station(order)), port=order["port"], access_log=False)
