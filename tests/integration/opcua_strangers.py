"""Clients of OPC UA that do as they like: raw sockets, and requests that asyncua would not send."""

import socket
from collections.abc import Callable
from types import TracebackType
from typing import Any, Self

import asyncua.ua
from asyncua.client.client import Client
from asyncua.common.connection import SecureConnection, TransportLimits
from asyncua.common.utils import Buffer
from asyncua.crypto.security_policies import SecurityPolicyNone
from asyncua.ua.ua_binary import (
    header_from_binary,
    nodeid_from_binary,
    struct_from_binary,
    struct_to_binary,
    uatcp_to_binary,
)
from asyncua.ua.uaerrors import UaStatusCodeError

ua: Any = asyncua.ua
"""asyncua's types, which would have everything be of a type of their own."""

Structure = Any
"""One of asyncua's structures, a field of one, or a constant."""

NONE = SecurityPolicyNone.URI
WORDS = {
    ua.NodeId(getattr(ua.ObjectIds, f"{name}_Encoding_DefaultBinary")): getattr(ua, name)
    for name in (
        "ServiceFault",
        "OpenSecureChannelResponse",
        "CreateSessionResponse",
        "ActivateSessionResponse",
        "GetEndpointsResponse",
        "FindServersResponse",
        "ReadResponse",
        "RegisterServerResponse",
    )
}


class Closed(Exception):  # noqa: N818 - it is what happens
    """The server has closed the connection; ``code`` is why, if it has said so."""

    def __init__(self, code: int | None = None) -> None:
        super().__init__(code)
        self.code = code


class Stranger:
    """A connection without security, byte by byte."""

    def __init__(self, port: int, address: str = "127.0.0.1") -> None:
        self.socket = socket.create_connection(
            ("127.0.0.1", port), timeout=10, source_address=(address, 0)
        )
        self.token = ua.NodeId()
        unsecured: Callable[[], Any] = SecurityPolicyNone
        self.channel: Any = SecureConnection(unsecured(), TransportLimits())
        self._requests = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.socket.close()

    def send(self, data: bytes) -> None:
        self.socket.sendall(data)

    def hello(self, **fields: Structure) -> Structure:
        hello = ua.Hello(EndpointUrl="opc.tcp://localhost:4840")
        for name, value in fields.items():
            setattr(hello, name, value)
        self.send(uatcp_to_binary(ua.MessageType.Hello, hello))
        return self.receive()

    def open(self, **fields: Structure) -> Structure:
        params = ua.OpenSecureChannelParameters(
            RequestType=ua.SecurityTokenRequestType.Issue,
            SecurityMode=ua.MessageSecurityMode.None_,
            RequestedLifetime=60_000,
        )
        for name, value in fields.items():
            setattr(params, name, value)
        request = ua.OpenSecureChannelRequest(Parameters=params)
        answer = self.ask(request, ua.MessageType.SecureOpen)
        self.channel.security_token = answer.Parameters.SecurityToken
        return answer.Parameters

    def ask(self, request: Structure, kind: Structure = ua.MessageType.SecureMessage) -> Structure:
        """Send a request, and return the response."""
        request.RequestHeader.AuthenticationToken = self.token
        self.say(struct_to_binary(request), kind)
        return self.receive()

    def outcome(self) -> str:
        """Return the name of the next response's status."""
        try:
            self.receive()
        except UaStatusCodeError as error:
            return type(error).__name__
        except KeyError:  # a response that this client does not know
            pass
        return "Good"

    def say(self, body: bytes, kind: Structure = ua.MessageType.SecureMessage) -> None:
        """Send a message of whatever is in it."""
        self._requests += 1
        self.send(self.channel.message_to_binary(body, kind, self._requests))

    def receive(self) -> Structure:
        """Return the next message; a fault or the end of the connection is raised."""
        buffer = Buffer(self._exactly(8))
        size = int.from_bytes(bytes(buffer)[4:8], "little")
        whole = Buffer(bytes(buffer) + self._exactly(size - 8))
        header = header_from_binary(whole)
        kind: Structure = header.MessageType
        if kind == ua.MessageType.Error:
            raise Closed(struct_from_binary(ua.ErrorMessage, whole).Error.value)
        if kind == ua.MessageType.Acknowledge:
            return struct_from_binary(ua.Acknowledge, whole)
        headers = {ua.MessageType.SecureOpen: ua.AsymmetricAlgorithmHeader}
        struct_from_binary(headers.get(kind, ua.SymmetricAlgorithmHeader), whole)
        struct_from_binary(ua.SequenceHeader, whole)
        response: Structure = struct_from_binary(WORDS[nodeid_from_binary(whole.copy())], whole)
        response.ResponseHeader.ServiceResult.check()
        return response

    def closed(self) -> Closed:
        """Wait until the server closes the connection, and return how."""
        try:
            while True:
                self.receive()
        except Closed as end:
            return end

    def _exactly(self, size: int) -> bytes:
        data = b""
        while len(data) < size:
            try:
                part = self.socket.recv(size - len(data))
            except ConnectionResetError:
                part = b""
            if not part:
                raise Closed
            data += part
        return data


def insist(stranger: Stranger, body: bytes, times: int) -> None:
    """Say the same again and again, and read nothing."""
    for _ in range(times):
        stranger.say(body)


def greeted(port: int) -> Stranger:
    """Return a stranger with an open channel."""
    stranger = Stranger(port)
    stranger.hello()
    stranger.open()
    return stranger


def logged_in(port: int) -> Stranger:
    """Return a stranger with an active session, where one needs neither security nor a user."""
    stranger = greeted(port)
    stranger.token = stranger.ask(session()).Parameters.AuthenticationToken
    activate = ua.ActivateSessionRequest()
    activate.Parameters.UserIdentityToken = ua.AnonymousIdentityToken(PolicyId="anonymous")
    stranger.ask(activate)
    return stranger


def session(**fields: Structure) -> Structure:
    """Return a request for a session."""
    params = ua.CreateSessionParameters(
        EndpointUrl="opc.tcp://localhost:4840",
        SessionName="stranger",
        ClientNonce=bytes(32),
        RequestedSessionTimeout=60_000,
        **fields,
    )
    return ua.CreateSessionRequest(Parameters=params)


def channel(client: Client) -> Structure:
    """Return a client's channel, where one can do what the client would not."""
    return client.uaclient.protocol


async def send(client: Client, request: Structure, response: Structure) -> Structure:
    """Send a request over a client's channel, past what the client would let one send."""
    data = await channel(client).send_request(request)
    answer = struct_from_binary(response, data)
    answer.ResponseHeader.ServiceResult.check()
    return answer


async def subscribed(client: Client) -> int:
    """Return the number of a new subscription."""
    params = ua.CreateSubscriptionParameters(
        RequestedPublishingInterval=1_000,
        RequestedLifetimeCount=100,
        RequestedMaxKeepAliveCount=10,
        PublishingEnabled=True,
    )
    request = ua.CreateSubscriptionRequest(Parameters=params)
    answer = await send(client, request, ua.CreateSubscriptionResponse)
    return int(answer.Parameters.SubscriptionId)
