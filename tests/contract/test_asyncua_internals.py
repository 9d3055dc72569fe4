"""Where we depart from asyncua's public interface: the ground must not move unseen.

A failure here means that asyncua is another release than the one a module was written for.
Read what has changed, see whether the module still holds, then renew its digests.
"""

import pkgutil
import re
from importlib import import_module, metadata
from pathlib import Path

import pytest

import services.opcua_bridge
from services.opcua_bridge import departures

PYPROJECT = Path(__file__).parents[2] / "pyproject.toml"


@pytest.mark.parametrize("module", departures.MODULES)
def test_what_a_departure_stands_on_is_as_it_was(module: str) -> None:
    assert import_module(module).STANDS_ON
    assert departures.changed(module) == {}


def test_every_departure_is_listed() -> None:
    package = services.opcua_bridge
    found = {
        one.name
        for one in pkgutil.walk_packages(package.__path__, f"{package.__name__}.")
        if not one.name.endswith("__main__") and hasattr(import_module(one.name), "STANDS_ON")
    }
    assert found == set(departures.MODULES)


def test_asyncua_is_pinned_to_the_release_that_is_installed() -> None:
    pins = set(re.findall(r'"asyncua==([^"]+)"', PYPROJECT.read_text()))
    assert pins == {metadata.version("asyncua")}


def test_a_changed_source_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    module = departures.MODULES[0]
    stands_on = import_module(module).STANDS_ON
    name = next(iter(stands_on))
    monkeypatch.setitem(stands_on, name, "0" * 16)
    assert departures.changed(module) == {name: departures.digest(name)}
