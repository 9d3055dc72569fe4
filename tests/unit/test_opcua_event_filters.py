"""Event filters: what the specification says of each operator, and that nothing breaks them."""

from collections.abc import Iterable
from typing import Any, cast

import pytest
from asyncua import ua
from asyncua.ua import FilterOperator as Op
from asyncua.ua import VariantType
from asyncua.ua.attribute_ids import AttributeIds
from asyncua.ua.object_ids import ObjectIds as Nodes
from asyncua.ua.status_codes import StatusCodes

from services.opcua_bridge.events.eventfilters import CompiledFilter, compiled
from services.opcua_bridge.events.eventtypes import EventTypes
from services.opcua_bridge.events.filteroperators import Truth
from tests.opcua_events import (
    ALERT,
    NOTIFICATION,
    element,
    event,
    event_filter,
    field,
    literal,
    node_id,
)
from tests.opcua_events import space as made_space

TYPES = EventTypes(made_space())
EVENT = event(ALERT, condition=node_id("c", 1), severity=700, message="Thermal runaway")
YES = literal(value=True)


def made(
    *elements: ua.ContentFilterElement, select: Iterable[ua.SimpleAttributeOperand] | None = None
) -> CompiledFilter:
    return compiled(event_filter(*elements, select=select), TYPES)


def truth(*elements: ua.ContentFilterElement) -> Truth:
    """Return what the first element comes to: it is so, it is not so, nobody can tell."""
    yes = made(*elements)
    shifted = [_shifted(each) for each in elements]
    no = made(element(Op.Not, ua.ElementOperand(1)), *shifted)
    assert yes.status.is_good()
    assert no.status.is_good()
    if yes.admits(EVENT):
        return True
    return False if no.admits(EVENT) else None


def _shifted(each: ua.ContentFilterElement) -> ua.ContentFilterElement:
    operands = [
        ua.ElementOperand(one.Index + 1) if isinstance(one, ua.ElementOperand) else one
        for one in each.FilterOperands
    ]
    return ua.ContentFilterElement(each.FilterOperator, operands)


EXPANDED_ID: Any = ua.ExpandedNodeId
EXPANDED = EXPANDED_ID("x", 2)
SEVERITY, MESSAGE, ABSENT = field("Severity"), field("Message"), field("Prompt")


@pytest.mark.parametrize(
    ("expected", "operator", "operands"),
    [
        (True, Op.Equals, (SEVERITY, literal(700.0))),
        (True, Op.Equals, (SEVERITY, literal("700"))),
        (False, Op.Equals, (SEVERITY, literal("seven hundred"))),
        (True, Op.Equals, (MESSAGE, literal("Thermal runaway"))),
        (None, Op.Equals, (ABSENT, literal("x"))),
        (True, Op.Equals, (YES, literal("true"))),
        (True, Op.Equals, (literal(node_id("c", 1)), literal("ns=1;s=c"))),
        (False, Op.Equals, (literal(node_id("c", 1)), literal(1))),
        (False, Op.Equals, (literal([1, 2]), literal(1))),
        (True, Op.IsNull, (ABSENT,)),
        (False, Op.IsNull, (MESSAGE,)),
        (True, Op.IsNull, (literal(ua.NodeId()),)),
        (False, Op.GreaterThan, (SEVERITY, literal(700))),
        (True, Op.GreaterThanOrEqual, (SEVERITY, literal(700))),
        (True, Op.LessThan, (literal(699), SEVERITY)),
        (False, Op.LessThanOrEqual, (SEVERITY, literal(699))),
        (None, Op.LessThan, (ABSENT, literal(1))),
        (False, Op.LessThan, (literal(node_id(1)), literal(node_id(2)))),
        (True, Op.Between, (SEVERITY, literal(667), literal(1000))),
        (False, Op.Between, (SEVERITY, literal(334), literal(666))),
        (True, Op.InList, (SEVERITY, literal(1), literal(700))),
        (False, Op.InList, (SEVERITY, literal(1), literal(2))),
        (None, Op.InList, (SEVERITY, literal(1), ABSENT)),
        (True, Op.Like, (MESSAGE, literal("%run_way"))),
        (False, Op.Like, (MESSAGE, literal("runaway"))),
        (False, Op.Like, (SEVERITY, literal("%"))),
        (True, Op.OfType, (literal(ALERT),)),
        (True, Op.OfType, (literal(node_id(Nodes.ConditionType)),)),
        (False, Op.OfType, (literal(NOTIFICATION),)),
        (False, Op.OfType, (literal(node_id(4711, 4)),)),
    ],
)
def test_an_operator(expected: Truth, operator: Op, operands: tuple[object, ...]) -> None:
    assert truth(element(operator, *operands)) is expected


@pytest.mark.parametrize(
    ("one", "other", "both", "either"),
    [
        (True, True, True, True),
        (True, False, False, True),
        (True, None, None, True),
        (False, False, False, False),
        (False, None, False, None),
        (None, None, None, None),
    ],
)
def test_three_truth_values(one: Truth, other: Truth, both: Truth, either: Truth) -> None:
    for first, second in ((one, other), (other, one)):
        operands = [ABSENT if each is None else literal(each) for each in (first, second)]
        assert truth(element(Op.And, *operands)) is both
        assert truth(element(Op.Or, *operands)) is either


@pytest.mark.parametrize(
    ("value", "type_", "expected"),
    [
        (literal("12"), Nodes.Int32, literal(12, VariantType.Int32)),
        (literal(2.5), Nodes.Byte, literal(3, VariantType.Byte)),
        (literal(256), Nodes.Byte, None),
        (literal("nan"), Nodes.Double, None),
        (literal(1), Nodes.Boolean, YES),
        (literal(700), Nodes.String, literal("700")),
        (MESSAGE, Nodes.String, literal("Thermal runaway")),
        (literal("2026-11-20T12:00:00Z"), Nodes.DateTime, field("Time")),
        (literal("i=2253"), Nodes.NodeId, field("SourceNode")),
        (literal("no id"), Nodes.NodeId, None),
        (literal([1, 2]), Nodes.String, None),
        (literal(1), Nodes.ReferenceNode, None),
    ],
)
def test_a_cast(value: object, type_: int, expected: object) -> None:
    cast = element(Op.Cast, value, literal(node_id(type_)))
    if expected is None:
        assert truth(element(Op.IsNull, ua.ElementOperand(1)), cast)
    else:
        assert truth(element(Op.Equals, ua.ElementOperand(1), expected), cast)


@pytest.mark.parametrize(
    ("operator", "one", "other", "expected"),
    [
        (Op.BitwiseAnd, literal(0b1100), literal(0b1010), 0b1000),
        (Op.BitwiseOr, literal(0b1100), literal(0b1010), 0b1110),
        (Op.BitwiseAnd, literal(-1, VariantType.SByte), literal(255, VariantType.Byte), 255),
        (Op.BitwiseAnd, literal(1.0), literal(1), None),
    ],
)
def test_bits(operator: Op, one: object, other: object, expected: int | None) -> None:
    bits = element(operator, one, other)
    if expected is None:
        assert truth(element(Op.IsNull, ua.ElementOperand(1)), bits)
    else:
        assert truth(element(Op.Equals, ua.ElementOperand(1), literal(expected)), bits)


@pytest.mark.parametrize(
    ("operand", "code"),
    [
        (field(), "Good"),
        (field("ActiveState/Id", Nodes.AlarmConditionType), "Good"),
        (field("ErrorCode", ALERT, namespace=1), "Good"),
        (field("ErrorCode", namespace=1), "Good"),
        (field("", Nodes.ConditionType, attribute=AttributeIds.NodeId), "Good"),
        (field("Message", Nodes.Server), "BadTypeDefinitionInvalid"),
        (field("Message", Nodes.BaseObjectType), "BadTypeDefinitionInvalid"),
        (field("Message", node_id(4711, 3)), "BadTypeDefinitionInvalid"),
        (field("Massage"), "BadNodeIdUnknown"),
        (field("ErrorCode", NOTIFICATION, namespace=1), "BadNodeIdUnknown"),
        (field("Message", attribute=AttributeIds.BrowseName), "BadAttributeIdInvalid"),
        (field("", Nodes.SystemEventType, attribute=1), "BadAttributeIdInvalid"),
        (field("Message", index_range="2:1"), "BadIndexRangeInvalid"),
        (
            ua.SimpleAttributeOperand(node_id(Nodes.BaseEventType), [ua.QualifiedName()], 13),
            "BadBrowseNameInvalid",
        ),
    ],
)
def test_a_select_clause_says_what_is_wrong_with_it(
    operand: ua.SimpleAttributeOperand, code: str
) -> None:
    found = made(select=[operand])
    assert [each.name for each in found.result.SelectClauseResults] == [code]
    assert found.status.is_good() == (code == "Good")


def test_fields_come_in_the_clauses_order_and_null_where_there_is_none() -> None:
    found = made(
        select=[
            field("Severity"),
            field("Nothing"),
            field("", Nodes.ConditionType, attribute=AttributeIds.NodeId),
            field("EventType"),
            field("Message", NOTIFICATION),
            field("SourceName", index_range="0:1"),
            field("SourceName", index_range="9"),
        ]
    )
    assert found.status.is_good()
    assert [each.Value for each in found.fields(EVENT)] == [
        700,
        None,
        node_id("c", 1),
        ALERT,
        None,  # the clause asks for it of other events only
        "le",
        ua.StatusCode(ua.UInt32(StatusCodes.BadIndexRangeNoData)),
    ]


@pytest.mark.parametrize(
    ("elements", "code", "operands"),
    [
        ([element(Op.InView, literal(ua.NodeId()))], "BadFilterOperatorUnsupported", []),
        ([element(cast("Op", 99), literal(1))], "BadFilterOperatorInvalid", []),
        ([element(Op.Not)], "BadFilterOperandCountMismatch", []),
        (
            [element(Op.Not, ua.ElementOperand(0))],
            "BadFilterOperandInvalid",
            ["BadFilterElementInvalid"],
        ),
        (
            [element(Op.IsNull, ua.AttributeOperand())],
            "BadFilterOperandInvalid",
            ["BadFilterOperandInvalid"],
        ),
        (
            [element(Op.Equals, field("Massage"), literal(1))],
            "BadFilterOperandInvalid",
            ["BadNodeIdUnknown", "Good"],
        ),
    ],
)
def test_a_where_clause_says_what_is_wrong_with_it(
    elements: list[ua.ContentFilterElement], code: str, operands: list[str]
) -> None:
    found = made(*elements)
    (result,) = found.result.WhereClauseResult.ElementResults
    assert found.status.name == "BadEventFilterInvalid"
    assert result.StatusCode.name == code
    assert [each.name for each in result.OperandStatusCodes] == operands


def test_a_filter_that_selects_nothing_is_none() -> None:
    assert made(select=[]).status.name == "BadEventFilterInvalid"


def test_a_long_clause_is_refused_and_a_knotty_one_takes_no_longer() -> None:
    knot = [
        element(Op.And, ua.ElementOperand(index + 1), ua.ElementOperand(index + 1))
        for index in range(199)
    ]
    assert made(*knot, element(Op.OfType, literal(ALERT))).admits(EVENT)
    assert not made(*knot, *knot).status.is_good()


def test_marks_pass_every_where_clause() -> None:
    nothing = made(element(Op.Equals, literal(1), literal(2)))
    assert not nothing.admits(EVENT)
    assert nothing.admits(event(Nodes.RefreshStartEventType))
