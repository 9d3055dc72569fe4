"""Who watches which attribute of a machine's nodes."""

from collections.abc import Awaitable, Callable, Generator, Iterator

from asyncua import ua
from asyncua.ua.attribute_ids import AttributeIds

STANDS_ON: dict[str, str] = {
    "asyncua.server.address_space:AddressSpace.write_attribute_value": "5887d38687e80d67",
    "asyncua.server.address_space:NodeManagementService._delete_node_callbacks": "5c567677e66b6baa",
}

Watcher = Callable[[ua.DataValue], None]
Callback = Callable[..., Awaitable[None]]
"""What asyncua calls with a handle, a value, and when the node vanished with a status code."""

VALUE = int(AttributeIds.Value)


class Watchers:
    """One machine's; they outlive it, for it may come back (Part 4, 5.13.1.1)."""

    def __init__(self) -> None:
        self._values: dict[str, dict[int, Watcher]] = {}
        self._others: dict[tuple[str, int], dict[int, Watcher]] = {}

    def __bool__(self) -> bool:
        """Return whether anybody watches."""
        return bool(self._values or self._others)

    def __iter__(self) -> Iterator[tuple[str, int]]:
        """Return what is watched: paths and attributes."""
        yield from [(path, VALUE) for path in self._values]
        yield from list(self._others)

    def add(self, path: str, attribute: int, handle: int, watcher: Watcher) -> None:
        """Let ``watcher`` be told of the attribute."""
        if attribute == VALUE:
            self._values.setdefault(path, {})[handle] = watcher
        else:
            self._others.setdefault((path, attribute), {})[handle] = watcher

    def discard(self, path: str, attribute: int, handle: int) -> None:
        """Tell the watcher with this handle no more."""
        if attribute == VALUE:
            self._values[path].pop(handle)
            if not self._values[path]:
                del self._values[path]
        else:
            self._others[path, attribute].pop(handle)
            if not self._others[path, attribute]:
                del self._others[path, attribute]

    def tell(self, path: str, value: ua.DataValue) -> None:
        """Tell of a variable's value."""
        if path in self._values:
            for watcher in tuple(self._values[path].values()):
                watcher(value)

    def tell_attribute(self, path: str, attribute: int, value: ua.DataValue) -> None:
        """Tell of any attribute."""
        if attribute == VALUE:
            self.tell(path, value)
        elif (path, attribute) in self._others:
            for watcher in tuple(self._others[path, attribute].values()):
                watcher(value)


class _Done:
    """Nothing to wait for.

    asyncua awaits a callback when a value changes and forgets to when it deletes the node:
    what is done at the call need not care. A coroutine would do once ``delete_nodes`` of a
    watched node warns of none that was never awaited.
    """

    def __await__(self) -> Generator[None]:
        return
        yield


_DONE = _Done()


def callback(watcher: Watcher) -> Callback:
    """Return ``watcher`` as asyncua's own nodes call it."""

    def call(
        _handle: int, value: ua.DataValue | None, status: ua.StatusCode | None = None
    ) -> Awaitable[None]:
        watcher(ua.DataValue(StatusCode=status) if value is None else value)
        return _DONE

    return call
