"""How the rows of a machine are written down: one function a kind of node."""

from services.opcua_bridge.mapping.nodes import (
    Builtin,
    Data,
    Kind,
    Link,
    Name,
    Namespace,
    Node,
    Read,
)

UA = Namespace.UA
PROPERTY = Name(UA, "PropertyType")
PLAIN = Name(UA, "BaseDataVariableType")

BOOLEAN = Data(Name(UA, "Boolean"), Builtin.BOOLEAN)
UINT16 = Data(Name(UA, "UInt16"), Builtin.UINT16)
UINT32 = Data(Name(UA, "UInt32"), Builtin.UINT32)
UINT64 = Data(Name(UA, "UInt64"), Builtin.UINT64)
DOUBLE = Data(Name(UA, "Double"), Builtin.DOUBLE)
DURATION = Data(Name(UA, "Duration"), Builtin.DOUBLE)
STRING = Data(Name(UA, "String"), Builtin.STRING)
STRINGS = Data(Name(UA, "String"), Builtin.STRING, is_list=True)
TEXT = Data(Name(UA, "LocalizedText"), Builtin.LOCALIZED_TEXT)
UTC_TIME = Data(Name(UA, "UtcTime"), Builtin.DATE_TIME)
NODE_ID = Data(Name(UA, "NodeId"), Builtin.NODE_ID)
RANGE = Data(Name(UA, "Range"), Builtin.STRUCTURE)
UNIT = Data(Name(UA, "EUInformation"), Builtin.STRUCTURE)
ARGUMENTS = Data(Name(UA, "Argument"), Builtin.STRUCTURE, is_list=True)


def enumeration(namespace: Namespace, name: str) -> Data:
    """Return the data type of an enumeration; on the wire it is an Int32."""
    return Data(Name(namespace, name), Builtin.INT32)


def thing(
    path: str,
    namespace: Namespace,
    type_: Name,
    *,
    link: Link = Link.COMPONENT,
    notifies: bool = False,
    also: tuple[str, ...] = (),
    fact: str = "",
) -> Node:
    """Return an object; its browse name is the last part of its path."""
    return Node(
        path=path,
        name=Name(namespace, leaf(path)),
        kind=Kind.OBJECT,
        type=type_,
        link=link,
        notifies=notifies,
        also=also,
        fact=fact,
    )


def variable(
    path: str,
    namespace: Namespace,
    data: Data,
    value: object,
    *,
    read: Read | None = None,
    type_: Name = PLAIN,
    fact: str = "",
) -> Node:
    """Return a variable that is a component of its parent."""
    return Node(
        path=path,
        name=Name(namespace, leaf(path)),
        kind=Kind.VARIABLE,
        type=type_,
        data=data,
        value=value,
        read=read,
        fact=fact,
    )


def attribute(
    path: str,
    namespace: Namespace,
    data: Data,
    value: object,
    *,
    read: Read | None = None,
    fact: str = "",
) -> Node:
    """Return a property: a variable that tells of its parent."""
    return Node(
        path=path,
        name=Name(namespace, leaf(path)),
        kind=Kind.VARIABLE,
        type=PROPERTY,
        link=Link.PROPERTY,
        data=data,
        value=value,
        read=read,
        fact=fact,
    )


def version(path: str) -> Node:
    """Return the property of the node at ``path`` by which clients hear of what hangs there.

    Without it no model change event tells that nodes came or went (Part 3, 9.32.2).
    """
    return attribute(
        f"{path}/NodeVersion", UA, STRING, "0", fact="another one when a node came here or went"
    )


def leaf(path: str) -> str:
    """Return the last part of ``path``."""
    return path.rpartition("/")[2]
