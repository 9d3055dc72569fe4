"""The settings of the OPC UA server, and which machines an endpoint serves."""

import pytest

from services.opcua_bridge.settings import BridgeSettings
from voxtrude.documents import MachineDocument
from voxtrude.errors import SetupError
from voxtrude.opcua.scope import Scope
from voxtrude.printer import PrinterId
from voxtrude.settings import load

ONE = "prn-0123456789abcdef"


def machine(*mes_ids: int, name: str = ONE) -> MachineDocument:
    return MachineDocument(id=name, name="a", base_topic="a/", mes_ids=mes_ids)


def test_a_scope_admits_all_those_of_one_mes_or_one() -> None:
    assert Scope().admits(machine())
    assert Scope(mes_id=2).admits(machine(1, 2))
    assert not Scope(mes_id=2).admits(machine(1))
    assert not Scope(mes_id=2).admits(machine())
    assert Scope(machine=PrinterId(ONE)).admits(machine())
    assert not Scope(machine=PrinterId(ONE)).admits(machine(name="prn-fedcba9876543210"))


@pytest.mark.parametrize("text", ["all", "mes:7", ONE])
def test_a_scope_is_written_as_it_is_read(text: str) -> None:
    assert str(Scope.parse(text)) == text


def test_endpoints_are_read_from_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VOXTRUDE_OPCUA_PORT", "4850")
    monkeypatch.setenv("VOXTRUDE_OPCUA_ENDPOINTS", f"4841=mes:1, 4842 = {ONE},4843=all")
    assert load(BridgeSettings).opcua.scopes() == {
        4850: Scope(),
        4841: Scope(mes_id=1),
        4842: Scope(machine=PrinterId(ONE)),
        4843: Scope(),
    }


@pytest.mark.parametrize(
    "text", ["4841", "4841=mes:x", "4841=", "70000=all", "4841=all,4841=mes:1", "x=all", "0=all"]
)
def test_endpoints_that_cannot_be_are_told_with_the_setting(
    monkeypatch: pytest.MonkeyPatch, text: str
) -> None:
    monkeypatch.setenv("VOXTRUDE_OPCUA_ENDPOINTS", text)
    with pytest.raises(SetupError, match="VOXTRUDE_OPCUA_ENDPOINTS: ") as raised:
        load(BridgeSettings)
    assert "\n" not in str(raised.value)
