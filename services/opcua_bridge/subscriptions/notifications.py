"""The binary form of what a subscription publishes (OPC 10000-4, 7.25; OPC 10000-6, 5.2).

asyncua encodes a message through a serializer for each field of each notification. Here the
body of a DataChangeNotification is put together from the items' handles and the bytes that a
``SharedValue`` keeps, and handed to asyncua as an ExtensionObject that already has its body.
"""

import struct
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime

import structlog
from asyncua import ua
from asyncua.ua import ua_binary
from asyncua.ua.object_ids import ObjectIds
from asyncua.ua.status_codes import StatusCodes
from asyncua.ua.uaerrors import UaError

from services.opcua_bridge.values import SharedValue

STANDS_ON = {
    "asyncua.ua.ua_binary:extensionobject_to_binary": "565ac74ef0efac40",
    "asyncua.ua.ua_binary:create_dataclass_serializer": "76225d0ea8f294b2",
    "asyncua.ua.ua_binary:variant_to_binary": "62b1add89490db8d",
    "asyncua.ua.uatypes:ExtensionObject": "88f3edc4ae813d87",
    "asyncua.ua.uatypes:DataValue": "bf227d3a7e2eb5ef",
}

_log = structlog.get_logger(__name__)

_UINT32 = struct.Struct("<I").pack
_INT32 = struct.Struct("<i").pack
_DATE_TIME = ua_binary.Primitives.DateTime.pack
_NO_DIAGNOSTICS = _INT32(-1)
_BOTH = ua.TimestampsToReturn.Both
_SOURCE = frozenset({ua.TimestampsToReturn.Source, _BOTH})
_SERVER = frozenset({ua.TimestampsToReturn.Server, _BOTH})

_DATA_CHANGE = ua.FourByteNodeId(ua.Int32(ObjectIds.DataChangeNotification_Encoding_DefaultBinary))
_EVENTS = ua.FourByteNodeId(ua.Int32(ObjectIds.EventNotificationList_Encoding_DefaultBinary))

handle_bytes = _UINT32
"""The binary form of a client handle."""


def value_bytes(value: ua.DataValue, timestamps: int) -> bytes:
    """Return the binary form of ``value`` with these of its timestamps (OPC 10000-6, 5.2.2.17).

    ``timestamps`` is a ``ua.TimestampsToReturn``. What cannot be encoded is told to the
    client as BadEncodingError: one wrong value shall not stop all others.
    """
    if isinstance(value, SharedValue):
        known = value.encoded[timestamps]
        if known is None:
            known = value.encoded[timestamps] = _encoded(value, timestamps)
        return known
    return _encoded(value, timestamps)


def _encoded(value: ua.DataValue, timestamps: int) -> bytes:
    mask = 0
    parts = [b""]
    status = 0 if value.StatusCode is None else value.StatusCode.value
    if value.Value is not None and value.Value.VariantType is not ua.VariantType.Null:
        try:
            parts.append(ua_binary.variant_to_binary(value.Value))
            mask |= 0x01
        except (UaError, AttributeError, TypeError, ValueError) as error:
            _log.warning("a value cannot be encoded", error=str(error))
            status = StatusCodes.BadEncodingError
    if status:
        mask |= 0x02
        parts.append(_UINT32(status))
    if value.SourceTimestamp is not None and timestamps in _SOURCE:
        mask |= 0x04
        parts.append(_DATE_TIME(value.SourceTimestamp))
    if timestamps in _SERVER:
        mask |= 0x08
        at = value.ServerTimestamp or datetime.now(UTC)  # a node of asyncua's may have none
        parts.append(_DATE_TIME(at))
    parts[0] = bytes((mask,))
    return b"".join(parts)


def data_change(parts: Sequence[bytes]) -> ua.ExtensionObject:
    """Return a DataChangeNotification; ``parts`` are handles and values in turn."""
    count = _INT32(len(parts) // 2)
    return ua.ExtensionObject(
        _DATA_CHANGE, ua.ByteString(b"".join((count, *parts, _NO_DIAGNOSTICS)))
    )


def event_bytes(fields: Iterable[ua.Variant]) -> bytes:
    """Return the binary form of an event's fields, without the client handle."""
    parts = [ua_binary.variant_to_binary(field) for field in fields]
    return b"".join((_INT32(len(parts)), *parts))


def event_list(parts: Sequence[bytes]) -> ua.ExtensionObject:
    """Return an EventNotificationList; ``parts`` are handles and fields in turn."""
    return ua.ExtensionObject(_EVENTS, ua.ByteString(b"".join((_INT32(len(parts) // 2), *parts))))
