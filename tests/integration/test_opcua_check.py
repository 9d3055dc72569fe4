"""The check, on asyncua's own server: a whole machine, and machines broken in one way each."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable

import pytest
import pytest_asyncio
from asyncua import ua
from asyncua.ua.attribute_ids import AttributeIds
from asyncua.ua.object_ids import ObjectIds
from asyncua.ua.status_codes import StatusCodes

from services.opcua_bridge.mapping.nodes import Name, Namespace
from services.opcua_bridge.model import additive
from tests.integration import opcua_clients
from tests.integration.opcua_machines import Machine
from tests.integration.opcua_servers import typed_server
from tests.integration.servers import free_port
from voxtrude.opcua.check import server as checking
from voxtrude.opcua.check.client import Access
from voxtrude.opcua.check.findings import Severity
from voxtrude.opcua.check.server import CheckedMachine, Report

pytestmark = [pytest.mark.integration, pytest.mark.asyncio(loop_scope="module")]

Break = Callable[[Machine], Awaitable[object]]

MODE = "Monitoring/MachineTool/OperationMode"
PROGRAM = "Production/ActiveProgram"
FEEDSTOCK = Name(Namespace.ADDITIVE, "Feedstock")
SPOOL = Name(Namespace.MACHINES, "spool")
QUANTITY = Name(Namespace.ADDITIVE, "RemainingQuantity")
DOUBLE = ua.NodeId(ua.Int32(ObjectIds.Double))


async def _wrong_namespace(machine: Machine) -> None:
    await machine.without("Identification/Manufacturer")
    name = Name(Namespace.MACHINE_TOOL, "Manufacturer")
    await machine.add_variable("Identification", name, ua.Variant(ua.LocalizedText("Example")))


async def _wrong_type(machine: Machine) -> None:
    await machine.without("Equipment")
    await machine.add("", Name(Namespace.MACHINE_TOOL, "Equipment"), None)


async def _placeholder(machine: Machine) -> None:
    await machine.add("Equipment", FEEDSTOCK, Name(Namespace.ADDITIVE, "FeedstockListType"))


async def _no_feedstock(machine: Machine) -> None:
    await _placeholder(machine)
    await machine.without("Equipment/Feedstock/<Feedstock>")


async def _no_unit(machine: Machine) -> None:
    await _no_feedstock(machine)
    await machine.add("Equipment/Feedstock", SPOOL, Name(Namespace.ADDITIVE, "FeedstockType"))
    await machine.set("Equipment/Feedstock/spool/Identifier", ua.Variant("spool"))
    spool = await machine.at("Equipment/Feedstock/spool")
    await spool.add_variable(
        ua.NodeId(ua.String("quantity"), ua.Int16(machine.catalog.index(Namespace.MACHINES))),
        machine.catalog.name(QUANTITY),
        750.0,
    )
    quantity = await machine.at("Equipment/Feedstock/spool/RemainingQuantity")
    await machine.retype(quantity, ua.NodeId(ua.Int32(ObjectIds.AnalogUnitType)))


BROKEN: dict[str, tuple[Break, str]] = {
    "missing": (
        lambda machine: machine.without("Identification/Manufacturer"),
        "Identification/Manufacturer: is missing: MachineIdentificationAMType demands it",
    ),
    "missing deep": (
        lambda machine: machine.without(f"{PROGRAM}/State/CurrentState/Number"),
        f"{PROGRAM}/State/CurrentState/Number: is missing",
    ),
    "wrong namespace": (
        _wrong_namespace,
        "Identification/Manufacturer: there is one in http://opcfoundation.org/UA/MachineTool/",
    ),
    "wrong type": (
        _wrong_type,
        "Equipment: is of the type FolderType, but should be of EquipmentAMType",
    ),
    "placeholder": (
        _placeholder,
        "Equipment/Feedstock/<Feedstock>: has the name of a placeholder",
    ),
    "no feedstock": (_no_feedstock, "Equipment/Feedstock: has no FeedstockType"),
    "no unit": (
        _no_unit,
        "Equipment/Feedstock/spool/RemainingQuantity/EngineeringUnits: is missing",
    ),
    "wrong data type": (
        lambda machine: machine.put(MODE, AttributeIds.DataType, ua.Variant(DOUBLE)),
        f"{MODE}: has the DataType Double, but should have MachineOperationMode",
    ),
    "wrong value": (
        lambda machine: machine.set(MODE, ua.Variant("Automatic")),
        f"{MODE}: has a value of the type String, but its DataType is MachineOperationMode",
    ),
    "no such mode": (
        lambda machine: machine.set(MODE, ua.Variant(77, ua.VariantType.Int32)),
        f"{MODE}: is 77, which is no value of MachineOperationMode",
    ),
    "list": (
        lambda machine: machine.set(f"{PROGRAM}/Name", ua.Variant(["a", "b"])),
        f"{PROGRAM}/Name: has a list as its value",
    ),
    "rank": (
        lambda machine: machine.put(
            f"{PROGRAM}/Name", AttributeIds.ValueRank, ua.Variant(1, ua.VariantType.Int32)
        ),
        f"{PROGRAM}/Name: has the ValueRank 1, but should have -1",
    ),
    "null": (
        lambda machine: machine.set("Identification/SerialNumber", ua.Variant()),
        "Identification/SerialNumber: is null",
    ),
    "empty": (
        lambda machine: machine.set("Identification/ProductInstanceUri", ua.Variant("")),
        "Identification/ProductInstanceUri: is empty",
    ),
    "no communication": (
        lambda machine: machine.put(
            f"{PROGRAM}/Name", AttributeIds.Value, ua.Variant(), StatusCodes.BadNoCommunication
        ),
        f"{PROGRAM}/Name: has no value now (BadNoCommunication)",
    ),
    "unreadable": (
        lambda machine: machine.put(
            f"{PROGRAM}/Name", AttributeIds.AccessLevel, ua.Variant(0, ua.VariantType.Byte)
        ),
        f"{PROGRAM}/Name: cannot be read by this user",
    ),
}


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def url() -> AsyncIterator[str]:
    server, catalog = await typed_server()
    url = f"opc.tcp://127.0.0.1:{free_port()}"
    server.set_endpoint(url)
    server.set_security_policy([ua.SecurityPolicyType.NoSecurity])
    await Machine.whole(server, catalog, "whole")
    for name, (break_it, _) in BROKEN.items():
        await break_it(await Machine.whole(server, catalog, name))
    async with server:
        yield url


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def report(url: str) -> Report:
    return await checking.check(url, Access())


def named(report: Report, name: str) -> CheckedMachine:
    return next(machine for machine in report.machines if machine.name == name)


def told(machine: CheckedMachine, severity: Severity) -> list[str]:
    return [str(finding) for finding in machine.findings if finding.severity is severity]


async def test_a_whole_machine_breaks_no_specification(report: Report) -> None:
    machine = named(report, "whole")
    assert told(machine, Severity.BAD) == []
    assert machine.type == "AdditiveManufacturingType"
    assert machine.identification["Manufacturer"] == "Example"
    assert machine.nodes == 19


async def test_what_a_dashboard_would_not_show_is_a_note(report: Report) -> None:
    notes = told(named(report, "whole"), Severity.NOTE)
    assert "Identification/Model: is missing: the umati dashboard shows no model" in notes


@pytest.mark.parametrize("name", BROKEN)
async def test_each_way_of_breaking_a_machine_is_found(report: Report, name: str) -> None:
    found = [str(finding) for finding in named(report, name).findings]
    assert any(line.startswith(BROKEN[name][1]) for line in found), found
    assert told(named(report, name), Severity.BAD)


async def test_every_variable_sends_a_first_value(report: Report) -> None:
    assert report.subscribed == sum(machine.variables for machine in report.machines)
    assert report.passed == 0


async def test_what_the_server_itself_lacks_is_told(report: Report) -> None:
    texts = [finding.text for finding in report.findings]
    assert any("offers no Basic256Sha256" in text for text in texts)
    assert any("offers connections without security" in text for text in texts)


async def test_a_limit_leaves_machines_out_and_says_so(url: str) -> None:
    report = await checking.check(url, Access(), limit=1, subscribe=False)
    assert [machine.name for machine in report.machines] == ["whole"]
    assert report.passed == len(BROKEN)


async def test_another_stack_finds_the_same(
    url: str, report: Report, tmp_path_factory: pytest.TempPathFactory
) -> None:
    types = tmp_path_factory.mktemp("nodesets") / "additive.xml"
    types.write_text(opcua_clients.plain(additive.nodeset()))
    found = await asyncio.to_thread(opcua_clients.machines, url, files=[types])
    assert found["types"]["findings"] == []
    assert found["types"]["compared"] > 2_500
    by_name = {machine["name"]: machine["findings"] for machine in found["machines"]}
    assert by_name["whole"] == []
    for machine in report.machines:
        missing = {one.path for one in machine.findings if "demands it" in one.text}
        assert missing <= {line.partition(":")[0].lstrip("/") for line in by_name[machine.name]}
    structural = {name for name, lines in by_name.items() if lines}
    assert {"missing", "missing deep", "wrong type", "no feedstock", "no unit"} <= structural
