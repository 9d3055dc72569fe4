"""Machines of an OPC UA server with their values, as a client finds them."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from asyncua import ua

from voxtrude.errors import SetupError
from voxtrude.opcua.check import machines
from voxtrude.opcua.check.client import Access, connected
from voxtrude.opcua.check.services import Services
from voxtrude.opcua.check.tree import MACHINERY, Instance

BUILDING_BLOCKS = "MachineryBuildingBlocks"


@dataclass(frozen=True, slots=True)
class Shown:
    """One node: how deep it lies, and its value in words."""

    depth: int
    name: str
    node_id: str
    value: str
    status: str
    at: datetime | None


async def browse(url: str, access: Access, machine: str | None = None) -> list[list[Shown]]:
    """Return the nodes of all machines, or of the one called ``machine``.

    Raises:
        SetupError: The server refuses us, or has no such machine.
        LinkError: It is away, or no OPC UA server.
    """
    async with connected(url, access) as connection:
        namespaces = tuple(await connection.client.get_namespace_array())
        if MACHINERY not in namespaces:
            raise SetupError(f"{url} is no server of machines: it lacks the namespace {MACHINERY}")
        found = await machines.read(await Services.of(connection.client), namespaces, None)
    wanted = [one for one in found.machines if machine in {None, one.name.text, _id(one)}]
    if machine is not None and not wanted:
        raise SetupError(f"{url} has no machine {machine!r}")
    return [list(_shown(one, 0, set())) for one in wanted]


def _shown(instance: Instance, depth: int, seen: set[ua.NodeId]) -> Iterator[Shown]:
    """Yield a node and all below it; each node once."""
    if instance.node_id in seen:
        return
    seen.add(instance.node_id)
    told = instance.value
    status = told.StatusCode.name if told is not None and told.StatusCode is not None else ""
    yield Shown(
        depth,
        instance.name.text,
        instance.node_id.to_string(),
        "" if told is None or told.Value is None else _words(told.Value.Value),
        "" if status == "Good" else status,
        told.SourceTimestamp if told is not None else None,
    )
    # What Machinery's building blocks refer to stands elsewhere, too: there one looks for it.
    for child in sorted(instance.children, key=lambda one: one.name.text == BUILDING_BLOCKS):
        yield from _shown(child, depth + 1, seen)


def _words(value: Any) -> str:  # noqa: ANN401  (any OPC UA value)
    if isinstance(value, list):
        return ", ".join(_words(one) for one in value)
    words = _WORDS.get(value.__class__)
    if words is not None:
        return words(value)
    return "" if value is None else str(value)


_WORDS: dict[type[Any], Callable[[Any], str]] = {
    ua.LocalizedText: lambda value: value.Text or "",
    ua.NodeId: lambda value: str(value.to_string()),
    ua.EUInformation: lambda value: value.DisplayName.Text or "",
    ua.Range: lambda value: f"{value.Low:g} to {value.High:g}",
    ua.Argument: lambda value: value.Name or "",
    datetime: lambda value: str(value.isoformat(timespec="seconds")),
    float: lambda value: f"{value:.10g}",
}


def _id(instance: Instance) -> str:
    return str(instance.node_id.Identifier)
