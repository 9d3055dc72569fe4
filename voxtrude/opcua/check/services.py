"""Browse and read many nodes, within the limits that the server tells or shows."""

from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import TypeVar

from asyncua import ua
from asyncua.client.client import Client
from asyncua.ua.attribute_ids import AttributeIds
from asyncua.ua.object_ids import ObjectIds
from asyncua.ua.status_codes import StatusCodes
from asyncua.ua.uaerrors import UaError, UaStatusCodeError

from voxtrude.opcua.check.types import numeric

BROWSES = 250  # nodes per call where the server tells no limit
READS = 1_000
ITEMS = 500

_TOO_MUCH = frozenset(
    {
        StatusCodes.BadTooManyOperations,
        StatusCodes.BadResponseTooLarge,
        StatusCodes.BadRequestTooLarge,
        StatusCodes.BadEncodingLimitsExceeded,
        StatusCodes.BadTcpMessageTooLarge,
    }
)

Question = TypeVar("Question")
Answer = TypeVar("Answer")


@dataclass(frozen=True, slots=True)
class Browsed:
    """What one node refers to.

    ``partial`` says that the server did not tell all at once: a continuation point.
    """

    references: tuple[ua.ReferenceDescription, ...]
    status: ua.StatusCode
    partial: bool = False


@dataclass(frozen=True, slots=True)
class Services:
    """The services of a session, by the number of nodes that one call may name."""

    client: Client
    browses: int = BROWSES
    reads: int = READS
    items: int = ITEMS

    @staticmethod
    async def of(client: Client) -> "Services":
        """Ask the server for its OperationLimits (Part 5, 6.3.11)."""
        prefix = "Server_ServerCapabilities_OperationLimits_MaxNodesPer"
        names = (
            f"{prefix}Browse",
            f"{prefix}Read",
            "Server_ServerCapabilities_OperationLimits_MaxMonitoredItemsPerCall",
        )
        nodes = [numeric(getattr(ObjectIds, name)) for name in names]
        told = [
            await Services(client).read([(node, AttributeIds.Value)]) for node in nodes
        ]  # one at a time: the limit may be one
        usual = (BROWSES, READS, ITEMS)
        limits = [
            min(most, _number(answers[0]) or most)
            for answers, most in zip(told, usual, strict=True)
        ]
        return Services(client, *limits)

    async def read(self, questions: Sequence[tuple[ua.NodeId, AttributeIds]]) -> list[ua.DataValue]:
        """Read attributes; the answers are in the questions' order."""

        async def ask(some: Sequence[tuple[ua.NodeId, AttributeIds]]) -> list[ua.DataValue]:
            wanted = [ua.ReadValueId(node, attribute) for node, attribute in some]
            parameters = ua.ReadParameters(
                TimestampsToReturn=ua.TimestampsToReturn.Neither, NodesToRead=wanted
            )
            return await self.client.uaclient.read(parameters)

        return await _in_batches(questions, self.reads, ask)

    async def browse(
        self,
        nodes: Iterable[ua.NodeId],
        reference: int = ObjectIds.References,
        direction: ua.BrowseDirection = ua.BrowseDirection.Forward,
    ) -> list[Browsed]:
        """Browse references of a type and its subtypes to the end."""

        async def ask(some: Sequence[ua.NodeId]) -> list[Browsed]:
            parameters = ua.BrowseParameters(
                NodesToBrowse=[
                    ua.BrowseDescription(
                        NodeId=node,
                        BrowseDirection=direction,
                        ReferenceTypeId=numeric(reference),
                        IncludeSubtypes=True,
                        NodeClassMask=ua.NodeClass.Unspecified,
                        ResultMask=ua.BrowseResultMask.All,
                    )
                    for node in some
                ]
            )
            results = await self.client.uaclient.browse(parameters)
            browsed = [await self._rest(result) for result in results]
            for place, one in enumerate(browsed):
                # A server has few continuation points; alone, each node gets its own.
                if one.status.value == StatusCodes.BadNoContinuationPoints and len(some) > 1:
                    browsed[place] = (await ask([some[place]]))[0]
            return browsed

        return await _in_batches(list(nodes), self.browses, ask)

    async def _rest(self, result: ua.BrowseResult) -> Browsed:
        references = list(result.References or ())
        point = result.ContinuationPoint
        partial = bool(point)
        status = result.StatusCode
        while point:
            following = await self.client.uaclient.browse_next(
                ua.BrowseNextParameters(ReleaseContinuationPoints=False, ContinuationPoints=[point])
            )
            references.extend(following[0].References or ())
            point = following[0].ContinuationPoint
            status = following[0].StatusCode
        return Browsed(tuple(references), status, partial)


async def _in_batches(
    questions: Sequence[Question],
    size: int,
    ask: Callable[[Sequence[Question]], Awaitable[list[Answer]]],
) -> list[Answer]:
    """Ask in calls of at most ``size`` questions, and of fewer where that is too much."""
    answers: list[Answer] = []
    while len(answers) < len(questions):
        some = questions[len(answers) : len(answers) + size]
        try:
            got = await ask(some)
        except UaStatusCodeError as error:
            if error.code not in _TOO_MUCH or len(some) == 1:
                raise
            size = len(some) // 2
            continue
        if len(got) != len(some):
            raise UaError(f"{len(got)} results to {len(some)} questions")
        answers.extend(got)
    return answers


def _number(answer: ua.DataValue) -> int:
    value = answer.Value.Value if answer.Value is not None else None
    return value if isinstance(value, int) else 0
