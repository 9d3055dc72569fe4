"""Who is let in, for how long, and who is not: applications, users, sessions."""

import asyncio
from collections.abc import Awaitable, Iterator
from dataclasses import replace

import pytest
from asyncua.client.client import Client
from asyncua.crypto.security_policies import (
    SecurityPolicy,
    SecurityPolicyAes128Sha256RsaOaep,
    SecurityPolicyAes256Sha256RsaPss,
    SecurityPolicyBasic256Sha256,
)
from asyncua.ua.status_codes import StatusCodes
from asyncua.ua.uaerrors import UaStatusCodeError

from services.opcua_bridge.access.admission import Offer
from services.opcua_bridge.stack.endpoints import Endpoint
from services.opcua_bridge.stack.listeners import Listener
from tests.integration.opcua_cores import PASSWORD, USER, WRONG, Served, serving, until
from tests.integration.opcua_strangers import NONE, Structure, channel, send, subscribed, ua
from voxtrude.errors import SetupError
from voxtrude.opcua import identity
from voxtrude.process import utc_now

POLICIES = [
    (policy, mode)
    for policy in (
        SecurityPolicyBasic256Sha256,
        SecurityPolicyAes128Sha256RsaOaep,
        SecurityPolicyAes256Sha256RsaPss,
    )
    for mode in (ua.MessageSecurityMode.Sign, ua.MessageSecurityMode.SignAndEncrypt)
]


@pytest.fixture(scope="module")
def wide(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """A server that offers everything it can."""
    offer = Offer(no_security=True, anonymous=True, sign_only=True, aes=True, trust="any")
    with serving(
        tmp_path_factory.mktemp("wide"), offer, shortest_session=0.3, sessions=2
    ) as served:
        yield served


async def served_to(client: Client) -> bool:
    async with client:
        return bool(await client.nodes.namespace_array.read_value())


@pytest.mark.parametrize(("policy", "mode"), POLICIES)
async def test_each_offered_policy_serves(
    wide: Served, policy: type[SecurityPolicy], mode: Structure
) -> None:
    assert await served_to(await wide.secured(by=wide.stranger(), policy=policy, mode=mode))
    client = await wide.secured(password=WRONG, policy=policy, mode=mode)
    with pytest.raises(UaStatusCodeError) as caught:
        await client.connect()
    assert caught.value.code == StatusCodes.BadUserAccessDenied


async def test_without_security_passwords_are_encrypted_if_the_client_can(wide: Served) -> None:
    client = Client(wide.url)
    client.set_user(USER)
    client.set_password(PASSWORD)
    assert await served_to(client)
    for endpoint in await client.connect_and_get_server_endpoints():
        first = next(
            one for one in endpoint.UserIdentityTokens if one.TokenType == ua.UserTokenType.UserName
        )
        assert first.SecurityPolicyUri != NONE


async def test_without_security_a_plain_password_is_taken_and_verified(wide: Served) -> None:
    for password in (PASSWORD, WRONG):
        client = Client(wide.url)
        client.set_user(USER)
        client.set_password(password)
        simple: Structure = client
        simple.server_policy = lambda _kind: ua.UserTokenPolicy(PolicyId="username-plain")
        if password == PASSWORD:
            assert await served_to(client)
        else:
            with pytest.raises(UaStatusCodeError) as caught:
                await client.connect()
            assert caught.value.code == StatusCodes.BadUserAccessDenied


async def test_where_it_is_offered_one_comes_in_without_a_user(wide: Served) -> None:
    assert await served_to(Client(wide.url))


async def test_a_plain_password_is_not_taken_over_a_secure_channel(opcua: Served) -> None:
    client = await opcua.secured()
    simple: Structure = client
    simple.server_policy = lambda _kind: ua.UserTokenPolicy(PolicyId="username")
    with pytest.raises(UaStatusCodeError) as caught:
        await client.connect()
    assert caught.value.code == StatusCodes.BadIdentityTokenInvalid


async def test_a_user_comes_in_by_certificate(opcua: Served) -> None:
    person = identity.client(opcua.folder / "person", "urn:person", (), utc_now())

    async def client() -> Client:
        made = await opcua.secured(user=None)
        await made.load_client_certificate(str(person.certificate_path))
        await made.load_private_key(person.key_path)
        return made

    stranger = await client()
    with pytest.raises(UaStatusCodeError) as caught:
        await stranger.connect()
    assert caught.value.code == StatusCodes.BadIdentityTokenRejected
    opcua.users.add("carol", certificate=person.certificate)
    assert await served_to(await client())
    thief = await client()
    thief.user_private_key = opcua.client.key  # not the certificate's
    with pytest.raises(UaStatusCodeError) as caught:
        await thief.connect()
    assert caught.value.code == StatusCodes.BadUserSignatureInvalid


async def test_a_listener_comes_and_goes_with_its_sessions(opcua: Served) -> None:
    listener = Listener(opcua.core, Endpoint("127.0.0.1", 0))
    opcua.loop.run(listener.start())
    there = replace(opcua, port=listener.port)
    client = await there.secured()
    await client.connect()
    with pytest.raises(SetupError, match="cannot listen"):
        opcua.loop.run(Listener(opcua.core, Endpoint("127.0.0.1", listener.port)).start())
    async with opcua.guest() as other:
        opcua.loop.run(listener.stop())
        await other.nodes.namespace_array.read_value()
        assert len(opcua.core.sessions) == 1
    await client.disconnect()


async def test_a_silent_session_ends(wide: Served) -> None:
    client = Client(wide.url)
    client.session_timeout = 1
    await client.connect_socket()
    await client.send_hello()
    await client.open_secure_channel()
    answer = await client.create_session()
    await client.activate_session()
    assert answer.RevisedSessionTimeout == 300
    await until(lambda: not wide.core.sessions)
    with pytest.raises(UaStatusCodeError) as caught:
        await client.nodes.namespace_array.read_value()
    assert caught.value.code == StatusCodes.BadSessionIdInvalid
    client.disconnect_socket()


async def test_a_session_that_is_alone_makes_room(wide: Served) -> None:
    for _ in range(wide.core.limits.sessions):
        client = Client(wide.url)
        await client.connect()
        await subscribed(client)
        channel(client).transport.abort()
        await client.disconnect()
    await until(lambda: all(one.alone for one in wide.core.sessions))
    assert len(wide.core.sessions) == wide.core.limits.sessions
    assert await served_to(Client(wide.url))
    wide.loop.do(lambda: [one.end() for one in wide.core.sessions])


async def test_who_waits_for_a_notification_hears_the_end(opcua: Served) -> None:
    async with opcua.guest() as client:
        number = await subscribed(client)
        delete = ua.DeleteSubscriptionsRequest()
        delete.Parameters.SubscriptionIds = [number]
        async with asyncio.TaskGroup() as tasks:
            publish = send(client, ua.PublishRequest(), ua.PublishResponse)
            waiting = tasks.create_task(asyncio.wait_for(refusal(publish), 10))
            await asyncio.sleep(0)  # the request goes first
            await send(client, delete, ua.DeleteSubscriptionsResponse)
        assert waiting.result() == StatusCodes.BadNoSubscription


async def refusal(answer: Awaitable[object]) -> int:
    with pytest.raises(UaStatusCodeError) as caught:
        await answer
    return int(caught.value.code)


async def test_a_live_session_does_not_move_to_another_client(opcua: Served) -> None:
    async with opcua.guest() as victim:
        token = channel(victim).authentication_token
        thief = await opcua.secured(by=opcua.another_client())
        await thief.connect_sessionless()
        try:
            channel(thief).authentication_token = token
            with pytest.raises(UaStatusCodeError) as caught:
                await send(thief, ua.ActivateSessionRequest(), ua.ActivateSessionResponse)
            assert caught.value.code == StatusCodes.BadSecureChannelIdInvalid
        finally:
            await thief.disconnect_sessionless()
        await victim.nodes.namespace_array.read_value()


async def test_a_strange_certificate_is_kept_for_the_operator_and_let_in_once_trusted(
    opcua: Served,
) -> None:
    stranger = opcua.stranger()
    client = await opcua.secured(by=stranger)
    with pytest.raises((UaStatusCodeError, ConnectionError, TimeoutError)):
        await client.connect()
    assert [one.certificate for one in opcua.trust.rejected()] == [stranger.certificate]
    assert await opcua.serves()
    opcua.trust.trust(opcua.trust.last_rejected().thumbprint)
    async with opcua.guest(by=stranger) as friend:
        await friend.nodes.namespace_array.read_value()
        opcua.trust.distrust(stranger.thumbprint)
        opcua.loop.do(opcua.core.review)
        with pytest.raises(UaStatusCodeError) as caught:
            await friend.create_session()
        assert caught.value.code == StatusCodes.BadSecurityChecksFailed


async def test_a_client_has_the_name_that_its_certificate_says(opcua: Served) -> None:
    client = await opcua.secured()
    client.application_uri = "urn:somebody:else"
    with pytest.raises(UaStatusCodeError) as caught:
        await client.connect()
    assert caught.value.code == StatusCodes.BadCertificateUriInvalid


@pytest.mark.parametrize("change", ["removed", "another password"])
async def test_a_user_who_is_removed_or_has_another_password_is_out_at_once(
    opcua: Served, change: str
) -> None:
    opcua.users.add("bob", password=PASSWORD)
    async with opcua.guest(user="bob", password=PASSWORD) as bob:
        opcua.loop.do(opcua.core.review)
        await bob.nodes.namespace_array.read_value()
        if change == "removed":
            opcua.users.remove("bob")
        else:
            opcua.users.add("bob", password=f"{PASSWORD} and more")
        opcua.loop.do(opcua.core.review)
        with pytest.raises(UaStatusCodeError):
            await bob.nodes.namespace_array.read_value()
    assert await opcua.serves()


async def test_guessing_passwords_does_not_lock_out_the_user(opcua: Served) -> None:
    async def guess() -> None:
        client = await opcua.secured(password=WRONG)
        with pytest.raises(UaStatusCodeError):
            await client.connect()

    await asyncio.gather(*(guess() for _ in range(3)))
    assert await opcua.serves()


async def test_a_session_whose_connection_broke_goes_on_when_its_client_is_back(
    opcua: Served,
) -> None:
    core = opcua.core
    client = await opcua.secured()
    await client.connect()
    number = await subscribed(client)
    token = channel(client).authentication_token
    before: Structure = client
    channel(client).transport.abort()
    await until(lambda: not core.connections)
    assert number in core.subscription_service.subscriptions

    again = await opcua.secured()
    await again.connect_sessionless()
    back: Structure = again
    channel(again).authentication_token = token
    back._server_nonce = before._server_nonce  # noqa: SLF001 - what a client keeps
    back._policy_ids = before._policy_ids  # noqa: SLF001
    opcua.users.add("dave", password=PASSWORD)
    with pytest.raises(UaStatusCodeError) as caught:
        await again.activate_session("dave", PASSWORD)
    assert caught.value.code == StatusCodes.BadIdentityChangeNotSupported
    await again.activate_session(USER, PASSWORD)
    publish = await send(again, ua.PublishRequest(), ua.PublishResponse)
    assert publish.Parameters.SubscriptionId == number
    await again.uaclient.close_session(delete_subscriptions=True)
    assert number not in core.subscription_service.subscriptions
    await again.disconnect_sessionless()
    await client.disconnect()
