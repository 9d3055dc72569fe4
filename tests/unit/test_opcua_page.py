"""docs/opcua.md says what the code says."""

import re
from dataclasses import asdict
from pathlib import Path

from services.opcua_bridge.limits import Limits
from voxtrude.opcua.settings import Opcua

PAGE = (Path(__file__).parents[2] / "docs" / "opcua.md").read_text()


def test_the_limits_are_the_servers() -> None:
    told = re.findall(r"^\| `([a-z_]+)` \| (\d+) \|", PAGE, re.MULTILINE)
    limits = asdict(Limits())
    assert len(told) > 10
    assert {name: float(value) for name, value in told} == {
        name: float(limits[name]) for name, _ in told
    }


def test_every_setting_is_told() -> None:
    told = set(re.findall(r"`VOXTRUDE_OPCUA_(\w+)`", PAGE))
    assert {name.upper() for name in Opcua.model_fields} == told
