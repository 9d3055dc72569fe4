"""Attacks on secure channels: each is refused; and what a server tells of itself."""

import secrets
from typing import Any

import pytest
from asyncua.client.client import Client
from asyncua.ua.status_codes import StatusCodes
from asyncua.ua.uaerrors import UaStatusCodeError

from tests.integration.opcua_cores import Served
from tests.integration.opcua_strangers import NONE, Closed, Stranger, Structure, greeted, ua


async def test_a_message_belongs_to_a_channel(opcua: Served, asyncuas: Served) -> None:
    for served, refused in ((asyncuas, False), (opcua, True)):
        with Stranger(served.port) as stranger:
            stranger.hello()
            if refused:
                with pytest.raises(Closed) as caught:
                    stranger.ask(ua.GetEndpointsRequest())
                assert caught.value.code == StatusCodes.BadTcpSecureChannelUnknown
            else:
                assert stranger.ask(ua.GetEndpointsRequest()).Endpoints


async def test_greetings_come_first_and_once(opcua: Served) -> None:
    with Stranger(opcua.port) as stranger, pytest.raises(Closed):
        stranger.open()
    with Stranger(opcua.port) as stranger:
        stranger.hello()
        with pytest.raises(Closed):
            stranger.hello()
    with Stranger(opcua.port) as stranger, pytest.raises(Closed) as caught:
        stranger.hello(ReceiveBufferSize=100)
    assert caught.value.code == StatusCodes.BadTcpNotEnoughResources


async def test_a_replayed_message_ends_the_connection(opcua: Served) -> None:
    with greeted(opcua.port) as stranger:
        stranger.ask(ua.GetEndpointsRequest())
        channel = stranger.channel
        channel._sequence_number -= 1  # noqa: SLF001 - the attack
        with pytest.raises(Closed):
            stranger.ask(ua.GetEndpointsRequest())


async def test_no_security_with_a_mode_is_refused(opcua: Served) -> None:
    for mode in (ua.MessageSecurityMode.Sign, ua.MessageSecurityMode.SignAndEncrypt):
        with Stranger(opcua.port) as stranger:
            stranger.hello()
            with pytest.raises(Closed) as caught:
                stranger.open(SecurityMode=mode)
            assert caught.value.code == StatusCodes.BadSecurityModeRejected


def opening(**fields: Structure) -> Structure:
    params = ua.OpenSecureChannelParameters(
        RequestType=ua.SecurityTokenRequestType.Issue,
        SecurityMode=ua.MessageSecurityMode.SignAndEncrypt,
        ClientNonce=secrets.token_bytes(32),
        RequestedLifetime=60_000,
    )
    for name, value in fields.items():
        setattr(params, name, value)
    return params


async def secured(served: Served) -> Client:
    client = await served.secured()
    await client.connect_socket()
    await client.send_hello()
    return client


@pytest.mark.parametrize(
    ("fields", "refusal"),
    [
        ({"SecurityMode": ua.MessageSecurityMode.None_}, StatusCodes.BadSecurityModeRejected),
        ({"SecurityMode": ua.MessageSecurityMode.Sign}, StatusCodes.BadSecurityModeRejected),
        ({"ClientNonce": b"short"}, StatusCodes.BadNonceInvalid),
        (
            {"RequestType": ua.SecurityTokenRequestType.Renew},
            StatusCodes.BadRequestTypeInvalid,
        ),
    ],
    ids=["mode none", "mode sign", "nonce", "nothing to renew"],
)
async def test_a_channel_is_opened_as_is_offered(
    opcua: Served, fields: dict[str, Any], refusal: int
) -> None:
    client = await secured(opcua)
    with pytest.raises((UaStatusCodeError, ConnectionError)) as caught:
        await client.uaclient.open_secure_channel(opening(**fields))
    assert isinstance(caught.value, UaStatusCodeError)
    assert caught.value.code == refusal
    client.disconnect_socket()


@pytest.mark.parametrize(
    "fields",
    [
        {"RequestType": ua.SecurityTokenRequestType.Issue},
        {"SecurityMode": ua.MessageSecurityMode.Sign},
        {"SecurityMode": ua.MessageSecurityMode.None_},
    ],
    ids=["issued anew", "mode sign", "mode none"],
)
async def test_a_renewed_channel_stays_what_it_is(opcua: Served, fields: dict[str, Any]) -> None:
    client = await secured(opcua)
    await client.uaclient.open_secure_channel(opening())
    renewal = opening(**{"RequestType": ua.SecurityTokenRequestType.Renew} | fields)
    with pytest.raises((UaStatusCodeError, ConnectionError)):
        await client.uaclient.open_secure_channel(renewal)
    client.disconnect_socket()


async def test_a_renewed_channel_serves_on(opcua: Served) -> None:
    async with opcua.guest() as client:
        for _ in range(3):
            await client.open_secure_channel(renew=True)
            await client.nodes.namespace_array.read_value()


async def test_a_long_opening_is_not_decrypted(opcua: Served) -> None:
    with Stranger(opcua.port) as stranger:
        stranger.hello()
        with pytest.raises(Closed) as caught:
            stranger.open(ClientNonce=bytes(10_000))
        assert caught.value.code == StatusCodes.BadTcpMessageTooLarge


async def test_addresses_are_repeated_only_if_they_are_some(opcua: Served) -> None:
    with greeted(opcua.port) as stranger:
        for asked, told in (
            ("opc.tcp://printers.example:14840/x", "opc.tcp://printers.example:14840"),
            ("opc.tcp://[::1]:4840", "opc.tcp://[::1]:4840"),
            ("http://evil.example:80", opcua.url),
            ("opc.tcp://a b<script>:4840", opcua.url),
            ("opc.tcp://user@:1", opcua.url),
            ("x" * 5_000, opcua.url),
            (None, opcua.url),
        ):
            params = ua.GetEndpointsParameters(EndpointUrl=asked)
            answer = stranger.ask(ua.GetEndpointsRequest(Parameters=params))
            assert {one.EndpointUrl for one in answer.Endpoints} == {told}
            assert all(one.SecurityPolicyUri != NONE for one in answer.Endpoints)
            assert all(one.ServerCertificate == opcua.server.der for one in answer.Endpoints)
