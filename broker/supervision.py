"""The native stack's process runner, asked to stop and start the broker."""

import asyncio
import http.client
import xmlrpc.client
from pathlib import Path

from voxtrude.errors import LinkError

NOT_RUNNING = 70  # supervisor.xmlrpc.Faults
ALREADY_STARTED = 60


class Supervisor:
    """supervisord behind its socket; ``program`` is the broker's name there."""

    def __init__(self, socket: Path, program: str) -> None:
        self._socket = socket
        self._program = program

    async def stop(self) -> None:
        """Stop the broker and return once it has ended; it may have ended before.

        Raises:
            LinkError: supervisord is away, or could not.
        """
        await asyncio.to_thread(self._call, "stopProcess", NOT_RUNNING)

    async def start(self) -> None:
        """Start the broker and return once it runs; it may run already.

        Raises:
            LinkError: supervisord is away, or could not.
        """
        await asyncio.to_thread(self._call, "startProcess", ALREADY_STARTED)

    def _call(self, method: str, harmless: int) -> None:
        # Only the native stack has supervisor installed; containers have no use for it.
        from supervisor.xmlrpc import (  # type: ignore[import-untyped]  # noqa: PLC0415
            SupervisorTransport,
        )

        transport = SupervisorTransport(None, None, f"unix://{self._socket}")
        try:
            with xmlrpc.client.ServerProxy("http://localhost", transport=transport) as proxy:
                getattr(proxy.supervisor, method)(self._program)
        except xmlrpc.client.Fault as fault:
            if fault.faultCode != harmless:
                raise LinkError(f"supervisord: {method}: {fault.faultString}") from None
        except (OSError, http.client.HTTPException, xmlrpc.client.Error) as error:
            raise LinkError(f"no supervisord at {self._socket}: {error}") from None
