"""The OPC UA server, put together: address space, types, services, and who is let in."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime

from asyncua import ua
from asyncua.server.server import Server
from asyncua.ua.object_ids import ObjectIds

from services.opcua_bridge import garbage, serverobject
from services.opcua_bridge.access.admission import Admission, Offer
from services.opcua_bridge.addressspace.space import MachineSpace
from services.opcua_bridge.addressspace.views import Views
from services.opcua_bridge.events import eventfilters
from services.opcua_bridge.events.conditionrefresh import ConditionRefresh
from services.opcua_bridge.events.eventtypes import EventTypes
from services.opcua_bridge.events.eventwriter import EventWriter
from services.opcua_bridge.events.reporter import Reporter
from services.opcua_bridge.limits import Limits
from services.opcua_bridge.machines import Machines
from services.opcua_bridge.mapping.nodes import Id, Namespace
from services.opcua_bridge.mapping.situation import Pipeline
from services.opcua_bridge.model import nodesets
from services.opcua_bridge.settings import BridgeSettings
from services.opcua_bridge.stack.core import Core
from services.opcua_bridge.subscriptions.service import Subscriptions
from voxtrude import __version__
from voxtrude.errors import SetupError
from voxtrude.opcua import access
from voxtrude.opcua.settings import Opcua
from voxtrude.opcua.trust import Trust
from voxtrude.opcua.users import Users
from voxtrude.process import utc_now

MACHINES_FOLDER = Id(Namespace.MACHINERY, 1001)
PRODUCT = "Voxtrude"
PRODUCT_URI = "urn:voxtrude:opcua"

SERVICE_LEVELS = {Pipeline.RUNNING: 255, Pipeline.STALLED: 199, Pipeline.GONE: 1}
"""200 and more is healthy, less is degraded, 1 is "no data" (Part 4, 6.6.2.4.2)."""


@dataclass(frozen=True, slots=True)
class Bridge:
    """A server without listeners, and the machines in it."""

    core: Core
    machines: Machines

    async def hear(self, pipeline: Pipeline) -> None:
        """Note whether states reach us, on every machine and on the server itself."""
        level = ua.Variant(SERVICE_LEVELS[pipeline], ua.VariantType.Byte)
        self.core.space.put(
            ua.NodeId(ua.Int32(ObjectIds.Server_ServiceLevel)),
            ua.DataValue(level, SourceTimestamp=utc_now()),  # type: ignore[arg-type]  # asyncua's DateTime is a datetime
        )
        await self.machines.hear(pipeline)


@asynccontextmanager
async def opened(settings: BridgeSettings, limits: Limits = Limits()) -> AsyncIterator[Bridge]:  # noqa: B008  (frozen)
    """Load the types and run the server's own tasks until the block ends.

    Raises:
        SetupError: A setting is wrong, or the NodeSets are not there.
    """
    opcua = settings.opcua
    space = MachineSpace()
    types = EventTypes(space)
    subscriptions = Subscriptions(
        space, limits, compile_events=lambda asked: eventfilters.compiled(asked, types)
    )
    admission = _admission(opcua, settings.public.host)
    core = Core(space, subscriptions, Views(space, limits), limits, admission)
    machines = await _furnished(core, opcua)
    await core.start()
    try:
        bridge = Bridge(core, machines)
        await bridge.hear(machines.pipeline)
        yield bridge
    finally:
        await core.stop()


def _admission(opcua: Opcua, host: str) -> Admission:
    offer = Offer(
        no_security=opcua.no_security,
        anonymous=opcua.anonymous,
        aes=opcua.aes,
        trust=opcua.trust,
    )
    users = Users(opcua.users)
    try:
        users.all()
    except SetupError as error:
        raise SetupError(f"VOXTRUDE_OPCUA_DATA: {error}") from None
    return Admission(access.server(opcua, host, utc_now()), users, Trust(opcua.pki), offer)


async def _furnished(core: Core, opcua: Opcua) -> Machines:
    with garbage.loading():
        server = Server(iserver=core)
        await server.init()
        await server.set_application_uri(core.admission.identity.uri)
        await server.set_build_info(
            PRODUCT_URI, PRODUCT, "OPC UA bridge", __version__, "", datetime.now(UTC)
        )
        catalog = await nodesets.load(
            server,
            opcua.nodesets or nodesets.DEFAULT,
            opcua.additive_nodeset,
            type_dictionaries=opcua.type_dictionaries,
        )
    space = core.space
    serverobject.describe(space, core.limits)
    space.furnish(catalog.node_id(MACHINES_FOLDER), catalog.index(Namespace.MACHINES))
    subscriptions = core.subscription_service
    reporter = Reporter(space, EventWriter(space, catalog), subscriptions.report)
    machines = Machines(space, catalog, reporter, subscriptions.review, job_orders=opcua.job_orders)
    core.may_call = lambda owner, _method: space.planned(owner) is not None
    core.conditions = ConditionRefresh(reporter, lambda: machines.situations)
    return machines
