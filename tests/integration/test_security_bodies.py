"""Bodies that nobody honest sends, to every route that takes one: refused, and never told back."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import httpx
import pytest

from tests.integration.conftest import Database
from tests.integration.onboarding import Shown, added
from tests.integration.portal_routes import (
    UNKNOWN_ACCOUNT,
    Who,
    failures,
    house,
    of,
    rule,
    token_of,
)
from tests.integration.portals import Portal, Visitor
from tests.integration.programs import program, token

pytestmark = pytest.mark.integration

CANARY = "canary-7f3d9a"
"""Stands in each password, key and code that is sent."""

SECRET = {"password", "old", "new", "code", "api_key", "mark", "csrf", "PrinterId"}
LONGEST_ANSWER = 100_000

FORM = "application/x-www-form-urlencoded"
JSON = "application/json"

NUMBER = "9" * 5000
DEEP = "[" * 5000 + "]" * 5000
NESTED = '{"a":' * 5000 + "1" + "}" * 5000

VALUES = [
    b"",
    b"%00",
    b"\x00",
    b"%ED%A0%80",
    b"\xed\xa0\x80",
    b"%FF%FE",
    b"\xff\xfe",
    b"\\ud800",
    b"NaN",
    b"Infinity",
    b"1e999",
    b"-1",
    NUMBER.encode(),
    DEEP.encode(),
    b"a" * 60_000,
    b"%F0%9F%92%A9" * 200,
    b"%E2%80%AE%E2%80%8B",
    b"%0D%0ASet-Cookie:%20a=b",
    b"{{7*7}}<script>alert(1)</script>",
    b"%24ne",
]
"""Values of one field of a form, as they stand in the body."""

LITERALS = [
    "NaN",
    "Infinity",
    "-Infinity",
    "1e999",
    "-0",
    '"\\ud800"',
    '"\\u0000"',
    NUMBER,
    f"-{NUMBER}",
    f"0.{NUMBER}",
    DEEP,
    NESTED,
    "null",
    "true",
    "[]",
    "{}",
    '""',
    f'"{"a" * 60_000}"',
    '{"$ne": ""}',
    '"{{7*7}}<script>alert(1)</script>"',
]
"""Values of one field of a JSON body."""

WHOLE = [
    b"",
    b"\x00",
    b"\xff\xfe\xfd",
    b"{",
    b"null",
    b"[]",
    b'"text"',
    b"NaN",
    NUMBER.encode(),
    DEEP.encode(),
    NESTED.encode(),
    b'\xef\xbb\xbf{"name":"x"}',
    '{"name":"x"}'.encode("utf-16"),
    '{"name":"x"}'.encode("utf-32"),
    b'{"name": "\xed\xa0\x80"}',
    b"&" * 5000,
    b"a=b&" * 3000,
    b"=" * 5000,
    b"%",
    b"--x\r\nbroken",
    b"--x--",
    b"".join(
        b'--x\r\nContent-Disposition: form-data; name="f%d"\r\n\r\n1\r\n' % number
        for number in range(1200)
    )
    + b"--x--",
    b"".join(
        b'--x\r\nContent-Disposition: form-data; name="f"; filename="%d"\r\n\r\n1\r\n' % number
        for number in range(900)
    )
    + b"--x--",
    b'--x\r\nContent-Disposition: form-data; name="' + b"a" * 30_000 + b'"\r\n\r\n1\r\n--x--',
    b"--x\r\n" + b"X: y\r\n" * 5000 + b"\r\n1\r\n--x--",
]
"""Bodies as a whole; each comes as each of KINDS."""

KINDS = [
    None,
    FORM,
    f"{FORM}; charset=utf-16",
    JSON,
    f"{JSON}; charset=utf-7",
    "multipart/form-data",
    "multipart/form-data; boundary=x",
    "text/plain",
    "application/xml",
    "a" * 300,
]


@dataclass
class House:
    """A portal that all these tests share."""

    portal: Portal
    admin: Visitor
    printer: Shown
    client: httpx.Client

    def url(self, path: str) -> str:
        ids = {"printer": self.printer.id, "account": UNKNOWN_ACCOUNT}
        return self.portal.url + path.format(**ids, session="0" * 64, token="0" * 16, code="A" * 43)

    def refused(self, answer: httpx.Response, what: object, *also: int) -> None:
        """Make sure that an answer is a client's mistake, or harmless, and tells nothing back."""
        assert answer.status_code < 500, (what, answer.status_code, answer.text[:300])
        assert answer.status_code >= 400 or answer.status_code in also, (what, answer.status_code)
        told = f"{answer.headers}{answer.text}"
        assert CANARY not in told, what
        assert "Traceback" not in told, what
        assert len(told) < LONGEST_ANSWER, what
        assert "a=b" not in str(answer.headers), what


@pytest.fixture(scope="module")
def shared(mongo: Database, tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    folder = tmp_path_factory.mktemp("bodies")
    with house(mongo.client, mongo.url, folder) as portal:
        admin = portal.admin()
        client = program(portal, token(admin))
        yield House(portal, admin, added(admin), client)


@pytest.fixture(autouse=True)
def quiet(shared: House) -> Iterator[None]:
    """No test may make the skill fail, or log what was sent."""
    yield
    assert not list(failures(shared.portal))
    assert CANARY not in shared.portal.skill.said
    assert shared.admin.get("/account", follow_redirects=False).status_code == 200


FORMS = [one for one in of(*Who) if rule(*one).form is not None and one[1] != "/sign-out"]
ALIASES = ("//", "/api/VerifyPrinterRegistration/", "/api/UpdatePrinterStatus/")
BODIES = [one for one in of(*Who) if rule(*one).json is not None and not one[1].startswith(ALIASES)]
REPLACED = (200, 303)
"""Some of these values are harmless in some fields: a name may be nearly anything."""


def encoded(fields: Mapping[str, str], odd: str, value: bytes) -> bytes:
    """Return a form's body in which one field has a value that nobody has encoded."""
    pieces = [f"{name}={given}".encode() for name, given in fields.items() if name != odd]
    return b"&".join([*pieces, odd.encode() + b"=" + value])


@pytest.mark.parametrize(("method", "path"), FORMS)
def test_odd_values_in_each_field_of_each_form(shared: House, method: str, path: str) -> None:
    known = rule(method, path).form
    assert known is not None
    fields = {
        name: CANARY if name in SECRET else value
        for name, value in {**known, "csrf": token_of(shared.admin)}.items()
    }
    fields["csrf"] = token_of(shared.admin)
    for odd in [*known, "csrf", "unknown"]:
        if path.endswith("/remove") and odd not in known and "printers" in path:
            continue  # a right form with one field too many does what it says
        for value in VALUES:
            answer = shared.admin.request(
                method,
                shared.url(path),
                content=encoded(fields, odd, value),
                headers={"content-type": FORM},
                follow_redirects=False,
            )
            shared.refused(answer, (path, odd, value[:30]), *REPLACED)
    if known:
        # The same field several times, and as a file.
        twice = [*fields.items(), *fields.items()]
        body = "&".join(f"{name}={value}" for name, value in twice)
        answer = shared.admin.request(
            method, shared.url(path), content=body, headers={"content-type": FORM},
            follow_redirects=False,
        )  # fmt: skip
        shared.refused(answer, (path, "twice"), *REPLACED)
        files = {name: ("x.txt", CANARY.encode()) for name in known}
        answer = shared.admin.request(
            method, shared.url(path), data={"csrf": fields["csrf"]}, files=files,
            follow_redirects=False,
        )  # fmt: skip
        shared.refused(answer, (path, "files"), *REPLACED)


EACH = [
    ("POST", "/sign-in"),
    ("POST", "/printers/{printer}/settings/name"),
    ("POST", "/api/v1/printers"),
    ("POST", "/api/UpdatePrinterStatus"),
]
"""One of a kind: these are sent every body as every type."""


@pytest.mark.parametrize(("method", "path"), [*FORMS, *BODIES])
def test_bodies_that_are_no_form_and_no_document(shared: House, method: str, path: str) -> None:
    programs = path.startswith("/api/v1")
    # A plugin's own requests are answered 200 with an error in the text.
    plugins = not programs and rule(method, path).json is not None
    own = [FORM, "multipart/form-data; boundary=x"] if (method, path) in FORMS else [JSON]
    for kind in KINDS if (method, path) in EACH else own:
        headers = {} if kind is None else {"content-type": kind}
        if programs:
            headers["authorization"] = shared.client.headers["authorization"]
        for body in WHOLE:
            answer = shared.admin.request(
                method,
                shared.url(path),
                content=body,
                headers=headers,
                follow_redirects=False,
            )
            # A document in another of Unicode's encodings is one all the same.
            harmless = programs and b"n" in body and b"}" in body
            also = (200, 201) if harmless else (200,) if plugins else ()
            shared.refused(answer, (path, kind, body[:30]), *also)
            if plugins and answer.status_code != 413:
                assert answer.json()["apiResult"] == "Error"


@pytest.mark.parametrize(("method", "path"), BODIES)
def test_odd_values_in_each_field_of_each_document(shared: House, method: str, path: str) -> None:
    known = rule(method, path).json
    assert known is not None
    plugins = not path.startswith("/api/v1")
    names = [*known, "base_topic", "plate", "keep", "unknown", CANARY]
    for name in names:
        for literal in LITERALS:
            rest = {key: value for key, value in known.items() if key != name}
            if plugins and name != "PrinterId":
                rest["PrinterId"] = f"{shared.printer.id}:{CANARY}"
            pieces = [f"{json.dumps(key)}:{json.dumps(value)}" for key, value in rest.items()]
            body = "{" + ",".join([*pieces, f"{json.dumps(name)}:{literal}"]) + "}"
            answer = shared.client.request(
                method,
                shared.url(path),
                content=body,
                headers={"content-type": JSON},
            )
            what = (path, name, literal[:30])
            if name == CANARY:
                # The name of an unknown field is told back: it is no value.
                assert 400 <= answer.status_code < 500 or plugins, what
                assert "Traceback" not in answer.text
                continue
            shared.refused(answer, what, *((200,) if plugins else (200, 201)))
            if plugins:
                assert answer.json()["apiResult"] == "Error", what


@pytest.mark.parametrize("literal", LITERALS)
def test_odd_values_in_a_report_with_the_right_key(shared: House, literal: str) -> None:
    key = json.dumps(f"{shared.printer.id}:{shared.printer.secret}")
    details = ",".join(
        f'{{"StatusTypeId":{number},"StatusValue":{literal}}}' for number in range(12)
    )
    for body in (
        f'{{"PrinterId":{key},"PrinterName":"x","Details":[{details}]}}',
        f'{{"PrinterId":{key},"PrinterName":{literal},"Details":[]}}',
        f'{{"PrinterId":{key},"PrinterName":"x","Details":{literal}}}',
        f'{{"PrinterId":{key},"Details":[{{"StatusTypeId":{literal},"StatusValue":"1"}}]}}',
        f'{{"PrinterId":{key},"PrinterId":{literal},"Details":[]}}',
    ):
        answer = httpx.post(f"{shared.portal.url}/api/UpdatePrinterStatus", content=body)
        shared.refused(answer, body[:60], 200)
        assert shared.printer.secret not in answer.text
    assert shared.printer.secret not in shared.portal.skill.said
