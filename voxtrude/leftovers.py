"""What the broker has kept of a printer, taken off it: file names are among it.

OctoPrint-MQTT retains progress, temperatures, metadata, some events and its last will. Only
the printer itself may publish there, and no account of ours gets that right for a removal:
the topics are emptied as the printer, with a secret that nobody else has seen.
"""

import asyncio
import re
from collections.abc import Iterable, Iterator

from pydantic import SecretStr

from voxtrude import dynsec, mqtt
from voxtrude.control import Control
from voxtrude.credentials import new_secret
from voxtrude.printer import PrinterState
from voxtrude.registration import Registration
from voxtrude.settings import Mqtt

DEADLINE = 5.0  # seconds for all of it

EVENTS = ("ZChange", "FirmwareData", "PausedForUser")
PROGRESS = ("printing", "slicing")
HEATERS = ("tool0", "bed", "chamber")

_PLACEHOLDER = re.compile(r"\{[^}]*\}")


async def clear(
    control: Control, login: Mqtt, registration: Registration, state: PrinterState | None
) -> None:
    """Empty the printer's topics; from here on nobody knows its secret. Its session ends.

    Raises:
        LinkError: The broker went away, or refused something.
        SetupError: It did not let us in as the printer.
        TimeoutError: It took too long.
    """
    secret = new_secret()
    printer = registration.id
    ours = login.model_copy(update={"username": printer, "password": SecretStr(secret)})
    async with asyncio.timeout(DEADLINE):
        commands = [*dynsec.set_password(printer, secret), *dynsec.enable(printer)]
        await control.execute(commands)
        async with mqtt.connect(ours, printer) as connection:
            await asyncio.gather(
                *(connection.send(topic, b"", retain=True) for topic in topics(registration, state))
            )


def topics(registration: Registration, state: PrinterState | None) -> tuple[str, ...]:
    """Return where the broker may have kept something; ``state`` names heaters and keys."""
    return tuple(name for name in dict.fromkeys(_topics(registration, state)) if _is_name(name))


def _topics(registration: Registration, state: PrinterState | None) -> Iterator[str]:
    base, templates = registration.base_topic, registration.templates
    heaters = [*HEATERS, *(state.temperatures if state else ())]
    keys = [key for key, _ in state.metadata] if state else []
    yield f"{base}{templates.last_will}"
    # A slash that was left out puts the last will elsewhere.
    yield from dynsec.publishable(registration)[len(registration.topics) :]
    for template, names in (
        (templates.event, EVENTS),
        (templates.progress, PROGRESS),
        (templates.temperature, heaters),
        (templates.metadata, keys),
    ):
        yield from _filled(f"{base}{template}", names)


def _filled(template: str, names: Iterable[str]) -> Iterator[str]:
    before, *after = _PLACEHOLDER.split(template, maxsplit=1)
    for name in names:
        yield name.join((before, *after))


def _is_name(topic: str) -> bool:
    return not any(character in topic for character in "+#\0")
