"""OctoPrint is set up over its REST API, and whatever is in the way is told by its name."""

import json
import ssl
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from services.skill.onboarding import fragments, octoprint
from services.skill.onboarding.addresses import Ports
from services.skill.onboarding.fragments import Way
from services.skill.onboarding.obstacles import Obstacle
from services.skill.onboarding.octoprint import visited
from tests.integration import octoprints
from tests.integration.brokers import printer
from tests.integration.octoprints import (
    KEY,
    READER,
    STATUS_ONLY,
    WRITER,
    OctoPrint,
    Plugin,
    Trouble,
)
from tests.integration.servers import free_port
from voxtrude import certificates

pytestmark = pytest.mark.integration

OURS = Ports(frozenset(), 1)
OURSELVES = printer()
PLUGIN: Any = fragments.settings(
    OURSELVES.registration, OURSELVES.secret, Way("printers.example", 1883)
)


@pytest.fixture
def there() -> Iterator[OctoPrint]:
    with octoprints.octoprint() as found:
        yield found


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let nobody wait for what never comes."""
    monkeypatch.setattr(octoprint, "TIMEOUT", 0.5)
    monkeypatch.setattr(octoprint, "SAVING", 0.5)


async def set_up(
    address: str, key: str = KEY, ours: Ports = OURS, trust: ssl.SSLContext | None = None
) -> None:
    async with visited(address, key, ours, trust) as found:
        await found.check()
        await found.save(PLUGIN)


async def obstacle(
    address: str, key: str = KEY, ours: Ports = OURS, trust: ssl.SSLContext | None = None
) -> str:
    with pytest.raises(Obstacle) as raised:
        await set_up(address, key, ours, trust)
    return raised.value.code


async def test_octoprint_takes_the_settings_and_keeps_the_rest(there: OctoPrint) -> None:
    before = json.loads(json.dumps(there.mqtt))
    await set_up(there.url)
    assert there.mqtt["broker"]["password"] == OURSELVES.secret
    assert there.mqtt["publish"]["baseTopic"] == OURSELVES.base
    assert there.mqtt["publish"]["events"]["server"] == before["publish"]["events"]["server"]
    assert there.mqtt["broker"]["keepalive"] == before["broker"]["keepalive"]
    assert there.settings["appearance"]["name"] == "printer-a"


async def test_it_is_asked_under_its_own_name_with_the_key_and_nothing_else(
    there: OctoPrint,
) -> None:
    await set_up(f"http://localhost:{there.port}/")
    assert there.asked == ["GET /api/currentuser", "GET /api/settings", "POST /api/settings"]
    for head in there.heads:
        assert head["Host"] == f"localhost:{there.port}"
        assert head["X-Api-Key"] == KEY
        assert "Cookie" not in head
        assert "Authorization" not in head


async def test_it_may_live_below_a_path() -> None:
    with octoprints.octoprint(prefix="/octoprint") as there:
        await set_up(f"{there.url}/")
        assert there.asked[0] == "GET /octoprint/api/currentuser"


async def test_an_octoprint_that_hides_its_secrets_is_believed(there: OctoPrint) -> None:
    there.shows_secrets = False
    await set_up(there.url)
    assert there.mqtt["broker"]["password"] == OURSELVES.secret


@pytest.mark.parametrize(
    ("key", "code"),
    [
        ("a-wrong-key", "wrong-key"),
        (STATUS_ONLY, "no-permission"),
        (READER, "no-permission"),
        (WRITER, "no-read-permission"),
        ("", "api-key"),
        ("two words", "api-key"),
        ("a\r\nHost: evil.example", "api-key"),
        ("schlüssel", "api-key"),
        ("k" * 300, "api-key"),
    ],
)
async def test_a_key_that_does_not_fit_is_told_before_anything_changes(
    there: OctoPrint, key: str, code: str
) -> None:
    assert await obstacle(there.url, key) == code
    assert "POST /api/settings" not in there.asked


@pytest.mark.parametrize(
    ("plugin", "code"),
    [
        ("missing", "plugin-missing"),
        ("disabled", "plugin-disabled"),
        ("pending", "plugin-pending"),
    ],
)
async def test_a_plugin_that_is_not_there_is_told_before_anything_changes(
    there: OctoPrint, plugin: Plugin, code: str
) -> None:
    there.plugin = plugin
    assert await obstacle(there.url) == code
    assert "POST /api/settings" not in there.asked


@pytest.mark.usefixtures("quick")
@pytest.mark.parametrize(
    ("trouble", "code"),
    [
        ("hangs", "timeout"),
        ("drips", "timeout"),
        ("redirects", "redirect"),
        ("garbage", "not-octoprint"),
        ("lists", "not-octoprint"),
        ("deep", "not-octoprint"),
        ("html", "not-octoprint"),
        ("huge", "too-large"),
        ("packed", "not-octoprint"),
        ("not-running", "not-running"),
        ("basic-auth", "login"),
        ("fails", "failed"),
        ("not-found", "not-octoprint"),
        ("cut", "not-octoprint"),
    ],
)
@pytest.mark.parametrize(
    "call", ["GET /api/currentuser", "GET /api/settings", "POST /api/settings"]
)
async def test_whatever_it_answers_is_told_by_its_name(
    there: OctoPrint, trouble: Trouble, code: str, call: str
) -> None:
    there.trouble, there.troubled = trouble, (call,)
    assert await obstacle(there.url) == code
    assert there.asked[-1] == call  # and a redirect is not followed


@pytest.mark.parametrize(
    ("status", "code"),
    [(400, "wrong-key"), (403, "no-permission"), (409, "not-octoprint"), (500, "failed")],
)
async def test_a_refusal_to_save_is_told(there: OctoPrint, status: int, code: str) -> None:
    there.save_status = status
    assert await obstacle(there.url) == code


async def test_an_octoprint_that_only_says_yes_is_found_out(there: OctoPrint) -> None:
    there.keeps = False
    assert await obstacle(there.url) == "not-kept"


async def test_where_nobody_listens_is_told() -> None:
    assert await obstacle(f"http://127.0.0.1:{free_port()}") == "unreachable"


async def test_our_own_services_are_not_asked(there: OctoPrint) -> None:
    portal = Ports(frozenset(), there.port)
    assert await obstacle(there.url, ours=portal) == "forbidden-address"
    assert await obstacle(there.url, ours=Ports(frozenset({there.port}), 1)) == "forbidden-address"
    assert there.asked == []


# TLS -------------------------------------------------------------------------------------


@pytest.fixture
def signed(tmp_path: Path) -> certificates.Certificates:
    return certificates.ensure(tmp_path, ("127.0.0.1", "localhost"), datetime.now(UTC))


@pytest.fixture
def secured(signed: certificates.Certificates) -> Iterator[OctoPrint]:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(signed.certificate, signed.key)
    with octoprints.octoprint(context) as found:
        yield found


async def test_a_certificate_that_nobody_trusts_is_told(secured: OctoPrint) -> None:
    assert await obstacle(secured.url) == "certificate"
    assert secured.asked == []


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
async def test_a_trusted_one_is_checked_against_the_name(
    secured: OctoPrint, signed: certificates.Certificates, host: str
) -> None:
    trust = ssl.create_default_context(cafile=signed.authority)
    await set_up(f"https://{host}:{secured.port}", trust=trust)
    assert secured.mqtt["broker"]["username"] == OURSELVES.id


async def test_a_certificate_of_another_name_is_told(tmp_path: Path) -> None:
    signed = certificates.ensure(tmp_path, ("other.example",), datetime.now(UTC))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(signed.certificate, signed.key)
    trust = ssl.create_default_context(cafile=signed.authority)
    with octoprints.octoprint(context, host="127.0.0.2") as found:
        assert await obstacle(found.url, trust=trust) == "certificate"


async def test_plain_http_at_a_tls_port_and_tls_at_a_plain_one_are_told(
    there: OctoPrint, secured: OctoPrint
) -> None:
    assert await obstacle(f"http://127.0.0.1:{secured.port}") == "not-octoprint"
    assert await obstacle(f"https://127.0.0.1:{there.port}") == "no-tls"
