"""How much one client, and all together, may ask of the server."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Limits:
    """Times are seconds unless a name says otherwise."""

    connections: int = 50
    connections_each: int = 30  # per peer address; a proxy's is many clients'
    waiting: int = 25  # connections without an active session
    waiting_each: int = 10  # the same, per peer address
    sessions: int = 60  # with those that wait for their client to come back
    activation: float = 10.0  # from the connection to an active session
    shortest_session: float = 5.0
    longest_session: float = 300.0  # without a request
    shortest_channel: float = 10.0
    longest_channel: float = 3_600.0  # until the channel must be renewed
    chunk: int = 65_536  # bytes
    early_message: int = 65_536  # bytes, before a session is active
    message: int = 4 * 1024 * 1024  # bytes of a request: one for 10 000 items has 1.2 MB
    response: int = 16 * 1024 * 1024  # bytes
    chunks: int = 300  # per request
    unsent: int = 32 * 1024 * 1024  # bytes that a slow client leaves with us
    subscriptions_each: int = 10  # per session
    subscriptions: int = 200
    shortest_publishing: float = 100.0  # ms
    longest_publishing: float = 60_000.0  # ms
    lifetime_count: int = 3_000
    keep_alive_count: int = 300
    unacknowledged: int = 100  # notifications kept for republishing, per subscription
    unacknowledged_bytes: int = 4 * 1024 * 1024  # the same in bytes, per subscription
    notifications: int = 10_000  # per message
    notification_bytes: int = 2 * 1024 * 1024  # per message; the last item's may exceed it
    items_each: int = 20_000  # monitored items per subscription
    items: int = 200_000
    filters: int = 50_000  # operands in the event filters of a subscription: 50 ms an event
    queue: int = 100  # notifications per monitored item
    reads: int = 2_000  # nodes per call
    writes: int = 2_000
    registrations: int = 2_000
    browses: int = 500
    translations: int = 500
    references: int = 10_000  # per browsed node, before a continuation point
    references_per_call: int = 50_000  # likewise
    path: int = 32  # names in a browse path
    continuation_points: int = 20  # per session
    calls: int = 100
    items_per_call: int = 10_000
