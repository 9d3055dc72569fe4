"""What machines on OPC UA cost, beside stock asyncua and node-opcua in the same run.

``python -m benchmarks.opcua`` prints tables and writes results/opcua.json; ``--soak`` looks
for growing memory instead, while clients come and vanish.
"""

import argparse
import json
import os
import signal
import statistics
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from benchmarks import baseline, opcua_documents, opcua_load, opcua_soak
from benchmarks.opcua_contenders import INTERVAL_MS, NODE, OURS, STOCK, Clients, Contenders
from benchmarks.publishing import BUCKETS_PER_MS
from benchmarks.stack import cpu_seconds, memory
from tests.integration.servers import Server

RESULTS = Path(__file__).parent / "results"
BUSY = 80.0  # percent of a core: clients that take more are what is measured


@dataclass(frozen=True, slots=True)
class Sizes:
    """How much is measured; the small ones only show that it works."""

    few: int = 100
    many: int = 1_000
    clients: int = 10
    rounds: int = 3
    warm_seconds: float = 5.0
    seconds: float = 20.0
    soak_seconds: float = 600.0


SMALL = Sizes(3, 6, 2, 1, 0.5, 1.0, 10.0)


@dataclass(frozen=True, slots=True)
class Load:
    """Machines whose ten values change once a second, and clients that subscribe to all."""

    machines: int
    clients: int

    @property
    def rate(self) -> int:
        """How many notifications a second there are to deliver."""
        return self.machines * self.clients * len(opcua_load.CHANGING)


@dataclass(frozen=True, slots=True)
class Measured:
    """One server under one load; processors in percent of a core, latencies in ms."""

    server: str
    machines: int
    clients: int
    expected: int
    delivered: float
    lost: int
    p50: float
    p99: float
    worst: float
    cpu: float
    clients_cpu: float
    compared: int  # messages of each client that asyncua decoded alike
    load_seconds: float
    create_seconds: float
    subscribe_seconds: float
    before_mib: float
    created_mib: float
    subscribed_mib: float


def main() -> int:
    """Measure what was chosen; return the exit code."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--small", action="store_true", help="only show that it works")
    arguments.add_argument("--skip-baselines", action="store_true")
    arguments.add_argument("--soak", action="store_true", help="look for growing memory instead")
    arguments.add_argument("--soak-seconds", type=float, help="how long; ten minutes if left out")
    chosen = arguments.parse_args()
    # Servers are ended by context managers, which a signal that just kills would skip.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    sizes = SMALL if chosen.small else Sizes()
    results: dict[str, Any] = {"cores": os.cpu_count(), "sizes": asdict(sizes)}
    with tempfile.TemporaryDirectory() as folder:
        contenders = Contenders(Path(folder))
        if chosen.soak:
            seconds = chosen.soak_seconds or sizes.soak_seconds
            results |= opcua_soak.run(contenders, sizes.few, sizes.clients, seconds)
        else:
            names = (OURS,) if chosen.skip_baselines else (OURS, STOCK, NODE)
            if NODE in names:
                baseline.install()
            results |= measure(contenders, sizes, names)
    RESULTS.mkdir(exist_ok=True)
    file = RESULTS / ("opcua-soak.json" if chosen.soak else "opcua.json")
    file.write_text(json.dumps(results, indent=2) + "\n")
    if chosen.soak:
        opcua_soak.report(results)
    else:
        report(results)
    print(f"\n{file}")
    return 0


def measure(contenders: Contenders, sizes: Sizes, names: Sequence[str]) -> dict[str, Any]:
    """Measure each load with each server, in turn; the others with ours alone."""
    few, many = Load(sizes.few, sizes.clients), Load(sizes.many, 1)
    flood = Load(sizes.many, sizes.clients)
    return {
        "few": [
            asdict(measured(contenders, name, few, sizes))
            for _ in range(sizes.rounds)
            for name in names
        ],
        "many": [asdict(measured(contenders, name, many, sizes)) for name in names],
        "flood": [asdict(measured(contenders, OURS, flood, sizes))],
        "bridge": [asdict(bridged(contenders, load, sizes)) for load in (few, many)],
    }


def measured(contenders: Contenders, name: str, load: Load, sizes: Sizes) -> Measured:
    """Run one server with one load."""
    print(f"{name}: {load.machines:,} machines, {load.clients} clients", flush=True)
    with (
        contenders.server(name, load.machines) as (server, port, said),
        contenders.clients(port, load.machines, load.clients) as clients,
    ):
        return _window(name, load, sizes, server, clients, said)


def bridged(contenders: Contenders, load: Load, sizes: Sizes) -> Measured:
    """Run the whole bridge, and publish documents for it; latencies begin with publishing."""
    print(f"the bridge: {load.machines:,} machines, {load.clients} clients", flush=True)
    with (
        tempfile.TemporaryDirectory(dir=contenders.folder) as folder,
        opcua_documents.running(
            Path(folder), load.machines, contenders.server_core, contenders.client_core
        ) as (server, port),
        contenders.clients(port, load.machines, load.clients) as clients,
    ):
        return _window("the bridge", load, sizes, server, clients, {})


def _window(
    name: str,
    load: Load,
    sizes: Sizes,
    server: Server,
    clients: Clients,
    said: dict[str, float],
) -> Measured:
    time.sleep(sizes.warm_seconds)
    clients.take()
    began, used = time.perf_counter(), cpu_seconds(server)
    time.sleep(sizes.seconds)
    taken, took = clients.take(), time.perf_counter() - began
    used = cpu_seconds(server) - used
    return Measured(
        server=name,
        machines=load.machines,
        clients=load.clients,
        expected=load.rate,
        delivered=taken["notifications"] / took,
        lost=taken["lost"],
        p50=quantile(taken["latencies"], 0.5),
        p99=quantile(taken["latencies"], 0.99),
        worst=quantile(taken["latencies"], 1.0),
        cpu=used / took * 100,
        clients_cpu=taken["cpu"] / took * 100,
        compared=clients.compared,
        load_seconds=said.get("load_seconds", 0.0),
        create_seconds=said.get("create_seconds", 0.0),
        subscribe_seconds=clients.subscribe_seconds,
        before_mib=said.get("rss_before_mib", 0.0),
        created_mib=said.get("rss_after_mib", 0.0),
        subscribed_mib=memory(server),
    )


def quantile(buckets: dict[str, int], share: float) -> float:
    """Return below how many milliseconds that share of the latencies lies."""
    left = share * sum(buckets.values())
    for bucket, count in sorted((int(bucket), count) for bucket, count in buckets.items()):
        left -= count
        if left <= 0:
            return (bucket + 1) / BUCKETS_PER_MS
    return 0.0


# Report -------------------------------------------------------------------------------------


def report(results: dict[str, Any]) -> None:
    """Print what was measured."""
    sizes = results["sizes"]
    few, many, clients = sizes["few"], sizes["many"], sizes["clients"]
    print(f"\n{results['cores']} cores, one run; publishing interval {INTERVAL_MS:.0f} ms")
    _created(results["many"], many)
    _table(f"{few:,} machines, {clients} clients (median of rounds)", _medians(results["few"]))
    _table(f"{many:,} machines, 1 client", results["many"])
    _table(f"{many:,} machines, {clients} clients", results["flood"])
    for row in results["bridge"]:
        _table(
            f"the whole bridge, from publishing a document: {row['machines']:,} machines, "
            f"{row['clients']} clients",
            [row],
        )


def _created(rows: list[dict[str, Any]], machines: int) -> None:
    print(f"\n{machines:,} machines{'':16}created in s   before MiB    after MiB   subscribed MiB")
    for row in rows:
        print(
            f"  {row['server']:26}{row['create_seconds']:>12.2f}{row['before_mib']:>13.0f}"
            f"{row['created_mib']:>13.0f}{row['subscribed_mib']:>17.0f}"
        )


def _table(title: str, rows: list[dict[str, Any]]) -> None:
    print(f"\n{title}: {rows[0]['expected']:,} notifications a second to deliver")
    print("               delivered    lost   CPU %   ours is   p50 ms   p99 ms   worst ms")
    for row in rows:
        share = f"{rows[0]['cpu'] / row['cpu']:.2f}" if row["cpu"] and row is not rows[0] else ""
        busy = "  (the clients were busy)" if row["clients_cpu"] > BUSY else ""
        print(
            f"  {row['server']:12}{row['delivered']:>10,.0f}{row['lost']:>8,}{row['cpu']:>8.1f}"
            f"{share:>10}{row['p50']:>9.1f}{row['p99']:>9.1f}{row['worst']:>11.1f}{busy}"
        )


def _medians(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return one row a server: the medians of its rounds, and all that was lost in them."""
    found = []
    for name in dict.fromkeys(row["server"] for row in rows):
        rounds = [row for row in rows if row["server"] == name]
        figures = {
            key: statistics.median(one[key] for one in rounds)
            for key in rounds[0]
            if key != "server"
        }
        found.append({"server": name, **figures, "lost": sum(one["lost"] for one in rounds)})
    return found


if __name__ == "__main__":
    sys.exit(main())
