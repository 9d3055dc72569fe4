"""Our own machines, in every state, held against their types by two clients."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace

import pytest
import pytest_asyncio

from services.opcua_bridge import server
from services.opcua_bridge.limits import Limits
from services.opcua_bridge.mapping.situation import Pipeline
from services.opcua_bridge.settings import BridgeSettings
from services.opcua_bridge.stack.endpoints import Endpoint
from services.opcua_bridge.stack.listeners import Listener
from tests import opcua_printers as printers
from tests.integration import opcua_clients
from tests.integration.opcua_clients import Said, additive_types
from tests.integration.servers import free_port
from voxtrude.documents import PrinterDocument
from voxtrude.feed import News
from voxtrude.opcua import access
from voxtrude.opcua.check import server as checking
from voxtrude.opcua.check.client import Access
from voxtrude.opcua.check.findings import Severity
from voxtrude.opcua.check.server import Report
from voxtrude.opcua.settings import Opcua
from voxtrude.opcua.users import Users
from voxtrude.printer import Outcome, PrinterId, PrinterState, Status
from voxtrude.process import utc_now

pytestmark = [pytest.mark.integration, pytest.mark.asyncio(loop_scope="module")]

STATES: dict[str, PrinterState] = {
    "unheard": printers.UNHEARD,
    "idle": printers.printer(Status.IDLE),
    "printing": printers.printer(Status.PRINTING, job=printers.job()),
    "done": printers.printer(Status.IDLE, last_job=printers.past(Outcome.DONE)),
    "failed": printers.printer(Status.OFFLINE, last_job=printers.past(Outcome.FAILED)),
    "error": printers.printer(Status.ERROR, fault=printers.fault()),
}
SMALL = Limits(references=4, browses=30, reads=100, items_per_call=50)  # in many parts
WORTH_TELLING = {"Manufacturer", "Model", "Location"}  # nobody has told them of these printers


@dataclass(frozen=True)
class Served:
    url: str
    access: Access
    login: opcua_clients.Login


def fleet() -> dict[PrinterId, PrinterDocument | None]:
    documents: dict[PrinterId, PrinterDocument | None] = {}
    for number, (name, state) in enumerate(STATES.items()):
        printer = PrinterId(f"prn-{number:016x}")
        registration = replace(printers.REGISTRATION, id=printer, name=name)
        documents[printer] = printers.document(replace(state, printer=printer), registration)
    return documents


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def served(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Served]:
    """A server with every printer, and with all that it can tell of them."""
    opcua = Opcua(data=tmp_path_factory.mktemp("opcua"), job_orders=True)
    word = "a password of the tests"
    Users(opcua.users).add("mes", password=word)
    own = access.client(opcua, utc_now())
    async with server.opened(BridgeSettings(opcua=opcua), SMALL) as bridge:
        await bridge.hear(Pipeline.RUNNING)
        await bridge.machines.use(News(states=fleet(), complete=True))
        listener = Listener(bridge.core, Endpoint("127.0.0.1", free_port()))
        await listener.start()
        yield Served(
            str(listener.endpoint),
            Access(
                username="mes",
                password=word,
                certificate=own.certificate_path,
                key=own.key_path,
            ),
            opcua_clients.Login(
                username="mes",
                password=word,
                certificate=own.certificate_path,
                key=own.key_path,
                uri=own.uri,
            ),
        )
        await listener.stop()


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def report(served: Served) -> Report:
    return await checking.check(served.url, served.access)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def found(served: Served, tmp_path_factory: pytest.TempPathFactory) -> Said:
    """What the client on node-opcua finds."""
    types = additive_types(tmp_path_factory.mktemp("nodesets"))
    return await asyncio.to_thread(opcua_clients.machines, served.url, served.login, files=[types])


async def test_no_machine_breaks_a_specification(report: Report) -> None:
    assert {machine.name for machine in report.machines} == set(STATES)
    worst = [
        f"{machine.name}: {finding}"
        for machine in report.machines
        for finding in machine.findings
        if finding.severity is Severity.BAD
    ]
    assert worst == []
    assert [finding.text for finding in report.findings] == [
        "tells its machines in parts: Dashboard-OPCUA-Client sees the first part only"
    ]


async def test_all_that_a_dashboard_misses_is_what_nobody_told(report: Report) -> None:
    for machine in report.machines:
        notes = {finding.path for finding in machine.findings if "JobOrder" not in finding.path}
        assert notes == {f"Identification/{name}" for name in WORTH_TELLING}


async def test_every_variable_can_be_subscribed_to(report: Report) -> None:
    assert report.subscribed == sum(machine.variables for machine in report.machines)


async def test_the_types_are_those_of_the_nodesets(found: Said) -> None:
    assert found["types"]["findings"] == []
    assert found["types"]["compared"] > 2_500


async def test_the_machines_are_as_another_stack_reads_the_types(found: Said) -> None:
    findings = {machine["name"]: machine["findings"] for machine in found["machines"]}
    assert findings == {name: [] for name in STATES}
