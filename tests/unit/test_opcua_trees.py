from collections.abc import Iterable

from asyncua import ua
from hypothesis import given, settings
from hypothesis import strategies as st

from services.opcua_bridge.addressspace.views import Views
from services.opcua_bridge.limits import Limits
from services.opcua_bridge.mapping.nodes import Kind, Link, Node
from tests.opcua_machines import ROOT, A, furnished, own, plan

ORGANIZES, HIERARCHICAL = ua.NodeId(ua.Int32(35)), ua.NodeId(ua.Int32(33))


def asked(node: ua.NodeId, direction: ua.BrowseDirection) -> ua.BrowseParameters:
    what = ua.BrowseDescription(node, direction, HIERARCHICAL, ResultMask=ua.UInt32(0x3F))
    return ua.BrowseParameters(NodesToBrowse=[what])


@st.composite
def trees(draw: st.DrawFn) -> tuple[Node, ...]:
    made = [ROOT]
    for number in range(draw(st.integers(0, 12))):
        above = draw(st.sampled_from(made)).path
        text = draw(st.text(st.characters(exclude_characters="/"), min_size=1, max_size=4))
        path = f"{above}/{number}{text}".lstrip("/")
        link = draw(st.sampled_from(Link))
        made.append(Node(path=path, name=own(text), kind=Kind.OBJECT, link=link))
    return tuple(made)


@given(trees())
@settings(max_examples=60)
def test_any_tree_is_reached_and_both_directions_agree(nodes: Iterable[Node]) -> None:
    space = furnished()
    space.add(A, "Prusa", plan(*nodes), {})
    views = Views(space, Limits())
    waiting, forward, inverse = [space.node_id(A)], set(), set()
    reached = set()
    while waiting:
        node = waiting.pop()
        reached.add(node)
        down, up = (
            views.browse(asked(node, direction))[0].References
            for direction in (ua.BrowseDirection.Forward, ua.BrowseDirection.Inverse)
        )
        forward |= {(node, one.ReferenceTypeId, one.NodeId) for one in down}
        inverse |= {(one.NodeId, one.ReferenceTypeId, node) for one in up}
        waiting += [one.NodeId for one in down]
    assert reached == {space.node_id(A, one.path) for one in nodes}
    assert inverse == forward | {(space.folder.id, ORGANIZES, space.node_id(A))}
    for node in reached:
        assert space.machine_of(ua.NodeId.from_string(node.to_string())) == A
