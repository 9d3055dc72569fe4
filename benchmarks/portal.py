"""What the live page costs and how late it is, beside plainer ways in the same run.

``python -m benchmarks.portal`` prints tables and writes results/portal.json.
"""

import argparse
import json
import os
import signal
import statistics
import sys
import tempfile
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from benchmarks import environment
from benchmarks.portal_rounds import (
    BEAT,
    COLLECTED,
    LATE,
    PLAIN,
    RELOADS,
    Bench,
    Measured,
    Sizes,
    prepared,
)
from benchmarks.printers import allow_connections

RESULTS = Path(__file__).parent / "results"
HALF = 50.0  # percent of a core that the service may take
LIMIT = 200e6 / 2**20  # MiB that it may have: 200 MB
BUSY = 90.0  # percent of all cores: above it the machine is what is measured

SMALL = Sizes(6, 2, 1, 0.5, 2.0)


def main() -> int:
    """Measure what was chosen; return the exit code."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--small", action="store_true", help="only show that it works")
    arguments.add_argument("--skip-baselines", action="store_true")
    arguments.add_argument("--skip-chromium", action="store_true")
    arguments.add_argument("--rounds", type=int, help="how often; the medians are told")
    arguments.add_argument("--seconds", type=float, help="how long each is measured")
    chosen = arguments.parse_args()
    # Servers are ended by context managers, which a signal that just kills would skip.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    sizes = SMALL if chosen.small else Sizes()
    sizes = replace(
        sizes, rounds=chosen.rounds or sizes.rounds, seconds=chosen.seconds or sizes.seconds
    )
    allow_connections(sizes.printers + sizes.browsers)
    results: dict[str, Any] = {"cores": os.cpu_count(), "sizes": asdict(sizes)}
    with (
        tempfile.TemporaryDirectory() as folder,
        prepared(Path(folder), sizes, environment.python("skill")) as bench,
    ):
        rows = measure(bench, sizes, with_baselines=not chosen.skip_baselines)
        if not chosen.skip_chromium:
            rows += bench.chromium()
    results["rows"] = [asdict(row) for row in rows]
    RESULTS.mkdir(exist_ok=True)
    file = RESULTS / "portal.json"
    file.write_text(json.dumps(results, indent=2) + "\n")
    report(results)
    print(f"\n{file}")
    return 0


def measure(bench: Bench, sizes: Sizes, *, with_baselines: bool) -> list[Measured]:
    """Measure with many pages, the contenders in turn; then ours with one page, and with none."""
    rows: list[Measured] = []
    for _ in range(sizes.rounds):
        rows.append(bench.live(sizes.browsers))
        if with_baselines:
            rows.append(bench.stream(PLAIN, 0.0))
            rows.append(bench.stream(COLLECTED, BEAT))
            rows.append(bench.reloads())
    return [*rows, bench.live(1), bench.live(0)]


# Report -------------------------------------------------------------------------------------


def report(results: dict[str, Any]) -> None:
    """Print what was measured."""
    sizes, rows = results["sizes"], medians(results["rows"])
    print(
        f"\n{results['cores']} cores, {sizes['printers']} printers with a message a second each; "
        f"medians of {sizes['rounds']} rounds of {sizes['seconds']:g} s"
    )
    print(
        f"\n{'':28}pages   p50 ms   p99 ms  worst ms   late   lost"
        "   CPU %  ours is     MiB  msg/s     kB/s"
    )
    ours = rows[0]
    for row in rows:
        compared = row["browsers"] == ours["browsers"] and row is not ours and row["cpu"]
        share = f"{ours['cpu'] / row['cpu']:.2f}" if compared else ""
        busy = "  (the machine was busy)" if row["machine"] > BUSY else ""
        print(
            f"  {row['server']:26}{row['browsers']:>5}{row['p50']:>9.0f}{row['p99']:>9.0f}"
            f"{row['worst']:>10.0f}{row['late']:>7,.0f}{row['lost']:>7,.0f}{row['cpu']:>8.1f}"
            f"{share:>9}{row['memory_mib']:>8.0f}{row['messages']:>7.1f}"
            f"{row['bytes'] / 1000:>9.1f}{busy}"
        )
    print(f"\nmsg/s and kB/s are one page's; {RELOADS}: latencies are those of an answer")
    for name, figure, limit, unit in (
        ("a change is on a page within", _worst(rows) / 1000, LATE, "s"),
        ("the service takes", ours["cpu"], HALF, "% of a core"),
        ("and has", ours["memory_mib"], LIMIT, "MiB"),
    ):
        held = "held" if figure < limit else "NOT HELD"
        print(f"  {name:30}{figure:>8.2f} {unit}, limit {limit:.4g}: {held}")


def _worst(rows: list[dict[str, Any]]) -> float:
    """Return the worst latency of the product's stream, Chromium's with it."""
    others = {PLAIN, COLLECTED, RELOADS}
    return max(float(row["worst"]) for row in rows if row["server"] not in others)


def medians(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return one row a server and number of pages: the medians of its rounds.

    The worst of them, and all that was late or lost, are told of every round.
    """
    found = []
    for key in dict.fromkeys((row["server"], row["browsers"]) for row in rows):
        rounds = [row for row in rows if (row["server"], row["browsers"]) == key]
        figures = {
            name: statistics.median(one[name] for one in rounds)
            for name in rounds[0]
            if name != "server"
        }
        figures["worst"] = max(one["worst"] for one in rounds)
        figures |= {name: sum(one[name] for one in rounds) for name in ("late", "lost")}
        found.append({"server": key[0], **figures})
    return found


if __name__ == "__main__":
    sys.exit(main())
