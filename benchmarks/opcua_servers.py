"""Two OPC UA servers with the same load, each in a process of its own: the bridge's, and stock.

``python -m benchmarks.opcua_servers ours|asyncua ORDER`` takes a JSON object with the fields of
``opcua_load.Order``; it prints one JSON line when it listens, and goes on until it is ended.
``ours`` is all of the bridge but its connection to the broker; ``asyncua`` is its own server, as
it comes.
"""

import asyncio
import json
import logging
import os
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from pathlib import Path

from asyncua import ua
from asyncua.server.server import Server

from benchmarks import opcua_load
from benchmarks.opcua_load import Order, Pace
from services.opcua_bridge.mapping.situation import Pipeline
from services.opcua_bridge.ports import Ports
from services.opcua_bridge.server import opened
from services.opcua_bridge.settings import BridgeSettings
from services.opcua_bridge.values import SharedValue
from voxtrude import logs
from voxtrude.documents import PrinterDocument
from voxtrude.feed import News
from voxtrude.opcua.settings import Opcua
from voxtrude.printer import PrinterId
from voxtrude.settings import Log

NAMESPACE = "urn:voxtrude:machines"
KINDS: dict[str, ua.Variant] = {
    "double": ua.Variant(0.0, ua.VariantType.Double),
    "number": ua.Variant(0, ua.VariantType.Int32),
    "text": ua.Variant("", ua.VariantType.String),
}

Write = Callable[[int, float, datetime], Awaitable[None]]


async def write(pace: Pace, one: Write) -> None:
    """Write what is due, forever."""
    while True:
        for machine, value in pace.due():
            await one(machine, value, datetime.now(UTC))
        await asyncio.sleep(opcua_load.TICK)


async def ours(order: Order) -> None:
    """Run the bridge's server with its machines, made of documents as they come from ingest."""
    began = time.perf_counter()
    texts = [opcua_load.document(number).model_dump_json() for number in range(order.machines)]
    with tempfile.TemporaryDirectory() as folder:
        opcua = Opcua(port=order.port, data=Path(folder), no_security=True, anonymous=True)
        async with opened(BridgeSettings(opcua=opcua)) as bridge:
            loaded, before = time.perf_counter(), rss()
            documents = map(PrinterDocument.model_validate_json, texts)
            states: dict[PrinterId, PrinterDocument | None] = {
                PrinterId(document.printer.id): document for document in documents
            }
            await bridge.hear(Pipeline.RUNNING)
            await bridge.machines.use(News(states=states, complete=True))
            made, after = time.perf_counter(), rss()
            space = bridge.core.space

            async def one(machine: int, value: float, now: datetime) -> None:
                # A value for each variable, as each has its own in a document.
                values = {
                    path: SharedValue(ua.Variant(value, ua.VariantType.Double), None, now, now)
                    for path in opcua_load.CHANGING
                }
                space.write(PrinterId(opcua_load.name(machine)), values)

            ports = Ports(bridge, opcua)
            await ports.open()
            try:
                say(began, loaded, made, before, after)
                await write(Pace(order.machines), one)
            finally:
                await ports.close()


async def stock(order: Order) -> None:
    """Run asyncua's server with plain objects and variables."""
    began = time.perf_counter()
    server = Server()
    await server.init()
    server.set_endpoint(f"opc.tcp://127.0.0.1:{order.port}/")
    server.set_security_policy([ua.SecurityPolicyType.NoSecurity])
    namespace = await server.register_namespace(NAMESPACE)
    tree = json.loads(await asyncio.to_thread(Path(order.tree).read_text))
    loaded, before = time.perf_counter(), rss()
    changing: list[list[ua.NodeId]] = []
    for number in range(order.machines):
        machine = opcua_load.name(number)
        there = {
            "": await server.nodes.objects.add_object(
                node_id(machine, namespace), ua.QualifiedName(machine, namespace)
            )
        }
        for path, kind in tree["nodes"]:
            above, _, leaf = path.rpartition("/")
            wanted = node_id(f"{machine}/{path}", namespace)
            browse_name = ua.QualifiedName(leaf, namespace)
            parent = there[above]
            there[path] = (
                await parent.add_object(wanted, browse_name)
                if kind == "object"
                else await parent.add_variable(wanted, browse_name, KINDS[kind])
            )
        changing.append([there[path].nodeid for path in tree["changing"]])
    made, after = time.perf_counter(), rss()

    async def one(machine: int, value: float, now: datetime) -> None:
        for variable in changing[machine]:
            told = ua.DataValue(
                ua.Variant(value, ua.VariantType.Double),
                SourceTimestamp=now,  # type: ignore[arg-type]  # asyncua's DateTime is a datetime
            )
            await server.write_attribute_value(variable, told)

    async with server:
        say(began, loaded, made, before, after)
        await write(Pace(order.machines), one)


def node_id(identifier: str, namespace: int) -> ua.NodeId:
    """Return a NodeId of a string."""
    return ua.NodeId(ua.String(identifier), ua.Int16(namespace))


def say(began: float, loaded: float, made: float, before: float, after: float) -> None:
    """Tell that the server listens, and what its machines have cost."""
    facts = {
        "ready": True,
        "load_seconds": loaded - began,
        "create_seconds": made - loaded,
        "rss_before_mib": before,
        "rss_after_mib": after,
    }
    print(json.dumps(facts), flush=True)


def rss() -> float:
    """Return this process's resident memory in MiB."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 2**20


if __name__ == "__main__":
    logging.basicConfig(level=logging.ERROR)
    logs.configure(Log(level="ERROR"), "benchmark")
    given = Order(**json.loads(sys.argv[2]))
    if given.cpu is not None:
        os.sched_setaffinity(0, {given.cpu})
    asyncio.run({"ours": ours, "asyncua": stock}[sys.argv[1]](given))
