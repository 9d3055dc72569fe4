"""From a request to its response: which services there are, and who may use them.

asyncua's processor carries out CreateSession and everything after it over an unencrypted
channel even where only encrypted ones are offered, registers foreign servers for strangers,
does not look at a request's AuthenticationToken, and writes several lines to the log for
whatever it does not like.
"""

import hmac
from collections.abc import Callable
from typing import Any, Protocol

import structlog
from asyncua import ua
from asyncua.common.connection import TransportLimits
from asyncua.common.utils import Buffer, ServiceError
from asyncua.server.internal_session import SessionState
from asyncua.server.uaprocessor import PublishRequestData, UaProcessor
from asyncua.ua.object_ids import ObjectIds
from asyncua.ua.status_codes import StatusCodes
from asyncua.ua.ua_binary import (
    nodeid_from_binary,
    struct_from_binary,
    struct_to_binary,
)
from asyncua.ua.uaerrors import UaStatusCodeError

from services.opcua_bridge.access import tokens
from services.opcua_bridge.stack import discovery
from services.opcua_bridge.stack.channels import Channel, refusal
from services.opcua_bridge.stack.core import Core
from services.opcua_bridge.stack.decoding import Bounded
from services.opcua_bridge.stack.endpoints import Endpoint
from services.opcua_bridge.stack.requests import SERVICES, Request, Response
from services.opcua_bridge.stack.sessions import NONCE, Session
from services.opcua_bridge.values import status

STANDS_ON = {
    "asyncua.server.uaprocessor:UaProcessor": "7ddefc61f6c19107",
    "asyncua.server.uaprocessor:PublishRequestData": "d2b903015e9cbee6",
}

_log = structlog.get_logger(__name__)
_told: set[tuple[str, str]] = set()  # unexpected errors: once each, whoever causes them again

LONGEST_SESSION_NAME = 256  # characters


class Connection(Protocol):
    """What the processor needs of a connection."""

    address: str

    def send(self, data: bytes) -> None:
        """Send."""

    def end(self) -> None:
        """Close."""

    def seat(self, *, active: bool) -> None:
        """Hear whether there is an active session."""

    def get_extra_info(self, name: str) -> Any:  # noqa: ANN401 - as asyncio's
        """Return what the transport knows."""


class Processor(UaProcessor):
    """Answers one connection's requests, one after the other."""

    def __init__(self, core: Core, endpoint: Endpoint, connection: Connection) -> None:
        chunk = core.limits.chunk
        super().__init__(core, connection, TransportLimits(chunk, chunk))
        self.core = core
        self.endpoint = endpoint
        self.session: Session | None = None
        self._line = connection
        self._channel = Channel(core.admission, core.limits, connection.end)
        self._connection = self._channel

    # Messages.

    async def process(self, header: ua.Header, body: Buffer) -> bool:
        """Take a chunk; return whether the connection goes on."""
        try:
            return await self._process(header, body)
        except (ServiceError, UaStatusCodeError) as error:
            self._break(error.code)
        except Exception as error:  # noqa: BLE001 - whatever a stranger's bytes do to decoder and crypto
            _log.debug("connection broken", address=self._line.address, error=repr(error))
            self._break(StatusCodes.BadSecurityChecksFailed)
        return False

    def _break(self, code: int) -> None:
        """Say why the connection ends (Part 6, 7.1.2.5)."""
        self._line.send(refusal(code))

    async def _process(self, header: ua.Header, body: Buffer) -> bool:
        message = self._channel.receive_from_header_and_body(header, body)
        if isinstance(message, ua.Hello):
            self._line.send(self._channel.greet(message))
        elif message is not None:
            kind: Any = header.MessageType
            content = Bounded(bytes(message.body()))
            if kind == ua.MessageType.SecureClose:
                return False
            if kind == ua.MessageType.SecureOpen:
                self._open(message.SecurityHeader(), message.SequenceHeader(), content)
            else:
                await self.process_message(message.SequenceHeader(), content)
        return True

    def _open(self, about: Any, sequence: ua.SequenceHeader, body: Buffer) -> None:  # noqa: ANN401 - asyncua's
        opened: Callable[..., None] = self.open_secure_channel
        opened(about, sequence, body)

    async def process_message(self, seqhdr: ua.SequenceHeader, body: Buffer) -> None:
        """Answer a request.

        Raises:
            ServiceError: It has no header that could be answered.
        """
        try:
            kind = nodeid_from_binary(body)
            header = struct_from_binary(ua.RequestHeader, body)
        except Exception:  # noqa: BLE001 - whatever a stranger's bytes do to the decoder
            raise ServiceError(StatusCodes.BadDecodingError) from None
        try:
            response = await self._answer(kind, Request(header, seqhdr, body))
            if response is not None:
                self.send_response(header.RequestHandle, seqhdr, response)
        except (ServiceError, UaStatusCodeError) as error:
            self.send_response(header.RequestHandle, seqhdr, _fault(error.code))
        except Exception as error:  # noqa: BLE001 - one net under every service: the others must go on
            self._tell(kind, error)
            fault = _fault(StatusCodes.BadInternalError)
            self.send_response(header.RequestHandle, seqhdr, fault)

    @staticmethod
    def _tell(kind: ua.NodeId, error: Exception) -> None:
        what = (str(kind.Identifier), type(error).__name__)
        if what not in _told:
            _told.add(what)
            _log.error("a service failed", request=what[0], exc_info=error)

    def send_response(
        self,
        requesthandle: int,
        seqhdr: ua.SequenceHeader,
        response: Any,  # noqa: ANN401 - one of asyncua's structures
        msgtype: Any = ua.MessageType.SecureMessage,  # noqa: ANN401 - asyncua's are bytes, and typed otherwise
    ) -> None:
        """Send a response, unless the client cannot take one of its size."""
        response.ResponseHeader.RequestHandle = requesthandle
        data = struct_to_binary(response)
        if len(data) > self._channel.largest_answer:
            fault = _fault(StatusCodes.BadResponseTooLarge)
            fault.ResponseHeader.RequestHandle = requesthandle
            data = struct_to_binary(fault)
        self._line.send(self._channel.message_to_binary(data, msgtype, seqhdr.RequestId))

    async def _answer(self, kind: ua.NodeId, request: Request) -> Response:
        number: Any = kind.Identifier if kind.NamespaceIndex == 0 else None
        if number == ObjectIds.GetEndpointsRequest_Encoding_DefaultBinary:
            asked = request.decoded(ua.GetEndpointsParameters)
            return discovery.get_endpoints(self.core.admission, asked, self.sockname)
        if number == ObjectIds.FindServersRequest_Encoding_DefaultBinary:
            asked = request.decoded(ua.FindServersParameters)
            return discovery.find_servers(self.core.admission, asked, self.sockname)
        if not self._channel.serves_sessions:
            raise ServiceError(StatusCodes.BadSecurityPolicyRejected)
        return await self._answer_secured(number, request)

    async def _answer_secured(self, number: Any, request: Request) -> Response:  # noqa: ANN401 - as _answer
        if number == ObjectIds.CreateSessionRequest_Encoding_DefaultBinary:
            return self._create_session(request.decoded(ua.CreateSessionParameters))
        if number == ObjectIds.ActivateSessionRequest_Encoding_DefaultBinary:
            return await self._activate_session(request)
        if number == ObjectIds.CloseSessionRequest_Encoding_DefaultBinary:
            return self._close_session(request)
        if number == ObjectIds.PublishRequest_Encoding_DefaultBinary:
            return await self._publish(self._own_session(request.header), request)
        service = SERVICES.get(number)
        if service is None:
            raise ServiceError(StatusCodes.BadServiceUnsupported)
        session = self._own_session(request.header)
        return await service.answer(session, request.decoded(service.parameters), self)

    def _own_session(self, header: ua.RequestHeader) -> Session:
        """Return this connection's session, if the request names it and it is active.

        Raises:
            ServiceError: It does not.
        """
        session = self.session
        if session is None or not _same(header.AuthenticationToken, session.auth_token):
            raise ServiceError(StatusCodes.BadSessionIdInvalid)
        if session.state == SessionState.Closed:
            raise ServiceError(StatusCodes.BadSessionClosed)
        if session.state != SessionState.Activated:
            raise ServiceError(StatusCodes.BadSessionNotActivated)
        session.touch()
        return session

    # Sessions.

    def _create_session(self, params: ua.CreateSessionParameters) -> Response:
        channel, core = self._channel, self.core
        if self.session is not None:
            if self.session.state == SessionState.Activated:
                raise ServiceError(StatusCodes.BadTooManySessions)
            self.session.end()
        if channel.certificate is not None:
            if not core.admission.still_trusts(channel.certificate):
                raise ServiceError(StatusCodes.BadSecurityChecksFailed)
            if len(params.ClientNonce or b"") < NONCE:
                raise ServiceError(StatusCodes.BadNonceInvalid)
            if not _begins_with(params.ClientCertificate, channel.security_policy.peer_certificate):
                raise ServiceError(StatusCodes.BadCertificateInvalid)
            core.admission.named(channel.certificate, params.ClientDescription.ApplicationUri)
        core.make_room()
        name = (params.SessionName or "")[:LONGEST_SESSION_NAME]
        session = Session(core, self.endpoint, name)
        session.certificate = channel.certificate
        session.security = channel.uri, channel.mode
        timeout = session.begin(params.RequestedSessionTimeout)
        self._take(session)
        signed = (channel.security_policy.peer_certificate or b"") + (params.ClientNonce or b"")
        url = discovery.asked_for(params.EndpointUrl, self.sockname)
        sign: Callable[[bytes], Any] = channel.security_policy.asymmetric_cryptography.signature
        return ua.CreateSessionResponse(
            Parameters=ua.CreateSessionResult(
                SessionId=session.session_id,
                AuthenticationToken=session.auth_token,
                RevisedSessionTimeout=timeout,
                ServerNonce=session.nonce,
                ServerCertificate=core.admission.identity.der,
                ServerEndpoints=discovery.endpoints(core.admission, url),
                ServerSignature=ua.SignatureData(
                    channel.security_policy.AsymmetricSignatureURI,
                    sign(signed),
                ),
                MaxRequestMessageSize=core.limits.message,
            )
        )

    async def _activate_session(self, request: Request) -> Response:
        params = request.decoded(ua.ActivateSessionParameters)
        session = self._session_to_activate(request.header)
        channel, admission = self._channel, self.core.admission
        if channel.certificate is not None:
            challenge = tokens.Challenge(admission.identity.der, session.nonce)
            tokens.verified(
                channel.certificate,
                params.ClientSignature,
                channel.uri,
                challenge,
                StatusCodes.BadApplicationSignatureInvalid,
            )
        person = await admission.person(
            params.UserIdentityToken,
            params.UserTokenSignature,
            channel.uri,
            session.nonce,
            self._line.address,
        )
        if self._closing:  # the client has not waited
            return None
        session.activate(person)
        if self.session is not session:
            self._take(session)
        channel.widen()
        self._line.seat(active=True)
        return ua.ActivateSessionResponse(
            Parameters=ua.ActivateSessionResult(ServerNonce=session.nonce)
        )

    def _session_to_activate(self, header: ua.RequestHeader) -> Session:
        """Return the session that the request names: this connection's, or one that may move here.

        A session moves to another channel only with the same client certificate, security and
        endpoint (5.7.3.1); without security its token could have been overheard.

        Raises:
            ServiceError: There is no such session, or it may not.
        """
        session = self.session
        if session is not None and _same(header.AuthenticationToken, session.auth_token):
            if session.state == SessionState.Closed:
                raise ServiceError(StatusCodes.BadSessionClosed)
            return session
        found = self.core.session(header.AuthenticationToken)
        if found is None or (session is not None and session.state != SessionState.Closed):
            raise ServiceError(StatusCodes.BadSessionIdInvalid)
        channel = self._channel
        if (
            found.state != SessionState.Activated
            or found.endpoint is not self.endpoint
            or found.certificate is None
            or found.certificate != channel.certificate
            or found.security != (channel.uri, channel.mode)
        ):
            raise ServiceError(StatusCodes.BadSecureChannelIdInvalid)
        return found

    def _take(self, session: Session) -> None:
        """Make the session this connection's, and nobody else's."""
        session.lost()
        session.lost = self._lose
        session.alone = False
        self.session = session
        session.deliver_to(self.forward_publish_response, self.get_publish_request)

    def _lose(self) -> None:
        """Go on without a session: it has ended, or gone to another connection."""
        while self._publish_requests:
            waiting = self._publish_requests.popleft()
            fault = _fault(StatusCodes.BadSessionClosed)
            self.send_response(waiting.requesthdr.RequestHandle, waiting.seqhdr, fault)
        self._publish_results_subs.clear()
        self.session = None
        self._channel.narrow()
        self._line.seat(active=False)

    def _close_session(self, request: Request) -> Response:
        session = self.session
        if session is None or not _same(request.header.AuthenticationToken, session.auth_token):
            raise ServiceError(StatusCodes.BadSessionIdInvalid)
        session.end()
        return ua.CloseSessionResponse()

    async def close(self) -> None:
        """Go: the connection is gone. A session with subscriptions waits for its client."""
        self._closing = True
        self._channel.close()
        self._publish_requests.clear()
        session, self.session = self.session, None
        if session is None:
            return
        session.lost = lambda: None
        session.alone = True
        if session.state != SessionState.Activated or not session.has_subscriptions:
            session.end()

    # Publishing.

    async def _publish(self, session: Session, request: Request) -> None:
        params = request.decoded(ua.PublishParameters)
        subscriptions, results = session.publish(params.SubscriptionAcknowledgements)
        data = PublishRequestData(request.header, request.sequence, results)
        while self._publish_results_subs:
            number = next(iter(self._publish_results_subs))
            del self._publish_results_subs[number]
            overdue = session.subscriptions.get(number)
            if overdue is not None and await overdue.publish_results(data):
                return
        if len(self._publish_requests) >= self.publish_request_limit(subscriptions):
            self._evict_publish_request()
        self._publish_requests.append(data)

    def starve(self, session: Session) -> None:
        """Answer waiting publish requests that nothing will ever answer (5.14.5)."""
        while self._publish_requests and not session.has_subscriptions:
            waiting = self._publish_requests.popleft()
            fault = _fault(StatusCodes.BadNoSubscription)
            self.send_response(waiting.requesthdr.RequestHandle, waiting.seqhdr, fault)


def _same(one: ua.NodeId, other: ua.NodeId) -> bool:
    """Compare two tokens without telling by the time how much of them is right."""
    if one.NamespaceIndex != other.NamespaceIndex or one.NodeIdType != other.NodeIdType:
        return False
    given: Any = one.Identifier
    right: Any = other.Identifier
    return hmac.compare_digest(given or b"", right)


def _begins_with(chain: bytes | None, certificate: bytes | None) -> bool:
    return bool(chain and certificate and bytes(chain).startswith(certificate))


def _fault(code: int) -> Response:
    fault = ua.ServiceFault()
    fault.ResponseHeader.ServiceResult = status(code)
    return fault
