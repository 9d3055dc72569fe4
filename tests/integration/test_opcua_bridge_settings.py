"""Wrong settings end the bridge with one line that names them, and the code that says so."""

import socket
from contextlib import closing
from dataclasses import dataclass

import pytest

from tests.integration.opcua_bridges import Floor, bridge_environment, start
from tests.integration.servers import free_port
from voxtrude.process import EXIT_SETUP

pytestmark = pytest.mark.integration

PATIENCE = 30.0  # seconds for all of them together, on a busy machine
WRONG = "not that of the bridge"
EXPECTED = {
    "nodesets": "VOXTRUDE_OPCUA_NODESETS",
    "additive": "VOXTRUDE_OPCUA_ADDITIVE_NODESET",
    "users": "VOXTRUDE_OPCUA_DATA",
    "endpoints": "VOXTRUDE_OPCUA_ENDPOINTS",
    "password": "VOXTRUDE_MQTT_PASSWORD",
    "port": "VOXTRUDE_OPCUA_PORT",
    "misspelt": "VOXTRUDE_OPCUA_PROT",
}
"""What each line must name."""


@dataclass(frozen=True)
class Ended:
    """How a bridge ended."""

    code: int
    said: str


@pytest.fixture(scope="module")
def ended(floor: Floor, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Ended]:
    """Start a bridge with each wrong setting, all at once."""
    folder = tmp_path_factory.mktemp("wrong")
    rubbish = folder / "rubbish.xml"
    rubbish.write_text("<UANodeSet>")
    users = folder / "users"
    users.mkdir()
    (users / "users.json").write_text("{")
    with closing(socket.socket()) as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        wrong: dict[str, dict[str, object]] = {
            "nodesets": {"OPCUA_NODESETS": folder / "nowhere"},
            "additive": {"OPCUA_ADDITIVE_NODESET": rubbish},
            "users": {"OPCUA_DATA": users},
            "endpoints": {"OPCUA_ENDPOINTS": "4841=mes:one"},
            "password": {"MQTT_PASSWORD": WRONG},
            "port": {"OPCUA_PORT": port},
            "misspelt": {"OPCUA_PROT": free_port()},
        }
        assert wrong.keys() == EXPECTED.keys()
        started = {}
        for name, settings in wrong.items():
            environment = bridge_environment(floor.site, folder / name, settings)
            started[name] = start(environment, folder / f"{name}.log")
        try:
            for process in started.values():
                process.wait(PATIENCE)
        finally:
            for process in started.values():
                process.kill()
                process.wait()
    return {
        name: Ended(process.returncode, (folder / f"{name}.log").read_text())
        for name, process in started.items()
    }


@pytest.mark.parametrize("name", EXPECTED)
def test_a_wrong_setting_is_one_line_that_names_it(ended: dict[str, Ended], name: str) -> None:
    found = ended[name]
    assert found.code == EXIT_SETUP, found.said
    lines = [line for line in found.said.splitlines() if '"level": "info"' not in line]
    assert len(lines) == 1, found.said
    assert EXPECTED[name] in lines[0]
    assert "Traceback" not in found.said
    assert WRONG not in found.said
