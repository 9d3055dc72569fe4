"""The factory floor as an integrator meets it: the real stack, and a client of another stack."""

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.test_native_stack import (
    DEADLINE,
    SETUP,
    VOXTRUDE,
    asked,
    environment,
    heat,
    up,
    voxtrude,
)
from tests.integration.opcua_clients import Login, additive_types, machines, read, watching
from tests.integration.servers import wait_until

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(180)]

TOOL = "Monitoring/Process/tool0/AnalogSignal"


def login(addresses: dict[str, Any]) -> Login:
    told = addresses["opcua"]
    return Login(
        username=told["user"],
        password=told["password"],
        certificate=Path(told["client_certificate"]),
        key=Path(told["client_key"]),
    )


def test_simulated_printers_are_machines_and_a_message_is_a_notification(tmp_path: Path) -> None:
    place = tmp_path / "data"
    with up(place, "--simulate", "4") as addresses:
        ours, url = login(addresses), addresses["opcua"]["url"]
        found = machines(url, ours, files=[additive_types(tmp_path)])
        assert found["types"]["findings"] == []
        assert [one["findings"] for one in found["machines"]] == [[]] * 4
        checked = asked(place, "opcua", "check")
        assert len(checked["machines"]) == 4
        assert checked["findings"] == []

        printer = asked(place, "printer", "add", "Ender 3")
        heat(addresses, printer, 187.5)
        node = f"nsu=urn:voxtrude:machines;s={printer['id']}/{TOOL}"
        wait_until(lambda: values(url, ours, node) == [187.5], DEADLINE)
        with watching(url, [node], ours) as seen:
            heat(addresses, printer, 191.25)
            seen.wait_for(lambda one: 191.25 in one.values(node), DEADLINE)

        asked(place, "printer", "edit", "Ender 3", "--manufacturer", "Creality", "--year", "2021")
        plate = f"nsu=urn:voxtrude:machines;s={printer['id']}/Identification"
        wait_until(lambda: values(url, ours, f"{plate}/YearOfConstruction") == [2021], DEADLINE)
        shown = voxtrude(place, "opcua", "browse", "Ender 3")
        assert "Manufacturer = Creality" in shown
        assert "AnalogSignal = 191.25" in shown


def values(url: str, ours: Login, node: str) -> list[object]:
    return [one.get("value") for one in read(url, [node], ours).values()]


def test_users_and_plates_are_changed_by_the_command_line(tmp_path: Path) -> None:
    place = tmp_path / "data"
    with up(place):
        made = asked(place, "opcua", "user", "add", "mes")
        stored = (place / "opcua" / "users.json").read_text()
        assert made["password"] not in stored
        assert {one["user"] for one in asked(place, "opcua", "user", "list")} == {
            "check",
            "mes",
            "viewer",
        }
        voxtrude(place, "opcua", "user", "remove", "mes")
        assert "there is no user mes" in voxtrude(
            place, "opcua", "user", "remove", "mes", code=SETUP
        )
        assert "--last" in voxtrude(place, "opcua", "trust", code=SETUP)
        wrong = tmp_path / "wrong"
        wrong.write_text("not the password")
        url = asked(place, "up", "--detach")["opcua"]["url"]
        refused = voxtrude(
            place,
            *("opcua", "check", url, "--user", "viewer", "--password-file", str(wrong)),
            code=SETUP,
        )
        assert "refuses the user name or the password" in refused

        asked(place, "printer", "add", "Ender 3")
        for options in (("--year", "1812"), ("--mes-ids", "one"), ("--opcua-port", "80")):
            done = subprocess.run(
                [*VOXTRUDE, "printer", "edit", "Ender 3", *options, "--data-dir", str(place)],
                env=environment(),
                capture_output=True,
                text=True,
                check=False,
            )
            assert done.returncode == SETUP
            assert done.stderr.count("\n") == 1
        edited = asked(place, "printer", "edit", "Ender 3", "--mes-ids", "2,1,2")
        assert edited["mes_ids"] == [2, 1]
        assert json.loads(json.dumps(edited))["opcua_port"] is None
