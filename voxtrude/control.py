"""The broker's dynamic-security plugin, asked and answered over MQTT."""

import asyncio
import json
import secrets
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from voxtrude import dynsec
from voxtrude.dynsec import Command
from voxtrude.errors import LinkError
from voxtrude.mqtt import BURST, Connection, Delivery

TIMEOUT = 10.0  # seconds for one batch; 2.0 takes long to write a large file
TRIES = 3
BATCH_BYTES = 48 * 1024  # below the broker's own max_packet_size
PAGE = 200


@dataclass(frozen=True, slots=True)
class Answer:
    """What the broker said to one command; ``data`` as the plugin's README describes it."""

    command: str
    error: str | None = None
    data: dict[str, Any] = field(default_factory=dict)


class Control:
    """Commands to the broker through ``connection``, as an account that may give them.

    One call runs at a time; others on the same broker do not disturb, since every command
    carries a number of its own. Everything that comes on the connection is handed to
    ``heard``, answers among it.
    """

    def __init__(
        self,
        connection: Connection,
        *,
        batch: int,
        timeout: float = TIMEOUT,
        heard: Callable[[Sequence[Delivery]], None] | None = None,
    ) -> None:
        self._connection = connection
        self._batch = batch
        self._timeout = timeout
        self._heard = heard
        self._free = asyncio.Lock()

    async def open(self) -> None:
        """Listen for answers; must be awaited once, before anything else."""
        await self._connection.subscribe(dynsec.CONTROL_ANSWERS)

    async def execute(self, commands: Sequence[Command]) -> list[Answer]:
        """Run ``commands`` in order; each may be repeated without harm.

        "Already exists" and "not found" count as success where they say that nothing is
        left to do (see ``voxtrude.dynsec.is_failure``).

        Raises:
            LinkError: The broker does not answer, or refuses a command.
        """
        answers: list[Answer] = []
        async with self._free:
            for batch in self._batches(commands):
                for answer in await self._patiently(batch):
                    if dynsec.is_failure(answer.command, answer.error):
                        raise LinkError(f"the broker refused {answer.command}: {answer.error}")
                    answers.append(answer)
        return answers

    async def clients(self) -> dict[str, bool]:
        """Return every account that the broker knows, and whether it may log in."""
        found: dict[str, bool] = {}
        offset = 0
        while True:
            (answer,) = await self.execute([dynsec.list_clients(PAGE, offset)])
            page = answer.data.get("clients", [])
            found.update({one["username"]: not one.get("disabled", False) for one in page})
            offset += len(page)
            if not page or offset >= answer.data.get("totalCount", 0):
                return found

    async def knows(self, username: str) -> bool:
        """Tell whether the broker knows this account right now."""
        (answer,) = await self.execute([dynsec.get_client(username)])
        return answer.error is None

    async def rest(self, seconds: float) -> None:
        """Wait, while a lost link is noticed at once.

        Raises:
            LinkError: The broker went away.
        """
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds), self._free:
                while True:
                    await self._take()  # answers to somebody else's commands are not for us

    def _batches(self, commands: Sequence[Command]) -> Iterator[list[Command]]:
        batch: list[Command] = []
        size = 0
        for command in commands:
            length = len(_encoded(command)) + 64  # its number and the separators
            if batch and (len(batch) >= self._batch or size + length > BATCH_BYTES):
                yield batch
                batch, size = [], 0
            batch.append(command)
            size += length
        if batch:
            yield batch

    async def _patiently(self, batch: list[Command]) -> list[Answer]:
        for _ in range(TRIES):
            with suppress(TimeoutError):
                async with asyncio.timeout(self._timeout):
                    return await self._once(batch)
        raise LinkError(f"the broker does not answer {batch[0]['command']}")

    async def _once(self, batch: list[Command]) -> list[Answer]:
        key = secrets.token_hex(8)
        numbers = [f"{key}/{place}" for place in range(len(batch))]
        request = {
            "commands": [
                {**command, "correlationData": number}
                for command, number in zip(batch, numbers, strict=True)
            ]
        }
        await self._connection.publish(dynsec.CONTROL, _encoded(request))
        answers: dict[str, Answer] = {}
        while len(answers) < len(batch):
            for delivery in await self._take():
                answers.update(
                    {number: one for number, one in _answers(delivery) if number in numbers}
                )
        return [answers[number] for number in numbers]

    async def _take(self) -> list[Delivery]:
        deliveries = await self._connection.take(BURST)
        self._connection.acknowledge(deliveries)
        if self._heard:
            self._heard(deliveries)
        return deliveries


def _encoded(document: Mapping[str, object]) -> bytes:
    return json.dumps(document, ensure_ascii=False, separators=(",", ":")).encode()


def _answers(delivery: Delivery) -> Iterator[tuple[str, Answer]]:
    if delivery.topic != dynsec.CONTROL_ANSWERS:
        return
    try:
        responses = json.loads(delivery.payload)["responses"]
    except (ValueError, KeyError, TypeError):
        raise LinkError("the broker's answer is no JSON of the dynamic-security plugin") from None
    for one in responses:
        if number := one.get("correlationData"):
            yield number, Answer(one.get("command", ""), one.get("error"), one.get("data") or {})
