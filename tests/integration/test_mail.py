"""Letters reach a real SMTP server, and what it refuses is told without an address."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from services.skill.mail import Mail, Undeliverable
from tests.integration import letterboxes
from tests.integration.letterboxes import Letterbox
from tests.integration.servers import free_port
from voxtrude.errors import LinkError, SetupError
from voxtrude.portal import Smtp

pytestmark = pytest.mark.integration

TO = "ada@example.org"


@pytest.fixture
def box() -> Iterator[Letterbox]:
    with letterboxes.plain() as found:
        yield found


async def test_a_letter_arrives_as_it_was_written(box: Letterbox) -> None:
    await Mail(box.settings).send(TO, "Ihr Drucker schläft", "Grüße\n\nhttps://x.example/y\n")
    letter = box.letters[0]
    assert letter["Subject"] == "Ihr Drucker schläft"
    assert letter["To"] == TO
    assert letter["From"] == "Voxtrude <voxtrude@example.org>"
    assert letter["Auto-Submitted"] == "auto-generated"
    assert letter["Message-ID"].endswith("@example.org>")
    assert letter.get_content().replace("\r\n", "\n") == "Grüße\n\nhttps://x.example/y\n"


async def test_a_domain_in_other_letters_is_written_in_ascii(box: Letterbox) -> None:
    await Mail(box.settings).send("ada@müller.example", "s", "t")
    assert box.letters[0]["X-Recipient"] == "ada@xn--mller-kva.example"


async def test_a_mailbox_in_other_letters_needs_a_server_that_knows_them(box: Letterbox) -> None:
    await Mail(box.settings).send("ådå@example.org", "s", "t")
    assert box.letters[0]["X-Recipient"] == "ådå@example.org"


@pytest.mark.parametrize("to", ["ada@" + "x" * 70 + ".example", "a..b@ü..example", "a\nb@x"])
async def test_an_address_that_cannot_be_is_never_tried_again(box: Letterbox, to: str) -> None:
    with pytest.raises(Undeliverable) as refused:
        await Mail(box.settings).send(to, "s", "ü")
    assert to not in str(refused.value)
    assert not box.letters


async def test_starttls_with_a_login(tmp_path: Path) -> None:
    with letterboxes.starttls(tmp_path) as box:
        await Mail(box.settings).send(TO, "s", "t")
        assert box.secured == [True]
        assert box.logins == [letterboxes.USER.encode()]


async def test_tls_from_the_first_byte(tmp_path: Path) -> None:
    with letterboxes.tls(tmp_path) as box:
        await Mail(box.settings).send(TO, "s", "t")
        assert box.secured == [True]


async def test_a_certificate_of_somebody_else_gets_no_login(tmp_path: Path) -> None:
    other = letterboxes.certificates(tmp_path / "other").authority
    with letterboxes.starttls(tmp_path / "server") as box:
        settings = box.settings.model_copy(update={"ca_file": other})
        with pytest.raises(LinkError, match="certificate"):
            await Mail(settings).send(TO, "s", "t")
        assert not box.logins


async def test_a_server_without_starttls_is_sent_nothing(box: Letterbox) -> None:
    settings = box.settings.model_copy(update={"security": "starttls"})
    with pytest.raises(LinkError, match="VOXTRUDE_SMTP_SECURITY"):
        await Mail(settings).send(TO, "s", "t")
    assert not box.letters


async def test_a_wrong_login_is_told_without_the_password(tmp_path: Path) -> None:
    with letterboxes.starttls(tmp_path) as box:
        settings = Smtp.model_validate({**dict(box.settings), "password": "another secret"})
        with pytest.raises(LinkError, match="refused our login") as failed:
            await Mail(settings).send(TO, "s", "t")
        assert "another secret" not in str(failed.value)


async def test_later_and_never_are_told_apart(box: Letterbox) -> None:
    mail = Mail(box.settings)
    box.answers += ["451 later", f"550 no such user {TO}"]
    with pytest.raises(LinkError) as later:
        await mail.send(TO, "s", "t")
    assert not isinstance(later.value, Undeliverable)
    with pytest.raises(Undeliverable) as never:
        await mail.send(TO, "s", "t")
    assert TO not in str(never.value)


async def test_a_server_that_is_away_is_a_link_error() -> None:
    away = Smtp(host="127.0.0.1", port=free_port(), security="none")
    with pytest.raises(LinkError, match="away"):
        await Mail(away).send(TO, "s", "t")


async def test_without_a_host_nothing_can_be_sent() -> None:
    mail = Mail(Smtp())
    assert not mail.can_send
    with pytest.raises(LinkError):
        await mail.send(TO, "s", "t")


@pytest.mark.parametrize(
    ("settings", "named"),
    [
        ({"username": "u"}, "VOXTRUDE_SMTP_PASSWORD"),
        ({"ca_file": "/nowhere/ca.pem"}, "VOXTRUDE_SMTP_CA_FILE"),
        ({"ca_file": __file__}, "VOXTRUDE_SMTP_CA_FILE"),
    ],
)
def test_a_setting_that_cannot_work_is_named_at_once(settings: dict[str, str], named: str) -> None:
    with pytest.raises(SetupError, match=named):
        Mail(Smtp.model_validate({"host": "mail.example", **settings}))
