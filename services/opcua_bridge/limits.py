"""How much one client, and all together, may ask of the server."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Limits:
    """Times are seconds unless a name says otherwise."""

    connections: int = 50
    activation: float = 10.0  # from the connection to an active session
    longest_session: float = 300.0  # without a request
    chunk: int = 65_536  # bytes
    early_message: int = 65_536  # bytes, before a session is active
    message: int = 16 * 1024 * 1024  # bytes
    chunks: int = 300
    unsent: int = 32 * 1024 * 1024  # bytes that a slow client leaves with us
    subscriptions_each: int = 10  # per session
    subscriptions: int = 200
    shortest_publishing: float = 100.0  # ms
    longest_publishing: float = 60_000.0  # ms
    lifetime_count: int = 3_000
    keep_alive_count: int = 300
    unacknowledged: int = 100  # notifications kept for republishing, per subscription
    items_each: int = 20_000  # monitored items per subscription
    items: int = 200_000
    queue: int = 100  # notifications per monitored item
    reads: int = 2_000  # nodes per call
    browses: int = 500
    translations: int = 500
    references: int = 10_000  # per browsed node, before a continuation point
    continuation_points: int = 20  # per session
    calls: int = 100
    items_per_call: int = 10_000
