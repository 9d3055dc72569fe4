"""Health, readiness and figures, asked as watchers ask."""

import secrets
from pathlib import Path

import httpx
import pymongo
import pytest
from prometheus_client.parser import text_string_to_metric_families

from tests.integration.brokers import site
from tests.integration.portals import Portal, settled
from tests.integration.portals import portal as running_portal
from tests.integration.programs import program, stream, token
from tests.integration.servers import free_port, mongod, wait_until
from tests.integration.stacks import DEADLINE, Stack, heater, temperature

pytestmark = pytest.mark.integration


def figures(text: str) -> dict[str, dict[tuple[tuple[str, str], ...], float]]:
    """Return all samples by name and labels."""
    found: dict[str, dict[tuple[tuple[str, str], ...], float]] = {}
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            labels = tuple(sorted(sample.labels.items()))
            found.setdefault(sample.name, {})[labels] = sample.value
    return found


def test_figures_tell_how_it_is_and_nothing_of_anybody(portal: Portal) -> None:
    owner = portal.member()
    client = program(portal, token(owner))
    told = client.post("/printers", json={"name": "Geheimnis"}).json()
    printer = told["registration"]["id"]
    ours = portal.stack.site.printers[0]
    with portal.stack.publisher(ours) as octoprint, stream(client):
        octoprint.publish(heater(ours), temperature(210.0))
        portal.stack.wait_for_state(ours, lambda state: state.temperatures)
        client.get(f"/printers/{printer}")
        client.get("/printers/nothing/nowhere")
        program(portal, "vxt_wrong").get("/printers")
        answer = httpx.get(f"{portal.url}/metrics")
        assert answer.status_code == 200
        assert answer.headers["content-type"].startswith("text/plain")
        found = figures(answer.text)
    for told_of in (printer, "Geheimnis", "example.org", ours.id, told["key"], "nowhere"):
        assert told_of not in answer.text
    requests = found["voxtrude_skill_http_requests_total"]
    route = ("route", "/api/v1/printers/{printer}")
    assert requests[("method", "GET"), route, ("status", "2xx")] == 1
    assert requests[("method", "GET"), ("route", "none"), ("status", "4xx")] == 1
    assert found["voxtrude_skill_http_request_seconds_count"][(route,)] == 1
    assert found["voxtrude_skill_rejected_tokens_total"][()] == 1
    assert found["voxtrude_skill_accounts"][()] == 2
    assert found["voxtrude_skill_broker_up"][()] == 1
    assert found["voxtrude_skill_database_up"][()] == 1
    assert found["voxtrude_skill_fleet_complete"][()] == 1
    assert found["voxtrude_skill_ingest"][(("condition", "running"),)] == 1
    assert sum(found["voxtrude_skill_printers"].values()) >= 1
    assert found["voxtrude_skill_last_message_timestamp_seconds"][()] > 1.7e9
    live = (("route", "/api/v1/stream"),)
    assert found["voxtrude_skill_streams"][live] == 1
    wait_until(
        lambda: (
            figures(httpx.get(f"{portal.url}/metrics").text)["voxtrude_skill_streams"][live] == 0
        ),
        DEADLINE,
        "the stream is still counted",
    )


def test_without_a_token_only_a_program_on_this_machine_may_ask(portal: Portal) -> None:
    url = f"{portal.url}/metrics"
    assert httpx.get(url).status_code == 200
    for header in ("x-forwarded-for", "forwarded", "x-real-ip", "via"):
        assert httpx.get(url, headers={header: "127.0.0.1"}).status_code == 403
    assert httpx.get(url, headers={"host": "rebound.example.org"}).status_code == 400


def test_with_a_token_whoever_has_it_may_ask(stack: Stack, tmp_path: Path) -> None:
    settled(stack.prepare())
    secret = secrets.token_urlsafe(24)
    (tmp_path / "token").write_text(secret)
    extra = {"VOXTRUDE_WEB_METRICS_TOKEN_FILE": str(tmp_path / "token")}
    with stack.ingest(), running_portal(stack, extra) as found:
        url = f"{found.url}/metrics"
        assert httpx.get(url).status_code == 401
        wrong = httpx.get(url, headers={"authorization": "Bearer wrong"})
        assert wrong.headers["www-authenticate"].startswith("Bearer")
        right = {"authorization": f"Bearer {secret}", "x-forwarded-for": "192.0.2.1"}
        assert httpx.get(url, headers=right).status_code == 200


def test_it_is_ready_once_everything_is_there(portal: Portal) -> None:
    assert httpx.get(f"{portal.url}/healthz").json() == {"status": "ok"}
    ready = httpx.get(f"{portal.url}/readyz", headers={"host": "10.0.0.7:8080"})
    assert (ready.status_code, ready.json()) == (200, {"status": "ready", "missing": []})
    assert httpx.head(f"{portal.url}/readyz").status_code == 200
    portal.stack.collection("meta").delete_one({"_id": "schema"})
    away = httpx.get(f"{portal.url}/readyz")
    assert (away.status_code, away.json()["missing"]) == (503, ["database"])


def test_while_the_database_is_away_everybody_is_told_so(tmp_path: Path) -> None:
    port = free_port()
    folder = tmp_path / "mongod"
    folder.mkdir()
    place = site("native", tmp_path / "data")
    place.render()
    url = f"mongodb://127.0.0.1:{port}/?replicaSet=rs0"
    with (
        mongod(folder, port) as database,
        place.run() as broker,
        pymongo.MongoClient[dict[str, object]](url) as client,
    ):
        stack = Stack(place, url, "away", tmp_path, client, broker)
        settled(stack.prepare())
        with stack.ingest(), running_portal(stack) as found:
            programmed = program(found, token(found.admin()))
            key = programmed.post("/printers", json={"name": "Prusa"}).json()["plugin_key"]
            database.kill()
            refused = programmed.get("/printers")
            assert refused.status_code == 503
            assert int(refused.headers["retry-after"]) > 0
            assert "mongo" not in refused.text.lower()
            report = {"PrinterId": key, "PrinterName": "Prusa", "Details": []}
            for name in ("UpdatePrinterStatus", "VerifyPrinterRegistration"):
                answer = httpx.post(f"{found.url}/api/{name}", json=report, timeout=30)
                assert answer.status_code == 503
                assert answer.json()["apiResult"] == "Error"
            ready = httpx.get(f"{found.url}/readyz")
            assert ready.status_code == 503
            assert "database" in ready.json()["missing"]
            assert httpx.get(f"{found.url}/healthz").status_code == 200
            told = figures(httpx.get(f"{found.url}/metrics").text)
            assert told["voxtrude_skill_database_up"][()] == 0
            assert "voxtrude_skill_accounts" not in told
            assert "unexpectedly" not in found.skill.said
