# ruff: noqa: E501  (requests stand here as they are sent)
"""What comes over the wire before there is a request: heads, methods, lengths, and slowness."""

import re
import socket
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path

import httpx
import pytest

from services.skill.site import MAX_BODY
from services.skill.web.wire import MAX_HEAD, MAX_REST
from tests.integration.conftest import Database
from tests.integration.portal_routes import failures, house
from tests.integration.portals import Portal
from tests.integration.servers import wait_until

pytestmark = pytest.mark.integration

HOST = b"Host: 127.0.0.1\r\n"
CHUNKS = b"POST / HTTP/1.1\r\n" + HOST + b"Transfer-Encoding: chunked\r\n\r\n"
PART = b"POST /sign-in HTTP/1.1\r\n" + HOST + b"Content-Length: 9\r\n\r\na"
MEGABYTE = 1024 * 1024
LARGE = 200 * MEGABYTE
MOST_MORE = 20  # megabytes that the process may grow by
PATIENCE = 20.0  # seconds for one answer

POSTS = (b"/sign-in", b"/api/UpdatePrinterStatus", b"/api/v1/printers", b"/nothing", b"/privacy")


@pytest.fixture(scope="module")
def shared(mongo: Database, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Portal]:
    """A portal for all requests that change nothing."""
    with house(mongo.client, mongo.url, tmp_path_factory.mktemp("wire")) as found:
        yield found


def resident(portal: Portal, key: str = "VmHWM") -> int:
    """Return the most memory that the process ever had, in megabytes."""
    status = Path(f"/proc/{portal.skill.pid}/status").read_text()
    found = re.search(rf"{key}:\s+(\d+) kB", status)
    assert found
    return int(found[1]) // 1024


@contextmanager
def connection(portal: Portal) -> Iterator[socket.socket]:
    with socket.create_connection(("127.0.0.1", portal.port), PATIENCE) as found:
        yield found


def send(found: socket.socket, head: bytes, piece: bytes, most: int) -> int:
    """Send until all is sent, or the other side has had enough; return how much went."""
    sent = 0
    with suppress(OSError):
        found.sendall(head)
        while sent < most:
            found.sendall(piece)
            sent += len(piece)
    return sent


def answer(found: socket.socket) -> bytes:
    """Return what comes until the first answer is there, or the other side ends."""
    said = b""
    with suppress(OSError):
        while piece := found.recv(65536):
            said += piece
            head, _, body = said.partition(b"\r\n\r\n")
            length = re.search(rb"(?i)content-length: (\d+)", head)
            if body and length and len(body) >= int(length[1]):
                break
            if head != said and not length and b"transfer-encoding" not in head.lower():
                break
    return said


def asked(portal: Portal, request: bytes) -> tuple[int, bytes]:
    """Send bytes; return the status and all of the answer."""
    with connection(portal) as found:
        found.sendall(request)
        said = answer(found)
    status = re.match(rb"HTTP/1\.[01] (\d{3}) ", said)
    assert status, (request[:80], said[:80])
    return int(status[1]), said


def still_there(portal: Portal) -> None:
    assert httpx.get(f"{portal.url}/healthz").json() == {"status": "ok"}
    assert not list(failures(portal))


def test_a_head_has_an_end(portal: Portal) -> None:
    before = resident(portal)
    for head, piece in (
        (b"GET / HTTP/1.1\r\n" + HOST + b"X: ", b"a" * 65536),
        (b"GET /", b"a" * 65536),
        (b"GET / HTTP/1.1\r\n" + HOST, b"x: y\r\n" * 10_000),
        (b"GET / HTTP/1.1\r\n" + HOST + b"a", b"a" * 65536),
        (CHUNKS + b"0\r\n", b"x: y\r\n" * 10_000),
        (CHUNKS + b"0\r\nx: ", b"a" * 65536),
        (CHUNKS + b"1;", b"a" * 65536),
    ):
        with connection(portal) as found:
            sent = send(found, head, piece, 60 * MEGABYTE)
        assert sent < 60 * MEGABYTE, head
    assert resident(portal) - before < MOST_MORE
    long = b"a" * (MAX_HEAD + 1)
    for request in (
        b"GET / HTTP/1.1\r\n" + HOST + b"X: " + long + b"\r\n\r\n",
        b"GET /" + long + b" HTTP/1.1\r\n" + HOST + b"\r\n",
        b"GET / HTTP/1.1\r\n" + HOST + b"x: y\r\n" * 10_000 + b"\r\n",
    ):
        assert asked(portal, request)[0] in {400, 431}
    # As long as those that browsers send, with many cookies.
    status, _ = asked(
        portal, b"GET /privacy HTTP/1.1\r\n" + HOST + b"Cookie: " + b"a=b; " * 3200 + b"\r\n\r\n"
    )
    assert status == 200
    assert asked(portal, b"GET /" + b"a" * 8192 + b" HTTP/1.1\r\n" + HOST + b"\r\n")[0] == 404
    still_there(portal)


@pytest.mark.parametrize("chunked", [False, True])
def test_large_bodies_are_refused_at_once_and_never_held(portal: Portal, chunked: bool) -> None:  # noqa: FBT001  (a table)
    before = resident(portal)
    piece = b"a" * 65536
    if chunked:
        piece = b"10000\r\n" + piece + b"\r\n"
    told = b"Transfer-Encoding: chunked" if chunked else b"Content-Length: %d" % LARGE
    for path in POSTS:
        head = b"POST " + path + b" HTTP/1.1\r\n" + HOST
        head += b"Content-Type: application/x-www-form-urlencoded\r\n" + told + b"\r\n\r\n"
        # The answer does not wait for the body.
        with connection(portal) as found:
            found.sendall(head + piece * 2)
            said = answer(found)
        wanted = {b"413"} if not chunked else {b"413", b"401", b"404", b"405"}
        assert said[9:12] in wanted, said[:200]
        if path in POSTS[:2]:
            assert said[9:12] == b"413"
        if said[9:12] == b"413":
            assert b"content-security-policy" in said.lower()
        with connection(portal) as found:
            assert send(found, head, piece, LARGE) < LARGE / 2, path
    assert resident(portal) - before < MOST_MORE
    assert MAX_BODY < MAX_REST
    still_there(portal)


def test_many_large_bodies_at_once(portal: Portal) -> None:
    before = resident(portal)
    head = b"POST /sign-in HTTP/1.1\r\n" + HOST + b"Content-Length: %d\r\n\r\n" % MAX_BODY
    waiting = []
    for _ in range(100):
        found = socket.create_connection(("127.0.0.1", portal.port), PATIENCE)
        found.sendall(head + b"a" * (MAX_BODY - 1))
        waiting.append(found)
    still_there(portal)
    assert resident(portal) - before < MOST_MORE + 100 * MAX_BODY / MEGABYTE * 2
    for found in waiting:
        found.close()
    still_there(portal)


def test_who_goes_in_the_middle_of_a_request_is_no_failure(portal: Portal) -> None:
    for path in POSTS:
        for request in (
            b"POST " + path,
            b"POST " + path + b" HTTP/1.1\r\n" + HOST,
            b"POST " + path + b" HTTP/1.1\r\n" + HOST + b"Content-Length: 100\r\n\r\n{",
            b"POST "
            + path
            + b" HTTP/1.1\r\n"
            + HOST
            + b"Transfer-Encoding: chunked\r\n\r\n5\r\nab",
        ):
            with connection(portal) as found:
                found.sendall(request)
    still_there(portal)


def test_slow_requests_end(portal: Portal) -> None:
    """A connection that never says a whole request is given up; others do not wait for it."""
    partly = []
    for start in (
        b"",
        b"GET / HT",
        b"POST /sign-in HTTP/1.1\r\n" + HOST + b"Content-Length: 9\r\n\r\na",
    ):
        found = socket.create_connection(("127.0.0.1", portal.port), PATIENCE)
        found.setblocking(False)  # noqa: FBT003  (the library's own)
        found.send(start)
        partly.append(found)
    still_there(portal)

    def over(found: socket.socket) -> bool:
        try:
            return not found.recv(65536) or over(found)
        except BlockingIOError:
            return False
        except OSError:
            return True

    for found in partly:
        wait_until(partial(over, found), 60, "a slow request is still waited for")
        found.close()
    still_there(portal)


@pytest.mark.parametrize(
    ("request_", "statuses"),
    [
        (b"TRACE / HTTP/1.1\r\n" + HOST + b"X-Secret: canary\r\n\r\n", {405}),
        (b"CONNECT example.org:443 HTTP/1.1\r\n" + HOST + b"\r\n", {400, 404, 405}),
        (b"PROPFIND /printers HTTP/1.1\r\n" + HOST + b"\r\n", {405}),
        (b"BREW / HTTP/1.1\r\n" + HOST + b"\r\n", {400, 405}),
        (b"GARBAGE\r\n\r\n", {400}),
        (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" * 10, {400}),
        (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", {400}),
        (b"OPTIONS * HTTP/1.1\r\n" + HOST + b"\r\n", {400, 404, 405}),
        (b"GET /privacy\xff\xfe HTTP/1.1\r\n" + HOST + b"\r\n", {400}),
        (b"GET /privacy HTTP/1.1\r\n" + HOST + b"X: a\r\n b: c\r\n\r\n", {200, 400}),
        (b"GET /privacy HTTP/1.1\r\n" + HOST + b"X\x00: a\r\n\r\n", {400}),
        (b"GET /privacy HTTP/1.1\r\n" + HOST + b"X : a\r\n\r\n", {400}),
        # Smuggling: which of two lengths is it?
        (b"POST /sign-in HTTP/1.1\r\n" + HOST + b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n"
         b"\r\n0\r\n\r\nGET /canary HTTP/1.1\r\n" + HOST + b"\r\n", {400}),
        (b"POST /sign-in HTTP/1.1\r\n" + HOST + b"Content-Length: 5\r\nContent-Length: 6\r\n\r\nabcdef",
         {400}),
        (b"POST /sign-in HTTP/1.1\r\n" + HOST + b"Content-Length: -5\r\n\r\nabcdef", {400}),
        (b"POST /sign-in HTTP/1.1\r\n" + HOST + b"Content-Length: 99999999999999999999999\r\n\r\na",
         {400, 413}),
        (b"POST /sign-in HTTP/1.1\r\n" + HOST + b"Transfer-Encoding: chunked\r\n\r\nzz\r\n", {400}),
        (b"POST /sign-in HTTP/1.1\r\n" + HOST + b"Transfer-Encoding: gzip\r\n\r\na", {400, 501}),
        # Whose name is that?
        (b"GET /sign-in HTTP/1.1\r\n\r\n", {400}),
        (b"GET /sign-in HTTP/1.1\r\nHost: evil.example\r\n\r\n", {400}),
        (b"GET /sign-in HTTP/1.1\r\n" + HOST + b"Host: evil.example\r\n\r\n", {400}),
        (b"GET /sign-in HTTP/1.1\r\nHost: 127.0.0.1@evil.example\r\n\r\n", {400}),
        (b"GET /sign-in HTTP/1.1\r\nHost: evil.example\\@127.0.0.1\r\n\r\n", {400}),
        (b"GET /sign-in HTTP/1.1\r\nHost: evil.example#@127.0.0.1\r\n\r\n", {400}),
        (b"GET /sign-in HTTP/1.1\r\nHost: 127.0.0.1:80:90/x?\r\n\r\n", {400}),
        (b"GET /sign-in HTTP/1.1\r\nHost: 127.0.0.1.evil.example\r\n\r\n", {400}),
        (b"GET /sign-in HTTP/1.1\r\nHost: \r\n\r\n", {400}),
        (b"GET /account/ HTTP/1.1\r\n" + HOST + b"X-Forwarded-Host: evil.example\r\n"
         b"X-Forwarded-Proto: javascript\r\nForwarded: host=evil.example\r\n\r\n", {307}),
        (b"GET http://evil.example/account/ HTTP/1.1\r\n" + HOST + b"\r\n", {307}),
        (b"GET //evil.example/account/ HTTP/1.1\r\n" + HOST + b"\r\n", {307, 404}),
        (b"GET /forgot HTTP/1.1\r\n" + HOST + b"Upgrade: websocket\r\nConnection: Upgrade\r\n\r\n",
         {200, 400}),
    ],
)  # fmt: skip
def test_odd_requests(shared: Portal, request_: bytes, statuses: set[int]) -> None:
    status, said = asked(shared, request_)
    assert status in statuses, said[:300]
    assert b"evil.example" not in said
    assert b"canary" not in said
    assert b"Traceback" not in said
    still_there(shared)


def test_garbage_after_a_request_is_answered_once_and_ends(shared: Portal) -> None:
    with connection(shared) as found:
        found.sendall(
            b"GET /healthz HTTP/1.1\r\n" + HOST + b"\r\n" + b"\x00\x01garbage\r\n\r\n" * 9
        )
        said = b""
        with suppress(OSError):
            while piece := found.recv(65536):
                said += piece
    assert said.count(b"HTTP/1.1 ") <= 2
    assert b"400" in said
    # Many requests that wait for no answer: some are answered, and they end.
    before = resident(shared)
    with connection(shared) as found:
        many = (b"GET /healthz HTTP/1.1\r\n" + HOST + b"\r\n") * 5000
        sent = send(found, b"", many, 20 * len(many))
    assert sent <= 20 * len(many)
    assert resident(shared) - before < MOST_MORE
    still_there(shared)
