"""Two accounts, an administrator, and nobody, on every route that there is."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial

import httpx
import pytest

from tests.integration.onboarding import Plugin, Shown, added
from tests.integration.portal_routes import (
    RULES,
    UNKNOWN_ACCOUNT,
    UNKNOWN_PRINTER,
    Rule,
    Who,
    ask,
    comparable,
    failures,
    of,
    routes,
    rule,
    standing,
)
from tests.integration.portals import MEMBER, Portal, Visitor
from tests.integration.programs import program, token
from tests.integration.programs import stream as api_stream
from tests.integration.servers import wait_until
from tests.integration.stacks import DEADLINE, event
from tests.integration.streams import streaming
from voxtrude.accounts import Scope
from voxtrude.mongo import schema

pytestmark = pytest.mark.integration

EVE = "eve@example.org"
NAME, BASE, FILE = "Distinct Prusa", "distinct hall/unit/", "distinct_part.gcode"


@dataclass
class Street:
    """An owner with a printer that prints, and the others."""

    portal: Portal
    owner: Visitor
    stranger: Visitor
    admin: Visitor
    nobody: Visitor
    printer: Shown
    plugin: Plugin
    words: tuple[str, ...]
    """What nobody but the owner may ever read."""

    def says_nothing(self, answer: httpx.Response | str, *but: str) -> None:
        text = answer if isinstance(answer, str) else f"{answer.headers}{answer.text}"
        found = [one for one in self.words if one not in but and one in text]
        assert not found, found

    def prints(self) -> None:
        """Print twice, as OctoPrint does; the second print goes on."""
        self.plugin.print_twice(FILE)
        self.plugin.tell("progress/printing", b"this is no JSON")


def starts(plugin: Plugin, file: str) -> None:
    """Begin to print a file, as OctoPrint does."""
    told = {"name": file, "path": file, "origin": "local", "size": 9}
    state = {"state_id": "PRINTING", "state_string": "Printing"}
    plugin.tell("event/PrintStarted", event("PrintStarted", **told))
    plugin.tell("event/PrinterStateChanged", event("PrinterStateChanged", **state))


@pytest.fixture
def street(portal: Portal) -> Iterator[Street]:
    owner, stranger, admin = portal.member(), portal.member(EVE), portal.admin()
    printer = added(owner, NAME, base_topic=BASE)
    with Plugin(printer.plugins[0]) as plugin:
        found = Street(
            portal,
            owner,
            stranger,
            admin,
            portal.client(),
            printer,
            plugin,
            (MEMBER, NAME, BASE, FILE, printer.secret, printer.id),
        )
        found.prints()
        stack = portal.stack
        for name in (schema.STATES, schema.QUARANTINE, schema.READINGS):
            wait_until(partial(stack.collection(name).count_documents, {}), DEADLINE, name)
        wait_until(lambda: stack.collection(schema.JOBS).count_documents({}) == 2, DEADLINE, "jobs")
        wait_until(lambda: FILE in owner.get(printer.path).text, DEADLINE, "no file on the page")
        yield found
    assert not list(failures(portal))


def test_every_route_has_a_rule_and_no_rule_is_left_over() -> None:
    found = routes()
    assert {rule(*one).who for one in found} == set(Who)
    assert set(RULES) <= set(found)


def test_nobody_but_its_owner_meets_a_printer_on_any_page(street: Street) -> None:
    portal, printer = street.portal, street.printer
    before = standing(portal.stack)
    pages = [one for one in of(Who.OWNER, Who.ADMINISTRATOR) if one[1].startswith("/printers/")]
    assert len(pages) > 15
    for method, path in pages:
        for visitor in (street.stranger, street.admin, street.nobody):
            theirs = ask(visitor, method, path, printer=printer.id)
            unknown = ask(visitor, method, path, printer=UNKNOWN_PRINTER)
            assert comparable(theirs) == comparable(unknown), (method, path)
            signed_in = visitor is not street.nobody
            assert theirs.status_code == (404 if signed_in else 303), (method, path)
            street.says_nothing(theirs, printer.id)
            assert printer.id not in theirs.text
            if not signed_in:
                assert theirs.headers["location"].startswith("/sign-in")
    assert standing(portal.stack) == before
    assert not street.plugin.raw.gone
    for method, path in pages:
        mine = ask(street.owner, method, path, printer=printer.id)
        wanted = 404 if rule(method, path).who is Who.ADMINISTRATOR else rule(method, path).status
        assert mine.status_code == wanted, (method, path, mine.text)


def test_nobody_but_its_owner_meets_a_printer_by_the_api(street: Street) -> None:
    portal, printer = street.portal, street.printer
    mine = program(portal, token(street.owner))
    others = [program(portal, token(one)) for one in (street.stranger, street.admin)]
    nobody = program(portal)
    calls = [one for one in of(Who.OWNER) if one[1].startswith("/api/")]
    assert len(calls) == 11
    before = standing(portal.stack)
    for method, path in calls:
        for client in others:
            theirs = ask(client, method, path, printer=printer.id)
            assert theirs.status_code == 404, (method, path)
            unknown = ask(client, method, path, printer=UNKNOWN_PRINTER)
            assert comparable(theirs) == comparable(unknown)
            street.says_nothing(theirs)
        refused = ask(nobody, method, path, printer=printer.id)
        assert refused.status_code == 401, (method, path)
        assert comparable(refused) == comparable(ask(nobody, method, path, printer=UNKNOWN_PRINTER))
        street.says_nothing(refused)
    assert standing(portal.stack) == before
    assert not street.plugin.raw.gone
    for method, path in calls:
        answer = ask(mine, method, path, printer=printer.id)
        assert answer.status_code == rule(method, path).status, (method, path, answer.text)


def test_lists_exports_and_cursors_tell_of_nothing_of_others(street: Street) -> None:
    portal, printer = street.portal, street.printer
    mine = program(portal, token(street.owner))
    cursor = mine.get("/jobs", params={"limit": 1}).json()["next"]
    assert printer.id in cursor
    about_all = of(Who.PROGRAM, Who.SIGNED_IN)
    for visitor in (street.stranger, street.admin):
        client = program(portal, token(visitor))
        for method, path in about_all:
            if method == "GET" and path not in {"/live", "/api/v1/stream"}:
                answer = ask(client if path.startswith("/api/") else visitor, method, path)
                assert answer.status_code == 200, path
                street.says_nothing(answer)
        for query in ({"id": printer.id}, {"after": UNKNOWN_PRINTER}):
            listed = client.get("/printers", params=query)
            assert listed.status_code == 200
            street.says_nothing(listed)
        jobs = client.get("/jobs", params={"before": cursor})
        assert jobs.json()["jobs"] == []
        street.says_nothing(client.get("/jobs", params={"before": cursor}))
        assert client.get("/stream", params={"printer": printer.id}).status_code == 404
    for method, path in about_all:
        refused = ask(program(portal) if path.startswith("/api/") else street.nobody, method, path)
        assert refused.status_code == (401 if path.startswith("/api/") else 303), (method, path)
        street.says_nothing(refused)
        if refused.status_code == 303:
            assert refused.headers["location"].startswith("/sign-in")
    # The positive control: the same requests tell their owner.
    for path in ("/jobs", "/account/export", "/printers"):
        assert FILE in mine.get(path).text


def test_live_streams_tell_of_nothing_of_others(street: Street) -> None:
    portal, printer = street.portal, street.printer
    theirs = added(street.stranger, "Ender")
    client = program(portal, token(street.stranger))
    with (
        streaming(street.stranger) as listed,
        streaming(street.stranger, f"/live?printer={printer.id}") as one,
        streaming(street.stranger, f"/live?printer={UNKNOWN_PRINTER}") as unknown,
        streaming(street.admin) as administrators,
        streaming(street.owner) as owners,
        api_stream(client) as told,
        Plugin(theirs.plugins[0]) as plugin,
    ):
        assert told.until("printer")["printer"]["id"] == theirs.id
        starts(street.plugin, "late_part.gcode")
        owners.wait_for(printer.id, file="late_part")
        # What comes later than the owner's news has come without it.
        starts(plugin, "enders_part.gcode")
        listed.wait_for(theirs.id, file="enders_part")
        heard = ""
        while "enders_part" not in heard:
            heard += json.dumps(told.until("printer"))
        for text in (heard, listed.text, one.text, administrators.text):
            assert "late_part" not in text
            street.says_nothing(text)
        for stream in (listed, one, administrators):
            assert stream.status == 200
        assert one.events[:1] == unknown.events[:1]
        assert not one.rows
    with streaming(portal.client()) as nobody:
        assert nobody.status in {303, 401}


def test_a_token_does_what_its_scopes_say_and_no_more(street: Street) -> None:
    portal = street.portal
    clients = {scope: program(portal, token(street.owner, scope)) for scope in Scope}
    before = {**standing(portal.stack)}
    for method, path in of(Who.OWNER, Who.PROGRAM):
        known = rule(method, path)
        if not path.startswith("/api/"):
            continue
        for scope, client in clients.items():
            if scope is known.scope:
                continue
            refused = ask(client, method, path, printer=street.printer.id)
            assert refused.status_code == 403, (method, path, scope)
            assert known.scope is not None
            assert known.scope.value in refused.json()["detail"]
            street.says_nothing(refused)
    assert standing(portal.stack) == before


def test_a_session_is_no_token_and_a_token_is_no_session(street: Street) -> None:
    plain = token(street.owner)
    bare = street.portal.client()
    for method, path in of(Who.PROGRAM):
        assert ask(street.owner, method, path).status_code == 401, path
    for _, path in [one for one in of(Who.SIGNED_IN, Who.OWNER) if one[0] == "GET"]:
        if not path.startswith("/api/"):
            headers = {"authorization": f"Bearer {plain}"}
            seen = bare.get(
                path.format(printer=street.printer.id), headers=headers, follow_redirects=False
            )
            assert seen.status_code == 303, path


def test_nobody_administrates_but_an_administrator(street: Street) -> None:
    stack = street.portal.stack
    whose = next(
        one["_id"] for one in stack.collection(schema.ACCOUNTS).find() if one["email"] == MEMBER
    )
    pages = [one for one in of(Who.ADMINISTRATOR) if one[1].startswith("/admin")]
    before = standing(stack)
    for method, path in pages:
        for visitor in (street.owner, street.stranger, street.nobody):
            theirs = ask(visitor, method, path, account=whose)
            unknown = ask(visitor, method, path, account=UNKNOWN_ACCOUNT)
            assert comparable(theirs) == comparable(unknown), (method, path)
            assert theirs.status_code == (303 if visitor is street.nobody else 404), (method, path)
            street.says_nothing(theirs)
    assert standing(stack) == before
    for method, path in pages:
        known: Rule = rule(method, path)
        done = ask(street.admin, method, path, account=whose)
        assert done.status_code == known.status, (method, path, done.text)
        missing = ask(street.admin, method, path, account=UNKNOWN_ACCOUNT)
        assert missing.status_code == (404 if "{account}" in path else known.status)
        # An administrator looks after accounts, and sees nothing of their printers.
        street.says_nothing(done, MEMBER)


def test_nobody_ends_anothers_session_or_token(street: Street) -> None:
    portal = street.portal
    client = program(portal, token(street.owner))
    tokens = portal.stack.collection(schema.TOKENS)
    sessions = portal.stack.collection(schema.SESSIONS)
    account = tokens.find_one({}, {"account": 1})
    assert account is not None
    session = sessions.find_one({"account": account["account"]})
    plain = tokens.find_one({})
    assert session is not None
    assert plain is not None
    ids = {"session": session["_id"], "token": plain["_id"]}
    unknown = {"session": "0" * 64, "token": "0" * 16}
    before = standing(portal.stack)
    for method, path in [one for one in of(Who.OWNER) if one[1].startswith("/account/")]:
        for visitor in (street.stranger, street.admin, street.nobody):
            theirs = ask(visitor, method, path, **ids)
            assert comparable(theirs, *ids.values()) == comparable(
                ask(visitor, method, path, **unknown), *unknown.values()
            )
    assert standing(portal.stack) == before
    assert street.owner.get("/account", follow_redirects=False).status_code == 200
    assert client.get("/printers").status_code == 200


def test_a_key_opens_its_own_printer_only(street: Street) -> None:
    portal, printer = street.portal, street.printer
    theirs = added(street.stranger, "Ender")
    before = standing(portal.stack)
    nobody = program(portal)
    for _, path in [one for one in of(Who.KEY_HOLDER) if "/api/" in one[1]]:
        answers = []
        for key in (
            f"{printer.id}:{theirs.secret}",
            f"{printer.id}:{'A' * 32}",
            f"{UNKNOWN_PRINTER}:{theirs.secret}",
            printer.id,
            "",
        ):
            sent = {"PrinterId": key, "PrinterName": "x", "Details": [{"StatusTypeId": 3}]}
            answer = nobody.post(f"{portal.url}{path}", content=json.dumps(sent))
            answers.append(comparable(answer))
            street.says_nothing(answer)
        assert answers == answers[:1] * len(answers), path
        mine = {"PrinterId": f"{printer.id}:{printer.secret}", "PrinterName": "x", "Details": []}
        right = nobody.post(f"{portal.url}{path}", content=json.dumps(mine))
        assert right.json() == {"apiResult": "Success"}
    after = standing(portal.stack)
    assert after[schema.PRINTERS] == before[schema.PRINTERS]
    assert after[schema.JOBS] == before[schema.JOBS]


def test_a_code_that_nobody_made_opens_nothing(street: Street) -> None:
    before = standing(street.portal.stack)
    for method, path in [one for one in of(Who.KEY_HOLDER) if "{code}" in one[1]]:
        answer = ask(street.nobody, method, path, code="A" * 43)
        if method == "POST" or path.startswith("/join"):
            assert answer.status_code == 410, (method, path)
        street.says_nothing(answer)
    assert standing(street.portal.stack) == before
