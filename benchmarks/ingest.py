"""How fast, how late and how large ingest is, beside two baselines in the same run.

``python -m benchmarks.ingest`` prints a table and writes results/ingest.json.
"""

import argparse
import json
import os
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from benchmarks import baseline, environment, observers, traffic
from benchmarks.printers import Host, Printer, allow_connections, connected, publish
from benchmarks.stack import Stack, cpu_seconds, memory, program, running
from tests.integration.servers import wait_until
from voxtrude.simulator.payloads import encoded

RESULTS = Path(__file__).parent / "results"
PRINTERS = 200
FLEET = 10_000
RATE = 2_000
PACED_SECONDS = 15.0
FLEET_SECONDS = 10.0
ROUNDS = 3
FLOOD = 240  # messages of each printer in one round
BASELINE_FLOOD = 15
BURST = 10  # messages of one printer in a row
PATIENCE = 120.0


@dataclass(frozen=True, slots=True)
class Sizes:
    """How much is measured; the small ones only show that it works."""

    printers: int = PRINTERS
    fleet: int = FLEET
    rounds: int = ROUNDS
    flood: int = FLOOD
    baseline_flood: int = BASELINE_FLOOD
    rate: int = RATE
    paced_seconds: float = PACED_SECONDS
    fleet_seconds: float = FLEET_SECONDS


SMALL = Sizes(20, 200, 1, 60, 9, 200, 2.0, 2.0)


def main() -> int:
    """Measure everything; return the exit code."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--small", action="store_true", help="only show that it works")
    arguments.add_argument("--skip-baselines", action="store_true")
    chosen = arguments.parse_args()
    # Servers are ended by context managers, which a signal that just kills would skip.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    sizes = SMALL if chosen.small else Sizes()
    allow_connections(sizes.fleet)
    python = environment.python()
    results: dict[str, Any] = {"cores": os.cpu_count(), "sizes": asdict(sizes)}
    with (
        tempfile.TemporaryDirectory() as folder,
        running(Path(folder), sizes.printers, python) as stack,
        observers.drops(stack) as drops,
    ):
        results |= throughput(stack, sizes, with_baselines=not chosen.skip_baselines)
        results |= latency(stack, sizes)
        results["dropped_by_broker"] = drops.count()
    with (
        tempfile.TemporaryDirectory() as folder,
        running(Path(folder), sizes.fleet, python) as stack,
    ):
        results |= footprint(stack, sizes)
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / "ingest.json").write_text(json.dumps(results, indent=2) + "\n")
    report(results)
    return 0


# Throughput ---------------------------------------------------------------------------------


class Flood:
    """One round: packets encoded beforehand, numbers that no earlier round has used."""

    def __init__(self, printers: list[Printer], round_: int, length: int) -> None:
        self.numbers = range(round_ * length, (round_ + 1) * length)
        stamp = int(time.time())
        self.packets: list[list[bytes]] = []
        for number, printer in enumerate(printers):
            said = [
                publish(printer.topic(topic), encoded(payload, stamp), retain=retain)
                for topic, payload, retain in traffic.readings(
                    traffic.file_of(number), self.numbers
                )
            ]
            self.packets.append(
                [b"".join(said[start : start + BURST]) for start in range(0, length, BURST)]
            )

    @property
    def size(self) -> int:
        """How many messages there are."""
        return len(self.packets) * len(self.numbers)

    def last(self, kind: int) -> int:
        """Return the last number of a kind of reading."""
        return max(number for number in self.numbers if number % traffic.CYCLE == kind)

    def send(self, hosts: list[Host]) -> None:
        """Send everything as fast as the broker takes it, the printers in turn."""
        for step in range(len(self.packets[0])):
            for host, packets in zip(hosts, self.packets, strict=True):
                host.send(packets[step])


def throughput(stack: Stack, sizes: Sizes, *, with_baselines: bool) -> dict[str, Any]:
    """Measure how many messages a second are durable, and the baselines in turn."""
    rates: dict[str, list[float]] = {"ingest": [], "mosquitto_sub": [], "mqtt.js": []}
    cpu: list[float] = []
    with connected(stack.port, stack.printers) as hosts:
        introduce(stack, hosts)
        for number in range(sizes.rounds):
            flood = Flood(stack.printers, number, sizes.flood)
            ingest = stack.start_ingest()
            used = cpu_seconds(ingest)
            rates["ingest"].append(timed(hosts, flood, stored(stack, flood, "states")))
            cpu.append((cpu_seconds(ingest) - used) / flood.size * 1e6)
            ingest.stop()
            stack.forget_session("ingest")
            if not with_baselines:
                continue
            flood = Flood(stack.printers, number, sizes.flood)
            rates["mosquitto_sub"].append(received(stack, hosts, flood))
            stack.forget_session("ingest")
            small = Flood(stack.printers, number, sizes.baseline_flood)
            with baseline.running(stack):
                rates["mqtt.js"].append(timed(hosts, small, stored(stack, small, "baseline")))
            stack.forget_session("ingest")
    return {"messages_per_second": rates, "ingest_cpu_us_per_message": cpu}


def introduce(stack: Stack, hosts: list[Host]) -> None:
    """Let every printer start a print, so that progress belongs to a job."""
    ingest = stack.start_ingest()
    stamp = int(time.time())
    for number, (host, printer) in enumerate(zip(hosts, stack.printers, strict=True)):
        sayings = [*traffic.arrival(), *traffic.start(traffic.file_of(number))]
        host.send(
            b"".join(
                publish(printer.topic(topic), encoded(payload, stamp), retain=retain)
                for topic, payload, retain in sayings
            )
        )
    with stack.database() as database:
        wait_until(
            lambda: (
                database["states"].count_documents({"state.status.value.status": "printing"})
                == len(hosts)
            ),
            PATIENCE,
            "the printers have not all started",
        )
    ingest.stop()


def timed(hosts: list[Host], flood: Flood, finished: Callable[[], bool]) -> float:
    """Send a flood; return how many messages a second there were until it was ``finished``."""
    began = time.perf_counter()
    flood.send(hosts)
    wait_until(finished, PATIENCE, "messages are missing")
    return flood.size / (time.perf_counter() - began)


def stored(stack: Stack, flood: Flood, collection: str) -> Callable[[], bool]:
    """Return what tells whether the last reading of each kind of each printer is stored."""
    ours = collection == "states"
    tool, bed = float(flood.last(0)), float(flood.last(1))
    percent = flood.last(2) // traffic.CYCLE % 100
    query = (
        {
            "state.temperatures.tool0.actual": tool,
            "state.temperatures.bed.actual": bed,
            "state.job.progress.value": percent,
        }
        if ours
        else {
            "temperature.tool0.actual": tool,
            "temperature.bed.actual": bed,
            "progress.printing.progress": percent,
        }
    )

    def all_there() -> bool:
        with stack.database() as database:
            return database[collection].count_documents(query) == len(stack.printers)

    return all_there


def received(stack: Stack, hosts: list[Host], flood: Flood) -> float:
    """Return how many messages a second the C client receives and acknowledges."""
    command = [program("mosquitto_sub"), *stack.client_options("ingest"), "-c", "-i", "ingest"]
    command += ["-R", "-q", "1", "-V", "mqttv311", "-t", "octoPrint/#"]
    subprocess.run([*command, "-E"], check=True, stdout=subprocess.DEVNULL)
    process = subprocess.Popen([*command, "-C", str(flood.size)], stdout=subprocess.DEVNULL)
    try:
        return timed(hosts, flood, lambda: process.poll() is not None)
    finally:
        process.kill()
        process.wait()


# Latency ------------------------------------------------------------------------------------


def latency(stack: Stack, sizes: Sizes) -> dict[str, Any]:
    """Measure from publishing to the commit, and to the announcement, at a steady rate."""
    stack.start_ingest()
    sent: dict[str, list[float]] = {printer.id: [] for printer in stack.printers}
    count = int(sizes.rate * sizes.paced_seconds)
    with (
        connected(stack.port, stack.printers) as hosts,
        observers.commits(stack) as commits,
        observers.announcements(stack, "voxtrude/v1/printers/+/state") as announced,
    ):
        delay = commits.delay()
        began = time.time()
        for number in range(count):
            turn, which = divmod(number, len(hosts))
            printer = stack.printers[which]
            topic, payload, retain = traffic.temperature("tool0", turn + 0.5, 215.0)
            due = began + number / sizes.rate
            packet = publish(printer.topic(topic), encoded(payload, int(due)), retain=retain)
            rest = due - time.time()
            if rest > 0:
                time.sleep(rest)
            sent[printer.id].append(time.time())
            hosts[which].send(packet)
        took = time.time() - began
        last = (count - 1) // len(hosts) + 0.5
        with stack.database() as database:
            states = database["states"]
            query = {"state.temperatures.tool0.actual": last}
            wait_until(lambda: states.count_documents(query) == len(hosts), PATIENCE)
        wait_for_announcements(announced, last, len(hosts))
        seen, told = commits.seen(), announced.readings()
    return {
        "paced_rate": count / took,
        "commit_ms": quantiles(observers.latencies(sent, seen)),
        "change_stream_delay_ms": quantiles(delay),
        "announcement_ms": quantiles(observers.latencies(sent, told)),
    }


def wait_for_announcements(announced: observers.Announcements, last: float, count: int) -> None:
    """Return once the last reading of every printer was announced."""
    wait_until(lambda: announced.reached(last) >= count, PATIENCE, "announcements are missing")


def quantiles(seconds: list[float]) -> dict[str, float]:
    """Return the middle, the 99th percentile and the worst, in milliseconds."""
    cuts = statistics.quantiles(seconds, n=100, method="inclusive")
    found = {"p50": cuts[49], "p99": cuts[98], "max": max(seconds)}
    return {name: round(value * 1000, 2) for name, value in found.items()}


# Memory -------------------------------------------------------------------------------------


def footprint(stack: Stack, sizes: Sizes) -> dict[str, Any]:
    """Measure ingest's memory while a large fleet says all there is, and then goes on."""
    ingest = stack.start_ingest()
    sizes_mib = {"registered": memory(ingest)}
    with connected(stack.port, stack.printers) as hosts, stack.database() as database:
        for number, (host, printer) in enumerate(zip(hosts, stack.printers, strict=True)):
            sayings = list(traffic.whole_print(number))
            # A second lies between two: the stamp of its start tells a job from another.
            host.send(
                b"".join(
                    publish(printer.topic(topic), encoded(payload, second), retain=retain)
                    for second, (topic, payload, retain) in enumerate(
                        sayings, int(time.time()) - len(sayings)
                    )
                )
            )
        query = {"state.height.value": 4.4, "state.job.progress.value": 41.7}
        states = database["states"]
        wait_until(
            lambda: (
                states.count_documents({**query, "state.last_job.outcome": "done"}) == len(hosts)
            ),
            PATIENCE,
        )
        sizes_mib["all facts known"] = memory(ingest)
        ingest.stop()
        ingest = stack.start_ingest()
        sizes_mib["loaded from the database"] = memory(ingest)
        began = time.time()
        count = int(sizes.rate * sizes.fleet_seconds)
        for number in range(count):
            which = number % len(hosts)
            reading = traffic.temperature("tool0", float(200 + number // len(hosts)), 215.0)
            packet = publish(
                stack.printers[which].topic(reading[0]), encoded(reading[1], int(began))
            )
            rest = began + number / sizes.rate - time.time()
            if rest > 0:
                time.sleep(rest)
            hosts[which].send(packet)
        last = float(200 + (count - 1) // len(hosts))
        query = {"state.temperatures.tool0.actual": last}
        many = (count - 1) % len(hosts) + 1
        wait_until(lambda: states.count_documents(query) >= many, PATIENCE)
        sizes_mib["after traffic"] = memory(ingest)
        sizes_mib["the most it had"] = memory(ingest, "VmHWM")
        ingest.stop()
    return {"memory_mib": {name: round(size, 1) for name, size in sizes_mib.items()}}


# Report -------------------------------------------------------------------------------------


def report(results: dict[str, Any]) -> None:
    """Print what was measured."""
    rates = {
        name: statistics.median(values)
        for name, values in results["messages_per_second"].items()
        if values
    }
    print(f"\n{results['cores']} cores, {results['sizes']['printers']} printers, one run\n")
    print("messages a second (median of rounds)")
    for name, rate in rates.items():
        rounds = ", ".join(f"{value:,.0f}" for value in results["messages_per_second"][name])
        ratio = f"ingest / {name}: {rates['ingest'] / rate:.2f}" if name != "ingest" else ""
        print(f"  {name:15}{rate:>10,.0f}   {ratio:32}({rounds})")
    used = statistics.median(results["ingest_cpu_us_per_message"])
    print(f"  ingest uses {used:.0f} us of processor time a message")
    print(f"  dropped by the broker: {results['dropped_by_broker']}")
    print(f"\nat {results['paced_rate']:,.0f} messages a second (ms)   p50      p99      max")
    for name, label in (
        ("commit_ms", "publish to commit, as the change stream tells"),
        ("change_stream_delay_ms", "of which the stream itself, on an idle server"),
        ("announcement_ms", "publish to announcement"),
    ):
        found = results[name]
        print(f"  {label:46}{found['p50']:>8}{found['p99']:>9}{found['max']:>9}")
    print(f"\nresident memory with {results['sizes']['fleet']:,} printers (MiB)")
    for name, size in results["memory_mib"].items():
        print(f"  {name:28}{size:>8.1f}")
    print(f"\n{RESULTS / 'ingest.json'}")


if __name__ == "__main__":
    sys.exit(main())
