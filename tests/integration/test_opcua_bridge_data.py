"""Data changes of a running bridge, as node-opcua's client hears them: filters and queues."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import pytest

from tests.integration.opcua_bridges import Bridge, Floor, machine, node
from tests.integration.opcua_clients import Watching, watching
from tests.integration.opcua_guests import TOOL
from tests.opcua_printers import printer
from voxtrude.printer import Status
from voxtrude.registration import Registration

pytestmark = pytest.mark.integration

FIRST = 100.0
LAST = -9.0  # no filter passes over it
SPAN = 350.0  # of a tool's EURange

How = dict[str, Any]
"""What a client asks of an item."""


def warm(floor: Floor, one: Registration, actual: float) -> None:
    """Tell a temperature."""
    tool = printer(Status.IDLE).temperatures["tool0"]
    state = printer(Status.IDLE, temperatures={"tool0": replace(tool, actual=actual)})
    floor.put(one, state)


@contextmanager
def watched(
    floor: Floor, bridge: Bridge, hows: Sequence[How], publishing: float = 100
) -> Iterator[tuple[Watching, list[Registration]]]:
    """Watch the temperature of a machine for each of ``hows``, from its first value on."""
    made = [machine() for _ in hows]
    for one in made:
        warm(floor, one, FIRST)
    items: list[Any] = [
        {"node": node(one, TOOL), **how} for one, how in zip(made, hows, strict=True)
    ]
    with watching(bridge.url, items, bridge.login, publishing=publishing) as heard:
        heard.wait_for(lambda seen: all(values(seen, one) == [FIRST] for one in made))
        yield heard, made


def values(heard: Watching, one: Registration) -> list[Any]:
    """Return what was heard of a machine."""
    return heard.values(node(one, TOOL))


def tell(
    floor: Floor, heard: Watching, made: Sequence[Registration], told: Sequence[float]
) -> None:
    """Tell each machine's temperatures, and one more that passes; wait until it was heard."""
    for value in (*told, LAST):
        for one in made:
            warm(floor, one, value)
    heard.wait_for(lambda seen: all(values(seen, one)[-1] == LAST for one in made))


def test_a_deadband_passes_over_small_changes(floor: Floor, bridge: Bridge) -> None:
    eager = {"sampling": 0, "queue": 10}
    absolute = {"type": "Absolute", "value": 2.0}
    percent = {"type": "Percent", "value": 100 * 2.0 / SPAN}
    hows: list[How] = [eager, {**eager, "deadband": absolute}, {**eager, "deadband": percent}]
    with watched(floor, bridge, hows) as (heard, made):
        assert [item["status"] for item in heard.ready["items"]] == ["Good"] * 3
        tell(floor, heard, made, [101.0, 102.0, 102.5])
        every, *filtered = (values(heard, one) for one in made)
        assert every == [FIRST, 101.0, 102.0, 102.5, LAST]
        # More than so many degrees, measured from the last one that was told.
        assert filtered == [[FIRST, 102.5, LAST]] * 2


def test_a_queue_that_overflows_says_so(floor: Floor, bridge: Bridge) -> None:
    hows = [{"sampling": 0, "queue": 3, "discardOldest": oldest} for oldest in (True, False)]
    # What is told comes within one publishing interval.
    with watched(floor, bridge, hows, publishing=1000) as (heard, made):
        assert [item["queue"] for item in heard.ready["items"]] == [3, 3]
        tell(floor, heard, made, [1.0, 2.0, 3.0, 4.0, 5.0, 6.0])
        assert [values(heard, one) for one in made] == [
            [FIRST, 5.0, 6.0, LAST],
            [FIRST, 1.0, 2.0, LAST],
        ]
        marked = [line for line in heard.notifications if "Overflow" in line["status"]]
        assert {line["node"]: line["value"] for line in marked} == {
            node(made[0], TOOL): 5.0,
            node(made[1], TOOL): LAST,
        }


def test_of_one_sampling_interval_the_last_value_is_heard(floor: Floor, bridge: Bridge) -> None:
    hows = [{"sampling": interval, "queue": 10} for interval in (1500, 0)]
    with watched(floor, bridge, hows) as (heard, made):
        assert [item["sampling"] for item in heard.ready["items"]] == [1500, 0]
        tell(floor, heard, made, [1.0, 2.0, 3.0])
        slow, every = (values(heard, one) for one in made)
        assert every == [FIRST, 1.0, 2.0, 3.0, LAST]
        # Some of them fall into one interval, wherever it begins.
        assert len(slow) <= 3
        assert slow[-1] == LAST
