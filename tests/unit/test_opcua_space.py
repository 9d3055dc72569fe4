from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from asyncua import ua
from asyncua.server.address_space import NodeManagementService
from asyncua.ua.attribute_ids import AttributeIds
from asyncua.ua.status_codes import StatusCodes

from services.opcua_bridge.addressspace.modelchanges import Verb
from services.opcua_bridge.addressspace.space import MachineSpace
from services.opcua_bridge.mapping.nodes import Builtin
from tests.opcua_machines import (
    JOB,
    JOB_NAME,
    NODES,
    OURS,
    ROOT,
    A,
    B,
    content,
    furnished,
    plan,
    standard,
    value,
)
from voxtrude.printer import PrinterId

VALUE = AttributeIds.Value
DISPLAY_NAME = AttributeIds.DisplayName
UNKNOWN = StatusCodes.BadNodeIdUnknown


Watch = Callable[..., list[Any]]


@pytest.fixture
def space() -> MachineSpace:
    made = furnished()
    made.add(A, "Prusa", plan(), {"Bed/Actual": value(60.0)})
    return made


@pytest.fixture
def watch(space: MachineSpace) -> Watch:
    """Return the values, or the codes of what is not good, that a watcher is told."""

    def watched(path: str, attribute: int = VALUE) -> list[Any]:
        told: list[Any] = []

        def take(new: ua.DataValue) -> None:
            told.append(content(new))

        status, _ = space.watch(space.node_id(A, path), attribute, take)
        status.check()
        return told

    return watched


def in_folder(space: MachineSpace) -> list[str]:
    references = space.references(space.folder.id) or []
    return [one.DisplayName.Text for one in references if space.machine_of(one.NodeId)]


def read(space: MachineSpace, path: str, attribute: int = VALUE) -> Any:  # noqa: ANN401  # any value
    return content(space.read_attribute_value(space.node_id(A, path), attribute))


def version(space: MachineSpace) -> int:
    return int(content(space.read_attribute_value(space.folder.version_id, VALUE)))


def test_machines_come_to_the_folder_and_go(space: MachineSpace) -> None:
    before = version(space)
    added = space.add(B, "Voron", plan(), {})
    assert in_folder(space) == ["Prusa", "Voron"]
    assert [(one.affected, one.verb) for one in added] == [
        (space.node_id(B), Verb.NODE_ADDED),
        (space.folder.id, Verb.REFERENCE_ADDED),
    ]
    between = version(space)
    removed = space.remove(A)
    assert in_folder(space) == ["Voron"]
    assert [(one.affected, one.verb) for one in removed] == [
        (space.node_id(A), Verb.NODE_DELETED),
        (space.folder.id, Verb.REFERENCE_DELETED),
    ]
    assert before < between < version(space)
    assert list(space.machines()) == [B]


def test_a_machine_is_added_once(space: MachineSpace) -> None:
    with pytest.raises(ValueError, match="there already"):
        space.add(A, "Again", plan(), {})


def test_a_rename_changes_names_and_no_node_id(space: MachineSpace, watch: Watch) -> None:
    told, unmoved = watch("", DISPLAY_NAME), watch("Bed", DISPLAY_NAME)
    assert space.change(A, name="Prusa 2") == []
    assert told == [ua.LocalizedText("Prusa 2")]
    assert unmoved == []
    assert in_folder(space) == ["Prusa 2"]
    assert read(space, "", AttributeIds.BrowseName) == ua.QualifiedName("Prusa 2", OURS)
    assert read(space, "", AttributeIds.NodeId) == space.node_id(A)
    (up,) = [one for one in space.references(space.node_id(A, "Bed")) or [] if not one.IsForward][
        :1
    ]
    assert up.BrowseName.Name == "Prusa 2"


def test_a_watcher_is_told_what_is_written(space: MachineSpace, watch: Watch) -> None:
    actual, target = watch("Bed/Actual"), watch("Bed/Target")
    space.write(A, {"Bed/Actual": value(61.0)})
    space.write(A, {"Bed/Actual": value(61.0)})  # whether it counts is the subscription's affair
    assert (actual, target) == ([61.0, 61.0], [])
    assert read(space, "Bed/Actual") == 61.0


@pytest.mark.parametrize("path", ["Bed", "Bed/Nothing", ""])
def test_only_variables_have_values(space: MachineSpace, path: str) -> None:
    with pytest.raises(KeyError):
        space.write(A, {path: value(1.0)})
    with pytest.raises(KeyError):
        space.change(A, values={path: value(1.0)})
    with pytest.raises(KeyError):
        space.add(B, "Voron", plan(), {path: value(1.0)})


def test_machines_of_one_plan_do_not_share_values(space: MachineSpace) -> None:
    space.add(B, "Voron", plan(), {})
    space.write(B, {"Bed/Actual": value(1.0)})
    assert read(space, "Bed/Actual") == 60.0


def test_what_is_not_known_yet_says_so(space: MachineSpace) -> None:
    assert read(space, "Bed/Target") == StatusCodes.BadWaitingForInitialData


def test_who_watches_hears_of_the_end_once_and_of_the_return(
    space: MachineSpace, watch: Watch
) -> None:
    actual, name = watch("Bed/Actual"), watch("", DISPLAY_NAME)
    space.remove(A)
    space.add(B, "Voron", plan(), {})
    assert (actual, name) == ([UNKNOWN], [UNKNOWN])
    space.add(A, "Back", plan(), {"Bed/Actual": value(20.0)})
    assert actual == [UNKNOWN, 20.0]
    assert name == [UNKNOWN, ua.LocalizedText("Back")]
    space.write(A, {"Bed/Actual": value(21.0)})
    assert actual[-1] == 21.0


def test_a_new_shape_keeps_what_stays(space: MachineSpace, watch: Watch) -> None:
    actual, version = watch("Bed/Actual"), watch("Jobs/NodeVersion")
    changes = space.change(
        A, plan=plan(*NODES, JOB, JOB_NAME), values={"Jobs/Now/Name": value("a", Builtin.STRING)}
    )
    assert {(one.affected, one.verb) for one in changes} == {
        (space.node_id(A, "Jobs/Now"), Verb.NODE_ADDED),
        (space.node_id(A, "Jobs"), Verb.REFERENCE_ADDED),
    }
    assert all(one.machine == A for one in changes)
    assert (actual, len(version)) == ([], 1)
    assert read(space, "Jobs/NodeVersion") == version[0] != "0"
    assert read(space, "Bed/Actual") == 60.0
    name = watch("Jobs/Now/Name")
    changes = space.change(A, plan=plan())
    assert {(one.affected, one.verb) for one in changes} == {
        (space.node_id(A, "Jobs/Now"), Verb.NODE_DELETED),
        (space.node_id(A, "Jobs"), Verb.REFERENCE_DELETED),
    }
    assert name == [UNKNOWN]
    assert len(version) == 2
    space.change(A, plan=plan(*NODES, JOB, JOB_NAME))
    assert name == [UNKNOWN, "cube"]  # the job that was is not the job that is


def test_only_what_has_a_version_changes_it(space: MachineSpace, watch: Watch) -> None:
    name = watch("Bed", DISPLAY_NAME)
    assert space.change(A, plan=plan(ROOT)) == []
    assert name == [UNKNOWN]


def test_a_constant_that_the_new_shape_has_otherwise_is_told(
    space: MachineSpace, watch: Watch
) -> None:
    tag = watch("Bed/Tag")
    nodes = [replace(one, value="plate") if one.path == "Bed/Tag" else one for one in NODES]
    assert space.change(A, plan=plan(*nodes)) == []
    assert tag == ["plate"]


def test_a_machine_of_another_type_is_another_machine(space: MachineSpace, watch: Watch) -> None:
    actual = watch("Bed/Actual")
    other = plan(replace(ROOT, type=standard("FolderType")), *NODES[1:])
    changes = space.change(A, plan=other)
    assert [one.verb for one in changes] == [
        Verb.NODE_DELETED,
        Verb.REFERENCE_DELETED,
        Verb.NODE_ADDED,
        Verb.REFERENCE_ADDED,
    ]
    assert actual == [UNKNOWN, 0.0]
    assert in_folder(space) == ["Prusa"]


def test_who_watches_no_more_is_told_no_more(space: MachineSpace) -> None:
    told: list[ua.DataValue] = []
    _, handle = space.watch(space.node_id(A, "Bed/Actual"), VALUE, told.append)
    space.unwatch(handle)
    space.unwatch(handle)
    space.write(A, {"Bed/Actual": value(1.0)})
    space.remove(A)
    assert told == []


def written(space: MachineSpace, machine: PrinterId) -> None:
    space.write(machine, {"Bed/Actual": value(1.0)})


@pytest.mark.parametrize("end", [MachineSpace.remove, written])
def test_a_watcher_may_end_while_it_is_told(
    space: MachineSpace, end: Callable[[MachineSpace, PrinterId], object]
) -> None:
    told: list[ua.DataValue] = []

    def once(new: ua.DataValue) -> None:
        told.append(new)
        space.unwatch(handle)

    _, handle = space.watch(space.node_id(A, "Bed/Actual"), VALUE, once)
    end(space, A)
    space.add(B, "Voron", plan(), {})
    if A in space.machines():
        end(space, A)
    assert len(told) == 1


def test_ordinary_nodes_are_watched_too(space: MachineSpace) -> None:
    told: list[ua.DataValue] = []
    status, handle = space.watch(space.folder.version_id, VALUE, told.append)
    assert status.is_good()
    space.add(B, "Voron", plan(), {})
    assert [int(content(one)) for one in told] == [version(space)]
    space.unwatch(handle)
    space.remove(B)
    assert len(told) == 1


def test_the_version_of_the_folder_has_no_attribute_that_is_null(space: MachineSpace) -> None:
    dimensions = space.read_attribute_value(space.folder.version_id, AttributeIds.ArrayDimensions)
    assert dimensions.StatusCode is not None
    assert dimensions.StatusCode.value == StatusCodes.BadAttributeIdInvalid


def test_the_end_of_an_ordinary_node_is_told(space: MachineSpace) -> None:
    told: list[ua.DataValue] = []
    version = space.folder.version_id
    _, handle = space.watch(version, VALUE, told.append)
    NodeManagementService(space).delete_nodes(
        ua.DeleteNodesParameters([ua.DeleteNodesItem(version)])
    )
    assert [content(one) for one in told] == [UNKNOWN]
    space.unwatch(handle)
