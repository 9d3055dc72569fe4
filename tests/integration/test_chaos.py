"""Nothing is lost, whichever server dies: ``make chaos`` at a small size."""

from pathlib import Path

import pytest

from benchmarks import chaos

pytestmark = pytest.mark.integration


@pytest.mark.parametrize("scenario", chaos.SCENARIOS)
def test_nothing_is_lost(scenario: str, tmp_path: Path) -> None:
    report = chaos.run(scenario, chaos.SMALL, tmp_path)

    assert report.messages
    assert not report.faults
