"""The check of a whole server, in the order in which a umati client meets it."""

from collections.abc import Iterator
from dataclasses import dataclass

from asyncua import ua
from asyncua.ua.attribute_ids import AttributeIds
from asyncua.ua.object_ids import ObjectIds

from voxtrude.opcua.check import conformance, machines, subscribing, typetree, umati
from voxtrude.opcua.check.client import TIMEOUT, Access, Connection, connected, security
from voxtrude.opcua.check.findings import Finding, Severity, bad, note
from voxtrude.opcua.check.machines import Machines
from voxtrude.opcua.check.services import Services
from voxtrude.opcua.check.subscribing import Subscribed
from voxtrude.opcua.check.tree import MACHINERY, Instance
from voxtrude.opcua.check.types import Types, numeric

FAMILIAR = ("http://opcfoundation.org/UA/", "http://opcfoundation.org/UA/DI/")
"""The namespaces whose type dictionaries every client can read."""


@dataclass(frozen=True, slots=True)
class CheckedMachine:
    """One machine, and what was found of it."""

    name: str
    node_id: str
    type: str
    identification: dict[str, str]
    nodes: int
    variables: int
    findings: tuple[Finding, ...]


@dataclass(frozen=True, slots=True)
class Report:
    """All that the check has to say."""

    url: str
    thumbprint: str
    """The server certificate's; empty without security."""

    security: tuple[str, ...]
    """What the server offers."""

    machines: tuple[CheckedMachine, ...] = ()
    passed: int = 0
    """Machines that were left out because of the limit."""

    subscribed: int = 0
    """Variables that sent a first value."""

    findings: tuple[Finding, ...] = ()
    """What concerns the server, or several machines."""

    def count(self, severity: Severity) -> int:
        """Return how many findings there are of a severity."""
        everything = [*self.findings, *(one for each in self.machines for one in each.findings)]
        return sum(finding.severity is severity for finding in everything)


async def check(
    url: str,
    access: Access,
    *,
    limit: int | None = None,
    subscribe: bool = True,
    patience: float = TIMEOUT,
) -> Report:
    """Check the server at ``url``, and at most ``limit`` machines of it.

    Raises:
        SetupError: It refuses us as we are.
        LinkError: It is away, or no OPC UA server.
    """
    async with connected(url, access, patience=patience) as connection:
        offered = tuple(dict.fromkeys(security(one) for one in connection.endpoints))
        report = Report(url, connection.thumbprint, offered)
        services = await Services.of(connection.client)
        namespaces = tuple(await connection.client.get_namespace_array())
        found = list(_offers(connection))
        found += await _state(services)
        if MACHINERY not in namespaces:
            found.append(bad("", f"has no namespace {MACHINERY}: it is no server of machines"))
            return _with(report, found)
        read = await machines.read(services, namespaces, limit)
        found += _folder(read)
        found += await _dictionaries(services, namespaces)
        everything = [instance for machine in read.machines for instance in machine.walk()]
        types = await typetree.read(services, namespaces, everything)
        found += umati.together(read.machines)
        variables = [instance for instance in everything if instance.is_variable]
        outcome = Subscribed()
        if subscribe and variables:
            outcome = await subscribing.subscribe(services, variables)
            found += _subscription(outcome)
        troubles = {id(one): finding for one, finding in _troubles(outcome)}
        checked = tuple(_machine(machine, types, troubles) for machine in read.machines)
        heard = outcome.items - len(outcome.refused) - len(outcome.silent)
        return _with(report, found, checked, read.passed, heard)


def _with(
    report: Report,
    found: list[Finding],
    checked: tuple[CheckedMachine, ...] = (),
    passed: int = 0,
    heard: int = 0,
) -> Report:
    return Report(
        report.url, report.thumbprint, report.security, checked, passed, heard, tuple(found)
    )


def _offers(connection: Connection) -> Iterator[Finding]:
    offered = {security(endpoint) for endpoint in connection.endpoints}
    if "Basic256Sha256 SignAndEncrypt" not in offered:
        yield bad("", "offers no Basic256Sha256 with Sign & Encrypt, which OPC 40540 demands")
    if "None" in offered:
        yield note("", "offers connections without security")
    if any(one.startswith("Aes") for one in offered):
        yield note("", "offers Aes policies: gateways of 2024 choose them, and then cannot connect")
    tokens = {
        token.TokenType
        for endpoint in connection.endpoints
        for token in endpoint.UserIdentityTokens or ()
    }
    if ua.UserTokenType.UserName not in tokens:
        yield note("", "takes no user name and password, the one login that umati gateways have")


async def _state(services: Services) -> list[Finding]:
    (answer,) = await services.read(
        [(numeric(ObjectIds.Server_ServerStatus_State), AttributeIds.Value)]
    )
    state = answer.Value.Value if answer.Value is not None else None
    if state == ua.ServerState.Running:
        return []
    return [note("", f"says that its state is {ua.ServerState(state or 0).name}, not Running")]


def _folder(read: Machines) -> Iterator[Finding]:
    if not read.status.is_good():
        yield bad("", f"its Machines folder cannot be browsed ({read.status.name})")
    elif not read.machines and not read.passed:
        yield bad("", "its Machines folder is empty: umati clients show nothing")
    if read.partial:
        yield note(
            "", "tells its machines in parts: Dashboard-OPCUA-Client sees the first part only"
        )


async def _dictionaries(services: Services, namespaces: tuple[str, ...]) -> list[Finding]:
    node = numeric(ObjectIds.OPCBinarySchema_TypeSystem)
    (browsed,) = await services.browse([node], ObjectIds.HasComponent)
    strange = sorted(
        namespaces[reference.NodeId.NamespaceIndex]
        for reference in browsed.references
        if reference.NodeId.NamespaceIndex < len(namespaces)
        and namespaces[reference.NodeId.NamespaceIndex] not in FAMILIAR
    )
    if not strange:
        return []
    return [
        note(
            "",
            f"shows {len(strange)} type dictionaries (OPC Binary, deprecated since 1.04) beyond "
            "the usual: gateways of 2024 (Dashboard-OPCUA-Client) end when they read them",
        )
    ]


def _subscription(outcome: Subscribed) -> Iterator[Finding]:
    if outcome.lengthened:
        yield note(
            "",
            f"makes the queue of {outcome.lengthened} monitored items longer than the one "
            "that was asked for: Dashboard-OPCUA-Client gives those up",
        )


def _troubles(outcome: Subscribed) -> Iterator[tuple[Instance, Finding]]:
    for instance, status in outcome.refused:
        yield instance, bad(instance.path, f"cannot be subscribed to ({status.name})")
    for instance in outcome.silent:
        yield instance, bad(instance.path, "sends no first value to a subscription")


def _machine(machine: Instance, types: Types, troubles: dict[int, Finding]) -> CheckedMachine:
    everything = list(machine.walk())
    found = [*conformance.findings(machine, types), *umati.machine(machine, types)]
    found += [troubles[id(one)] for one in everything if id(one) in troubles]
    return CheckedMachine(
        name=machine.name.text,
        node_id=machine.node_id.to_string(),
        type=types.called(machine.type),
        identification=umati.identification(machine),
        nodes=len(everything),
        variables=sum(one.is_variable for one in everything),
        findings=tuple(found),
    )
