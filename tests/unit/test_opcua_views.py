from typing import Any

import pytest
from asyncua import ua
from asyncua.common.utils import ServiceError
from asyncua.ua.object_ids import ObjectIds
from asyncua.ua.status_codes import StatusCodes

from services.opcua_bridge.addressspace.continuation import ContinuationPoints
from services.opcua_bridge.addressspace.space import MachineSpace
from services.opcua_bridge.addressspace.views import Views
from services.opcua_bridge.limits import Limits
from tests.opcua_machines import OURS, A, B, furnished, ours, plan
from voxtrude.printer import PrinterId

ORGANIZES, HAS_COMPONENT, HAS_PROPERTY = (
    ua.NodeId(ua.Int32(35)),
    ua.NodeId(ua.Int32(47)),
    ua.NodeId(ua.Int32(46)),
)
HIERARCHICAL, AGGREGATES = ua.NodeId(ua.Int32(33)), ua.NodeId(ua.Int32(44))
ALL = 0x3F


@pytest.fixture(scope="module")
def space() -> MachineSpace:
    made = furnished()
    made.add(A, "Prusa", plan(), {})
    made.add(B, "Voron", plan(), {})
    return made


@pytest.fixture(scope="module")
def views(space: MachineSpace) -> Views:
    return Views(space, Limits(references=5, browses=3, translations=2))


def only_a(machine: PrinterId) -> bool:
    return machine == A


def asked(*nodes: ua.NodeId, at_once: int = 0, **how: Any) -> ua.BrowseParameters:  # noqa: ANN401  # any field
    fields = {
        "BrowseDirection": ua.BrowseDirection.Forward,
        "ReferenceTypeId": HIERARCHICAL,
        "IncludeSubtypes": True,
        "ResultMask": ALL,
    } | how
    what = [ua.BrowseDescription(node, **fields) for node in nodes]
    return ua.BrowseParameters(RequestedMaxReferencesPerNode=at_once, NodesToBrowse=what)


def names(result: ua.BrowseResult) -> list[str]:
    result.StatusCode.check()
    return [one.BrowseName.Name for one in result.References]


def browsed(views: Views, node: ua.NodeId, **how: Any) -> list[str]:  # noqa: ANN401  # any field
    return names(views.browse(asked(node, **how))[0])


def test_a_machine_is_browsed_from_its_folder(space: MachineSpace, views: Views) -> None:
    folder, machine = space.folder.id, space.node_id(A)
    assert browsed(views, folder) == ["NodeVersion", "Prusa", "Voron"]
    assert browsed(views, machine) == ["Bed", "Jobs"]
    assert browsed(views, machine, BrowseDirection=ua.BrowseDirection.Inverse) == ["Machines"]
    both = browsed(views, space.node_id(A, "Bed"), BrowseDirection=ua.BrowseDirection.Both)
    assert both == ["Prusa", "Actual", "Target", "Tag"]


@pytest.mark.parametrize(
    ("reference_type", "subtypes", "expected"),
    [
        (HIERARCHICAL, True, ["Actual", "Target", "Tag"]),
        (HIERARCHICAL, False, []),
        (HAS_PROPERTY, False, ["Tag"]),
        (HAS_COMPONENT, True, ["Actual", "Target"]),
        (AGGREGATES, True, ["Actual", "Target", "Tag"]),
        (ORGANIZES, True, []),
        (ua.NodeId(), False, ["Actual", "Target", "Tag", "BaseObjectType"]),
        (ua.NodeId(ua.Int32(32)), True, ["BaseObjectType"]),
    ],
)
def test_reference_types_and_what_is_derived_from_them(
    space: MachineSpace,
    views: Views,
    reference_type: ua.NodeId,
    *,
    subtypes: bool,
    expected: list[str],
) -> None:
    found = browsed(
        views,
        space.node_id(A, "Bed"),
        ReferenceTypeId=reference_type,
        IncludeSubtypes=subtypes,
    )
    assert found == expected


def test_only_the_node_classes_asked_for(space: MachineSpace, views: Views) -> None:
    classes = ua.NodeClass.Method | ua.NodeClass.ObjectType
    found = browsed(
        views, space.node_id(A, "Jobs"), ReferenceTypeId=ua.NodeId(), NodeClassMask=int(classes)
    )
    assert found == ["Ask", "BaseObjectType"]


def test_only_the_fields_asked_for(space: MachineSpace, views: Views) -> None:
    (bare,) = views.browse(asked(space.node_id(A), ResultMask=0))[0].References[:1]
    assert bare.NodeId == space.node_id(A, "Bed")
    assert bare.ReferenceTypeId.is_null()
    assert bare.TypeDefinition.is_null()
    assert bare.BrowseName.Name is None
    assert bare.DisplayName == ua.LocalizedText()
    assert (bare.NodeClass, bare.IsForward) == (ua.NodeClass.Unspecified, False)
    mask = ua.BrowseResultMask.BrowseName | ua.BrowseResultMask.IsForward
    (named,) = views.browse(asked(space.node_id(A), ResultMask=int(mask)))[0].References[:1]
    assert (named.BrowseName.Name, named.IsForward) == ("Bed", True)
    assert named.DisplayName == ua.LocalizedText()
    (whole,) = views.browse(asked(space.node_id(A)))[0].References[:1]
    assert whole.TypeDefinition == ua.NodeId(ua.Int32(ObjectIds.BaseObjectType))


@pytest.mark.parametrize(
    ("node", "how", "code"),
    [
        ("prn-x", {}, StatusCodes.BadNodeIdUnknown),
        (
            "prn-a",
            {"ReferenceTypeId": ua.NodeId(ua.Int32(58))},
            StatusCodes.BadReferenceTypeIdInvalid,
        ),
        (
            "prn-a",
            {"ReferenceTypeId": ua.NodeId(ua.Int32(9999999))},
            StatusCodes.BadReferenceTypeIdInvalid,
        ),
        (
            "prn-a",
            {"BrowseDirection": ua.BrowseDirection.Invalid},
            StatusCodes.BadBrowseDirectionInvalid,
        ),
    ],
)
def test_what_cannot_be_browsed(views: Views, node: str, how: dict[str, Any], code: int) -> None:
    (result,) = views.browse(asked(ours(node), **how))
    assert (result.StatusCode.value, result.References) == (code, [])


def test_requests_that_make_no_sense(space: MachineSpace, views: Views) -> None:
    points = ContinuationPoints(1)
    viewed = asked(space.node_id(A))
    viewed.View = ua.ViewDescription(ViewId=ua.NodeId(ua.Int32(87)))
    path = ua.BrowsePath(space.node_id(A), ua.RelativePath())
    nothing, too_many = StatusCodes.BadNothingToDo, StatusCodes.BadTooManyOperations
    for call, code in (
        (lambda: views.browse(asked()), nothing),
        (lambda: views.browse(asked(*[space.node_id(A)] * 4)), too_many),
        (lambda: views.browse(viewed), StatusCodes.BadViewIdUnknown),
        (lambda: views.browse_next(ua.BrowseNextParameters(), points), nothing),
        (lambda: views.translate([]), nothing),
        (lambda: views.translate([path] * 3), too_many),
    ):
        with pytest.raises(ServiceError) as refused:
            call()
        assert refused.value.code == code


def next_of(*points: bytes, release: bool = False) -> ua.BrowseNextParameters:
    return ua.BrowseNextParameters(
        ReleaseContinuationPoints=release, ContinuationPoints=list(points)
    )


def test_references_come_in_pages(space: MachineSpace, views: Views) -> None:
    points = ContinuationPoints(1)
    (first,) = views.browse(asked(space.node_id(A, "Bed"), at_once=2), points=points)
    assert names(first) == ["Actual", "Target"]
    (second,) = views.browse_next(next_of(first.ContinuationPoint), points)
    assert (names(second), second.ContinuationPoint) == (["Tag"], None)
    (again,) = views.browse_next(next_of(first.ContinuationPoint), points)
    assert again.StatusCode.value == StatusCodes.BadContinuationPointInvalid
    assert len(points) == 0


def test_a_page_is_no_longer_than_the_server_likes(space: MachineSpace) -> None:
    views = Views(space, Limits(references=2))
    (result,) = views.browse(asked(space.folder.id), points=ContinuationPoints(1))
    assert names(result) == ["NodeVersion", "Prusa"]
    assert result.ContinuationPoint


def test_a_call_brings_no_more_than_the_server_likes(space: MachineSpace) -> None:
    views = Views(space, Limits(references_per_call=4))
    points = ContinuationPoints(2)
    bed = space.node_id(A, "Bed")
    calls = views.browse(asked(bed, bed, bed), points=points)
    assert [len(one.References) for one in calls] == [3, 1, 1]
    more = views.browse_next(next_of(*(one.ContinuationPoint for one in calls[1:])), points)
    assert [names(one) for one in more] == [["Target", "Tag"], ["Target", "Tag"]]


def test_continuation_points_are_few_and_can_be_released(space: MachineSpace, views: Views) -> None:
    points = ContinuationPoints(1)
    bed = space.node_id(A, "Bed")
    first, second = views.browse(asked(bed, bed, at_once=2), points=points)
    assert first.ContinuationPoint
    assert second.StatusCode.value == StatusCodes.BadNoContinuationPoints
    assert second.References == []
    (released,) = views.browse_next(next_of(first.ContinuationPoint, release=True), points)
    assert (released.StatusCode.is_good(), released.References) == (True, [])
    (third,) = views.browse(asked(bed, at_once=2), points=points)
    assert third.ContinuationPoint


def test_a_page_tells_of_no_machine_that_went_meanwhile() -> None:
    space = furnished()
    views = Views(space, Limits())
    for machine in (A, B):
        space.add(machine, machine, plan(), {})
    points = ContinuationPoints(1)
    (first,) = views.browse(asked(space.folder.id, at_once=2), points=points)
    space.remove(B)
    (rest,) = views.browse_next(next_of(first.ContinuationPoint), points)
    assert (names(first), names(rest)) == (["NodeVersion", "prn-a"], [])


def way(start: ua.NodeId, *steps: tuple[str, int], up: bool = False) -> ua.BrowsePath:
    return ua.BrowsePath(
        start,
        ua.RelativePath(
            [
                ua.RelativePathElement(
                    HIERARCHICAL,
                    up,  # type: ignore[arg-type]  # it means bool
                    True,  # type: ignore[arg-type]  # noqa: FBT003  # it means bool
                    ua.QualifiedName(text, index),
                )
                for text, index in steps
            ]
        ),
    )


def test_names_lead_to_nodes(space: MachineSpace, views: Views) -> None:
    down, up = views.translate(
        [
            way(space.folder.id, ("Prusa", OURS), ("Bed", OURS), ("Tag", OURS)),
            way(space.node_id(A, "Bed/Tag"), ("Bed", OURS), ("Prusa", OURS), up=True),
        ]
    )
    assert [one.TargetId for one in down.Targets] == [space.node_id(A, "Bed/Tag")]
    assert [one.TargetId for one in up.Targets] == [space.node_id(A)]
    assert down.Targets[0].RemainingPathIndex == 0xFFFFFFFF


@pytest.mark.parametrize(
    ("start", "steps", "code"),
    [
        ("prn-x", [("Bed", OURS)], StatusCodes.BadNodeIdUnknown),
        ("prn-a", [("Bed", 0)], StatusCodes.BadNoMatch),
        ("prn-a", [], StatusCodes.BadNothingToDo),
        ("prn-a", [("Bed", OURS), ("", OURS)], StatusCodes.BadBrowseNameInvalid),
        ("prn-a", [("Bed", OURS)] * 33, StatusCodes.BadQueryTooComplex),
    ],
)
def test_names_that_lead_nowhere(
    views: Views, start: str, steps: list[tuple[str, int]], code: int
) -> None:
    (result,) = views.translate([way(ours(start), *steps)])
    assert (result.StatusCode.value, result.Targets) == (code, [])


def test_machines_that_are_not_admitted_do_not_exist(space: MachineSpace, views: Views) -> None:
    (folder, machine) = views.browse(asked(space.folder.id, space.node_id(B)), only_a)
    assert names(folder) == ["NodeVersion", "Prusa"]
    assert machine.StatusCode.value == StatusCodes.BadNodeIdUnknown
    to_it, from_it = views.translate(
        [way(space.folder.id, ("Voron", OURS)), way(space.node_id(B), ("Bed", OURS))], only_a
    )
    assert to_it.StatusCode.value == StatusCodes.BadNoMatch
    assert from_it.StatusCode.value == StatusCodes.BadNodeIdUnknown
    assert not views.exists(space.node_id(B), only_a)
    assert views.exists(space.node_id(A), only_a)
