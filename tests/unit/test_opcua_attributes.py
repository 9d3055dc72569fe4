from datetime import UTC, datetime
from typing import Any

import pytest
from asyncua import ua
from asyncua.common.utils import ServiceError
from asyncua.ua.attribute_ids import AttributeIds
from asyncua.ua.object_ids import ObjectIds
from asyncua.ua.status_codes import StatusCodes

from services.opcua_bridge.addressspace.space import MachineSpace
from services.opcua_bridge.addressspace.views import Views
from services.opcua_bridge.limits import Limits
from services.opcua_bridge.mapping.nodes import Builtin
from services.opcua_bridge.values import SharedValue
from tests.opcua_machines import A, B, content, furnished, plan, value

VALUE = AttributeIds.Value
BOTH = ua.TimestampsToReturn.Both
THEN = datetime(2026, 11, 20, 12, tzinfo=UTC)
STAMPED = SharedValue(
    ua.Variant(60.0, ua.VariantType.Double), SourceTimestamp=THEN, ServerTimestamp=THEN
)


@pytest.fixture(scope="module")
def space() -> MachineSpace:
    made = furnished()
    made.add(A, "Prusa", plan(), {"Bed/Actual": STAMPED, "Bed/Tag": value("plate", Builtin.STRING)})
    return made


@pytest.fixture(scope="module")
def views(space: MachineSpace) -> Views:
    return Views(space, Limits(reads=2))


def asked(
    *nodes: ua.NodeId,
    attribute: int = VALUE,
    stamps: ua.TimestampsToReturn = BOTH,
    age: float = 0,
    **how: Any,  # noqa: ANN401  # any field
) -> ua.ReadParameters:
    what = [ua.ReadValueId(node, attribute, **how) for node in nodes]
    return ua.ReadParameters(age, stamps, what)


def read(space: MachineSpace, views: Views, path: str, **how: Any) -> ua.DataValue:  # noqa: ANN401  # any field
    (value,) = views.read(asked(space.node_id(A, path), **how))
    return value


@pytest.mark.parametrize(
    ("stamps", "source", "server"),
    [
        (ua.TimestampsToReturn.Source, THEN, None),
        (ua.TimestampsToReturn.Server, None, THEN),
        (ua.TimestampsToReturn.Both, THEN, THEN),
        (ua.TimestampsToReturn.Neither, None, None),
    ],
)
def test_the_timestamps_asked_for(
    space: MachineSpace,
    views: Views,
    stamps: ua.TimestampsToReturn,
    source: datetime | None,
    server: datetime | None,
) -> None:
    found = read(space, views, "Bed/Actual", stamps=stamps)
    assert (found.SourceTimestamp, found.ServerTimestamp) == (source, server)
    assert content(found) == 60.0


def test_a_value_that_is_as_asked_for_is_no_copy(space: MachineSpace, views: Views) -> None:
    assert read(space, views, "Bed/Actual") is STAMPED


def test_a_server_timestamp_is_made_where_none_is(space: MachineSpace, views: Views) -> None:
    assert read(space, views, "Jobs/Names").ServerTimestamp is not None
    assert read(space, views, "Jobs/Names").SourceTimestamp is None


@pytest.mark.parametrize(
    ("path", "part", "expected"),
    [
        ("Jobs/Names", "1", ["b"]),
        ("Jobs/Names", "1:2", ["b", "c"]),
        ("Jobs/Names", "1:9", ["b", "c"]),
        ("Bed/Tag", "0:1", "pl"),
        ("Jobs/Names", "3", StatusCodes.BadIndexRangeNoData),
        ("Bed/Actual", "0", StatusCodes.BadIndexRangeNoData),
        ("Jobs/Names", "2:1", StatusCodes.BadIndexRangeInvalid),
        ("Jobs/Names", "1:1", StatusCodes.BadIndexRangeInvalid),
        ("Jobs/Names", "-1", StatusCodes.BadIndexRangeInvalid),
        ("Jobs/Names", "all", StatusCodes.BadIndexRangeInvalid),
    ],
)
def test_a_part_of_a_value(
    space: MachineSpace, views: Views, path: str, part: str, expected: object
) -> None:
    found = read(space, views, path, IndexRange=part)
    assert content(found) == expected


@pytest.mark.parametrize(
    ("path", "attribute", "encoding", "code"),
    [
        ("Jobs/Ask/InputArguments", VALUE, "Default Binary", 0),
        (
            "Jobs/Ask/InputArguments",
            VALUE,
            "Default XML",
            StatusCodes.BadDataEncodingUnsupported,
        ),
        ("Bed/Actual", VALUE, "Default Binary", StatusCodes.BadDataEncodingInvalid),
        (
            "Bed/Actual",
            AttributeIds.DisplayName,
            "Default Binary",
            StatusCodes.BadDataEncodingInvalid,
        ),
    ],
)
def test_encodings(
    space: MachineSpace, views: Views, path: str, attribute: int, encoding: str, code: int
) -> None:
    name = ua.QualifiedName(encoding)
    found = read(space, views, path, attribute=attribute, DataEncoding=name)
    assert found.StatusCode == ua.StatusCode(ua.UInt32(code))


def test_what_is_not_there(space: MachineSpace, views: Views) -> None:
    assert content(read(space, views, "Bed")) == StatusCodes.BadAttributeIdInvalid
    assert content(read(space, views, "Nothing")) == StatusCodes.BadNodeIdUnknown
    (hidden,) = views.read(asked(space.node_id(A)), lambda machine: machine == B)
    assert content(hidden) == StatusCodes.BadNodeIdUnknown


def test_requests_that_make_no_sense(space: MachineSpace, views: Views) -> None:
    node = space.node_id(A, "Bed/Actual")
    for params, code in (
        (asked(), StatusCodes.BadNothingToDo),
        (asked(node, node, node), StatusCodes.BadTooManyOperations),
        (asked(node, age=-1.0), StatusCodes.BadMaxAgeInvalid),
        (asked(node, age=float("nan")), StatusCodes.BadMaxAgeInvalid),
        (
            asked(node, stamps=ua.TimestampsToReturn.Invalid),
            StatusCodes.BadTimestampsToReturnInvalid,
        ),
    ):
        with pytest.raises(ServiceError) as refused:
            views.read(params)
        assert refused.value.code == code


def test_the_attributes_of_a_variable(space: MachineSpace, views: Views) -> None:
    attributes = AttributeIds
    expected = {
        attributes.NodeId: space.node_id(A, "Jobs/Names"),
        attributes.NodeClass: ua.NodeClass.Variable,
        attributes.DisplayName: ua.LocalizedText("Names"),
        attributes.WriteMask: 0,
        attributes.UserWriteMask: 0,
        attributes.DataType: ua.NodeId(ua.Int32(ObjectIds.String)),
        attributes.ValueRank: 1,
        attributes.ArrayDimensions: [0],
        attributes.AccessLevel: 1,
        attributes.UserAccessLevel: 1,
        attributes.MinimumSamplingInterval: 0.0,
        attributes.Historizing: False,
    }
    found = {one: content(read(space, views, "Jobs/Names", attribute=one)) for one in expected}
    assert found == expected


def test_only_what_tells_of_events_has_them(space: MachineSpace, views: Views) -> None:
    notifier = AttributeIds.EventNotifier
    assert content(read(space, views, "", attribute=notifier)) == 1
    assert content(read(space, views, "Bed", attribute=notifier)) == 0
    assert (
        content(read(space, views, "Bed/Actual", attribute=notifier))
        == StatusCodes.BadAttributeIdInvalid
    )


def test_an_answer_that_is_too_large_is_not_made(space: MachineSpace) -> None:
    tag = space.node_id(A, "Bed/Tag")
    views = Views(space, Limits(response=2 * len("plate")))
    assert [content(one) for one in views.read(asked(tag, tag))] == ["plate", "plate"]
    with pytest.raises(ServiceError) as refused:
        views.read(asked(tag, tag, tag))
    assert refused.value.code == StatusCodes.BadResponseTooLarge
