"""Recordings of real printers, played again.

A recording has a JSON object a line: ``t`` (seconds since its start), ``topic``,
``payload`` (text), ``qos`` and ``retain``.
"""

import asyncio
import json
import re
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from voxtrude.errors import SetupError
from voxtrude.simulator.payloads import LAST_WILL, STAMP
from voxtrude.simulator.player import Voice

# What OctoPrint-MQTT keeps at the broker: a subscriber's recording does not tell.
RETAINED = re.compile(r"mqtt|temperature/.*|progress/.*|metadata/.*")
RETAINED_EVENTS = frozenset({"event/ZChange", "event/FirmwareData", "event/PausedForUser"})


class _Row(BaseModel):
    model_config = ConfigDict(extra="ignore")

    t: Annotated[float, Field(ge=0)]
    topic: str
    payload: str
    qos: Annotated[int, Field(ge=0, le=1)] = 0
    retain: bool = False


@dataclass(frozen=True, slots=True)
class Said:
    """One recorded message; ``topic`` is relative to the recording's base topic."""

    at: float
    topic: str
    payload: str
    qos: int
    retain: bool


def read(path: Path) -> list[Said]:
    """Read a recording of one printer.

    Raises:
        SetupError: It cannot be read, or holds no printer's messages.
    """
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "no text"
        raise SetupError(f"cannot read the recording {path}: {reason}") from None
    rows: list[_Row] = []
    for number, line in enumerate(lines, start=1):
        try:
            rows.append(_Row.model_validate_json(line))
        except ValidationError:
            raise SetupError(f"{path}:{number}: no recorded message") from None
    base = _base(rows, path)
    return [
        Said(row.t, relative, row.payload, row.qos, row.retain or _is_retained(relative))
        for row in rows
        if row.topic.startswith(base) and (relative := row.topic.removeprefix(base))
    ]


async def play(speaker: Voice, recording: list[Said], *, speed: float, original: bool) -> None:
    """Say a recording again with its own pauses, ``speed`` times as fast.

    Time stamps are those of now, unless they are to stay the ``original`` ones.

    Raises:
        LinkError: The broker went away.
    """
    began = time.monotonic()
    for said in recording:
        wait = said.at / speed - (time.monotonic() - began)
        await asyncio.sleep(max(wait, 0))
        if speaker.limits.are_reached:
            return
        payload = said.payload if original else _restamped(said.payload)
        await speaker.send(said.topic, payload.encode(), said.qos, retain=said.retain)


def _base(rows: list[_Row], path: Path) -> str:
    """Find the base topic: what stands before the last will's topic, or before an event's."""
    for row in rows:
        if row.topic.endswith(LAST_WILL) and row.payload in {"connected", "disconnected"}:
            return row.topic.removesuffix(LAST_WILL)
    for row in rows:
        before, found, _ = row.topic.partition("event/")
        if found:
            return before
    raise SetupError(f"{path}: no message of an OctoPrint in it")


def _is_retained(topic: str) -> bool:
    return topic in RETAINED_EVENTS or RETAINED.fullmatch(topic) is not None


def _restamped(payload: str) -> str:
    try:
        body = json.loads(payload)
    except ValueError:
        return payload
    if not isinstance(body, dict) or STAMP not in body:
        return payload
    return json.dumps({**body, STAMP: int(time.time())})
