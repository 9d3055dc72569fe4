"""Whether the OPC UA server's memory grows while clients come, subscribe, and vanish."""

import time
from typing import Any

from benchmarks.opcua_contenders import OURS, Contenders
from benchmarks.stack import memory

SAMPLES = 120
WARM_UP = 0.25  # of the time; what grows until then are pools and first subscriptions


def run(contenders: Contenders, machines: int, clients: int, seconds: float) -> dict[str, Any]:
    """Load our server with clients that stay and clients that vanish; sample its memory."""
    pause = seconds / SAMPLES
    sampled: list[float] = []
    with (
        contenders.server(OURS, machines) as (server, port, _),
        contenders.clients(port, machines, clients) as staying,
        contenders.clients(port, machines, clients, vanishing=True) as vanishing,
    ):
        began = time.monotonic()
        while time.monotonic() - began < seconds:
            time.sleep(pause)
            sampled.append(memory(server))
        stayed, vanished = staying.take(), vanishing.take()
    warm = sampled[int(len(sampled) * WARM_UP) :]
    return {
        "seconds": seconds,
        "machines": machines,
        "notifications": stayed["notifications"],
        "lost": stayed["lost"],
        "came": vanished["came"],
        "refused": vanished["refused"],
        "rss_mib": sampled,
        "first_mib": warm[0],
        "last_mib": warm[-1],
        "peak_mib": max(warm),
    }


def report(results: dict[str, Any]) -> None:
    """Print how the memory went."""
    print(
        f"\n{results['seconds']:.0f} s with {results['machines']:,} machines; "
        f"{results['came']:,} clients came and vanished, {results['refused']:,} were refused; "
        f"{results['notifications']:,} notifications to those who stayed, {results['lost']:,} lost"
    )
    print(
        f"RSS after warm-up: first {results['first_mib']:.1f}, last {results['last_mib']:.1f}, "
        f"peak {results['peak_mib']:.1f} MiB"
    )
