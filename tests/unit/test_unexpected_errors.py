"""A bug in a handler: people are told nothing of it, and the log all that is needed."""

import httpx
import pytest
from fastapi import FastAPI
from structlog.testing import capture_logs

from services.skill.web import errors, headers


@pytest.mark.parametrize("accept", ["text/html", "application/json"])
async def test_an_unexpected_error_is_in_the_log_and_not_in_the_answer(accept: str) -> None:
    site = FastAPI()
    errors.install(site)
    headers.install(site, "http://127.0.0.1:8080")

    @site.get("/api/broken/{code}")
    async def broken(code: str) -> None:
        raise RuntimeError(f"on line {len(code)}")

    transport = httpx.ASGITransport(site, raise_app_exceptions=False)
    with capture_logs() as logged:
        async with httpx.AsyncClient(
            transport=transport, base_url="http://127.0.0.1:8080"
        ) as client:
            answer = await client.get("/api/broken/hunter2", headers={"accept": accept})
    assert answer.status_code == 500
    assert "on line 7" not in answer.text
    (line,) = (one for one in logged if one["log_level"] == "error")
    assert isinstance(line["exc_info"], RuntimeError)
    assert "hunter2" not in str(line)
