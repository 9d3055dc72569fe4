"""Which endpoints there are: those of the settings, and one for each machine with a port."""

from collections.abc import Iterator

import structlog

from services.opcua_bridge.server import Bridge
from services.opcua_bridge.stack.endpoints import Endpoint
from services.opcua_bridge.stack.listeners import Listener
from voxtrude.errors import SetupError
from voxtrude.opcua.scope import Scope
from voxtrude.opcua.settings import Opcua
from voxtrude.printer import PrinterId

log = structlog.get_logger()


class Ports:
    """The listeners, opened and closed as machines come and go."""

    def __init__(self, bridge: Bridge, settings: Opcua) -> None:
        self._bridge = bridge
        self._settings = settings
        self._listeners: dict[int, tuple[Scope, Listener]] = {}
        self._refused: set[tuple[int, Scope]] = set()

    async def open(self) -> None:
        """Listen where the settings say.

        Raises:
            SetupError: A port is taken.
        """
        for port, scope in self._settings.scopes().items():
            try:
                await self._listen(port, scope)
            except SetupError as error:
                name = "PORT" if port == self._settings.port else "ENDPOINTS"
                raise SetupError(f"VOXTRUDE_OPCUA_{name}: {error}") from None

    async def follow(self) -> None:
        """Listen where machines have a port of their own, and nowhere else beyond the settings."""
        if not self._settings.machine_ports:
            return
        fixed = self._settings.scopes()
        asked = dict.fromkeys(self._machine_ports())
        self._refused &= asked.keys()
        # A port is the machine's that has it, for as long as that one asks for it.
        wanted = {port: scope for port, (scope, _) in self._listeners.items() if port not in fixed}
        for port, scope in list(wanted.items()):
            if (port, scope) not in asked:
                del wanted[port]
                await self._listeners.pop(port)[1].stop()
        for port, scope in asked:
            holder = fixed.get(port) or wanted.setdefault(port, scope)
            if holder != scope:
                self._refuse(port, scope, f"port {port} serves {holder} already")
            elif port not in self._listeners:
                await self._try(port, scope)

    def _machine_ports(self) -> Iterator[tuple[int, Scope]]:
        for situation in self._bridge.machines.situations:
            plate = situation.document.printer
            if plate.opcua_port is not None:
                yield plate.opcua_port, Scope(machine=PrinterId(plate.id))

    async def _try(self, port: int, scope: Scope) -> None:
        try:
            await self._listen(port, scope)
        except SetupError as error:
            self._refuse(port, scope, str(error))
        else:
            self._refused.discard((port, scope))

    def _refuse(self, port: int, scope: Scope, reason: str) -> None:
        if (port, scope) not in self._refused:
            self._refused.add((port, scope))
            log.warning(
                "a machine's own port cannot be opened", machine=scope.machine, reason=reason
            )

    async def close(self) -> None:
        """End every listener, and the sessions that came through them."""
        for _, listener in self._listeners.values():
            await listener.stop()
        self._listeners.clear()

    async def _listen(self, port: int, scope: Scope) -> None:
        admits = self._bridge.machines.admission(scope)
        listener = Listener(self._bridge.core, Endpoint(self._settings.bind, port, admits))
        await listener.start()
        self._listeners[port] = scope, listener
