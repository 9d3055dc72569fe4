"""The API asked as programs ask it, of a real skill at a real broker and database."""

import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import httpx
import pytest

from tests.integration.brokers import V311, Raw
from tests.integration.portals import Portal, forms
from tests.integration.programs import program, stream, token
from tests.integration.servers import wait_until
from tests.integration.stacks import DEADLINE, heater, temperature
from voxtrude.accounts import Scope

pytestmark = pytest.mark.integration

ALL_OF_ONE = ("", "/registration", "/jobs", "/readings", "/connection", "/rejected")


def test_a_program_adds_a_printer_and_sees_what_the_printer_says(portal: Portal) -> None:
    client = program(portal, token(portal.member()))
    assert client.get("/printers").json() == {"printers": [], "next": None}

    made = client.post("/printers", json={"name": " Prusa\tMK4\u200b "})
    assert made.status_code == 201, made.text
    told = made.json()
    printer = told["registration"]["id"]
    assert made.headers["location"] == f"/api/v1/printers/{printer}"
    assert made.headers["cache-control"] == "no-store"
    assert told["registration"]["name"] == "Prusa MK4"
    assert told["registration"]["standing"] == "active"
    assert told["plugin_key"] == f"{printer}:{told['key']}"
    assert [way["tls"] for way in told["ways"]] == [False, True]
    assert told["ways"][0]["plugin"]["broker"]["password"] == told["key"]
    assert told["ways"][1]["certificate"] == f"{portal.url}/broker-ca.crt"

    login = (printer, told["key"])
    with Raw(portal.stack.site.settings.port, login, protocol=V311) as octoprint:
        octoprint.publish(f"octoPrint/{printer}/temperature/tool0", temperature(210.5, 215.0))
        wait_until(
            lambda: client.get(f"/printers/{printer}").json()["temperatures"],
            DEADLINE,
            "the API does not show the temperature",
        )
    shown = client.get(f"/printers/{printer}").json()
    assert shown["temperatures"]["tool0"]["actual"] == 210.5
    assert shown["printer"]["name"] == "Prusa MK4"
    for path in ALL_OF_ONE:
        assert client.get(f"/printers/{printer}{path}").status_code == 200, path
    wait_until(
        lambda: client.get(f"/printers/{printer}/readings").json()["samples"],
        DEADLINE,
        "no readings",
    )


def test_a_printer_is_changed_and_removed(portal: Portal) -> None:
    client = program(portal, token(portal.member()))
    told = client.post("/printers", json={"name": "Prusa", "base_topic": "hall 1/prusa/"}).json()
    path = f"/printers/{told['registration']['id']}"
    assert told["registration"]["base_topic"] == "hall 1/prusa/"

    taken = client.post("/printers", json={"name": "Ender", "base_topic": "hall 1/"})
    assert taken.status_code == 409
    assert client.post("/printers", json={"name": "E", "base_topic": "voxtrude/x/"}).is_error

    plate = {"manufacturer": "Prusa", "year_of_construction": 2024}
    changed = client.patch(path, json={"name": "Prusa 2", "plate": plate, "keep": True})
    assert changed.status_code == 200, changed.text
    assert changed.json()["plate"]["year_of_construction"] == 2024
    assert changed.json()["keep"] is True
    again = client.patch(path, json={"plate": {"model": "MK4", "year_of_construction": None}})
    assert again.json()["name"] == "Prusa 2"
    assert again.json()["keep"] is True
    assert again.json()["plate"] == {
        "manufacturer": "Prusa",
        "model": "MK4",
        "serial_number": None,
        "location": None,
        "year_of_construction": None,
    }

    rotated = client.post(f"{path}/rotate").json()
    assert rotated["key"] != told["key"]
    assert client.post(f"{path}/revoke").json()["standing"] == "revoked"
    assert client.get(f"{path}/registration").json()["standing"] == "revoked"
    assert client.post(f"{path}/admit").json()["standing"] == "active"
    assert client.delete(path).status_code == 204
    assert client.get(path).status_code == 404
    assert client.delete(path).status_code == 404


def test_another_account_and_nobody_see_nothing(portal: Portal) -> None:
    mine = program(portal, token(portal.member()))
    theirs = program(portal, token(portal.member("eve@example.org")))
    admin = program(portal, token(portal.admin()))
    printer = mine.post("/printers", json={"name": "Prusa"}).json()["registration"]["id"]
    unknown = "prn-0000000000000000"
    for client in (theirs, admin):
        for suffix in ALL_OF_ONE:
            seen = client.get(f"/printers/{printer}{suffix}")
            assert seen.status_code == 404
            assert seen.json() == client.get(f"/printers/{unknown}{suffix}").json()
        for method, suffix in (
            ("PATCH", ""),
            ("DELETE", ""),
            ("POST", "/rotate"),
            ("POST", "/revoke"),
            ("POST", "/admit"),
        ):
            body = {"name": "mine now"} if method == "PATCH" else None
            asked = client.request(method, f"/printers/{printer}{suffix}", json=body)
            assert asked.status_code == 404
        assert client.get("/stream", params={"printer": printer}).status_code == 404
        listed = [one["printer"]["id"] for one in client.get("/printers").json()["printers"]]
        assert printer not in listed
        assert client.get("/printers", params={"id": printer}).json()["printers"] == []
        assert printer not in client.get("/account/export").text
    assert mine.get(f"/printers/{printer}").status_code == 200
    # The administrator sees those of nobody.
    assert len(admin.get("/printers").json()["printers"]) == 3
    assert theirs.get("/printers").json()["printers"] == []


def test_who_has_no_token_or_lacks_a_scope_is_told_so(portal: Portal) -> None:
    nobody = program(portal)
    answer = nobody.get("/printers")
    assert answer.status_code == 401
    assert answer.headers["www-authenticate"] == 'Bearer realm="voxtrude"'
    wrong = program(portal, f"vxt_{'0' * 16}_{'A' * 43}").get("/printers")
    assert wrong.status_code == 401
    assert 'error="invalid_token"' in wrong.headers["www-authenticate"]
    # A session's cookie is no token.
    assert portal.member().get("/api/v1/printers").status_code == 401
    for scheme in ("Basic abc", "Bearer", "Bearer a b", "vxt_x", "Bearer \xff"):
        sent = nobody.get("/printers", headers={b"authorization": scheme.encode("latin-1")})
        assert sent.status_code == 401, scheme

    reader = program(portal, token(portal.signed_in("max@example.org"), Scope.READ))
    assert reader.get("/printers").status_code == 200
    refused = reader.post("/printers", json={"name": "Prusa"})
    assert refused.status_code == 403
    assert "printers:write" in refused.json()["detail"]
    assert 'scope="printers:write"' in refused.headers["www-authenticate"]
    assert "account:read" in reader.get("/account").json()["detail"]
    writer = program(portal, token(portal.signed_in("max@example.org"), Scope.WRITE))
    assert writer.get("/printers").status_code == 403
    exporter = program(portal, token(portal.signed_in("max@example.org"), Scope.EXPORT))
    told = exporter.get("/account").json()
    assert told["email"] == "max@example.org"
    assert "password" not in told
    export = exporter.get("/account/export")
    assert export.json()["account"]["email"] == "max@example.org"
    assert exporter.get("/printers").status_code == 403


def test_wrong_tokens_are_slowed_down_and_right_ones_are_not(portal: Portal) -> None:
    right = program(portal, token(portal.member()))
    wrong = program(portal, "vxt_wrong")
    statuses = [wrong.get("/printers").status_code for _ in range(70)]
    assert statuses[0] == 401
    assert statuses[-1] == 429
    last = wrong.get("/printers")
    assert int(last.headers["retry-after"]) > 0
    assert right.get("/printers").status_code == 200


BODIES = [
    b'{"name": NaN}',
    b'{"name": 1e999}',
    b'{"name": "\\ud800"}',
    b'{"name": "\xff"}',
    b'{"name": ' + b"9" * 5000 + b"}",
    b"[" * 30_000,
    b'{"a":' * 10_000,
    b"",
    b"null",
    b'"name"',
    b'{"name": ""}',
    b'{"name": "\\u0000"}',
    b'{"name": "Prusa", "secret-field": "hunter2"}',
    b'{"name": {"$ne": null}}',
    b'{"name": "Prusa", "base_topic": "#"}',
    b'{"name": "Prusa", "base_topic": "a/\\n"}',
]


def test_hostile_bodies_are_refused_and_not_told_back(portal: Portal) -> None:
    client = program(portal, token(portal.member()))
    told = client.post("/printers", json={"name": "Prusa"}).json()
    path = f"/printers/{told['registration']['id']}"
    headers = {"content-type": "application/json"}
    for body in BODIES:
        for method, where in (("POST", "/printers"), ("PATCH", path)):
            if method == "PATCH" and body == b"null":
                continue
            answer = client.request(method, where, content=body, headers=headers)
            assert answer.status_code in {400, 422}, (method, body[:40], answer.text)
            assert "hunter2" not in answer.text
            assert '"input"' not in answer.text
    huge = client.post("/printers", content=b" " * 70_000, headers=headers)
    assert huge.status_code == 413

    def endless() -> Iterator[bytes]:
        for _ in range(200):
            yield b" " * 65_536

    chunked = client.post("/printers", content=endless(), headers=headers)
    assert chunked.status_code == 413
    form = client.post("/printers", data={"name": "Prusa"})
    assert form.status_code == 415
    picky = client.get("/printers", headers={"accept": "text/html"})
    assert picky.status_code == 406
    assert client.get("/printers", headers={"accept": "text/html, */*;q=0.1"}).status_code == 200
    other = client.put(path, json={})
    assert other.status_code == 405
    assert other.headers["allow"] == "DELETE, GET, PATCH"
    assert client.get("/printers/prn-x").status_code == 422
    assert client.get("/printers", params={"limit": "0"}).status_code == 422
    assert client.get("/printers", params={"limti": "5"}).status_code == 422
    assert client.get("/nothing").json() == {"detail": "Not Found"}
    assert [one["name"] for one in portal.printers if one.get("owner")] == ["Prusa"]


def test_lists_come_in_pages(portal: Portal) -> None:
    client = program(portal, token(portal.member()))
    made = [client.post("/printers", json={"name": f"p {n}"}).json() for n in range(5)]
    ids = sorted(one["registration"]["id"] for one in made)
    seen: list[str] = []
    after: dict[str, str] = {}
    while True:
        page = client.get("/printers", params={"limit": "2", **after}).json()
        seen += [one["printer"]["id"] for one in page["printers"]]
        if page["next"] is None:
            break
        after = {"after": page["next"]}
    assert seen == ids
    some = client.get("/printers", params={"id": ids[1:3]}).json()["printers"]
    assert [one["printer"]["id"] for one in some] == ids[1:3]
    assert client.get("/jobs").json() == {"jobs": [], "next": None}


def test_many_printers_are_added_at_once(portal: Portal) -> None:
    client = program(portal, token(portal.member()))

    def add(number: int) -> int:
        return client.post("/printers", json={"name": f"p {number}"}).status_code

    with ThreadPoolExecutor(8) as pool:
        assert set(pool.map(add, range(16))) == {201}
    assert len(client.get("/printers").json()["printers"]) == 16


def test_the_print_history_of_all_printers(portal: Portal) -> None:
    mine = program(portal, token(portal.member()))
    theirs = program(portal, token(portal.member("eve@example.org")))
    printers = [
        client.post("/printers", json={"name": "p"}).json()["registration"]["id"]
        for client in (mine, mine, theirs)
    ]
    began = datetime(2026, 1, 31, 12, tzinfo=UTC)
    portal.stack.collection("jobs").insert_many(
        [
            {
                "_id": f"{printer}.{number}",
                "printer": printer,
                "file": {"name": "a.gcode", "path": "a.gcode", "storage": "local", "size": None},
                "started_at": began,
                # Several at the same moment: a page may end among them.
                "written_at": datetime.now(UTC) - timedelta(hours=number // 2),
                "ended_at": began + timedelta(hours=1),
                "outcome": "done",
                "duration": 3600.0,
                "progress": 100.0,
                "error": None,
                "origin": "live",
            }
            for printer in printers
            for number in range(4)
        ]
    )
    seen: list[str] = []
    before: dict[str, str] = {}
    while True:
        page = mine.get("/jobs", params={"limit": "3", **before}).json()
        seen += [one["id"] for one in page["jobs"]]
        if page["next"] is None:
            break
        before = {"before": page["next"]}
    assert len(seen) == len(set(seen)) == 8
    assert not any(printers[2] in one for one in seen)
    one = mine.get(f"/printers/{printers[0]}/jobs").json()["jobs"]
    assert [job["id"] for job in one] == [job for job in seen if printers[0] in job]
    assert one[0]["duration"] == 3600.0
    assert one[0]["outcome"] == "done"
    recent = (datetime.now(UTC) - timedelta(minutes=30)).isoformat()
    assert len(mine.get("/jobs", params={"since": recent}).json()["jobs"]) == 4
    assert len(mine.get("/jobs", params={"until": recent}).json()["jobs"]) == 4
    assert mine.get("/jobs", params={"before": "99999999999999.x"}).status_code == 200


def test_the_stream_tells_all_and_then_what_changes(portal: Portal) -> None:
    visitor = portal.admin()
    client = program(portal, token(visitor))
    ours = portal.stack.site.printers[0]
    with stream(client) as events, portal.stack.publisher(ours) as octoprint:
        assert events.response.headers["content-type"].startswith("text/event-stream")
        assert events.next() == ("pipeline", '{"state":"running"}')
        octoprint.publish(heater(ours), temperature(42.0))
        while True:
            document = events.until("printer")
            if document["printer"]["id"] == ours.id and document["temperatures"]:
                break
        assert document["temperatures"]["tool0"]["actual"] == 42.0
        # A printer of this account comes and goes.
        told = client.post("/printers", json={"name": "Prusa"}).json()["registration"]["id"]
        while events.until("printer")["printer"]["id"] != told:
            pass
        client.delete(f"/printers/{told}")
        while events.until("gone")["printer"] != told:
            pass
        # Its token is revoked: the stream ends.
        for form in forms(visitor.get("/account/tokens")):
            if form.action.endswith("/remove"):
                visitor.post(form.action, data=form.fields)
        with pytest.raises(EOFError):
            events.until("nothing")


def test_a_stream_of_one_printer(portal: Portal) -> None:
    client = program(portal, token(portal.admin()))
    ours, other = portal.stack.site.printers[:2]
    with (
        stream(client, printer=ours.id) as events,
        portal.stack.publisher(ours) as one,
        portal.stack.publisher(other) as two,
    ):
        two.publish(heater(other), temperature(41.0))
        one.publish(heater(ours), temperature(42.0))
        while not (document := events.until("printer"))["temperatures"]:
            assert document["printer"]["id"] == ours.id
        assert document["printer"]["id"] == ours.id


def test_the_broker_and_the_database_away(portal: Portal) -> None:
    client = program(portal, token(portal.member()))
    portal.stack.broker.stop()
    wait_until(
        lambda: httpx.get(f"{portal.url}/readyz").status_code == 503, DEADLINE, "still ready"
    )
    assert "broker" in httpx.get(f"{portal.url}/readyz").json()["missing"]
    assert httpx.get(f"{portal.url}/healthz").status_code == 200
    assert client.get("/printers").status_code == 200
    refused = client.post("/printers", json={"name": "Prusa"})
    assert refused.status_code == 503
    assert int(refused.headers["retry-after"]) > 0
    assert not [one for one in portal.printers if one.get("owner")]


def test_the_documentation_tells_of_every_route(portal: Portal) -> None:
    document = httpx.get(f"{portal.url}/api/openapi.json").json()
    page = portal.client().get("/api")
    assert page.status_code == 200
    assert all(path.startswith("/api/v1/") for path in document["paths"])
    for path, item in document["paths"].items():
        for method, operation in item.items():
            assert f"{method.upper()} {path}" in page.text
            assert operation["description"]
            assert operation["security"], path
            assert {"401", "403", "503"} <= operation["responses"].keys()
    for model in document["components"]["schemas"]:
        assert f'id="{model}"' in page.text
    assert "http" not in json.dumps(document["components"]["schemas"]["PrinterDocument"])
    assert portal.client().get("/api/docs").url.path == "/api"
