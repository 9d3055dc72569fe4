"""The Read service as the specification has it (Part 4, 5.11.2), for one client's machines.

asyncua's own ignores index ranges, data encodings, the age and the timestamps asked for.
"""

from asyncua import ua
from asyncua.common.utils import ServiceError
from asyncua.ua.attribute_ids import AttributeIds
from asyncua.ua.status_codes import StatusCodes

from services.opcua_bridge.addressspace.continuation import Admits
from services.opcua_bridge.addressspace.space import MachineSpace
from services.opcua_bridge.limits import Limits
from services.opcua_bridge.ranges import IndexRange, RangeError
from voxtrude.process import utc_now

_VALUE = int(AttributeIds.Value)
_BINARY = ua.QualifiedName("Default Binary")
_TIMESTAMPS = frozenset(
    {
        ua.TimestampsToReturn.Source,
        ua.TimestampsToReturn.Server,
        ua.TimestampsToReturn.Both,
        ua.TimestampsToReturn.Neither,
    }
)


class Attributes:
    """Read; a value whose timestamps are as asked for is the one that the space keeps."""

    def __init__(self, space: MachineSpace, limits: Limits) -> None:
        self._space = space
        self._limits = limits

    def read(self, params: ua.ReadParameters, admits: Admits) -> list[ua.DataValue]:
        """Return the values of some attributes, or why there are none.

        Raises:
            ServiceError: The request as a whole makes no sense.
        """
        if not params.NodesToRead:
            raise ServiceError(StatusCodes.BadNothingToDo)
        if len(params.NodesToRead) > self._limits.reads:
            raise ServiceError(StatusCodes.BadTooManyOperations)
        if not params.MaxAge >= 0:  # nor is it a number that cannot be compared
            raise ServiceError(StatusCodes.BadMaxAgeInvalid)
        if params.TimestampsToReturn not in _TIMESTAMPS:
            raise ServiceError(StatusCodes.BadTimestampsToReturnInvalid)
        room = self._limits.response
        values = []
        for one in params.NodesToRead:
            value = self._one(one, params.TimestampsToReturn, admits)
            room -= _weight(value)
            if room < 0:  # found before it is encoded, which would take all the time and memory
                raise ServiceError(StatusCodes.BadResponseTooLarge)
            values.append(value)
        return values

    def _one(
        self, what: ua.ReadValueId, stamps: ua.TimestampsToReturn, admits: Admits
    ) -> ua.DataValue:
        machine = self._space.machine_of(what.NodeId)
        if machine is not None and not admits(machine):
            return _failed(StatusCodes.BadNodeIdUnknown)
        value = self._space.read_attribute_value(what.NodeId, what.AttributeId)
        if what.DataEncoding is not None and what.DataEncoding.Name:
            refused = _encoding_refused(what, value)
            if refused is not None:
                return _failed(refused)
        if what.IndexRange:
            try:
                value = IndexRange.parsed(what.IndexRange).of(value)
            except RangeError:
                return _failed(StatusCodes.BadIndexRangeInvalid)
        return stamped(value, stamps) if what.AttributeId == _VALUE else value


def stamped(value: ua.DataValue, stamps: ua.TimestampsToReturn) -> ua.DataValue:
    """Return ``value`` with the timestamps asked for: the same object where it has just them."""
    source = stamps in {ua.TimestampsToReturn.Source, ua.TimestampsToReturn.Both}
    server = stamps in {ua.TimestampsToReturn.Server, ua.TimestampsToReturn.Both}
    has_server = value.ServerTimestamp is not None
    if (source or value.SourceTimestamp is None) and has_server == server:
        return value
    now = value.ServerTimestamp or utc_now()
    return ua.DataValue(
        value.Value,
        value.StatusCode,
        SourceTimestamp=value.SourceTimestamp if source else None,
        ServerTimestamp=now if server else None,  # type: ignore[arg-type]  # it means datetime
    )


def _weight(value: ua.DataValue) -> int:
    """Return how many bytes a text takes at least; the standard has dictionaries of 300 kB."""
    content = None if value.Value is None else value.Value.Value
    return len(content) if isinstance(content, str | bytes) else 0


def _encoding_refused(what: ua.ReadValueId, value: ua.DataValue) -> int | None:
    """Return why the value cannot be had in the encoding (Part 4, table of Read's results)."""
    variant = value.Value
    structure = variant is not None and variant.VariantType is ua.VariantType.ExtensionObject
    if what.AttributeId != _VALUE or not structure:
        return int(StatusCodes.BadDataEncodingInvalid)
    if what.DataEncoding != _BINARY:
        return int(StatusCodes.BadDataEncodingUnsupported)
    return None


def _failed(code: int) -> ua.DataValue:
    return ua.DataValue(StatusCode=ua.StatusCode(ua.UInt32(code)))
