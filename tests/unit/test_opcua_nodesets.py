import hashlib
from pathlib import Path

import pytest

from services.opcua_bridge.mapping.nodes import Namespace
from services.opcua_bridge.model import nodesets
from services.opcua_bridge.model.additive import nodeset
from services.opcua_bridge.model.models import ADDITIVE_DRAFT, PUBLISHED, Model
from services.opcua_bridge.model.nodesetxml import document
from voxtrude.errors import SetupError


def write(file: Path, model: Model) -> None:
    file.write_text(document(model, (), ()), encoding="utf-8")


def describe(folder: Path) -> None:
    """List what is in a folder as deploy/native/nodesets.sh does."""
    files = sorted(folder.glob("*.xml"))
    sums = [f"{hashlib.sha256(file.read_bytes()).hexdigest()}  {file.name}" for file in files]
    (folder / nodesets.MANIFEST).write_text("\n".join(["# package 1.0, pin 0", *sums, ""]))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for number, model in enumerate(reversed(PUBLISHED)):
        write(tmp_path / f"{number}.xml", model)
    describe(tmp_path)
    return tmp_path


def test_files_are_found_by_what_they_say_and_in_the_order_to_load_them(folder: Path) -> None:
    names = [file.name for file in nodesets.find(folder)]
    assert names == [f"{number}.xml" for number in reversed(range(len(PUBLISHED)))]


def test_an_empty_folder_names_the_setting_and_the_fix(tmp_path: Path) -> None:
    with pytest.raises(SetupError, match=r"VOXTRUDE_OPCUA_NODESETS: .*`make setup`"):
        nodesets.find(tmp_path)


@pytest.mark.parametrize("spoil", [Path.unlink, lambda file: file.write_text("<other/>")])
def test_a_file_that_is_gone_or_another_is_named(folder: Path, spoil: object) -> None:
    assert callable(spoil)
    spoil(folder / "3.xml")
    with pytest.raises(SetupError, match=r"VOXTRUDE_OPCUA_NODESETS: .*3\.xml is missing"):
        nodesets.find(folder)


def test_another_release_is_not_taken(folder: Path) -> None:
    write(folder / "0.xml", Model(Namespace.MACHINE_TOOL, "1.01.1", "2022-11-18"))
    describe(folder)
    with pytest.raises(SetupError, match=r"MachineTool/ 1\.02\.0 .* is 1\.01\.1 of 2022-11-18"):
        nodesets.find(folder)


def test_a_model_that_no_file_has_is_named(folder: Path) -> None:
    (folder / "8.xml").unlink()
    describe(folder)
    with pytest.raises(SetupError, match=r"/UA/DI/ 1\.05\.0 .*, which is not there"):
        nodesets.find(folder)


def test_the_official_additive_file_is_taken(tmp_path: Path) -> None:
    file = tmp_path / "additive.xml"
    file.write_text(nodeset(), encoding="utf-8")
    nodesets.check_additive(file)


@pytest.mark.parametrize(
    ("content", "what"),
    [
        (document(Model(ADDITIVE_DRAFT, "0.1.0", "2022-10-28"), (), ()), r"is the draft 0\.1\.0"),
        (document(Model(Namespace.ADDITIVE, "1.1.0", "2027-01-01"), (), ()), r"is version 1\.1"),
        (document(PUBLISHED[0], (), ()), r"is http://opcfoundation\.org/UA/DI/"),
        ("<html></html>", "is no NodeSet"),
        ("not XML at all", "is no NodeSet"),
        ("", "is no NodeSet"),
    ],
    ids=["draft", "version", "model", "element", "text", "empty"],
)
def test_another_file_is_told_for_what_it_is(tmp_path: Path, content: str, what: str) -> None:
    file = tmp_path / "additive.xml"
    file.write_text(content, encoding="utf-8")
    with pytest.raises(SetupError, match=rf"VOXTRUDE_OPCUA_ADDITIVE_NODESET: .* {what}"):
        nodesets.check_additive(file)


def test_an_additive_file_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(SetupError, match=r"ADDITIVE_NODESET: .* cannot be read: No such file"):
        nodesets.check_additive(tmp_path / "missing.xml")
