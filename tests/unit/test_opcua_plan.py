from dataclasses import replace

import pytest
from asyncua import ua
from asyncua.ua.object_ids import ObjectIds

from services.opcua_bridge.addressspace.modelchanges import Verb, verbs
from services.opcua_bridge.mapping.nodes import Kind, Link
from tests.opcua_machines import JOB, JOB_NAME, NODES, ROOT, own, plan

JOBS = next(one for one in NODES if one.path == "Jobs")


@pytest.mark.parametrize(
    ("nodes", "said"),
    [
        ([JOBS], "nothing above"),
        ([ROOT, JOB], "nothing above"),
        ([ROOT, JOBS, JOBS], "two nodes"),
        ([ROOT, replace(JOBS, kind=Kind.VARIABLE)], "without a data type"),
    ],
)
def test_a_machine_that_is_no_tree_is_refused(nodes: list[object], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        plan(*nodes)  # type: ignore[arg-type]  # nodes of the cases


@pytest.mark.parametrize(
    ("path", "type_id"),
    [
        ("", ObjectIds.BaseObjectType),
        ("Bed/Actual", ObjectIds.BaseDataVariableType),
        ("Bed/Tag", ObjectIds.PropertyType),
        ("Jobs/Ask", ObjectIds.Null),
    ],
)
def test_a_node_without_a_type_has_the_base_type(path: str, type_id: int) -> None:
    assert plan().nodes[path].type == ua.NodeId(ua.Int32(type_id))


def test_one_change_tells_all_that_happened_to_a_node() -> None:
    other = [replace(JOB, path="Jobs/Next", name=own("Next"))]
    found = {
        node.path: verb for node, verb in verbs(plan(*NODES, JOB, JOB_NAME), plan(*NODES, *other))
    }
    assert found == {
        "Jobs/Now": Verb.NODE_DELETED,
        "Jobs/Next": Verb.NODE_ADDED,
        "Jobs": Verb.REFERENCE_ADDED | Verb.REFERENCE_DELETED,
    }


def test_a_node_that_hangs_otherwise_is_another_node() -> None:
    moved = replace(JOB, link=Link.ORGANIZES)
    found = {node.path: verb for node, verb in verbs(plan(*NODES, JOB), plan(*NODES, moved))}
    assert found == {
        "Jobs/Now": Verb.NODE_ADDED | Verb.NODE_DELETED,
        "Jobs": Verb.REFERENCE_ADDED | Verb.REFERENCE_DELETED,
    }


def test_a_plan_is_not_different_from_itself() -> None:
    assert list(verbs(plan(), plan())) == []
