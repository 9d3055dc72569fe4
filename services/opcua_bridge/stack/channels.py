"""Secure channels (OPC 10000-4, 5.6; OPC 10000-6, 6.7) with what asyncua leaves open closed.

asyncua 2.1.0 answers messages that belong to no channel, lets a renewed channel choose
another security mode or certificate, never ends a channel whose token has expired, accepts
any lifetime and any nonce, and takes a second Hello.
"""

import asyncio
from collections.abc import Callable
from typing import Any

from asyncua import ua
from asyncua.common.connection import SecureConnection, TransportLimits
from asyncua.common.utils import Buffer, ServiceError
from asyncua.ua.status_codes import StatusCodes
from asyncua.ua.ua_binary import struct_from_binary, uatcp_to_binary
from cryptography import x509

from services.opcua_bridge.access import tokens
from services.opcua_bridge.access.admission import Admission
from services.opcua_bridge.limits import Limits
from services.opcua_bridge.values import status

STANDS_ON = {
    "asyncua.common.connection:SecureConnection": "cb034338c2ef5ea9",
    "asyncua.common.connection:MessageChunk": "b17ed0fd6bc5a15c",
    "asyncua.common.connection:TransportLimits": "fe20fdbadef207ff",
}

SMALLEST_BUFFER = 8_192  # bytes (Part 6, 7.1.2.3)
LARGEST_OPENING = 2_048  # encrypted bytes: each 256 of them cost a millisecond
LONGEST_URL = 4_096  # bytes (the same)
_GRACE = 1.25  # lifetimes until a channel ends that was not renewed (Part 4, 5.6.2)


class Channel(SecureConnection):
    """The channel of one connection; ``expire`` is called when its token is too old."""

    def __init__(self, admission: Admission, limits: Limits, expire: Callable[[], object]) -> None:
        bounds = TransportLimits(limits.chunk, limits.chunk, limits.chunks, limits.early_message)
        super().__init__(admission.unsecured(), bounds)
        self.certificate: x509.Certificate | None = None
        """The client application's, on a channel with security."""
        self.largest_answer = limits.response
        self._admission = admission
        self._bounds = limits
        self._expire = expire
        self._greeted = False
        self._timer: asyncio.TimerHandle | None = None

    @property
    def uri(self) -> str:
        """The security policy."""
        return self.security_policy.URI

    @property
    def mode(self) -> ua.MessageSecurityMode:
        """The security mode."""
        return self.security_policy.Mode

    @property
    def serves_sessions(self) -> bool:
        """Whether it may carry more than discovery: its policy and mode are offered."""
        found = (self.uri, self.mode)
        return any((one.uri, one.mode) == found for one in self._admission.securities)

    def widen(self) -> None:
        """Allow whole messages: there is a session now, and a user."""
        self._limits.max_message_size = self._bounds.message

    def narrow(self) -> None:
        """Allow no more than a stranger needs."""
        self._limits.max_message_size = self._bounds.early_message

    def greet(self, hello: ua.Hello) -> bytes:
        """Agree on the sizes of chunks and messages (Part 6, 7.1.2.3).

        Raises:
            ServiceError: The client's are too small, or it greets again.
        """
        if self._greeted:
            raise ServiceError(StatusCodes.BadTcpMessageTypeInvalid)
        if len(hello.EndpointUrl or "") > LONGEST_URL:
            raise ServiceError(StatusCodes.BadTcpEndpointUrlInvalid)
        if min(hello.ReceiveBufferSize, hello.SendBufferSize) < SMALLEST_BUFFER:
            raise ServiceError(StatusCodes.BadTcpNotEnoughResources)
        self._greeted = True
        bounds = self._limits
        bounds.max_recv_buffer = min(hello.SendBufferSize, self._bounds.chunk)
        bounds.max_send_buffer = min(hello.ReceiveBufferSize, self._bounds.chunk)
        if hello.MaxMessageSize:
            self.largest_answer = min(hello.MaxMessageSize, self.largest_answer)
        if hello.MaxChunkCount:
            # Of a full chunk, headers and padding take less than a hundred bytes.
            most = hello.MaxChunkCount * (bounds.max_send_buffer - 100)
            self.largest_answer = min(most, self.largest_answer)
        answer = ua.Acknowledge(
            ReceiveBufferSize=ua.UInt32(bounds.max_recv_buffer),
            SendBufferSize=ua.UInt32(bounds.max_send_buffer),
            MaxMessageSize=ua.UInt32(self._bounds.message),
            MaxChunkCount=ua.UInt32(self._bounds.chunks),
        )
        return _plain(ua.MessageType.Acknowledge, answer)

    def receive_from_header_and_body(self, header: ua.Header, body: Buffer) -> Any:  # noqa: ANN401 - as asyncua's
        """Decode a chunk, where the protocol allows one of its kind now."""
        kind: Any = header.MessageType
        if kind == ua.MessageType.SecureOpen:
            self._check_opening(header, body)
        elif kind in {ua.MessageType.SecureMessage, ua.MessageType.SecureClose}:
            if not self._open:
                raise ServiceError(StatusCodes.BadTcpSecureChannelUnknown)
        elif kind != ua.MessageType.Hello:
            raise ServiceError(StatusCodes.BadTcpMessageTypeInvalid)
        return super().receive_from_header_and_body(header, body)

    def _check_opening(self, header: ua.Header, body: Buffer) -> None:
        end: Any = header.ChunkType
        if not self._greeted or end != ua.ChunkType.Single or self._incoming_parts:
            raise ServiceError(StatusCodes.BadTcpMessageTypeInvalid)
        content = body.copy(header.body_size)
        about = struct_from_binary(ua.AsymmetricAlgorithmHeader, content)
        if len(content) > LARGEST_OPENING:
            raise ServiceError(StatusCodes.BadTcpMessageTooLarge)
        if not self._open:
            return
        shown = tokens.leaf(about.SenderCertificate) if self.certificate else None
        trusted = shown is None or self._admission.still_trusts(shown)
        if about.SecurityPolicyURI != self.uri or shown != self.certificate or not trusted:
            raise ServiceError(StatusCodes.BadSecurityChecksFailed)
        if header.ChannelId != self.security_token.ChannelId:
            raise ServiceError(StatusCodes.BadTcpSecureChannelUnknown)

    def select_policy(
        self, uri: str, peer_certificate: bytes | None, mode: ua.MessageSecurityMode | None = None
    ) -> None:
        """Use a security policy that is offered, with a client application that is let in.

        Without a mode, this is for decrypting the request in which the client names one.

        Raises:
            ServiceError: It is not offered, or the certificate is not good enough.
        """
        none = self._admission.unsecured()
        if uri == none.URI:
            if mode not in {None, none.Mode}:
                raise ServiceError(StatusCodes.BadSecurityModeRejected)
            self.security_policy = none
            return
        offered = [one for one in self._admission.securities if one.uri == uri]
        if not offered:
            raise ServiceError(StatusCodes.BadSecurityPolicyRejected)
        fitting = [one for one in offered if mode in {None, one.mode}]
        if not fitting:
            raise ServiceError(StatusCodes.BadSecurityModeRejected)
        if mode is None or self.certificate is None:
            self.certificate = self._admission.application(peer_certificate)
        self.security_policy = self._admission.secured(fitting[0], self.certificate)

    def open(self, params: Any, server: Any) -> ua.OpenSecureChannelResult:  # noqa: ANN401 - as asyncua's
        """Open the channel, or renew it as it is.

        Raises:
            ServiceError: The request does not fit to the channel.
        """
        renewal = params.RequestType == ua.SecurityTokenRequestType.Renew
        if renewal != self._open:
            raise ServiceError(StatusCodes.BadRequestTypeInvalid)
        if params.SecurityMode != self.mode:
            raise ServiceError(StatusCodes.BadSecurityModeRejected)
        length = self.security_policy.secure_channel_nonce_length
        if length and (
            len(params.ClientNonce or b"") != length or params.ClientNonce == self.remote_nonce
        ):
            raise ServiceError(StatusCodes.BadNonceInvalid)
        wanted = params.RequestedLifetime / 1000 or self._bounds.longest_channel
        lifetime = min(max(wanted, self._bounds.shortest_channel), self._bounds.longest_channel)
        params.RequestedLifetime = int(lifetime * 1000)
        result = super().open(params, server)
        self._watch(lifetime)
        return result

    def _watch(self, lifetime: float) -> None:
        if self._timer is not None:
            self._timer.cancel()
        loop = asyncio.get_running_loop()
        self._timer = loop.call_later(lifetime * _GRACE, self._expire)

    def close(self) -> None:
        """End."""
        super().close()
        if self._timer is not None:
            self._timer.cancel()


def refusal(code: int) -> bytes:
    """Return the message that ends a connection and says why (Part 6, 7.1.2.5)."""
    return _plain(ua.MessageType.Error, ua.ErrorMessage(status(code)))


def _plain(kind: Any, message: Any) -> bytes:  # noqa: ANN401 - asyncua's, which has no types for it
    return uatcp_to_binary(kind, message)
