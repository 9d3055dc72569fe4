"""The benchmark of machines on OPC UA, at a size that only shows that it works."""

from pathlib import Path

import pytest

from benchmarks import opcua, opcua_soak
from benchmarks.opcua_contenders import OURS, STOCK, Contenders
from benchmarks.publishing import COMPARED

pytestmark = pytest.mark.integration

SIZES = opcua.Sizes(few=3, many=6, clients=2, rounds=1, warm_seconds=0.2, seconds=1.0)


@pytest.mark.parametrize("contender", [OURS, STOCK])
def test_every_figure_is_there_and_nothing_is_lost(contender: str, tmp_path: Path) -> None:
    found = opcua.measured(Contenders(tmp_path), contender, opcua.Load(3, 2), SIZES)

    assert found.server == contender
    assert found.expected == 60
    assert found.delivered > 0
    assert found.lost == 0
    assert found.compared == COMPARED
    assert 0 < found.p50 <= found.p99 <= found.worst
    assert found.before_mib > 0
    assert found.created_mib > 0


def test_what_is_published_as_documents_arrives(tmp_path: Path) -> None:
    found = opcua.bridged(Contenders(tmp_path), opcua.Load(3, 2), SIZES)

    # Of documents that wait only the newest counts, so a slow machine may skip values.
    assert found.delivered > 0
    assert 0 < found.p50 <= found.p99


def test_clients_come_and_vanish(tmp_path: Path) -> None:
    found = opcua_soak.run(Contenders(tmp_path), machines=3, clients=2, seconds=3.0)

    assert found["came"] > 1
    assert found["refused"] == 0
    assert found["notifications"] > 0
    assert found["lost"] == 0
    assert found["first_mib"] > 0
