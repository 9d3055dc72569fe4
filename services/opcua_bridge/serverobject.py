"""What the Server object tells of this server (Part 5, 6.3 and 8.3), and nothing that is not so.

asyncua takes the Server object from the standard's NodeSet as it is: most values are null,
among them mandatory ones, and there are methods and folders of what no client can use here.
"""

from collections.abc import Iterator

from asyncua import ua
from asyncua.ua import VariantType
from asyncua.ua.object_ids import ObjectIds
from asyncua.ua.status_codes import StatusCodes

from services.opcua_bridge.addressspace.space import MachineSpace
from services.opcua_bridge.events.contentfilters import MOST_OPERANDS
from services.opcua_bridge.events.eventfilters import MOST_CLAUSES
from services.opcua_bridge.limits import Limits
from services.opcua_bridge.model import importing
from services.opcua_bridge.values import SharedValue, status
from voxtrude.process import utc_now

STANDS_ON = {
    "asyncua.server.internal_server:InternalServer.setup_nodes": "d14a2ce3bca34938",
}

PROFILES = (
    "http://opcfoundation.org/UA-Profile/Server/MicroEmbeddedDevice2017",
    "http://opcfoundation.org/UA-Profile/Server/StandardEventSubscription",
)
"""What is met in full (Part 7). The next larger profile asks for SetTriggering."""

LOCALES = ("en",)

_CAPABILITIES = "ServerCapabilities"
_OPERATIONS = f"{_CAPABILITIES}_OperationLimits"
_DIAGNOSTICS = "ServerDiagnostics"

ABSENT = (
    "GetMonitoredItems",
    "ResendData",
    "SetSubscriptionDurable",
    "RequestServerStateChange",
    "EstimatedReturnTime",
    "LocalTime",
    "UrisVersion",
    f"{_CAPABILITIES}_RoleSet",
    f"{_CAPABILITIES}_ConformanceUnits",
    f"{_CAPABILITIES}_MaxArrayLength",
    f"{_CAPABILITIES}_MaxStringLength",
    f"{_CAPABILITIES}_MaxByteStringLength",
    # Those that are there shall not be zero (Part 5, 6.3.11), and these services are not.
    f"{_OPERATIONS}_MaxNodesPerHistoryReadData",
    f"{_OPERATIONS}_MaxNodesPerHistoryReadEvents",
    f"{_OPERATIONS}_MaxNodesPerHistoryUpdateData",
    f"{_OPERATIONS}_MaxNodesPerHistoryUpdateEvents",
    f"{_OPERATIONS}_MaxNodesPerNodeManagement",
    f"{_DIAGNOSTICS}_SamplingIntervalDiagnosticsArray",
    "ServerRedundancy_RedundantServerArray",
)
"""Optional parts that stand for what this server does not have; all are below ``Server``."""

OFF = (
    "ServerDiagnosticsSummary",
    "ServerDiagnosticsSummary_ServerViewCount",
    "ServerDiagnosticsSummary_CurrentSessionCount",
    "ServerDiagnosticsSummary_CumulatedSessionCount",
    "ServerDiagnosticsSummary_SecurityRejectedSessionCount",
    "ServerDiagnosticsSummary_RejectedSessionCount",
    "ServerDiagnosticsSummary_SessionTimeoutCount",
    "ServerDiagnosticsSummary_SessionAbortCount",
    "ServerDiagnosticsSummary_PublishingIntervalCount",
    "ServerDiagnosticsSummary_CurrentSubscriptionCount",
    "ServerDiagnosticsSummary_CumulatedSubscriptionCount",
    "ServerDiagnosticsSummary_SecurityRejectedRequestsCount",
    "ServerDiagnosticsSummary_RejectedRequestsCount",
    "SubscriptionDiagnosticsArray",
    "SessionsDiagnosticsSummary_SessionDiagnosticsArray",
    "SessionsDiagnosticsSummary_SessionSecurityDiagnosticsArray",
)
"""Diagnostics, which nobody collects: they would tell each client of all others."""

UNSUPPORTED = (
    ObjectIds.Aliases,
    ObjectIds.DefaultHAConfiguration,
    ObjectIds.DefaultHEConfiguration,
    ObjectIds.HistoryServerCapabilities,
    ObjectIds.PublishSubscribe,
    ObjectIds.Quantities,
    ObjectIds.Resources,
    ObjectIds.ServerConfiguration,
    ObjectIds.ServerLog,
)
"""Whole features that the standard's NodeSet has objects of, and this server has not."""


def describe(space: MachineSpace, limits: Limits) -> None:
    """Say of the server what is so; asyncua has set up its nodes before."""
    importing.remove(space, [*map(_id, ABSENT), *map(_standard, UNSUPPORTED)])
    now = utc_now()
    for name, value in _told(limits):
        space.put(_id(name), SharedValue(value, None, now, now))
    for name in OFF:
        # With diagnostics turned off, they are as if they were not there (Part 5, 6.3.3).
        unknown = SharedValue(None, status(StatusCodes.BadNodeIdUnknown), None, now)
        space.put(_id(f"{_DIAGNOSTICS}_{name}"), unknown)


def _told(limits: Limits) -> Iterator[tuple[str, ua.Variant]]:
    for name, number in _counts(limits):
        yield name, ua.Variant(number, VariantType.UInt32)
    for name, number in (
        ("MaxBrowseContinuationPoints", limits.continuation_points),
        ("MaxQueryContinuationPoints", 0),
        ("MaxHistoryContinuationPoints", 0),
    ):
        yield f"{_CAPABILITIES}_{name}", ua.Variant(number, VariantType.UInt16)
    yield f"{_CAPABILITIES}_ServerProfileArray", _texts(PROFILES)
    yield f"{_CAPABILITIES}_LocaleIdArray", _texts(LOCALES)
    # Zero: nothing is sampled, changes are told as they come.
    yield f"{_CAPABILITIES}_MinSupportedSampleRate", ua.Variant(0.0, VariantType.Double)
    yield (
        f"{_CAPABILITIES}_SoftwareCertificates",
        ua.Variant([], VariantType.ExtensionObject, None, is_array=True),
    )
    yield "ServerStatus_ShutdownReason", ua.Variant(ua.LocalizedText(), VariantType.LocalizedText)
    yield "Auditing", ua.Variant(False, VariantType.Boolean)  # noqa: FBT003  (asyncua's fields, in their order)
    yield f"{_DIAGNOSTICS}_EnabledFlag", ua.Variant(False, VariantType.Boolean)  # noqa: FBT003  (the same)
    none = ua.RedundancySupport.None_
    yield "ServerRedundancy_RedundancySupport", ua.Variant(none, VariantType.Int32)


def _counts(limits: Limits) -> Iterator[tuple[str, int]]:
    for name, count in (
        ("Read", limits.reads),
        ("Write", limits.writes),
        ("MethodCall", limits.calls),
        ("Browse", limits.browses),
        ("RegisterNodes", limits.registrations),
        ("TranslateBrowsePathsToNodeIds", limits.translations),
    ):
        yield f"{_OPERATIONS}_MaxNodesPer{name}", count
    yield f"{_OPERATIONS}_MaxMonitoredItemsPerCall", limits.items_per_call
    for name, count in (
        ("Sessions", limits.sessions),
        ("Subscriptions", limits.subscriptions),
        ("SubscriptionsPerSession", limits.subscriptions_each),
        ("MonitoredItems", limits.items),
        ("MonitoredItemsPerSubscription", limits.items_each),
        ("MonitoredItemsQueueSize", limits.queue),
        ("SelectClauseParameters", MOST_CLAUSES),
        ("WhereClauseParameters", MOST_OPERANDS),
    ):
        yield f"{_CAPABILITIES}_Max{name}", count
    yield "ServerStatus_SecondsTillShutdown", 0


def _texts(texts: tuple[str, ...]) -> ua.Variant:
    return ua.Variant(list(texts), VariantType.String, None, is_array=True)


def _id(name: str) -> ua.NodeId:
    return _standard(getattr(ObjectIds, f"Server_{name}"))


def _standard(number: int) -> ua.NodeId:
    return ua.NodeId(ua.Int32(number))
