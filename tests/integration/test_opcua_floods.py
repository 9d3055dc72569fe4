"""Attacks on connections and decoding: each is refused, and who behaves is served meanwhile."""

import random
import struct
from collections.abc import Iterator
from typing import Any

import pytest
import structlog
from asyncua.ua.object_ids import ObjectIds
from asyncua.ua.status_codes import StatusCodes
from asyncua.ua.ua_binary import struct_to_binary
from asyncua.ua.uaerrors import UaStatusCodeError

from services.opcua_bridge.access.admission import Offer
from services.opcua_bridge.stack.transport import UNREAD
from tests.integration.opcua_cores import Served, serving, until
from tests.integration.opcua_strangers import (
    Closed,
    Stranger,
    Structure,
    greeted,
    insist,
    logged_in,
    ua,
)

ELSEWHERE = "127.0.0.2"
MANY = 200_000  # what asyncua decodes from a few bytes, without being stopped
ENDLESS = 0x7FFFFFFF
HEADERS = (
    b"MSGF" + struct.pack("<II", 0x7FFFFFFF, 0),  # 2 GiB
    b"HELF" + struct.pack("<I", 0xFFFFFFFF),
    b"OPNF" + struct.pack("<II", 65_537, 0),
    b"MSGF" + struct.pack("<II", 0, 0),
    b"MSGX" + struct.pack("<II", 64, 0),
    b"ERRF" + struct.pack("<I", 64),
    b"GET / HTTP/1.1\r\n\r\n",
)


@pytest.fixture(scope="module")
def narrow(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """A server whose limits are soon reached."""
    with serving(
        tmp_path_factory.mktemp("narrow"),
        Offer(no_security=True, anonymous=True),
        waiting=4,
        waiting_each=3,
        activation=0.5,
        shortest_channel=0.2,
        unsent=100_000,
    ) as served:
        yield served


@pytest.mark.parametrize("header", HEADERS, ids=range(len(HEADERS)))
async def test_a_chunk_out_of_bounds_ends_the_connection_at_its_header(
    opcua: Served, header: bytes
) -> None:
    with Stranger(opcua.port) as stranger:
        stranger.send(header)
        assert stranger.closed().code is None
    assert await opcua.serves()


async def test_a_message_of_many_chunks_ends_at_64_kib_before_the_login(opcua: Served) -> None:
    with greeted(opcua.port) as stranger:
        part = ua.ChunkType.Intermediate
        channel = stranger.channel
        for number in range(2, 7):
            header = b"MSG" + part + struct.pack("<I", 20_024)
            about = struct.pack("<IIII", channel.security_token.ChannelId, 13, number, 2)
            stranger.send(header + about + bytes(20_000))
        assert stranger.closed().code == StatusCodes.BadRequestTooLarge


async def test_a_channel_lives_as_long_as_it_is_renewed(opcua: Served, narrow: Served) -> None:
    with greeted(opcua.port) as stranger:
        assert stranger.open(
            RequestType=ua.SecurityTokenRequestType.Renew, RequestedLifetime=0xFFFFFFFF
        ).SecurityToken.RevisedLifetime == (opcua.core.limits.longest_channel * 1000)
    with Stranger(narrow.port) as stranger:
        stranger.hello()
        assert stranger.open(RequestedLifetime=1).SecurityToken.RevisedLifetime == 200
        assert stranger.closed().code is None


def bombs() -> dict[str, bytes]:
    request = struct_to_binary(ua.GetEndpointsRequest())
    literal = ua.NodeId(ObjectIds.LiteralOperand_Encoding_DefaultBinary)

    def headed(variant: bytes) -> bytes:
        asked = ua.GetEndpointsRequest()
        asked.RequestHeader.AdditionalHeader = ua.ExtensionObject(TypeId=literal, Body=variant)
        return struct_to_binary(asked)

    sizes = struct.pack("<iii", 2, 1_000, 1_000)
    return {
        "strings of length -4": request[:-8] + struct.pack("<ii", ENDLESS, -4),
        "array of nothing": headed(b"\x80" + struct.pack("<i", ENDLESS)),
        "dimensions": headed(b"\xc1" + struct.pack("<i", 0) + sizes),
        "nested variants": headed(b"\x98\x01\x00\x00\x00" * 10_000),
        "cut off": request[:-1],
        "no header": request[:6],
    }


@pytest.mark.parametrize("name", bombs())
async def test_what_cannot_be_decoded_costs_nothing(opcua: Served, name: str) -> None:
    with structlog.testing.capture_logs() as logs, greeted(opcua.port) as stranger:
        stranger.say(bombs()[name])
        with pytest.raises((Closed, UaStatusCodeError)) as caught:
            stranger.receive()
        assert getattr(caught.value, "code", 0) == StatusCodes.BadDecodingError
        assert await opcua.serves()
    assert [one for one in logs if one["log_level"] in {"error", "warning"}] == []


async def test_asyncua_reads_many_strings_from_four_bytes(asyncuas: Served) -> None:
    request = struct_to_binary(ua.GetEndpointsRequest())
    with greeted(asyncuas.port) as stranger:
        stranger.say(request[:-8] + struct.pack("<ii", MANY, -4))
        assert stranger.receive().Endpoints


async def test_random_bytes_are_refused_without_a_trace(opcua: Served) -> None:
    chance = random.Random(4840)  # noqa: S311 - the same bytes each time
    request = struct_to_binary(ua.GetEndpointsRequest())
    with structlog.testing.capture_logs() as logs:
        for _ in range(100):
            with greeted(opcua.port) as stranger:
                broken = bytearray(request)
                for _ in range(chance.randint(1, 8)):
                    broken[chance.randrange(len(broken))] = chance.randrange(256)
                stranger.say(bytes(broken[: chance.randint(1, len(broken))]))
                try:
                    stranger.receive()
                except (Closed, UaStatusCodeError, KeyError):
                    continue
    assert [one for one in logs if one["log_level"] in {"error", "warning"}] == []
    assert await opcua.serves()


def requests() -> list[Structure]:
    """Return a request for each of the services that look at what a client has sent."""
    clock, server = ua.NodeId(2258), ua.NodeId(2253)
    value = ua.ReadValueId(NodeId=clock, AttributeId=ua.AttributeIds.Value)
    events = ua.ReadValueId(NodeId=server, AttributeId=ua.AttributeIds.EventNotifier)
    message = ua.SimpleAttributeOperand(
        TypeDefinitionId=ua.NodeId(2041),
        BrowsePath=[ua.QualifiedName("Message")],
        AttributeId=ua.AttributeIds.Value,
    )
    change = ua.MonitoringParameters(Filter=ua.DataChangeFilter(), QueueSize=3)
    select = ua.MonitoringParameters(Filter=ua.EventFilter(SelectClauses=[message]))
    items = [
        ua.MonitoredItemCreateRequest(ItemToMonitor=value, RequestedParameters=change),
        ua.MonitoredItemCreateRequest(ItemToMonitor=events, RequestedParameters=select),
    ]
    number = ua.DataValue(ua.Variant([1, 2, 3], ua.VariantType.Int32))
    write = ua.WriteValue(NodeId=clock, AttributeId=ua.AttributeIds.Value, Value=number)
    step = ua.RelativePathElement(ua.NodeId(35), TargetName=ua.QualifiedName("Objects"))
    path = ua.BrowsePath(ua.NodeId(84), ua.RelativePath([step]))
    call = ua.CallMethodRequest(server, ua.NodeId(11492), [ua.Variant(1)])
    both = ua.TimestampsToReturn.Both
    return [
        getattr(ua, f"{name}Request")(Parameters=parameters)
        for name, parameters in (
            ("Read", ua.ReadParameters(NodesToRead=[value] * 2)),
            ("Write", ua.WriteParameters([write])),
            ("Browse", ua.BrowseParameters(NodesToBrowse=[ua.BrowseDescription(ua.NodeId(84))])),
            ("BrowseNext", ua.BrowseNextParameters(ContinuationPoints=[bytes(8)])),
            (
                "TranslateBrowsePathsToNodeIds",
                ua.TranslateBrowsePathsToNodeIdsParameters([path]),
            ),
            ("Call", ua.CallParameters([call])),
            ("CreateSubscription", ua.CreateSubscriptionParameters(100, 10, 10)),
            ("CreateMonitoredItems", ua.CreateMonitoredItemsParameters(1, both, items)),
            ("ModifySubscription", ua.ModifySubscriptionParameters(1, 100, 10, 10)),
        )
    ]


async def test_broken_requests_of_a_guest_are_refused_without_a_trace(narrow: Served) -> None:
    chance = random.Random(4841)  # noqa: S311 - the same bytes each time
    outcomes = set()
    with structlog.testing.capture_logs() as logs, logged_in(narrow.port) as guest:
        for request in requests() * 60:
            request.RequestHeader.AuthenticationToken = guest.token
            broken = bytearray(struct_to_binary(request))
            for _ in range(chance.randint(0, 3)):  # what comes after the header
                broken[chance.randrange(70, len(broken))] = chance.choice((0, 1, 127, 128, 255))
            guest.say(bytes(broken))
            outcomes.add(guest.outcome())
    assert {"Good", "BadDecodingError", "BadNothingToDo"} <= outcomes
    assert [one for one in logs if one["log_level"] in {"error", "warning"}] == []
    assert await narrow.serves()


async def test_who_does_not_read_is_not_answered_further(opcua: Served) -> None:
    body = struct_to_binary(ua.GetEndpointsRequest())
    core = opcua.core
    with greeted(opcua.port) as stranger:
        stranger.socket.settimeout(0.5)
        with pytest.raises(TimeoutError):
            insist(stranger, body, 1_000_000)
        (line,) = core.connections
        assert UNREAD < line.unsent < 2 * UNREAD
        assert await opcua.serves()


async def test_a_client_that_leaves_too_much_unread_is_left(narrow: Served) -> None:
    async with narrow.guest() as slow:
        protocol: Any = slow.uaclient.protocol
        protocol.transport.pause_reading()
        node = ua.NodeId(ObjectIds.OpcUa_XmlSchema)  # hundreds of kilobytes
        read = ua.ReadRequest()
        read.Parameters.NodesToRead = [
            ua.ReadValueId(NodeId=node, AttributeId=ua.AttributeIds.Value)
        ] * 20
        waiting = protocol._send_request(read)  # noqa: SLF001 - sent, and not waited for

        await until(lambda: not narrow.core.connections)
        protocol.transport.resume_reading()
        with pytest.raises((UaStatusCodeError, ConnectionError)):
            await waiting
    assert await narrow.serves()


async def test_strangers_leave_room_for_others(narrow: Served) -> None:
    idle = [Stranger(narrow.port, ELSEWHERE) for _ in range(3)]
    with Stranger(narrow.port, ELSEWHERE) as one_more:
        assert one_more.closed().code == StatusCodes.BadTcpServerTooBusy
    async with narrow.guest() as guest:
        for stranger in idle:
            stranger.closed()  # nobody has logged in there
            stranger.socket.close()
        await guest.nodes.namespace_array.read_value()
