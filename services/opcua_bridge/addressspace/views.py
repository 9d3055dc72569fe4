"""The View services as the specification has them (Part 4, 5.9), for one client's machines.

asyncua's own walk the reference types anew for every reference, know no continuation
points, no result mask and no view, and answer some errors by another code. Machines that
the client's endpoint does not admit do not exist for it, whichever way it asks.
"""

from collections.abc import Iterator, Sequence

from asyncua import ua
from asyncua.common.utils import ServiceError
from asyncua.server.address_space import ViewService
from asyncua.ua.attribute_ids import AttributeIds
from asyncua.ua.object_ids import ObjectIds
from asyncua.ua.status_codes import StatusCodes

from services.opcua_bridge.addressspace.attributes import Attributes
from services.opcua_bridge.addressspace.continuation import Admits, ContinuationPoints, Pending
from services.opcua_bridge.addressspace.space import MachineSpace
from services.opcua_bridge.limits import Limits
from voxtrude.printer import PrinterId

STANDS_ON: dict[str, str] = {
    "asyncua.server.address_space:ViewService": "65954d3dd43a55c2",
}

_HAS_SUBTYPE = ua.NodeId(ua.Int32(ObjectIds.HasSubtype))
_WHOLE_PATH = ua.Index(0xFFFFFFFF)  # Part 4, 5.9.4.2: no part of the path remains
_EVERYTHING = 0x3F  # every field of a reference (Part 4, 5.9.2.2)


def everyone(_machine: PrinterId) -> bool:
    """Admit every machine."""
    return True


class Views(ViewService):
    """Browse, BrowseNext and TranslateBrowsePathsToNodeIds; and Read, see ``attributes``."""

    def __init__(self, space: MachineSpace, limits: Limits) -> None:
        super().__init__(space)
        self._space = space
        self._limits = limits
        self._attributes = Attributes(space, limits)
        self._subtypes: dict[ua.NodeId, frozenset[ua.NodeId]] = {}

    def visible(self, node_id: ua.NodeId, admits: Admits) -> bool:
        """Return whether the node, if there is one, is no machine's that is not admitted."""
        machine = self._space.machine_of(node_id)
        return machine is None or admits(machine)

    def exists(self, node_id: ua.NodeId, admits: Admits) -> bool:
        """Return whether there is such a node for the client."""
        return node_id in self._space and self.visible(node_id, admits)

    def read(self, params: ua.ReadParameters, admits: Admits = everyone) -> list[ua.DataValue]:
        """Return attributes' values; see ``Attributes.read``."""
        return self._attributes.read(params, admits)

    def browse(
        self,
        params: ua.BrowseParameters,
        admits: Admits = everyone,
        points: ContinuationPoints | None = None,
    ) -> list[ua.BrowseResult]:
        """Return the references of some nodes; all at once where there are no ``points``.

        Raises:
            ServiceError: The request as a whole makes no sense.
        """
        # Servers may have views, and this one has none.
        if params.View is not None and not params.View.ViewId.is_null():
            raise ServiceError(StatusCodes.BadViewIdUnknown)
        _count(params.NodesToBrowse, self._limits.browses)
        wanted = params.RequestedMaxReferencesPerNode or self._limits.references
        at_once = min(wanted, self._limits.references)
        left = self._limits.references_per_call
        results = []
        for one in params.NodesToBrowse:
            how = Pending([], at_once, one.ResultMask, admits)
            result = self._browsed(one, how, max(left, 1), points)
            left -= len(result.References)
            results.append(result)
        return results

    def browse_next(
        self, params: ua.BrowseNextParameters, points: ContinuationPoints
    ) -> list[ua.BrowseResult]:
        """Return more references, or forget the points.

        Raises:
            ServiceError: The request as a whole makes no sense.
        """
        _count(params.ContinuationPoints, self._limits.browses)
        results = []
        room = self._limits.references_per_call
        for point in params.ContinuationPoints:
            pending = points.take(point)
            if pending is None:
                results.append(_failed(StatusCodes.BadContinuationPointInvalid))
            elif params.ReleaseContinuationPoints:
                results.append(ua.BrowseResult())
            else:
                left = [
                    one for one in pending.references if self.exists(one.NodeId, pending.admits)
                ]
                results.append(_page(left, max(room, 1), pending, points))
                room -= len(results[-1].References)
        return results

    def translate(
        self, paths: Sequence[ua.BrowsePath], admits: Admits = everyone
    ) -> list[ua.BrowsePathResult]:
        """Return the nodes that some paths lead to.

        Raises:
            ServiceError: The request as a whole makes no sense.
        """
        _count(paths, self._limits.translations)
        return [self._translated(path, admits) for path in paths]

    def translate_browsepaths_to_nodeids(
        self, browsepaths: list[ua.BrowsePath]
    ) -> list[ua.BrowsePathResult]:
        """Do for asyncua's own session what ``translate`` does for ours."""
        return self.translate(browsepaths)

    def subtypes(self, reference_type: ua.NodeId) -> frozenset[ua.NodeId]:
        """Return a reference type and all that are derived from it, directly or not."""
        known = self._subtypes.get(reference_type)
        if known is None:
            known = frozenset(self._derived(reference_type))
            if self._space.furnished:  # until then there come more
                self._subtypes[reference_type] = known
        return known

    def _derived(self, reference_type: ua.NodeId) -> Iterator[ua.NodeId]:
        yield reference_type
        for one in self._space.references(reference_type) or ():
            if one.IsForward and one.ReferenceTypeId == _HAS_SUBTYPE:
                yield from self._derived(one.NodeId)

    def _followed(
        self, reference_type: ua.NodeId, *, subtypes: bool
    ) -> frozenset[ua.NodeId] | None:
        """Return the types of the references to follow, None for all.

        Raises:
            LookupError: It is no reference type.
        """
        if reference_type.is_null():
            return None
        value = self._space.read_attribute_value(reference_type, AttributeIds.NodeClass)
        if value.Value is None or value.Value.Value != ua.NodeClass.ReferenceType:
            raise LookupError(reference_type)
        return self.subtypes(reference_type) if subtypes else frozenset({reference_type})

    def _browsed(
        self,
        what: ua.BrowseDescription,
        how: Pending,
        room: int,
        points: ContinuationPoints | None,
    ) -> ua.BrowseResult:
        references = self._space.references(what.NodeId)
        if references is None or not self.visible(what.NodeId, how.admits):
            return _failed(StatusCodes.BadNodeIdUnknown)
        try:
            types = self._followed(what.ReferenceTypeId, subtypes=what.IncludeSubtypes)
        except LookupError:
            return _failed(StatusCodes.BadReferenceTypeIdInvalid)
        directions = {
            ua.BrowseDirection.Forward: (True,),
            ua.BrowseDirection.Inverse: (False,),
            ua.BrowseDirection.Both: (True, False),
        }.get(what.BrowseDirection)
        if directions is None:
            return _failed(StatusCodes.BadBrowseDirectionInvalid)
        mask = what.NodeClassMask
        found = [
            one
            for one in references
            if one.IsForward in directions
            and (types is None or one.ReferenceTypeId in types)
            and (not mask or mask & one.NodeClass)
            and self.visible(one.NodeId, how.admits)
        ]
        return _page(found, room, how, points)

    def _translated(self, path: ua.BrowsePath, admits: Admits) -> ua.BrowsePathResult:
        elements = path.RelativePath.Elements
        if not self.exists(path.StartingNode, admits):
            return _no_path(StatusCodes.BadNodeIdUnknown)
        if not elements:
            return _no_path(StatusCodes.BadNothingToDo)
        if not all(one.TargetName is not None and one.TargetName.Name for one in elements):
            return _no_path(StatusCodes.BadBrowseNameInvalid)
        if len(elements) > self._limits.path:
            return _no_path(StatusCodes.BadQueryTooComplex)
        reached = {path.StartingNode: None}
        for element in elements:
            reached = {
                target: None for start in reached for target in self._step(start, element, admits)
            }
        if not reached:
            return _no_path(StatusCodes.BadNoMatch)
        return ua.BrowsePathResult(
            Targets=[ua.BrowsePathTarget(target, _WHOLE_PATH) for target in reached]
        )

    def _step(
        self, start: ua.NodeId, element: ua.RelativePathElement, admits: Admits
    ) -> Iterator[ua.NodeId]:
        try:
            types = self._followed(element.ReferenceTypeId, subtypes=bool(element.IncludeSubtypes))
        except LookupError:
            return
        name = element.TargetName.Name
        for one in self._space.references(start) or ():
            if (
                one.BrowseName.Name == name  # a quick look first: folders have many references
                and one.BrowseName == element.TargetName
                and one.IsForward != element.IsInverse
                and (types is None or one.ReferenceTypeId in types)
                and self.visible(one.NodeId, admits)
            ):
                yield one.NodeId


def _count(asked: Sequence[object] | None, limit: int) -> None:
    if not asked:
        raise ServiceError(StatusCodes.BadNothingToDo)
    if len(asked) > limit:
        raise ServiceError(StatusCodes.BadTooManyOperations)


def _failed(code: int) -> ua.BrowseResult:
    return ua.BrowseResult(StatusCode=ua.StatusCode(ua.UInt32(code)))


def _no_path(code: int) -> ua.BrowsePathResult:
    return ua.BrowsePathResult(StatusCode=ua.StatusCode(ua.UInt32(code)))


def _page(
    found: list[ua.ReferenceDescription],
    room: int,
    how: Pending,
    points: ContinuationPoints | None,
) -> ua.BrowseResult:
    """Return as many as are wanted and there is room for, and keep the rest for the client."""
    size = len(found) if points is None else min(how.at_once, room)
    now, rest = found[:size], found[size:]
    point = None
    if rest and points is not None:
        if points.full:
            return _failed(StatusCodes.BadNoContinuationPoints)
        point = points.keep(Pending(rest, how.at_once, how.result_mask, how.admits))
    if how.result_mask & _EVERYTHING != _EVERYTHING:
        now = [_masked(one, how.result_mask) for one in now]
    return ua.BrowseResult(ContinuationPoint=point, References=now)


def _masked(one: ua.ReferenceDescription, mask: int) -> ua.ReferenceDescription:
    """Return the reference without the fields that were not asked for."""
    wanted = ua.BrowseResultMask
    return ua.ReferenceDescription(
        one.ReferenceTypeId if mask & wanted.ReferenceTypeId else ua.NodeId(),
        bool(mask & wanted.IsForward and one.IsForward),
        one.NodeId,
        one.BrowseName if mask & wanted.BrowseName else ua.QualifiedName(None),
        one.DisplayName if mask & wanted.DisplayName else ua.LocalizedText(),
        one.NodeClass if mask & wanted.NodeClass else ua.NodeClass.Unspecified,
        one.TypeDefinition if mask & wanted.TypeDefinition else ua.NodeId(),
    )
