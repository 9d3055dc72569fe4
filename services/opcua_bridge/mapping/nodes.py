"""The words in which a machine is described: pure data, nothing of a library.

A machine is a tuple of ``Node``; each has a path below the machine, which is also the rest
of its NodeId (``<printer id>/<path>``). Values are Python's own, and ``encoding`` makes
OPC UA's of them.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from enum import Enum, StrEnum
from typing import TYPE_CHECKING, NamedTuple

from services.opcua_bridge.mapping.quality import Quality

if TYPE_CHECKING:
    from services.opcua_bridge.mapping.situation import Situation


class Namespace(StrEnum):
    """The namespaces, by their URIs."""

    UA = "http://opcfoundation.org/UA/"
    DI = "http://opcfoundation.org/UA/DI/"
    IA = "http://opcfoundation.org/UA/IA/"
    MACHINERY = "http://opcfoundation.org/UA/Machinery/"
    IRDI = "http://opcfoundation.org/UA/Dictionary/IRDI"
    PADIM = "http://opcfoundation.org/UA/PADIM/"
    PROCESS_VALUES = "http://opcfoundation.org/UA/Machinery/ProcessValues/"
    ISA95 = "http://opcfoundation.org/UA/ISA95-JOBCONTROL_V2/"
    JOBS = "http://opcfoundation.org/UA/Machinery/Jobs/"
    MACHINE_TOOL = "http://opcfoundation.org/UA/MachineTool/"
    ADDITIVE = "http://opcfoundation.org/UA/AdditiveManufacturing/"
    MACHINES = "urn:voxtrude:machines"
    """Ours: the machines' NodeIds, and what no specification names."""


@dataclass(frozen=True, slots=True)
class Name:
    """A qualified name: of a node, or of a type."""

    namespace: Namespace
    text: str


@dataclass(frozen=True, slots=True)
class Id:
    """A numeric NodeId of a specification."""

    namespace: Namespace
    number: int


class Kind(Enum):
    """The node classes that a machine is made of; the values are OPC UA's (Part 3, 5.2)."""

    OBJECT = 1
    VARIABLE = 2
    METHOD = 4


class Link(Enum):
    """How a node hangs on its parent: reference types of namespace 0, by their numbers."""

    COMPONENT = 47
    PROPERTY = 46
    ADD_IN = 17604
    ORGANIZES = 35
    ORDERED = 49


class Builtin(Enum):
    """The built-in types a value can have; the values are OPC UA's (Part 6, 5.1.2)."""

    BOOLEAN = 1
    BYTE = 3
    UINT16 = 5
    INT32 = 6
    UINT32 = 7
    UINT64 = 9
    DOUBLE = 11
    STRING = 12
    DATE_TIME = 13
    NODE_ID = 17
    LOCALIZED_TEXT = 21
    STRUCTURE = 22


@dataclass(frozen=True, slots=True)
class Data:
    """A variable's data type, the built-in type that carries it, and whether it is a list."""

    type: Name
    builtin: Builtin
    is_list: bool = False


class Reading(NamedTuple):
    """A value, how good it is, and when it was observed (None: as old as the machine).

    Each state of a printer makes some sixty: a tuple is made, and compared, in half the time.
    """

    value: object
    quality: Quality = Quality.GOOD
    at: datetime | None = None


Read = Callable[["Situation"], Reading]


@dataclass(frozen=True, slots=True, kw_only=True)
class Node:
    """One node of a machine; ``path`` is empty for the machine itself.

    ``value`` is a constant, or what stands there until ``read`` is asked the first time.
    """

    path: str
    name: Name
    kind: Kind
    type: Name | None = None
    link: Link = Link.COMPONENT
    data: Data | None = None
    value: object = None
    read: Read | None = None
    notifies: bool = False
    """Whether one can subscribe to its events."""

    also: tuple[str, ...] = ()
    """The paths of other nodes that it hangs on by the same link; they come before it."""

    fact: str = ""
    """What fills it, for docs/opcua-mapping.md."""
