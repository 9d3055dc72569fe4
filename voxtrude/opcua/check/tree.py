"""A machine as it was found on a server: pure data."""

from collections.abc import Iterator
from dataclasses import dataclass, field

from asyncua import ua

from voxtrude.opcua.check.types import Name

MACHINERY = "http://opcfoundation.org/UA/Machinery/"
"""OPC 40001-1: what makes a server one of machines."""


@dataclass(slots=True, kw_only=True)
class Instance:
    """A node of a machine; ``path`` is the way from the machine, which has none itself."""

    node_id: ua.NodeId
    name: Name
    path: str
    node_class: ua.NodeClass
    type: ua.NodeId | None = None
    type_is_told: bool = True
    """Whether Browse told the type; else it took a second look."""

    data_type: ua.NodeId | None = None
    value_rank: int | None = None
    access: int | None = None
    value: ua.DataValue | None = None
    notifies: bool = False
    children: "list[Instance]" = field(default_factory=list)

    @property
    def is_variable(self) -> bool:
        """Whether it has a value."""
        return self.node_class is ua.NodeClass.Variable

    def walk(self) -> Iterator["Instance"]:
        """Yield it and all below it, each node once."""
        seen: set[ua.NodeId] = set()
        waiting = [self]
        while waiting:
            instance = waiting.pop()
            if instance.node_id not in seen:
                seen.add(instance.node_id)
                yield instance
                waiting.extend(reversed(instance.children))

    def below(self, *names: str) -> "Instance | None":
        """Follow browse names, whatever their namespaces."""
        found: Instance | None = self
        for text in names:
            if found is None:
                return None
            found = next((child for child in found.children if child.name.text == text), None)
        return found

    def plain(self) -> object:
        """Return the value without its wrapping; None where there is none, or a bad one."""
        if self.value is None or self.value.Value is None or is_bad(self.value):
            return None
        return self.value.Value.Value


def is_bad(value: ua.DataValue) -> bool:
    """Tell whether the status code says that there is no value (Part 4, 7.39)."""
    return value.StatusCode is not None and value.StatusCode.is_bad()


def text(value: object) -> str:
    """Return what a client shows of a String or a LocalizedText; empty where nothing."""
    if isinstance(value, ua.LocalizedText):
        return value.Text or ""
    return value if isinstance(value, str) else ""
