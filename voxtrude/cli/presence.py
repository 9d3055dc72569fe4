"""What our own services say of themselves at the broker."""

import asyncio
from contextlib import suppress

from pydantic import ValidationError

from voxtrude import mqtt, topics
from voxtrude.dynsec import OBSERVER
from voxtrude.notices import ServiceDocument
from voxtrude.settings import Mqtt

LISTEN = 2.0  # seconds; retained messages come at once


async def told(broker: Mqtt, *filters: str, seconds: float = LISTEN) -> dict[str, bytes]:
    """Return the retained messages under ``filters``, as far as they come in time.

    One filter without a wildcard ends the wait as soon as it was answered.

    Raises:
        LinkError: The broker is away.
        SetupError: It refused us.
    """
    found: dict[str, bytes] = {}
    single = len(filters) == 1 and not {"+", "#"} & set(filters[0])
    async with mqtt.connect(broker, OBSERVER) as connection:
        await connection.subscribe(*filters)
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                async for delivery in connection.deliveries():
                    found[delivery.topic] = delivery.payload
                    if single:
                        break
    return found


async def service(broker: Mqtt, name: str) -> ServiceDocument | None:
    """Return what a service last said of itself, or the broker for it.

    Raises:
        LinkError: The broker is away.
        SetupError: It refused us.
    """
    topic = topics.service_topic(name)
    payload = (await told(broker, topic)).get(topic)
    try:
        return ServiceDocument.model_validate_json(payload) if payload else None
    except ValidationError:
        return None
