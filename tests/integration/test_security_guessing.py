"""Who guesses: told the same whatever is right, and slowed down before it helps."""

import json
import re
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pyotp
import pytest

from services.skill.accounts.throttle import FACTOR, LOGIN, NETWORK
from services.skill.api.access import WRONG as WRONG_TOKENS
from services.skill.legacy.reports import WRONG as WRONG_KEYS
from tests.integration import letterboxes
from tests.integration.letterboxes import Letterbox
from tests.integration.onboarding import added
from tests.integration.portal_routes import comparable, failures, token_of
from tests.integration.portals import ADMIN, MEMBER, PASSWORD, Portal, Visitor, settled
from tests.integration.portals import portal as running_portal
from tests.integration.programs import program, token
from tests.integration.servers import wait_until
from tests.integration.stacks import DEADLINE, Stack
from voxtrude.mongo import schema

pytestmark = pytest.mark.integration

WRONG = "wrong horse battery"
NOWHERE = "nobody.there@example.org"


@pytest.fixture
def proxied(stack: Stack) -> Iterator[Portal]:
    """A portal behind a proxy on this machine, so that a test may come from many networks."""
    settled(stack.prepare())
    with stack.ingest(), running_portal(stack, {"VOXTRUDE_WEB_PROXIES": "127.0.0.1"}) as found:
        yield found
        assert not list(failures(found))


@pytest.fixture
def mailing(stack: Stack) -> Iterator[tuple[Portal, Letterbox]]:
    """A portal where anybody may sign up, and that sends letters."""
    settled(stack.prepare())
    with letterboxes.plain() as box, stack.ingest():
        extra = {
            "VOXTRUDE_ACCOUNTS_SIGN_UP": "open",
            "VOXTRUDE_SMTP_HOST": box.settings.host or "",
            "VOXTRUDE_SMTP_PORT": str(box.settings.port),
            "VOXTRUDE_SMTP_SECURITY": "none",
            "VOXTRUDE_SMTP_SENDER": box.settings.sender,
        }
        with running_portal(stack, extra) as found:
            yield found, box
            assert not list(failures(found))


def send(visitor: Visitor, path: str, network: int = 1, **fields: str) -> httpx.Response:
    return visitor.post(
        path,
        data={**fields, "csrf": token_of(visitor)},
        headers={"x-forwarded-for": f"198.51.{network}.7"},
        follow_redirects=False,
    )


def said(answer: httpx.Response, *without: str) -> tuple[int, dict[str, str], str]:
    return comparable(answer, *without)


# Who has an account? ----------------------------------------------------------------------------


def test_nobody_learns_who_has_an_account(mailing: tuple[Portal, Letterbox]) -> None:
    portal, box = mailing
    portal.admin()
    rows: dict[str, list[tuple[int, dict[str, str], str]]] = {}
    took: dict[str, list[float]] = {}
    for number in range(4):
        for email in (ADMIN, f"{number}.{NOWHERE}"):
            for path, fields in (
                ("/sign-in", {"password": WRONG}),
                ("/forgot", {}),
                ("/sign-up", {"password": WRONG}),
            ):
                guest = portal.client()
                guest.get("/sign-in")
                began = time.perf_counter()
                answer = guest.post(
                    path,
                    data={**fields, "email": email, "csrf": token_of(guest)},
                    follow_redirects=False,
                )
                took.setdefault(f"{path} {email == ADMIN}", []).append(time.perf_counter() - began)
                rows.setdefault(path, []).append(said(answer, email))
                assert set(guest.cookies) == {"voxtrude-guest"}
    for path, answers in rows.items():
        assert answers == answers[:1] * len(answers), path
    print({name: f"{1000 * min(times):.1f} ms" for name, times in took.items()})  # noqa: T201  (to be looked at)
    # Who it is hears of it, and nobody else.
    wait_until(lambda: len(box.to(ADMIN)) >= 2 and len(box.letters) >= 6, DEADLINE, "no letters")
    # An address that waits to be confirmed is told apart by its right password only.
    for email in (f"0.{NOWHERE}", "never@example.org"):
        answer = send(portal.client(), "/sign-in", email=email, password="no such password")  # noqa: S106  (it is wrong)
        assert said(answer, email) == rows["/sign-in"][0]


def test_a_reset_link_does_not_tell_whose_it_is(mailing: tuple[Portal, Letterbox]) -> None:
    portal, box = mailing
    portal.admin()
    send(portal.client(), "/forgot", email=ADMIN)
    wait_until(lambda: box.to(ADMIN), DEADLINE, "no letter")
    code = letterboxes.code_in(box.to(ADMIN)[0])
    right = portal.client().get(f"/reset/{code}")
    wrong = portal.client().get(f"/reset/{'A' * len(code)}")
    assert said(right, code) == said(wrong, "A" * len(code))
    assert ADMIN not in right.text
    assert code not in portal.skill.said
    assert ADMIN not in portal.skill.said


# How often? -----------------------------------------------------------------------------------


def refused_at(attempt: Callable[[], httpx.Response], most: int) -> httpx.Response:
    """Try until it is refused for a while, which must be after ``most`` tries."""
    for number in range(most):
        answer = attempt()
        assert answer.status_code in {200, 303, 401, 403}, (number, answer.status_code)
    answer = attempt()
    assert answer.status_code == 429
    assert 0 < int(answer.headers["retry-after"]) <= 3600
    return answer


def test_passwords_are_not_tried_without_end(proxied: Portal) -> None:
    proxied.member()
    proxied.admin()
    # From many networks, against one account.
    networks = iter(range(1, 200))
    guest = proxied.client()
    refused_at(
        lambda: send(guest, "/sign-in", next(networks), email=MEMBER, password=WRONG), LOGIN.most
    )
    right = send(guest, "/sign-in", 201, email=MEMBER.upper(), password=PASSWORD)
    assert right.status_code == 429
    unknown = send(guest, "/sign-in", 202, email=NOWHERE, password=WRONG)
    assert unknown.status_code == 403
    # Another account is not slowed down.
    assert (
        send(proxied.client(), "/sign-in", 203, email=ADMIN, password=PASSWORD).status_code == 303
    )
    # From one network, against many accounts.
    others = iter(range(1000))
    refused_at(
        lambda: send(guest, "/sign-in", 210, email=f"{next(others)}@x.org", password=WRONG),
        NETWORK.most,
    )
    blocked = send(proxied.client(), "/sign-in", 210, email=ADMIN, password=PASSWORD)
    assert blocked.status_code == 429
    assert (
        send(proxied.client(), "/sign-in", 211, email=ADMIN, password=PASSWORD).status_code == 303
    )


def test_who_is_no_proxy_chooses_no_network(portal: Portal) -> None:
    portal.admin()
    others = iter(range(1000))
    guest = portal.client()

    def attempt() -> httpx.Response:
        number = next(others)
        return send(guest, "/sign-in", number % 250, email=f"{number}@x.org", password=WRONG)

    refused_at(attempt, NETWORK.most)


def test_second_factors_are_not_tried_without_end(proxied: Portal) -> None:
    member = proxied.member()
    form = next(one for one in (member.form("/account/totp", "/account/totp"),))
    secret = form.fields["secret"]
    totp = pyotp.TOTP(secret)
    done = member.post("/account/totp", data={**form.fields, "code": totp.now()})
    assert "Two-step sign-in is on" in done.text
    guest = proxied.client()
    assert send(guest, "/sign-in", 1, email=MEMBER, password=PASSWORD).status_code == 303
    right = {totp.at(int(time.time()) + 30 * step) for step in range(-3, 4)}
    wrong = iter(one for one in (f"{number:06}" for number in range(1000)) if one not in right)
    networks = iter(range(1, 200))
    refused_at(lambda: send(guest, "/sign-in/code", next(networks), code=next(wrong)), FACTOR.most)
    # The right one is refused as well, and a new sign-in begins no new tries.
    assert send(guest, "/sign-in/code", 201, code=totp.at(int(time.time()) + 30)).status_code == 429
    again = proxied.client()
    assert send(again, "/sign-in", 202, email=MEMBER, password=PASSWORD).status_code == 303
    assert send(again, "/sign-in/code", 203, code=totp.at(int(time.time()) + 30)).status_code == 429
    assert secret not in str(list(proxied.stack.collection(schema.ACCOUNTS).find()))


def test_setup_codes_are_not_tried_without_end(proxied: Portal) -> None:
    code = proxied.setup_code()
    guest = proxied.client()
    fields = {"email": "eve@example.org", "password": PASSWORD}
    refused_at(lambda: send(guest, "/welcome", 1, code=WRONG, **fields), NETWORK.most)
    assert send(guest, "/welcome", 1, code=code, **fields).status_code == 429
    assert not proxied.stack.collection(schema.ACCOUNTS).count_documents({})
    assert send(guest, "/welcome", 2, code=code, **fields).status_code == 303


def test_tokens_are_not_tried_without_end(proxied: Portal) -> None:
    right = program(proxied, token(proxied.admin()))
    bare = program(proxied)

    def attempt(network: int = 1, sent: str = f"vxt_{'0' * 16}_{'A' * 43}") -> httpx.Response:
        headers = {"authorization": f"Bearer {sent}", "x-forwarded-for": f"198.51.{network}.7"}
        return bare.get("/printers", headers=headers)

    refused_at(attempt, WRONG_TOKENS.most)
    assert attempt(2).status_code == 401
    # A token has 256 bits: who has a right one is never kept out by others of its network.
    assert right.get("/printers", headers={"x-forwarded-for": "198.51.1.7"}).status_code == 200


def test_printer_keys_are_not_tried_without_end(proxied: Portal) -> None:
    printer = added(proxied.admin())
    bare = httpx.Client()

    def attempt(network: int = 1, key: str = f"prn-{'0' * 16}:{'A' * 32}") -> httpx.Response:
        return bare.post(
            f"{proxied.url}/api/VerifyPrinterRegistration",
            content=json.dumps({"PrinterId": key, "PrinterName": "x"}),
            headers={"x-forwarded-for": f"198.51.{network}.7"},
        )

    with bare:
        refused_at(attempt, WRONG_KEYS.most)
        assert attempt(2).status_code == 200
        right = attempt(1, f"{printer.id}:{printer.secret}")
        assert right.json() == {"apiResult": "Success"}


def test_nothing_of_it_is_logged(proxied: Portal) -> None:
    guest = proxied.client()
    proxied.admin()
    for _ in range(LOGIN.most + 2):
        send(guest, "/sign-in", 1, email=ADMIN, password=WRONG)
    wait_until(lambda: "tries are refused for a while" in proxied.skill.said, DEADLINE, "no line")
    text = Path(proxied.skill.log).read_text()
    for secret in (ADMIN, PASSWORD, WRONG, "198.51"):
        assert secret not in text
    assert not re.search(r"[\w.]+@example\.org", text)
