"""What a topic of the plugin's says before its payload is read: its class, and its name.

The plugin's topic templates may have been renamed, so they are properties of the
registration.
"""

import re
from dataclasses import dataclass
from functools import lru_cache

from voxtrude.registration import Registration, Templates

MAX_TOPIC = 256  # after the base; what is longer is none of the plugin's


class Kind:
    """The classes of topic that the plugin has."""

    EVENT = "event"
    PROGRESS = "progress"
    TEMPERATURE = "temperature"
    METADATA = "metadata"
    LAST_WILL = "last_will"


@dataclass(frozen=True, slots=True)
class Heading:
    """What a topic says before its payload is read."""

    kind: str
    name: str


def heading(registration: Registration, topic: str) -> Heading | None:
    """Return what ``topic`` is to the printer, or None where it is none of the plugin's."""
    base = registration.base_topic
    if len(topic) - len(base) > MAX_TOPIC or not topic.startswith(base):
        return None
    return _heading(registration.templates, topic[len(base) :])


@lru_cache(maxsize=4096)
def _heading(templates: Templates, relative: str) -> Heading | None:
    for pattern, kind in _patterns(templates):
        match = pattern.fullmatch(relative)
        if match:
            return Heading(kind, match[1] if pattern.groups else "")
    return None


@lru_cache(maxsize=256)
def _patterns(templates: Templates) -> tuple[tuple[re.Pattern[str], str], ...]:
    kinds = (
        (templates.temperature, Kind.TEMPERATURE),
        (templates.event, Kind.EVENT),
        (templates.progress, Kind.PROGRESS),
        (templates.last_will, Kind.LAST_WILL),
        (templates.metadata, Kind.METADATA),
    )
    # The most literal one first: a bare {temp} would take every topic.
    ordered = sorted(kinds, key=lambda row: -len(re.sub(r"\{[^}]*\}", "", row[0])))
    return tuple((_pattern(template), kind) for template, kind in ordered)


def _pattern(template: str) -> re.Pattern[str]:
    """Turn ``event/{event}/x`` into a pattern whose group is the placeholder."""
    parts = re.split(r"\{[^}]*\}", template, maxsplit=1)
    return re.compile("(.+)".join(re.escape(part) for part in parts))
