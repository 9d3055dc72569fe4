"""Attacks on sessions and services: each is refused, and who behaves is served meanwhile.

Where asyncua's own server has the hole, the test shows that, too: the fixture ``asyncuas``.
"""

import secrets

import pytest
from asyncua.ua.object_ids import ObjectIds
from asyncua.ua.status_codes import StatusCodes
from asyncua.ua.ua_binary import struct_to_binary
from asyncua.ua.uaerrors import UaStatusCodeError

from tests.integration.opcua_cores import USER, WRONG, Served
from tests.integration.opcua_strangers import (
    Structure,
    channel,
    greeted,
    send,
    session,
    subscribed,
    ua,
)

BAD_LOGINS = (StatusCodes.BadUserAccessDenied, StatusCodes.BadIdentityTokenRejected)


def code(caught: pytest.ExceptionInfo[UaStatusCodeError]) -> int:
    return int(caught.value.code)


async def test_discovery_is_all_that_an_unencrypted_channel_serves(
    opcua: Served, asyncuas: Served
) -> None:
    for served, created in ((asyncuas, True), (opcua, False)):
        with greeted(served.port) as stranger:
            endpoints = stranger.ask(ua.GetEndpointsRequest()).Endpoints
            assert [one.SecurityMode for one in endpoints] == [
                ua.MessageSecurityMode.SignAndEncrypt
            ]
            assert stranger.ask(ua.FindServersRequest()).Servers
            if created:
                assert stranger.ask(session()).Parameters.AuthenticationToken
                continue
            for request in (
                session(),
                ua.ActivateSessionRequest(),
                ua.ReadRequest(),
                ua.CallRequest(),
                ua.PublishRequest(),
            ):
                with pytest.raises(UaStatusCodeError) as caught:
                    stranger.ask(request)
                assert code(caught) == StatusCodes.BadSecurityPolicyRejected
            assert await served.serves()


async def test_admin_is_a_name_like_any_other(opcua: Served, asyncuas: Served) -> None:
    async with asyncuas.guest(user="admin", password=WRONG) as admin:
        await admin.nodes.objects.add_object(1, "mine now")
    for user in ("admin", USER, "nobody"):
        client = await opcua.secured(user=user, password=WRONG)
        with pytest.raises(UaStatusCodeError) as caught:
            await client.connect()
        assert code(caught) in BAD_LOGINS
    assert await opcua.serves()


async def test_without_a_user_nobody_comes_in(opcua: Served) -> None:
    client = await opcua.secured(user=None)
    stubborn: Structure = client
    stubborn.server_policy = lambda _kind: ua.UserTokenPolicy(PolicyId="anonymous")
    with pytest.raises(UaStatusCodeError) as caught:
        await client.connect()
    assert code(caught) in BAD_LOGINS


async def test_a_session_token_cannot_be_guessed_and_does_not_open_another_channel(
    opcua: Served, asyncuas: Served
) -> None:
    async with asyncuas.guest() as victim:
        assert isinstance(channel(victim).authentication_token.Identifier, int)
    async with opcua.guest() as victim:
        token = channel(victim).authentication_token
        assert token.NodeIdType is ua.NodeIdType.ByteString
        assert len(bytes(token.Identifier)) == 32
        # Even who knows it has another channel: in his own session it is not the right one.
        other = opcua.another_client()
        async with opcua.guest(by=other) as thief:
            channel(thief).authentication_token = token
            with pytest.raises(UaStatusCodeError) as caught:
                await thief.nodes.namespace_array.read_value()
            assert code(caught) == StatusCodes.BadSessionIdInvalid
            channel(thief).authentication_token = ua.NodeId(
                secrets.token_bytes(32), 0, ua.NodeIdType.ByteString
            )
            with pytest.raises(UaStatusCodeError) as caught:
                await thief.nodes.namespace_array.read_value()
            assert code(caught) == StatusCodes.BadSessionIdInvalid
            await victim.nodes.namespace_array.read_value()
            channel(thief).authentication_token = ua.NodeId()
            with pytest.raises(UaStatusCodeError):
                await thief.uaclient.close_session(delete_subscriptions=True)


async def test_subscriptions_are_their_owners(opcua: Served, asyncuas: Served) -> None:
    for served, refused in ((asyncuas, False), (opcua, True)):
        by = served.another_client()
        async with served.guest() as owner, served.guest(by=by) as other:
            number = await subscribed(owner)
            request = ua.SetPublishingModeRequest()
            request.Parameters = ua.SetPublishingModeParameters(SubscriptionIds=[number])
            answer = await send(other, request, ua.SetPublishingModeResponse)
            assert answer.Parameters.Results[0].is_good() is not refused
            delete = ua.DeleteSubscriptionsRequest()
            delete.Parameters.SubscriptionIds = [number]
            answer = await send(other, delete, ua.DeleteSubscriptionsResponse)
            assert answer.Results[0].is_good() is not refused


async def test_no_service_touches_a_foreign_subscription(opcua: Served) -> None:
    async with opcua.guest() as owner, opcua.guest(by=opcua.another_client()) as other:
        number = await subscribed(owner)
        item = ua.MonitoredItemCreateRequest(
            ItemToMonitor=ua.ReadValueId(
                NodeId=ua.NodeId(ObjectIds.Server_ServerStatus_CurrentTime),
                AttributeId=ua.AttributeIds.Value,
            )
        )
        both = ua.TimestampsToReturn.Both
        for name, params in (
            ("CreateMonitoredItems", ua.CreateMonitoredItemsParameters(number, both, [item])),
            ("ModifyMonitoredItems", ua.ModifyMonitoredItemsParameters(number, both)),
            ("DeleteMonitoredItems", ua.DeleteMonitoredItemsParameters(number, [1])),
            ("SetMonitoringMode", ua.SetMonitoringModeParameters(number)),
            ("ModifySubscription", ua.ModifySubscriptionParameters(number, 100, 100, 10)),
            ("Republish", ua.RepublishParameters(number, 1)),
        ):
            request = getattr(ua, f"{name}Request")(Parameters=params)
            with pytest.raises(UaStatusCodeError) as caught:
                await send(other, request, getattr(ua, f"{name}Response"))
            assert code(caught) == StatusCodes.BadSubscriptionIdInvalid, name
        transfer = ua.TransferSubscriptionsRequest()
        transfer.Parameters.SubscriptionIds = [number]
        with pytest.raises(UaStatusCodeError) as caught:
            await send(other, transfer, ua.TransferSubscriptionsResponse)
        assert code(caught) == StatusCodes.BadServiceUnsupported
        assert number in opcua.core.subscription_service.subscriptions


async def test_a_publishing_interval_of_a_microsecond_is_revised(
    opcua: Served, asyncuas: Served
) -> None:
    for served, least in ((asyncuas, 0.001), (opcua, 100.0)):
        async with served.guest() as client:
            params = ua.CreateSubscriptionParameters(
                RequestedPublishingInterval=0.001,
                RequestedLifetimeCount=10,
                RequestedMaxKeepAliveCount=10,
                PublishingEnabled=False,
            )
            request = ua.CreateSubscriptionRequest(Parameters=params)
            answer = await send(client, request, ua.CreateSubscriptionResponse)
            assert answer.Parameters.RevisedPublishingInterval == least


async def test_nobody_registers_a_server(opcua: Served, asyncuas: Served) -> None:
    for served, refused in ((asyncuas, False), (opcua, True)):
        with greeted(served.port) as stranger:
            fake = ua.RegisteredServer(ServerUri="urn:fake", ServerNames=[ua.LocalizedText("fake")])
            request = ua.RegisterServerRequest(Server=fake)
            if refused:
                with pytest.raises(UaStatusCodeError):
                    stranger.ask(request)
            else:
                stranger.ask(request)
            found = [one.ApplicationUri for one in stranger.ask(ua.FindServersRequest()).Servers]
            assert ("urn:fake" in found) is not refused
    async with opcua.guest() as client:
        with pytest.raises(UaStatusCodeError) as caught:
            await send(client, ua.RegisterServer2Request(), ua.RegisterServer2Response)
        assert code(caught) == StatusCodes.BadServiceUnsupported


async def test_nothing_can_be_changed(opcua: Served) -> None:
    async with opcua.guest() as client:
        state = client.get_node(ua.NodeId(ObjectIds.Server_ServerStatus_State))
        for node, refusal in (
            (state.nodeid, StatusCodes.BadNotWritable),
            (ua.NodeId("nowhere", 1), StatusCodes.BadNodeIdUnknown),
        ):
            write = ua.WriteRequest()
            write.Parameters.NodesToWrite = [
                ua.WriteValue(
                    NodeId=node,
                    AttributeId=ua.AttributeIds.Value,
                    Value=ua.DataValue(ua.Variant(1, ua.VariantType.Int32)),
                )
            ]
            answer = await send(client, write, ua.WriteResponse)
            assert [one.value for one in answer.Results] == [refusal]
        for name in (
            "AddNodes",
            "DeleteNodes",
            "AddReferences",
            "DeleteReferences",
            "HistoryRead",
            "HistoryUpdate",
            "QueryFirst",
            "Cancel",
            "SetTriggering",
        ):
            with pytest.raises(UaStatusCodeError) as caught:
                await send(client, getattr(ua, f"{name}Request")(), ua.ReadResponse)
            assert code(caught) == StatusCodes.BadServiceUnsupported, name
        server = client.nodes.server
        with pytest.raises(UaStatusCodeError) as caught:
            await server.call_method(ua.NodeId(ObjectIds.Server_GetMonitoredItems), ua.UInt32(1))
        assert code(caught) == StatusCodes.BadUserAccessDenied


async def test_who_has_logged_in_may_send_long_requests(opcua: Served) -> None:
    item = ua.MonitoredItemCreateRequest(
        ItemToMonitor=ua.ReadValueId(
            NodeId=ua.NodeId(ObjectIds.Server_ServerStatus_CurrentTime),
            AttributeId=ua.AttributeIds.Value,
        )
    )
    async with opcua.guest() as client:
        number = await subscribed(client)
        params = ua.CreateMonitoredItemsParameters(
            number, ua.TimestampsToReturn.Both, [item] * 3_000
        )
        request = ua.CreateMonitoredItemsRequest(Parameters=params)
        assert len(struct_to_binary(request)) > opcua.core.limits.early_message
        answer = await send(client, request, ua.CreateMonitoredItemsResponse)
        assert all(one.StatusCode.is_good() for one in answer.Results)


async def test_what_is_too_large_is_not_even_put_together(opcua: Served) -> None:
    schema = ua.NodeId(ObjectIds.OpcUa_XmlSchema)  # hundreds of kilobytes
    read = ua.ReadRequest()
    read.Parameters.NodesToRead = [
        ua.ReadValueId(NodeId=schema, AttributeId=ua.AttributeIds.Value)
    ] * opcua.core.limits.reads
    async with opcua.guest() as client:
        with pytest.raises(UaStatusCodeError) as caught:
            await send(client, read, ua.ReadResponse)
        assert code(caught) == StatusCodes.BadResponseTooLarge


async def test_calls_have_limits(opcua: Served) -> None:
    limits = opcua.core.limits
    one = ua.ReadValueId(NodeId=ua.NodeId(84), AttributeId=ua.AttributeIds.BrowseName)
    many: list[tuple[Structure, Structure, list[Structure]]] = [
        (ua.ReadRequest, ua.ReadResponse, [one] * (limits.reads + 1)),
        (ua.RegisterNodesRequest, ua.RegisterNodesResponse, [ua.NodeId(84)] * 3_000),
        (ua.CallRequest, ua.CallResponse, [ua.CallMethodRequest()] * (limits.calls + 1)),
        (ua.BrowseRequest, ua.BrowseResponse, [ua.BrowseDescription()] * (limits.browses + 1)),
    ]
    lists = {
        ua.ReadRequest: "NodesToRead",
        ua.RegisterNodesRequest: "NodesToRegister",
        ua.CallRequest: "MethodsToCall",
        ua.BrowseRequest: "NodesToBrowse",
    }
    async with opcua.guest() as client:
        for kind, response, content in many:
            request = kind()
            setattr(request.Parameters, lists[kind], content)
            with pytest.raises(UaStatusCodeError) as caught:
                await send(client, request, response)
            assert code(caught) == StatusCodes.BadTooManyOperations, kind
        numbers = [await subscribed(client) for _ in range(limits.subscriptions_each)]
        assert len(set(numbers)) == limits.subscriptions_each
        with pytest.raises(UaStatusCodeError) as caught:
            await subscribed(client)
        assert code(caught) == StatusCodes.BadTooManySubscriptions
