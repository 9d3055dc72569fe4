"""Laws of the broker's accounts, over any set of printers and every version."""

import base64
import hashlib
import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from voxtrude import dynsec
from voxtrude.credentials import Credential, hashed
from voxtrude.printer import PrinterId
from voxtrude.registration import Registration, Standing, Templates, standard_base

VERSIONS: tuple[dynsec.Version, ...] = ((2, 0, 11), (2, 0, 22), (2, 1), (2, 1, 2), (3, 0))
CREDENTIAL = hashed("a secret")
SERVICES = dict.fromkeys(dynsec.SERVICES, CREDENTIAL)
NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)


def registration(number: int = 0, **changes: Any) -> Registration:  # noqa: ANN401  (any field)
    identifier = PrinterId(f"prn-{number:016x}")
    plain = Registration(
        id=identifier,
        name="a printer",
        base_topic=standard_base(identifier),
        created_at=NOON + timedelta(seconds=number),
        alive_at=None,
        standing=Standing.ACTIVE,
        credential=CREDENTIAL,
    )
    return replace(plain, **changes)


# Few words, so that bases often lie in one another.
LEVELS = st.sampled_from(["octoPrint", "hall", "a", "b", "voxtrude", "v1", "$SYS", "$CONTROL", ""])
BASES = st.lists(LEVELS, min_size=1, max_size=4).map("/".join)
TEMPLATES = st.sampled_from([Templates(), Templates(event="a/{event}/x"), Templates(last_will="b")])


@st.composite
def fleets(draw: st.DrawFn) -> list[Registration]:
    count = draw(st.integers(0, 6))
    return [
        registration(
            number,
            base_topic=draw(
                st.one_of(st.just(standard_base(PrinterId(f"prn-{number:016x}"))), BASES)
            )
            + draw(st.sampled_from(["", "/"])),
            templates=draw(TEMPLATES),
            standing=draw(st.sampled_from(Standing)),
            credential=draw(st.sampled_from([CREDENTIAL, None])),
        )
        for number in draw(st.permutations(range(count)))
    ]


def rights(document: dynsec.Json) -> Iterator[tuple[str, str, str]]:
    """Yield (account, kind of right, topic filter) of all accounts, through their roles."""
    roles = {role["rolename"]: role for role in cast("list[dict[str, Any]]", document["roles"])}
    for client in cast("list[dict[str, Any]]", document["clients"]):
        for reference in client["roles"]:
            for acl in roles[reference["rolename"]]["acls"]:
                assert acl["allow"] is True
                yield client["username"], acl["acltype"], acl["topic"]


def intersect(one: str, other: str) -> bool:
    """Tell whether some topic matches both filters, by the rules of MQTT."""
    return _intersect(one.split("/"), other.split("/"))


def _intersect(one: list[str], other: list[str]) -> bool:
    for first, second in ((one, other), (other, one)):
        if first and first[0] == "#":
            return True
        if not first:
            return not second or second == ["#"]
    if one[0] == "+" or other[0] == "+" or one[0] == other[0]:
        return _intersect(one[1:], other[1:])
    return False


@pytest.mark.parametrize("version", VERSIONS)
@given(fleet=fleets())
def test_nobody_publishes_where_a_printer_does_but_that_printer(
    version: dynsec.Version, fleet: list[Registration]
) -> None:
    document = dynsec.document(fleet, SERVICES, version)
    topics = {one.id: dynsec.publishable(one) for one in fleet}
    publishing = [
        (account, name) for account, kind, name in rights(document) if kind == "publishClientSend"
    ]
    for account, name in publishing:
        for owner, owned in publishing:
            if owner in topics and account != owner:
                assert not intersect(name, owned), (account, name, owner, owned)
        if account in topics:
            assert name in topics[PrinterId(account)]
            assert not name.startswith(("voxtrude/", "$", "#", "+"))
        else:
            assert name.startswith(("voxtrude/v1/", "$CONTROL/"))


def test_one_slip_of_a_standard_printer_is_let_through() -> None:
    one = registration(1)
    assert dynsec.publishable(one) == (f"octoPrint/{one.id}/#", f"octoPrint/{one.id}mqtt")
    renamed = replace(one, templates=Templates(last_will="status"))
    assert dynsec.publishable(renamed)[1:] == (f"octoPrint/{one.id}status",)
    for odd in (
        replace(one, base_topic="hall/"),
        replace(one, base_topic=standard_base(PrinterId("prn-00000000000000ff"))),
        replace(one, templates=Templates(last_will="{wild}")),
        replace(one, templates=Templates(last_will="#")),
    ):
        assert dynsec.publishable(odd) == odd.topics


def test_nobody_else_gets_a_topic_that_a_slip_would_take() -> None:
    one = registration(1)
    thief = registration(2, base_topic=f"octoPrint/{one.id}mqtt/")
    assert dynsec.contested([one, thief]) == {thief.id}


@pytest.mark.parametrize("version", VERSIONS)
@given(fleet=fleets())
def test_no_printer_may_subscribe_or_receive(
    version: dynsec.Version, fleet: list[Registration]
) -> None:
    printers = {one.id for one in fleet}
    document = dynsec.document(fleet, SERVICES, version)
    for account, kind, _ in rights(document):
        assert account not in printers or kind == "publishClientSend"
    assert document["defaultACLAccess"] == {
        "publishClientSend": False,
        "publishClientReceive": False,
        "subscribe": False,
        "unsubscribe": True,
    }
    assert document["groups"] == []


@given(fleet=fleets())
def test_only_active_printers_are_enabled(fleet: list[Registration]) -> None:
    document = dynsec.document(fleet, SERVICES, (2, 0))
    clients = {one["username"]: one for one in cast("list[dict[str, Any]]", document["clients"])}
    overlapping = dynsec.contested(fleet)
    for one in fleet:
        enabled = one.id in clients and not clients[one.id].get("disabled", False)
        assert enabled == (
            one.standing is Standing.ACTIVE
            and one.credential is not None
            and one.id not in overlapping
        )
        assert one.standing is not Standing.PENDING or one.id not in clients


@given(fleet=fleets())
def test_the_order_of_registrations_does_not_matter(fleet: list[Registration]) -> None:
    assert dynsec.contested(fleet) == dynsec.contested(list(reversed(fleet)))


def test_the_older_printer_keeps_its_topics() -> None:
    older = registration(1, base_topic="hall/")
    for base in ("hall/", "hall/unit/", "hall/unit"):
        assert dynsec.contested([registration(2, base_topic=base), older]) == {registration(2).id}
    for base in ("halls/", "hal/", "other/hall/"):
        assert not dynsec.contested([registration(2, base_topic=base), older])


def test_a_base_above_an_older_one_is_refused_too() -> None:
    older = registration(1, base_topic="hall/unit/")
    assert dynsec.contested([older, registration(2, base_topic="hall/")]) == {registration(2).id}


@pytest.mark.parametrize(
    "base", ["voxtrude/v1/", "voxtrude/", "$SYS/", "$CONTROL/dynamic-security/", "/", "#", "+/"]
)
def test_nobody_gets_topics_that_are_not_a_printers(base: str) -> None:
    assert dynsec.contested([registration(base_topic=base)]) == {registration().id}


def test_a_fleet_of_standard_printers_has_no_overlaps() -> None:
    fleet = [registration(number) for number in range(2000)]
    assert not dynsec.contested(fleet)
    assert all(dynsec.admissions(fleet).values())


def test_services_do_what_they_are_for_and_no_more() -> None:
    document = dynsec.document([], SERVICES, (2, 1))
    found: dict[str, set[tuple[str, str]]] = {}
    for account, kind, name in rights(document):
        found.setdefault(account, set()).add((kind, name))

    def hears(*names: str) -> set[tuple[str, str]]:
        kinds = ("subscribePattern", "publishClientReceive")
        return {(kind, name) for kind in kinds for name in names}

    def says(name: str) -> set[tuple[str, str]]:
        return {("publishClientSend", name)}

    control = "$CONTROL/dynamic-security/#"
    assert found == {
        "ingest": hears("#", "$SYS/broker/uptime") | says("voxtrude/v1/#"),
        "keeper": hears(control, "$SYS/#") | says(control),
        "registrar": hears(control) | says(control),
        "bridge": hears("voxtrude/v1/#") | says("voxtrude/v1/services/opcua_bridge"),
        "skill": hears("voxtrude/v1/#")
        | says("voxtrude/v1/services/skill")
        | says("voxtrude/v1/reports/+"),
        "portal": hears(control) | says(control),
        "observer": hears("voxtrude/v1/#", "$SYS/#"),
    }


def test_both_versions_are_told_the_same_hash() -> None:
    old, new = (
        cast("list[dict[str, Any]]", dynsec.document([registration()], {}, version)["clients"])[0]
        for version in ((2, 0, 11), (2, 1, 2))
    )
    assert new["encoded_password"] == f"$7${old['iterations']}${old['salt']}${old['password']}"
    salt = base64.b64decode(old["salt"])
    assert len(salt) == 12
    again = hashlib.pbkdf2_hmac("sha512", b"a secret", salt, old["iterations"], 64)
    assert base64.b64decode(old["password"]) == again
    assert "password" not in new


def test_the_plain_secret_is_only_in_the_commands_that_need_it() -> None:
    one = registration(base_topic="hall/unit/")
    assert "s3cret" not in json.dumps(dynsec.document([one], SERVICES, (2, 1)))
    role, client = dynsec.create_printer(one, "s3cret")
    assert role["command"] == "createRole"
    assert "s3cret" not in json.dumps(role)
    assert client == {
        "command": "createClient",
        "username": one.id,
        "password": "s3cret",
        "roles": [{"rolename": one.id}],
    }
    rendered = cast("list[Any]", dynsec.document([one], {}, (2, 1))["roles"])
    assert {key: role[key] for key in ("rolename", "acls")} == rendered[0]


@pytest.mark.parametrize(
    ("command", "error", "failure"),
    [
        ("createClient", None, False),
        ("createClient", "Client already exists", False),
        ("createClient", "Role not found", True),
        ("createRole", "Role already exists", False),
        ("deleteClient", "Client not found", False),
        ("deleteRole", "Role not found", False),
        ("disableClient", "Client not found", False),
        ("enableClient", "Client not found", True),
        ("setClientPassword", "Client not found", True),
        ("createClient", "Internal error", True),
        ("listClients", "Unknown command", True),
    ],
)
def test_what_was_so_already_is_no_failure(
    command: str,
    error: str | None,
    failure: bool,  # noqa: FBT001  (a column of the table)
) -> None:
    assert dynsec.is_failure(command, error) is failure


def test_a_printer_without_a_credential_is_not_known_to_the_broker() -> None:
    document = dynsec.document([registration(credential=None)], {}, (2, 0))
    assert document["clients"] == []
    assert document["roles"] == []


def test_a_revoked_printer_keeps_its_account_without_rights() -> None:
    document = dynsec.document([registration(standing=Standing.REVOKED)], {}, (2, 0))
    (client,) = cast("list[dict[str, Any]]", document["clients"])
    assert client["disabled"] is True
    assert list(rights(document)) == []


def test_credentials_say_nothing_of_their_secret() -> None:
    assert isinstance(CREDENTIAL, Credential)
    assert "a secret" not in repr(CREDENTIAL)
