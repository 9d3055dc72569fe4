"""Machines with a port of their own, which a running bridge opens and closes."""

import socket
from dataclasses import replace

import pytest

from tests.integration.opcua_bridges import Bridge, Floor, Hall, machine
from tests.integration.opcua_guests import DEADLINE, TOOL, Guest, eventually
from tests.integration.servers import free_port, listens, wait_until
from tests.opcua_printers import printer
from voxtrude.printer import Status
from voxtrude.registration import Factory, Registration

pytestmark = [pytest.mark.integration, pytest.mark.asyncio(loop_scope="module")]

IDLE = printer(Status.IDLE)
REFUSED = "a machine's own port cannot be opened"


def at(port: int) -> Registration:
    """Return a machine with a port of its own."""
    return machine(factory=Factory(opcua_port=port))


def moved(one: Registration, port: int) -> Registration:
    return replace(one, factory=Factory(opcua_port=port))


async def test_a_machine_has_a_port_of_its_own_for_as_long_as_it_says_so(
    floor: Floor, bridge: Bridge, hall: Hall, guest: Guest
) -> None:
    port, other = free_port(), free_port()
    one = at(port)
    floor.put(one, IDLE)
    wait_until(lambda: listens(port), DEADLINE)
    async with bridge.connected(port) as single:
        assert set(await single.machines()) == {one.id}
        assert await single.status(hall.lone) == "BadNodeIdUnknown"
        assert await single.holds(one, TOOL, 210.0)
    floor.put(moved(one, other), IDLE)
    wait_until(lambda: listens(other) and not listens(port), DEADLINE)
    floor.remove(one)
    wait_until(lambda: not listens(other), DEADLINE)
    await guest.misses(one)


async def test_an_own_port_that_is_taken_is_one_warning_and_no_more(
    floor: Floor, bridge: Bridge, guest: Guest
) -> None:
    port = free_port()
    one, other = at(port), machine()
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", port))
        taken.listen()
        for _ in range(3):
            floor.put(one, IDLE)
            floor.put(other, IDLE)
            await guest.sees(other)
            floor.remove(other)
            await guest.misses(other)
    (told,) = refusals(bridge, one)
    assert str(port) in told

    # It is opened once it is free, with the next state that comes.
    async def opened() -> bool:
        floor.put(one, IDLE)
        return listens(port)

    await eventually(opened)
    floor.remove(one)


async def test_no_machine_takes_the_port_of_another_or_of_the_settings(
    floor: Floor, bridge: Bridge, hall: Hall, guest: Guest
) -> None:
    port = free_port()
    first, second, bold = at(port), at(port), at(bridge.port)
    for one in (first, second, bold):
        floor.put(one, IDLE)
        await guest.sees(one)
    wait_until(lambda: refusals(bridge, bold) and refusals(bridge, second), DEADLINE)
    floor.put(first, printer(Status.PRINTING))
    floor.put(second, printer(Status.PRINTING))
    async with bridge.connected(port) as single, bridge.connected() as whole:
        assert set(await single.machines()) == {first.id}
        assert set(await whole.machines()) >= {hall.lone.id, first.id, second.id, bold.id}
    floor.remove(first)

    async def is_free() -> bool:
        if not listens(port):
            return False
        async with bridge.connected(port) as single:
            return set(await single.machines()) == {second.id}

    await eventually(is_free)
    told = [refusals(bridge, one) for one in (first, second, bold)]
    assert told == [
        [],
        [f"port {port} serves {first.id} already"],
        [f"port {bridge.port} serves all already"],
    ]
    for one in (second, bold):
        floor.remove(one)


def refusals(bridge: Bridge, one: Registration) -> list[str]:
    """Return why a machine has not got its port."""
    return [
        line["reason"]
        for line in bridge.lines()
        if line["event"] == REFUSED and line["machine"] == one.id
    ]
