"""Octolexa and Octovox: what the installed plugins send, to a real skill.

The calls are written down from the plugins' sources (Octolexa 0.1, Octovox 0.2), with the same
client library's headers and the same odd types.
"""

import json
import re
from typing import Any

import httpx
import pytest

from tests.integration.portals import MEMBER, PASSWORD, Portal, Visitor
from tests.integration.programs import program, token
from tests.integration.servers import wait_until
from tests.integration.stacks import DEADLINE

pytestmark = pytest.mark.integration

KEY = re.compile(r"prn-[0-9a-f]{16}:[A-Za-z0-9_-]{32}")
HEADERS = {
    "User-Agent": "python-requests/2.28.1",
    "Accept": "*/*",
    "Accept-Encoding": "gzip, deflate",
    "content-type": "application/json",
}


class Plugin:
    """An installed plugin whose two base URLs point here."""

    def __init__(self, portal: Portal, key: str = "", name: str = "Prusa MK4") -> None:
        self.base_api_url = portal.url
        self.base_registration_url = f"{portal.url}/connect"
        self.key = key
        self.name = name

    def registration_url(self) -> str:
        """Return what the plugin's page opens; nothing is escaped."""
        return (
            f"{self.base_registration_url}?response_type=code&client_id=mqhq9vfgu4eq6t6f6usso7uik"
            f"&redirect_uri={self.base_api_url}/api/CreatePrinterRegistration&state={self.name}"
        )

    def report(self, *details: tuple[int, object], **more: object) -> httpx.Response:
        listed = [{"StatusTypeId": kind, "StatusValue": value} for kind, value in details]
        payload = {"PrinterId": self.key, "PrinterName": self.name, "Details": listed, **more}
        return httpx.post(
            f"{self.base_api_url}/api/UpdatePrinterStatus",
            content=json.dumps(payload),
            headers=HEADERS,
        )

    def verify(self, origin: str = "http://octopi.local") -> httpx.Response:
        """Ask as a browser on OctoPrint's page does, after its preflight."""
        url = f"{self.base_api_url}/api/VerifyPrinterRegistration"
        allowed = httpx.options(
            url,
            headers={
                "Origin": origin,
                "Access-Control-Request-Method": "POST",
                "Access-Control-Request-Headers": "content-type",
            },
        )
        assert allowed.status_code in {200, 204}
        assert allowed.headers["access-control-allow-origin"] in {"*", origin}
        assert "POST" in allowed.headers["access-control-allow-methods"]
        assert "content-type" in allowed.headers["access-control-allow-headers"].lower()
        assert "access-control-allow-credentials" not in allowed.headers
        answer = httpx.post(
            url,
            content=json.dumps({"PrinterName": self.name, "PrinterId": self.key}),
            headers={
                "Origin": origin,
                "Content-Type": "application/json; charset=UTF-8",
                "Accept": "application/json, text/javascript, */*; q=0.01",
            },
        )
        assert answer.headers["access-control-allow-origin"] in {"*", origin}
        return answer


PRINTING = (
    (1, "210.4"),
    (2, "60.0"),
    (3, "Printing"),
    (4, "42.5"),
    (5, 4200),
    (6, 12.2),
    (7, "benchy.gcode"),
    (8, "5400"),
    (9, ""),
)


def registered(portal: Portal, owner: Visitor, name: str = "Prusa MK4") -> Plugin:
    """Register a printer as its owner does, and paste the key."""
    plugin = Plugin(portal, name=name)
    asked = owner.get(plugin.registration_url())
    assert asked.status_code == 200, asked.text
    added = owner.submit(str(asked.url), "/connect/printer")
    found = KEY.search(added.text)
    assert found, added.text
    plugin.key = found[0]
    return plugin


def told(answer: httpx.Response) -> Any:  # noqa: ANN401  (whatever JSON holds)
    assert answer.headers["content-type"].startswith("application/json")
    return answer.json()


def failed(answer: httpx.Response) -> bool:
    """Tell whether a plugin would show a reason."""
    said = told(answer)
    return said["apiResult"] == "Error" and bool(said["apiResultMessage"])


def test_from_the_plugins_button_to_the_page_and_the_api(portal: Portal) -> None:
    owner = portal.member()
    # Nobody is signed in yet in the browser that OctoPrint's page opens.
    owner.submit("/printers", "/sign-out")
    plugin = Plugin(portal, name="Hall 1 & Ender+ 100%")
    asked = owner.get(plugin.registration_url())
    assert asked.url.path == "/sign-in"
    page = owner.submit(str(asked.url), email=MEMBER, password=PASSWORD)
    assert page.url.path == "/connect/printer"
    assert page.url.params["name"] == plugin.name
    assert "another server" not in page.text

    added = owner.submit(str(page.url), "/connect/printer")
    assert added.headers["cache-control"] == "no-store"
    found = KEY.search(added.text)
    assert found
    plugin.key = found[0]
    assert told(plugin.verify()) == {"apiResult": "Success"}

    reported = plugin.report(*PRINTING)
    assert reported.status_code == 200
    assert told(reported) == {"apiResult": "Success"}

    printer = plugin.key.partition(":")[0]
    client = program(portal, token(owner))
    wait_until(
        lambda: client.get(f"/printers/{printer}").json()["temperatures"],
        DEADLINE,
        "the API does not show what the plugin reported",
    )
    shown = client.get(f"/printers/{printer}").json()
    assert shown["printer"]["name"] == plugin.name
    assert shown["temperatures"]["tool0"]["actual"] == 210.4
    assert shown["status"]["state"] == "printing"
    assert shown["job"]["file"]["name"] == "benchy.gcode"
    page = owner.get("/printers")
    assert "benchy" in page.text
    assert owner.get(f"/printers/{printer}").status_code == 200

    done = plugin.report((1, "180.0"), (3, "Operational"), (4, "100.0"), (9, "Success"))
    assert told(done) == {"apiResult": "Success"}
    wait_until(
        lambda: client.get(f"/printers/{printer}").json()["job"] is None,
        DEADLINE,
        "the print does not end",
    )


def test_the_form_asks_for_a_name_and_tells_of_a_wrong_server(portal: Portal) -> None:
    owner = portal.member()
    plugin = Plugin(portal, name="")
    plugin.base_api_url = "https://octovoxapi.azurewebsites.net"
    for path in ("/connect/octovox", "/connect/octolexa", "/connect"):
        plugin.base_registration_url = f"{portal.url}{path}"
        page = owner.get(plugin.registration_url())
        assert page.status_code == 200
        assert page.url.host == "127.0.0.1"
        assert "another server" in page.text
    assert owner.submit(str(page.url), "/connect/printer", name=" ").status_code == 422
    named = owner.submit(str(page.url), "/connect/printer", name="<b>Prusa</b>")
    assert named.status_code == 200
    assert "<b>" not in named.text
    # Loaded again, the form adds no second printer.
    form = owner.form(str(page.url), "/connect/printer")
    fields = {**form.fields, "name": "Ender"}
    assert KEY.search(owner.post(form.action, data=fields).text)
    assert not KEY.search(owner.post(form.action, data=fields).text)
    mine = [one["name"] for one in portal.printers if one.get("owner")]
    assert mine == ["<b>Prusa</b>", "Ender"]
    # Another site's form is none of ours.
    forged = {**fields, "csrf": "0" * 64}
    assert owner.post(form.action, data=forged).status_code == 403
    # Where the old servers had sent a browser to.
    back = owner.get("/api/CreatePrinterRegistration", params={"code": "x", "state": "Voron"})
    assert back.url.path == "/connect/printer"
    assert failed(httpx.post(f"{portal.url}/api/CreatePrinterRegistration"))
    long = owner.get(f"/connect?state={'é' * 3000}")
    assert long.url.path == "/connect/printer"


def test_wrong_keys_are_refused_in_words(portal: Portal) -> None:
    owner = portal.member()
    plugin = registered(portal, owner)
    right = plugin.key
    printer, secret = right.split(":")
    other = "prn-0000000000000000"
    for wrong in (f"{printer}:{'A' * 32}", f"{other}:{secret}", printer, "", None, 5, "\ud800"):
        plugin.key = wrong  # type: ignore[assignment]  # whatever somebody pastes
        for answer in (plugin.verify(), plugin.report(*PRINTING)):
            assert answer.status_code == 200
            assert failed(answer)
            assert secret not in answer.text
    plugin.key = right
    client = program(portal, token(owner))
    client.post(f"/printers/{printer}/revoke")
    assert failed(plugin.verify())
    assert failed(plugin.report(*PRINTING))
    client.post(f"/printers/{printer}/admit")
    assert told(plugin.verify()) == {"apiResult": "Success"}
    client.delete(f"/printers/{printer}")
    assert failed(plugin.report(*PRINTING))
    assert secret not in portal.skill.said


def test_odd_reports_are_taken_and_hostile_ones_refused(portal: Portal) -> None:
    plugin = registered(portal, portal.member())
    assert told(plugin.report((1, None), (2, "None"), (4, "NaN"), (5, ""), (77, {}))) == {
        "apiResult": "Success"
    }
    assert told(plugin.report()) == {"apiResult": "Success"}
    update = f"{portal.url}/api/UpdatePrinterStatus"
    for body in (b"", b"null", b"[]", b"\xff", b"[" * 30_000, b'{"PrinterId":' + b"9" * 5000):
        answer = httpx.post(update, content=body, headers=HEADERS)
        assert answer.status_code == 400
        assert failed(answer)
    assert plugin.report(Details="none").status_code == 400
    assert plugin.report(Details=None).status_code == 400
    huge = httpx.post(update, content=b"x" * 70_000, headers=HEADERS)
    assert huge.status_code == 413
    assert httpx.get(update).status_code == 405
    # A base URL with a slash at its end is glued on just so.
    plugin.base_api_url = f"{portal.url}/"
    assert told(plugin.report((3, "Operational"))) == {"apiResult": "Success"}
    assert told(plugin.verify()) == {"apiResult": "Success"}
    answers = [plugin.report((3, "Operational")) for _ in range(30)]
    assert failed(answers[-1])
    assert answers[-1].status_code == 200


def test_while_the_broker_is_away_a_plugin_is_told_so(portal: Portal) -> None:
    plugin = registered(portal, portal.member())
    portal.stack.broker.stop()
    wait_until(
        lambda: "broker" in httpx.get(f"{portal.url}/readyz").json()["missing"],
        DEADLINE,
        "the skill has not noticed",
    )
    answer = plugin.report(*PRINTING)
    assert answer.status_code == 503
    assert failed(answer)
    # The key is still right.
    assert told(plugin.verify()) == {"apiResult": "Success"}
