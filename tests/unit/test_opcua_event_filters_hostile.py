"""Event filters as nobody should send them: nothing breaks, whatever they hold."""

import re
from typing import Any

from asyncua import ua
from asyncua.ua import FilterOperator as Op
from asyncua.ua.object_ids import ObjectIds as Nodes
from asyncua.ua.ua_binary import variant_to_binary
from hypothesis import given
from hypothesis import strategies as st

from services.opcua_bridge.events.eventfilters import compiled
from services.opcua_bridge.events.eventtypes import EventTypes
from services.opcua_bridge.events.patterns import LONGEST, LONGEST_TEXT, like
from tests.opcua_events import ALERT, element, event, event_filter, node_id, space

TYPES = EventTypes(space())
EVENT = event(ALERT, condition=node_id("c", 1))
EXPANDED: Any = ua.ExpandedNodeId

texts = st.text("ab%_[]^\\-1", max_size=12)
values: st.SearchStrategy[Any] = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(2**63), 2**63 - 1),
    st.floats(),
    texts,
    st.binary(max_size=4),
    st.datetimes(),
    st.uuids(),
    texts.map(ua.LocalizedText),
    texts.map(ua.QualifiedName),
    st.integers(0, 3000).map(node_id),
    st.sampled_from([ALERT, EXPANDED("x", 2), ua.StatusCode(), ua.Range()]),
    st.lists(st.integers(0, 9), min_size=1, max_size=3),
)
fields = st.builds(
    ua.SimpleAttributeOperand,
    st.none() | st.sampled_from([node_id(Nodes.BaseEventType), ALERT, ua.NodeId()]),
    st.none()
    | st.lists(st.none() | st.sampled_from(["Severity", "Message"]).map(ua.QualifiedName)),
    st.sampled_from([0, 1, 13, 99]),
    st.none() | st.sampled_from(["", "0", "1:0", "0,1", "x"]),
)
operands = st.one_of(
    values.map(ua.Variant).map(ua.LiteralOperand),
    st.integers(0, 9).map(ua.ElementOperand),
    fields,
    st.sampled_from([None, ua.AttributeOperand(), ua.LiteralOperand(None), ua.ExtensionObject()]),
)
elements = st.builds(
    ua.ContentFilterElement, st.integers(-1, 18), st.none() | st.lists(operands, max_size=4)
)
filters = st.builds(
    ua.EventFilter,
    st.none() | st.lists(fields, max_size=3),
    st.none() | st.builds(ua.ContentFilter, st.none() | st.lists(elements, max_size=10)),
)


@given(filters)
def test_no_filter_breaks_anything(asked: ua.EventFilter) -> None:
    found = compiled(asked, TYPES)
    clauses = asked.SelectClauses or []
    assert found.admits(EVENT) in {True, False}
    assert len(found.fields(EVENT)) == len(clauses) == len(found.result.SelectClauseResults)
    assert all(variant_to_binary(each) for each in found.fields(EVENT))


@given(st.sampled_from(list(Op)), st.lists(values.map(ua.Variant), min_size=1, max_size=4))
def test_no_values_break_an_operator(operator: Op, given_: list[ua.Variant]) -> None:
    asked = event_filter(element(operator, *map(ua.LiteralOperand, given_)))
    found = compiled(asked, TYPES)
    assert found.admits(EVENT) in {True, False}


tokens = st.lists(
    st.sampled_from(
        [
            ("%", ".*"),
            ("_", "."),
            ("a", "a"),
            ("b", "b"),
            ("\\%", "%"),
            ("\\_", "_"),
            ("\\\\", r"\\"),
            ("[ab]", "[ab]"),
            ("[^a-c]", "[^a-c]"),
            ("[\\]x]", r"[\]x]"),
            ("[b-dx]", "[b-dx]"),
        ]
    ),
    max_size=8,
)


@given(tokens, st.text("abcx%_]\\\n", max_size=10))
def test_a_pattern_matches_what_the_same_expression_matches(
    parts: list[tuple[str, str]], text: str
) -> None:
    pattern = "".join(part for part, _ in parts)
    same = re.compile("".join(expression for _, expression in parts), re.DOTALL)
    assert like(text, pattern) == bool(same.fullmatch(text))


@given(texts, texts)
def test_any_text_is_a_pattern(text: str, pattern: str) -> None:
    assert like(text, pattern) in {True, False}
    assert like(text, "%")


def test_a_long_pattern_matches_nothing_and_many_wildcards_take_no_longer() -> None:
    assert not like("a" * 300, "a" * (LONGEST + 1))
    assert not like("a" * LONGEST_TEXT, "%a" * (LONGEST // 2 - 1) + "b")


def test_a_long_text_matches_nothing() -> None:
    assert like("a" * LONGEST_TEXT, "%")
    assert not like("a" * (LONGEST_TEXT + 1), "%")
