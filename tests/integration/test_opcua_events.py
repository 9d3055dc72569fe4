"""Events in a real asyncua server, heard by a real asyncua client."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import pytest
import pytest_asyncio
from asyncua import ua
from asyncua.client.client import Client
from asyncua.common.events import get_filter_from_event_type
from asyncua.crypto.permission_rules import User, UserRole
from asyncua.server.address_space import (
    AttributeService,
    MethodService,
    NodeManagementService,
    ViewService,
)
from asyncua.server.internal_server import InternalServer
from asyncua.server.internal_session import InternalSession
from asyncua.server.server import Server
from asyncua.ua.attribute_ids import AttributeIds
from asyncua.ua.object_ids import ObjectIds
from asyncua.ua.status_codes import StatusCodes
from asyncua.ua.uaerrors import UaStatusCodeError

from services.opcua_bridge.addressspace.plan import Plan
from services.opcua_bridge.addressspace.space import MachineSpace
from services.opcua_bridge.events.conditionrefresh import METHOD, ConditionRefresh
from services.opcua_bridge.events.event import Event, Path
from services.opcua_bridge.events.eventfilters import compiled
from services.opcua_bridge.events.eventtypes import CONDITION, DECLARES, EventTypes
from services.opcua_bridge.events.eventwriter import EventWriter
from services.opcua_bridge.events.reporter import Reporter
from services.opcua_bridge.limits import Limits
from services.opcua_bridge.mapping.nodes import Id, Name, Namespace
from services.opcua_bridge.mapping.situation import Pipeline, Situation
from services.opcua_bridge.mapping.template import shape, template
from services.opcua_bridge.model import nodesets
from services.opcua_bridge.model.catalog import Catalog
from services.opcua_bridge.model.encoding import Encoder
from services.opcua_bridge.subscriptions.service import Subscriptions
from tests.integration.servers import free_port
from tests.opcua_events import (
    PRINTER,
    element,
    event_filter,
    literal,
    node_id,
)
from tests.opcua_events import field as operand
from tests.opcua_news import document, fault, job, told
from voxtrude.events import Happening
from voxtrude.printer import Status

pytestmark = pytest.mark.asyncio(loop_scope="module")

PATIENCE = 10.0  # seconds
SERVER = node_id(ObjectIds.Server)
MANDATORY = node_id(ObjectIds.ModellingRule_Mandatory)
IDLE = Situation(document(), Pipeline.RUNNING)
WORKING = Situation(document(Status.PRINTING, job=job()), Pipeline.RUNNING)
FAULTY = Situation(document(Status.ERROR, fault=fault("Thermal runaway")), Pipeline.RUNNING)


class Calls(MethodService):
    """A Call service that answers ConditionRefresh and nothing else."""

    def __init__(self, core: "Core") -> None:
        super().__init__(core.space)
        self._core = core

    async def call(self, methods: list[ua.CallMethodRequest]) -> list[ua.CallMethodResult]:
        assert self._core.refresh
        mine = self._core.engine.subscriptions.values()
        answers = [self._core.refresh.answer(method, mine) for method in methods]
        return [answer for answer in answers if answer]


class Core(InternalServer):
    """asyncua's internal server with our address space and our engine."""

    def __init__(self) -> None:
        super().__init__()
        self.space = self.aspace = MachineSpace()
        self.attribute_service = AttributeService(self.space)
        self.view_service = ViewService(self.space)
        self.node_mgt_service = NodeManagementService(self.space)
        compile_events = partial(compiled, types=EventTypes(self.space))
        self.engine = self.subscription_service = Subscriptions(
            self.space, Limits(shortest_publishing=20.0), compile_events=compile_events
        )
        self.refresh: ConditionRefresh | None = None
        self.method_service = Calls(self)
        self.isession = InternalSession(
            self, self.space, self.engine, "Internal", user=User(role=UserRole.Admin)
        )


@dataclass
class Served:
    core: Core
    url: str
    catalog: Catalog
    reporter: Reporter

    def type(self, name: str) -> ua.NodeId:
        return self.catalog.type(Name(Namespace.MACHINE_TOOL, name))

    def at(self, path: str) -> ua.NodeId:
        return self.core.space.node_id(PRINTER, path)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def served() -> AsyncIterator[Served]:
    core = Core()
    server = Server(iserver=core)
    await server.init()
    url = f"opc.tcp://127.0.0.1:{free_port()}"
    server.set_endpoint(url)
    catalog = await nodesets.load(server)
    folder = catalog.node_id(Id(Namespace.MACHINERY, 1001))
    core.space.furnish(folder, catalog.index(Namespace.MACHINES))
    nodes = template(shape(WORKING.document))
    core.space.add(PRINTER, "left", Plan.of(nodes, catalog, Encoder(catalog)), {})
    reporter = Reporter(core.space, EventWriter(core.space, catalog), core.engine.report)
    async with server:
        core.refresh = ConditionRefresh(reporter, lambda: [FAULTY])
        yield Served(core, url, catalog, reporter)


@pytest_asyncio.fixture(loop_scope="module")
async def client(served: Served) -> AsyncIterator[Client]:
    async with Client(served.url) as client:
        yield client


@dataclass
class Heard:
    """What a client's subscription is told."""

    events: list[Any] = field(default_factory=list)
    news: asyncio.Event = field(default_factory=asyncio.Event)

    def event_notification(self, event: object) -> None:
        self.events.append(event)
        self.news.set()

    async def until(self, condition: Callable[["Heard"], object]) -> None:
        async with asyncio.timeout(PATIENCE):
            while not condition(self):
                self.news.clear()
                await self.news.wait()


async def of_type(client: Client, type_: ua.NodeId) -> Any:  # noqa: ANN401  (asyncua's filter)
    """Return a filter for the events of a type and its subtypes, with all of their fields."""
    wanted = await get_filter_from_event_type(
        [client.get_node(type_)], where_clause_generation=False
    )
    clause = element(ua.FilterOperator.OfType, literal(type_))
    wanted.WhereClause = ua.ContentFilter([clause])
    return wanted


async def test_a_client_hears_of_a_job_wherever_it_listens(served: Served, client: Client) -> None:
    heard = Heard()
    subscription = await client.create_subscription(20, heard)
    wanted = await of_type(client, served.type("NotificationEventType"))
    paths = ("", "Notification", "Notification/Messages")
    nodes = [SERVER, served.core.space.folder.id, *(served.at(path) for path in paths)]
    for node in nodes:
        await subscription.subscribe_events(node, evfilter=wanted)
    news = told(Happening.JOB_STARTED)
    served.reporter.changed(IDLE, FAULTY)  # of another type: the filter holds it back
    served.reporter.told(news)
    await heard.until(lambda heard: len(heard.events) == len(nodes))
    event, *others = heard.events
    assert {other.EventId for other in others} == {news.id.encode()}
    assert (event.EventId, event.SourceNode) == (news.id.encode(), served.at(paths[-1]))
    assert (event.Message.Text, event.Severity) == ("benchy.gcode was started", 300)
    assert (event.Identifier, event.SourceName) == ("job_started", "left")
    await subscription.delete()


async def test_an_alarm_is_heard_by_who_asks_for_a_supertype(
    served: Served, client: Client
) -> None:
    heard = Heard()
    subscription = await client.create_subscription(20, heard)
    alert = await of_type(client, served.type("AlertType"))
    await subscription.subscribe_events(served.at(""), evfilter=alert)
    supertype = await of_type(client, CONDITION)
    await subscription.subscribe_events(SERVER, evfilter=supertype)
    served.reporter.changed(IDLE, FAULTY)
    served.reporter.changed(FAULTY, IDLE)
    await heard.until(lambda heard: len(heard.events) == 4)
    said = {(event.Message.Text, event.Retain) for event in heard.events}
    assert said == {("Thermal runaway", True), ("No longer: Thermal runaway", False)}
    detailed = [event for event in heard.events if hasattr(event, "ErrorCode")]
    assert [getattr(event, "ActiveState/Id") for event in detailed] == [True, False]
    condition = served.at("Notification/Messages/Fault")
    assert {event.NodeId for event in heard.events} == {condition}
    await subscription.delete()


async def test_who_comes_later_asks_for_the_alarms_that_are_active(
    served: Served, client: Client
) -> None:
    heard, others = Heard(), Heard()
    mine = await client.create_subscription(20, heard)
    theirs = await client.create_subscription(20, others)
    for subscription in (mine, theirs):
        wanted = await of_type(client, CONDITION)
        await subscription.subscribe_events(SERVER, evfilter=wanted)
    number = ua.Variant(mine.subscription_id, ua.VariantType.UInt32)
    await client.get_node(CONDITION).call_method(METHOD, number)
    await heard.until(lambda heard: len(heard.events) == 3)
    assert [event.EventType for event in heard.events] == [
        node_id(ObjectIds.RefreshStartEventType),
        served.type("AlertType"),
        node_id(ObjectIds.RefreshEndEventType),
    ]
    served.reporter.changed(FAULTY, IDLE)
    await others.until(lambda others: others.events)
    assert [event.Retain for event in others.events] == [False]
    unknown = ua.Variant(4711, ua.VariantType.UInt32)
    for arguments, refusal in (
        ([unknown], StatusCodes.BadSubscriptionIdInvalid),
        ([ua.Variant("1")], StatusCodes.BadInvalidArgument),
        ([], StatusCodes.BadArgumentsMissing),
        ([number, number], StatusCodes.BadTooManyArguments),
    ):
        with pytest.raises(UaStatusCodeError) as refused:
            await client.get_node(CONDITION).call_method(METHOD, *arguments)
        assert refused.value.code == refusal
    await mine.delete()
    await theirs.delete()


async def test_a_wrong_filter_is_refused_with_what_is_wrong(served: Served, client: Client) -> None:
    subscription = await client.create_subscription(20, Heard())
    wrong = event_filter(select=[operand("Massage"), operand("", served.type("AlertType"))])
    item = ua.MonitoredItemCreateRequest(
        ItemToMonitor=ua.ReadValueId(SERVER, AttributeIds.EventNotifier),
        MonitoringMode=ua.MonitoringMode.Reporting,
        RequestedParameters=ua.MonitoringParameters(Filter=wrong, QueueSize=ua.UInt32(10)),
    )
    parameters = ua.CreateMonitoredItemsParameters(
        ua.UInt32(subscription.subscription_id or 0), ua.TimestampsToReturn.Both, [item]
    )
    (result,) = await client.uaclient.create_monitored_items(parameters)
    assert result.StatusCode.name == "BadEventFilterInvalid"
    assert [code.name for code in result.FilterResult.SelectClauseResults] == [
        "BadNodeIdUnknown",
        "BadAttributeIdInvalid",
    ]
    await subscription.delete()
    assert not served.core.engine.subscriptions


async def test_events_have_all_mandatory_fields_of_their_types_and_none_of_other_types(
    served: Served,
) -> None:
    space, types = served.core.space, EventTypes(served.core.space)
    events: list[Event] = []
    writer = EventWriter(space, served.catalog)
    reporter = Reporter(space, writer, lambda event, _: events.append(event))
    reporter.changed(IDLE, WORKING)
    reporter.changed(IDLE, FAULTY)
    reporter.told(told(Happening.JOB_FINISHED))
    assert len({event.type for event in events}) == 4
    for event in events:
        assert all(types.declared(event.type, path) for path in event.fields)
        mandatory = {path for each in types.lineage(event.type) for path in fields_of(space, each)}
        assert len(mandatory) > 8
        for path in mandatory:
            assert event.value(path).VariantType != ua.VariantType.Null, path


def fields_of(space: MachineSpace, node: ua.NodeId, above: Path = ()) -> Iterator[Path]:
    """Return the paths of the mandatory variables of a type, or below a variable."""
    for reference in space.references(node) or ():
        if reference.IsForward and reference.ReferenceTypeId in DECLARES:
            rules = space.references(reference.NodeId) or ()
            if reference.NodeClass == ua.NodeClass.Variable and MANDATORY in {
                rule.NodeId for rule in rules
            }:
                name = reference.BrowseName
                path = (*above, (name.NamespaceIndex, name.Name or ""))
                yield path
                yield from fields_of(space, reference.NodeId, path)
