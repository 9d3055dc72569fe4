"""Parts of accounts that need no database: addresses, codes, second factors."""

from datetime import UTC, datetime, timedelta

import pyotp
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr

from services.skill.accounts import letters
from services.skill.accounts.desk import key_of
from services.skill.accounts.factor import Factor
from services.skill.accounts.keys import derived
from services.skill.accounts.refusals import Refusal
from voxtrude.accounts import Account, Role, checked_email, email_key, new_account_id
from voxtrude.errors import SetupError
from voxtrude.mongo import tickets

SECRET = SecretStr("s" * 32)
NOW = datetime(2026, 5, 1, 12, 0, 10, tzinfo=UTC)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "ada",
        "@x",
        "ada@",
        "a da@x.org",
        "ada@x..org",
        "a\x00@x.org",
        "\ud800@x.org",
        "ada@x.org\r\nBcc: eve@x.org",
        "a" * 65 + "@x.org",
        "<script>@x.org",
        "a@x,b@x",
    ],
)
def test_what_is_no_address(text: str) -> None:
    with pytest.raises(SetupError):
        checked_email(text)
    assert key_of(text) == ""


def test_one_mailbox_is_one_key() -> None:
    assert email_key(checked_email(" Ada@Example.ORG ")) == "ada@example.org"
    assert key_of("ÅSA@example.org") == key_of("a\u030asa@EXAMPLE.org")


@given(st.text(max_size=300))
def test_any_text_has_a_key_or_none(text: str) -> None:
    assert isinstance(key_of(text).encode(), bytes)


def test_an_administrator_reaches_what_belongs_to_nobody() -> None:
    member = Account(id=new_account_id(), email="a@x", key="a@x", created_at=NOW)
    assert member.reach == (member.id,)
    assert member.model_copy(update={"role": Role.ADMIN}).reach == (member.id, None)


def test_a_setup_code_can_be_typed() -> None:
    code = tickets.setup_code()
    assert [len(group) for group in code.split("-")] == [tickets.GROUP] * tickets.GROUPS
    assert set(code) <= set(tickets.ALPHABET + "-")
    # 32 signs in 20 places: 100 bits.
    assert len(tickets.ALPHABET) ** (tickets.GROUP * tickets.GROUPS) == 2**100
    assert len({tickets.setup_code() for _ in range(100)}) == 100


def test_keys_for_two_purposes_differ() -> None:
    assert derived(SECRET, "one") != derived(SECRET, "two")
    assert derived(SECRET, "one") != derived(SecretStr("t" * 32), "one")
    assert derived(SECRET, "one") == derived(SECRET, "one")


def test_a_second_factor_is_scanned_or_typed() -> None:
    totp = Factor(SECRET).begin("ada+x@example.org")
    read = pyotp.parse_uri(totp.uri)
    assert isinstance(read, pyotp.TOTP)
    assert (read.secret, read.issuer, read.name) == (totp.secret, "Voxtrude", "ada+x@example.org")
    assert totp.svg.startswith("<svg")
    assert "style=" not in totp.svg  # the page's policy lets none in
    assert totp.secret not in repr(totp)


def test_a_secret_is_sealed_for_this_installation() -> None:
    factor = Factor(SECRET)
    secret = factor.begin("ada@example.org").secret
    sealed = factor.seal(secret)
    assert secret not in sealed
    assert factor.unseal(sealed) == secret
    with pytest.raises(Refusal, match="factor-lost"):
        Factor(SecretStr("t" * 32)).unseal(sealed)


@pytest.mark.parametrize("secret", ["", "abc", "A" * 31, "a" * 32, "A" * 64, "\ud800" * 32])
def test_a_secret_of_ones_own_is_refused(secret: str) -> None:
    with pytest.raises(Refusal, match="wrong-code"):
        Factor(SECRET).seal(secret)


def test_a_code_is_right_for_a_step_before_and_after() -> None:
    factor = Factor(SECRET)
    secret = factor.begin("ada@example.org").secret
    code = pyotp.TOTP(secret).at(NOW)
    step = factor.step(secret, code, NOW)
    assert step == int(NOW.timestamp()) // 30
    assert factor.step(secret, f" {code[:3]} {code[3:]} ", NOW) == step
    assert factor.step(secret, code, NOW + timedelta(seconds=30)) == step
    assert factor.step(secret, code, NOW - timedelta(seconds=30)) == step
    assert factor.step(secret, code, NOW + timedelta(seconds=90)) is None


@pytest.mark.parametrize("code", ["", "12345", "1234567", "abcdef", "\uff11" * 6, "\ud800" * 6])
def test_what_is_no_code_is_wrong(code: str) -> None:
    factor = Factor(SECRET)
    assert factor.step(factor.begin("a@x").secret, code, NOW) is None


def test_a_warning_names_the_printers() -> None:
    one = letters.silent("https://p.example", ["Prusa"], timedelta(days=7), timedelta(days=10))
    assert one.subject == "Nothing heard from Prusa for 7 days"
    assert "After 10 days" in one.text
    two = letters.silent(
        "https://p.example", ["Prusa", "Ender"], timedelta(hours=7), timedelta(hours=10)
    )
    assert two.subject == "Nothing heard from 2 printers for 7 hours"
    assert "  Prusa\n  Ender\n" in two.text
