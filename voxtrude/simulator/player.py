"""Simulated printers on their way to the broker, each with a login and a connection of its own.

They speak MQTT 3.1.1 with a retained last will, as OctoPrint does.
"""

import asyncio
import random
import time
from collections.abc import AsyncIterator, Iterable, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import NoReturn

import structlog
from pydantic import SecretStr

from voxtrude import mqtt
from voxtrude.errors import LinkError
from voxtrude.process import Patience
from voxtrude.settings import Mqtt
from voxtrude.simulator.machine import Dice
from voxtrude.simulator.payloads import (
    CONNECTED,
    DISCONNECTED,
    LAST_WILL,
    Drop,
    Line,
    Step,
    encoded,
)
from voxtrude.simulator.scenario import Scenario, farewell, told

log = structlog.get_logger()

CAME_BACK = Line(0.0, LAST_WILL, CONNECTED, qos=1, retain=True)
PACE = 0.02  # seconds between two portions of a flood


@dataclass(frozen=True, slots=True)
class Account:
    """A printer's login and where it publishes."""

    username: str
    password: SecretStr
    base_topic: str


@dataclass(slots=True)
class Limits:
    """When to stop: after ``count`` messages or ``seconds``, whichever comes first."""

    count: int | None = None
    seconds: float | None = None
    sent: int = 0
    began: float = field(default_factory=time.monotonic)

    @property
    def are_reached(self) -> bool:
        """Whether one of them is."""
        return (self.count is not None and self.sent >= self.count) or (
            self.seconds is not None and time.monotonic() - self.began >= self.seconds
        )


@dataclass(slots=True)
class Voice:
    """A printer's connection to the broker."""

    connection: mqtt.Connection
    base_topic: str
    limits: Limits

    async def say(self, step: Step) -> None:
        """Publish one message, or break the connection.

        Raises:
            LinkError: The broker went away.
        """
        if isinstance(step, Drop):
            self.connection.abort()
            return
        payload = encoded(step.payload, int(time.time()))
        await self.send(step.topic, payload, step.qos, retain=step.retain)

    async def send(self, topic: str, payload: bytes, qos: int, *, retain: bool) -> None:
        """Publish bytes on a topic relative to the base."""
        self.limits.sent += 1
        await self.connection.publish(self.base_topic + topic, payload, qos=qos, retain=retain)


@asynccontextmanager
async def voice(broker: Mqtt, account: Account, limits: Limits) -> AsyncIterator[Voice]:
    """Log a printer in.

    Raises:
        LinkError: The broker is away.
        SetupError: It refused the printer.
    """
    settings = broker.model_copy(
        update={"username": account.username, "password": account.password, "keep_alive": 60}
    )
    will = mqtt.Will(account.base_topic + LAST_WILL, DISCONNECTED.encode())
    async with mqtt.connect(settings, account.username, will=will, legacy=True) as connection:
        yield Voice(connection, account.base_topic, limits)


async def play(
    broker: Mqtt,
    fleet: Iterable[tuple[Account, Scenario]],
    limits: Limits,
    *,
    speed: float = 1.0,
    seed: int | None = None,
) -> None:
    """Let each printer live its own life until the limits are reached, or for ever.

    ``speed`` makes time pass quicker. A printer whose link broke connects again and goes
    on as a new OctoPrint process would.

    Raises:
        SetupError: The broker refused a printer.
    """
    stop = asyncio.create_task(_stopped(limits))
    async with asyncio.TaskGroup() as group:
        printers = [
            group.create_task(_live(broker, account, scenario, limits, speed, _dice(seed, place)))
            for place, (account, scenario) in enumerate(fleet)
        ]
        await stop
        for printer in printers:
            printer.cancel()


async def flood(
    broker: Mqtt,
    fleet: Iterable[tuple[Account, Scenario]],
    limits: Limits,
    *,
    rate: float,
    seed: int | None = None,
) -> None:
    """Publish ``rate`` messages a second, one printer after the other, whatever they mean.

    The stories are the same, but their time does not count.

    Raises:
        LinkError: The broker went away.
        SetupError: It refused a printer.
    """
    async with AsyncExitStack() as stack:
        voices: list[tuple[Voice, Iterator[Step]]] = []
        for place, (account, scenario) in enumerate(fleet):
            opened = await stack.enter_async_context(voice(broker, account, limits))
            voices.append((opened, _endless(scenario, _dice(seed, place))))
        limits.began = time.monotonic()
        turn = 0
        while not limits.are_reached:
            due = (time.monotonic() - limits.began) * rate
            while limits.sent < due and not limits.are_reached:
                speaker, story = voices[turn % len(voices)]
                turn += 1
                if speaker.connection.is_congested:
                    break
                await speaker.say(next(story))
            await asyncio.sleep(PACE)


async def _live(
    broker: Mqtt, account: Account, scenario: Scenario, limits: Limits, speed: float, dice: Dice
) -> None:
    patience = Patience()
    story = told(scenario, dice)
    again = False
    while True:
        try:
            async with voice(broker, account, limits) as speaker:
                patience.recover("broker is back")
                if again:  # what was said meanwhile is lost, and this is all that is said of it
                    await speaker.say(CAME_BACK)
                again = True
                await _tell(speaker, story, speed, dice)
        except LinkError as error:
            lost = str(error)
        await patience.lose("broker is away", lost)


async def _tell(speaker: Voice, story: Iterator[Step], speed: float, dice: Dice) -> NoReturn:
    loop = asyncio.get_running_loop()
    try:
        due = loop.time()
        for step in story:
            due += step.after / speed
            await asyncio.sleep(max(due - loop.time(), 0))
            await speaker.say(step)
            if isinstance(step, Drop) or speaker.limits.are_reached:
                await asyncio.Event().wait()  # for good
        await speaker.connection.lost()
    except asyncio.CancelledError:
        if speaker.limits.count is not None:
            raise  # exactly so many were asked for
        with suppress(LinkError, TimeoutError):
            async with asyncio.timeout(1):
                for step in farewell(dice):
                    await speaker.say(step)
        raise


async def _stopped(limits: Limits) -> None:
    while not limits.are_reached:  # noqa: ASYNC110  (two numbers, changed for each message)
        await asyncio.sleep(PACE)


def _endless(scenario: Scenario, dice: Dice) -> Iterator[Line]:
    while True:
        for step in told(scenario, dice):
            if isinstance(step, Line):
                yield step


def _dice(seed: int | None, place: int) -> Dice:
    # It varies a story; nobody has to be unable to guess it.
    return random.Random(None if seed is None else seed + place).randint  # noqa: S311
