"""Who may do what at the broker, in the words of Mosquitto's dynamic-security plugin.

Everything is denied but what stands here. A printer may publish under its own topics (and
on one more that only it can mean, see ``publishable``) and nothing else: no printer may
subscribe, and nobody but a printer may publish where a printer does, so no message can ever
reach a printer.

Source: the plugin's README and its configuration file, Mosquitto 2.0 and 2.1. The shared
role ``%u`` of 2.1 is not used: a base topic is a property of its registration, and one
role a printer serves both versions.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from voxtrude.credentials import Credential
from voxtrude.printer import PrinterId
from voxtrude.registration import Registration, Standing, standard_base
from voxtrude.topics import (
    BROKER_UPTIME,
    EVERYTHING,
    OPCUA_BRIDGE,
    REPORTS,
    service_topic,
)
from voxtrude.topics import SKILL as SKILL_SERVICE

CONTROL = "$CONTROL/dynamic-security/v1"
CONTROL_ANSWERS = f"{CONTROL}/response"

Command: TypeAlias = dict[str, object]
Version: TypeAlias = tuple[int, ...]
Json: TypeAlias = dict[str, object]

ENCODED_SINCE: Version = (2, 1)  # passwords as one string instead of three fields


@dataclass(frozen=True, slots=True)
class Grant:
    """What one account may do; each a tuple of topic filters."""

    publish: tuple[str, ...] = ()
    receive: tuple[str, ...] = ()
    """What it may subscribe to and be sent."""


INGEST = "ingest"
KEEPER = "keeper"
REGISTRAR = "registrar"
BRIDGE = "bridge"
SKILL = "skill"
PORTAL = "portal"
OBSERVER = "observer"

_CONTROL_TREE = "$CONTROL/dynamic-security/#"
_SYSTEM = "$SYS/#"

SERVICES: Mapping[str, Grant] = {
    # "#" holds no topic of the broker's own: since when it runs has to be said.
    INGEST: Grant(publish=(EVERYTHING,), receive=("#", BROKER_UPTIME)),
    KEEPER: Grant(publish=(_CONTROL_TREE,), receive=(_CONTROL_TREE, _SYSTEM)),
    # Who adds printers: the command line, and the portal. One account has one session at a
    # time, so they would cut each other and the keeper off if they shared one.
    REGISTRAR: Grant(publish=(_CONTROL_TREE,), receive=(_CONTROL_TREE,)),
    BRIDGE: Grant(publish=(service_topic(OPCUA_BRIDGE),), receive=(EVERYTHING,)),
    # What a report by HTTP says is folded as if the printer had said it; it reaches ingest only.
    SKILL: Grant(publish=(service_topic(SKILL_SERVICE), REPORTS), receive=(EVERYTHING,)),
    PORTAL: Grant(publish=(_CONTROL_TREE,), receive=(_CONTROL_TREE,)),
    OBSERVER: Grant(receive=(EVERYTHING, _SYSTEM)),
}

DEFAULTS = {
    "publishClientSend": False,
    "publishClientReceive": False,
    "subscribe": False,
    "unsubscribe": True,
}


# The whole file --------------------------------------------------------------------------


def document(
    registrations: Iterable[Registration], services: Mapping[str, Credential], version: Version
) -> Json:
    """Return the contents of ``dynamic-security.json`` for a broker of ``version``.

    ``services`` holds the credential of each account in SERVICES that shall exist.
    """
    known = list(registrations)
    admitted = admissions(known)
    printers = [one for one in known if one.id in admitted]
    clients = [
        {"username": name, **_password(credential, version), "roles": _roles(name)}
        for name, credential in services.items()
    ]
    clients.extend(
        {
            "username": one.id,
            **({} if admitted[one.id] else {"disabled": True}),
            **(_password(one.credential, version) if one.credential else {}),
            "roles": _roles(one.id),
        }
        for one in printers
    )
    return {
        "defaultACLAccess": DEFAULTS,
        "clients": clients,
        "groups": [],
        "roles": [
            *(_role(name, _acls(SERVICES[name])) for name in services),
            # A printer that may not log in has no rights that could be forgotten.
            *(_role(one.id, _printer_acls(one) if admitted[one.id] else []) for one in printers),
        ],
    }


def admissions(registrations: Iterable[Registration]) -> dict[PrinterId, bool]:
    """Return the printers that the broker shall know, and whether each may log in.

    Pending ones are left to whoever is adding them. A printer whose topics overlap an
    older printer's is not let in.
    """
    known = list(registrations)
    overlapping = contested(known)
    return {
        one.id: one.standing is Standing.ACTIVE and one.id not in overlapping
        for one in known
        if one.credential is not None and one.standing is not Standing.PENDING
    }


def contested(registrations: Iterable[Registration]) -> frozenset[PrinterId]:
    """Return the printers that would publish where an older one does, or where none may.

    Two printers overlap when one's topics lie at or below the other's, up to the first
    wildcard. Revoked printers keep their topics until they are removed.
    """
    owners: dict[tuple[str, ...], PrinterId] = {}
    inner: dict[tuple[str, ...], PrinterId] = {}
    refused: set[PrinterId] = set()
    for one in sorted(registrations, key=lambda each: (each.created_at, each.id)):
        stems = [_stem(name) for name in publishable(one)]
        if any(
            not stem
            or stem[0] in {"", "voxtrude"}
            or stem[0].startswith("$")
            or any(wild in level for level in stem for wild in "+#")
            or owners.get(stem, one.id) != one.id
            or inner.get(stem, one.id) != one.id
            or any(owners.get(above, one.id) != one.id for above in _above(stem))
            for stem in stems
        ):
            refused.add(one.id)
            continue
        for stem in stems:
            owners[stem] = one.id
            inner.update(dict.fromkeys(_above(stem), one.id))
    return frozenset(refused)


def publishable(registration: Registration) -> tuple[str, ...]:
    """Return where a printer may publish: under its base, and where one slip would take it.

    OctoPrint-MQTT glues base and template together. Who leaves the base's last slash out
    would never be heard, and MQTT 3.1.1 tells nobody of a denied message. So a printer with
    the standard base may also say ``octoPrint/prn-…mqtt``, its last will without the slash:
    nobody else has that topic, and the page can name the mistake.
    """
    base, last_will = registration.base_topic, registration.templates.last_will
    if base != standard_base(registration.id) or any(wild in last_will for wild in "{+#"):
        return registration.topics
    return (*registration.topics, base.removesuffix("/") + last_will)


def _stem(name: str) -> tuple[str, ...]:
    levels = name.split("/")
    wild = [place for place, level in enumerate(levels) if level in {"+", "#"}]
    return tuple(levels[: wild[0]] if wild else levels)


def _above(stem: tuple[str, ...]) -> list[tuple[str, ...]]:
    return [stem[:length] for length in range(1, len(stem))]


# Single changes of a running broker --------------------------------------------------------


def create_printer(registration: Registration, secret: str) -> list[Command]:
    """Make a printer's role and account; ``secret`` is the plain one, sent once."""
    return [
        {"command": "createRole", **_role(registration.id, _printer_acls(registration))},
        {
            "command": "createClient",
            "username": registration.id,
            "password": secret,
            "roles": _roles(registration.id),
        },
    ]


def set_password(username: str, secret: str) -> list[Command]:
    """Give an account another secret; its session ends at once."""
    return [{"command": "setClientPassword", "username": username, "password": secret}]


def disable(username: str) -> list[Command]:
    """Let an account in no more; its session ends at once."""
    return [{"command": "disableClient", "username": username}]


def enable(username: str) -> list[Command]:
    """Let an account in again."""
    return [{"command": "enableClient", "username": username}]


def delete(username: str) -> list[Command]:
    """Remove an account and its role; its session ends at once."""
    return [
        {"command": "deleteClient", "username": username},
        {"command": "deleteRole", "rolename": username},
    ]


def list_clients(count: int, offset: int) -> Command:
    """Ask for a page of accounts with their ``disabled`` flags."""
    return {"command": "listClients", "verbose": True, "count": count, "offset": offset}


def get_client(username: str) -> Command:
    """Ask for one account."""
    return {"command": "getClient", "username": username}


_DONE_BEFORE: Mapping[str, str] = {
    "createRole": "already exists",
    "createClient": "already exists",
    "deleteClient": "not found",
    "deleteRole": "not found",
    "disableClient": "not found",
    "getClient": "not found",  # an answer, not a failure
}


def is_failure(command: str, error: str | None) -> bool:
    """Tell whether ``error`` is more than "that is so already": commands may be repeated."""
    if error is None:
        return False
    expected = _DONE_BEFORE.get(command)
    return expected is None or expected not in error.lower()


# Pieces ------------------------------------------------------------------------------------


def _role(name: str, acls: Sequence[Json]) -> Json:
    return {"rolename": name, "acls": list(acls)}


def _roles(name: str) -> list[Json]:
    return [{"rolename": name}]


def _printer_acls(registration: Registration) -> list[Json]:
    return _acls(Grant(publish=publishable(registration)))


def _acls(grant: Grant) -> list[Json]:
    return [
        *(_allow("publishClientSend", name) for name in grant.publish),
        *(_allow("subscribePattern", name) for name in grant.receive),
        *(_allow("publishClientReceive", name) for name in grant.receive),
    ]


def _allow(kind: str, name: str) -> Json:
    return {"acltype": kind, "topic": name, "priority": 0, "allow": True}


def _password(credential: Credential, version: Version) -> Json:
    if version >= ENCODED_SINCE:
        encoded = f"$7${credential.rounds}${credential.salt}${credential.digest}"
        return {"encoded_password": encoded}
    return {
        "password": credential.digest,
        "salt": credential.salt,
        "iterations": credential.rounds,
    }
