"""The messages that a client has not acknowledged (OPC 10000-4, 5.14.1.2)."""

from asyncua import ua

from services.opcua_bridge.limits import Limits

_LAST_NUMBER = 0xFFFFFFFF


class Retransmission:
    """The messages of one subscription, by their sequence numbers; the oldest go first."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._messages: dict[int, tuple[ua.NotificationMessage, int]] = {}
        self._bytes = 0
        self.next_number = 1

    @property
    def numbers(self) -> list[int]:
        """The sequence numbers that can be had again."""
        return list(self._messages)

    def keep(self, message: ua.NotificationMessage, size: int) -> None:
        """Keep the message with the next number, of ``size`` bytes.

        The latest one is kept however large it is.
        """
        self._messages[self.next_number] = message, size
        self._bytes += size
        self.next_number = self.next_number + 1 if self.next_number < _LAST_NUMBER else 1
        while len(self._messages) > 1 and (
            len(self._messages) > self._limits.unacknowledged
            or self._bytes > self._limits.unacknowledged_bytes
        ):
            self.forget(next(iter(self._messages)))

    def get(self, number: int) -> ua.NotificationMessage | None:
        """Return a message, as often as it is asked for."""
        found = self._messages.get(number)
        return found and found[0]

    def forget(self, number: int) -> bool:
        """Forget a message; return whether there was one."""
        found = self._messages.pop(number, None)
        if found is None:
            return False
        self._bytes -= found[1]
        return True

    def clear(self) -> None:
        """Forget all."""
        self._messages.clear()
        self._bytes = 0
