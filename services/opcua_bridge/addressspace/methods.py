"""The Call service as the specification has it (Part 4, 5.12.2), for one client's machines.

asyncua's own neither looks whether the object has the method nor at the arguments, and runs
what is no coroutine in a thread.
"""

from collections.abc import Sequence

from asyncua import ua
from asyncua.common.utils import ServiceError
from asyncua.server.address_space import MethodService
from asyncua.ua.attribute_ids import AttributeIds
from asyncua.ua.object_ids import ObjectIds
from asyncua.ua.status_codes import StatusCodes

from services.opcua_bridge.addressspace.continuation import Admits
from services.opcua_bridge.addressspace.plan import PlannedNode
from services.opcua_bridge.addressspace.space import MachineSpace
from services.opcua_bridge.addressspace.views import Views, everyone
from services.opcua_bridge.limits import Limits
from services.opcua_bridge.mapping.nodes import Kind
from voxtrude.printer import PrinterId

STANDS_ON: dict[str, str] = {
    "asyncua.server.address_space:MethodService": "bc7dbed2444db29f",
}

_HAS_SUBTYPE = ua.NodeId(ua.Int32(ObjectIds.HasSubtype))
_HAS_COMPONENT = ua.NodeId(ua.Int32(ObjectIds.HasComponent))
_INPUT_ARGUMENTS = ua.QualifiedName("InputArguments")
_ENUMERATION = ua.NodeId(ua.Int32(ObjectIds.Enumeration))
_INT32 = ua.NodeId(ua.Int32(ObjectIds.Int32))  # what carries enumerations (Part 6, 5.2.4)


class Refused(Exception):  # noqa: N818  # no error of ours: an answer
    """What a handler raises instead of an answer: a status code for the client."""

    def __init__(self, code: int) -> None:
        super().__init__(f"{code:#010x}")
        self.code = code


class Methods(MethodService):
    """Call: the machines' methods by the space's handlers, others by asyncua's callbacks."""

    def __init__(self, space: MachineSpace, views: Views, limits: Limits) -> None:
        super().__init__(space)
        self._space = space
        self._views = views
        self._limits = limits

    async def call(
        self, methods: list[ua.CallMethodRequest], admits: Admits = everyone
    ) -> list[ua.CallMethodResult]:
        """Call some methods, one after the other.

        Raises:
            ServiceError: The request as a whole makes no sense.
        """
        if not methods:
            raise ServiceError(StatusCodes.BadNothingToDo)
        if len(methods) > self._limits.calls:
            raise ServiceError(StatusCodes.BadTooManyOperations)
        return [await self._called(method, admits) for method in methods]

    async def _called(self, method: ua.CallMethodRequest, admits: Admits) -> ua.CallMethodResult:
        try:
            return await self._answer(method, admits)
        except Refused as error:
            return ua.CallMethodResult(ua.StatusCode(ua.UInt32(error.code)))

    async def _answer(self, method: ua.CallMethodRequest, admits: Admits) -> ua.CallMethodResult:
        if not self._views.exists(method.ObjectId, admits):
            raise Refused(StatusCodes.BadNodeIdUnknown)
        if not self._views.exists(method.MethodId, admits):
            raise Refused(StatusCodes.BadMethodInvalid)
        found = self._space.planned(method.ObjectId)
        if found is not None:
            return self._of_machine(method, *found)
        if not self._has(method.ObjectId, method.MethodId):
            raise Refused(StatusCodes.BadMethodInvalid)
        if self._space[method.MethodId].call is None:
            raise Refused(StatusCodes.BadNotImplemented)
        return await self._call(method)

    def _of_machine(
        self, method: ua.CallMethodRequest, machine: PrinterId, node: PlannedNode
    ) -> ua.CallMethodResult:
        planned = self._meant(method.MethodId, machine, node)
        handler = self._space.handler(planned.path)
        if handler is None:
            raise Refused(StatusCodes.BadNotImplemented)
        arguments = method.InputArguments or []
        results = self._checked(planned, arguments)
        if not all(one.is_good() for one in results):
            status = ua.StatusCode(ua.UInt32(StatusCodes.BadInvalidArgument))
            return ua.CallMethodResult(status, InputArgumentResults=results)
        answer = handler(machine, arguments)
        return ua.CallMethodResult(
            ua.StatusCode(ua.UInt32(answer.code)),
            InputArgumentResults=results,
            OutputArguments=list(answer.outputs),
        )

    def _meant(self, method: ua.NodeId, machine: PrinterId, on: PlannedNode) -> PlannedNode:
        """Return the object's method, called by its own NodeId or by that of its type."""
        wanted = None
        known = self._space.planned(method)
        if known is not None and known[0] == machine:
            wanted = known[1].name
        elif known is None and self._has(on.type, method):
            name = self._space.read_attribute_value(method, AttributeIds.BrowseName)
            wanted = None if name.Value is None else name.Value.Value
        for one in on.references:
            target = one.target
            if one.forward and target.node.kind is Kind.METHOD and target.name == wanted:
                return target
        raise Refused(StatusCodes.BadMethodInvalid)

    def _has(self, owner: ua.NodeId, method: ua.NodeId) -> bool:
        """Return whether the object or type, or a type above it, has the method."""
        components = self._views.subtypes(_HAS_COMPONENT)
        node: ua.NodeId | None = owner
        while node is not None:
            above = None
            for one in self._space.references(node) or ():
                if one.IsForward and one.NodeId == method and one.ReferenceTypeId in components:
                    return True
                if one.ReferenceTypeId == _HAS_SUBTYPE and not one.IsForward:
                    above = one.NodeId
            node = above
        return False

    def _checked(self, method: PlannedNode, given: Sequence[ua.Variant]) -> list[ua.StatusCode]:
        """Return for each argument whether it is what the method takes."""
        declared: Sequence[ua.Argument] = ()
        for one in method.references:
            constant = one.target.value if one.target.name == _INPUT_ARGUMENTS else None
            if one.forward and constant is not None and constant.Value is not None:
                declared = constant.Value.Value or ()
        if len(given) < len(declared):
            raise Refused(StatusCodes.BadArgumentsMissing)
        if len(given) > len(declared):
            raise Refused(StatusCodes.BadTooManyArguments)
        return [
            ua.StatusCode()
            if self._fits(argument, variant)
            else ua.StatusCode(ua.UInt32(StatusCodes.BadTypeMismatch))
            for argument, variant in zip(declared, given, strict=True)
        ]

    def _fits(self, argument: ua.Argument, variant: ua.Variant) -> bool:
        rank = argument.ValueRank
        if rank == ua.ValueRank.Scalar and variant.is_array:
            return False
        if rank >= ua.ValueRank.OneOrMoreDimensions and not variant.is_array:
            return False
        carried = ua.NodeId(ua.Int32(variant.VariantType.value))
        if carried in self._views.subtypes(argument.DataType):  # Number, for one, is abstract
            return True
        kind: ua.NodeId | None = argument.DataType
        while kind is not None and kind != carried:
            kind = _INT32 if kind == _ENUMERATION else self._above(kind)
        return kind is not None

    def _above(self, kind: ua.NodeId) -> ua.NodeId | None:
        for one in self._space.references(kind) or ():
            if one.ReferenceTypeId == _HAS_SUBTYPE and not one.IsForward:
                above: ua.NodeId = one.NodeId
                return above
        return None
