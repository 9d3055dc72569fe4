"""What a log line may hold when something unexpected happens."""

import json
from collections.abc import Iterator
from typing import Literal

import pytest
import structlog

from voxtrude import logs
from voxtrude.settings import Log


@pytest.fixture(autouse=True)
def as_it_was() -> Iterator[None]:
    """Leave the logging of other tests alone."""
    yield
    structlog.reset_defaults()
    structlog.contextvars.clear_contextvars()


@pytest.mark.parametrize("form", ["json", "text"])
def test_a_traceback_names_places_and_no_values(
    capsys: pytest.CaptureFixture[str], form: Literal["json", "text"]
) -> None:
    logs.configure(Log(format=form), "test")

    def sign_in(password: str) -> None:
        raise RuntimeError(len(password))

    try:
        sign_in("hunter" + "2")
    except RuntimeError:
        structlog.get_logger().exception("unexpected error")
    said = capsys.readouterr().err
    assert "sign_in" in said
    assert "hunter2" not in said
    if form == "json":
        (line,) = said.splitlines()
        assert json.loads(line)["event"] == "unexpected error"
