"""Where the server listens, and which machines exist there."""

from collections.abc import Callable
from dataclasses import dataclass

from voxtrude.printer import PrinterId


def everything(_machine: PrinterId) -> bool:
    """Admit every machine."""
    return True


@dataclass(frozen=True, slots=True, eq=False)
class Endpoint:
    """An address and a port; ``admits`` is asked for each machine whenever it matters."""

    host: str
    port: int
    admits: Callable[[PrinterId], bool] = everything

    def __str__(self) -> str:
        """Return it as clients write it."""
        return f"opc.tcp://{self.host}:{self.port}"
