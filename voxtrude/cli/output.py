"""What commands say: JSON or tables on stdout, remarks on stderr."""

import json
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta

from rich.console import Console
from rich.table import Table

console = Console(highlight=False)
remarks = Console(stderr=True, highlight=False)


def show_json(value: object) -> None:
    """Print one JSON document."""
    # Not through rich, which would fold long lines.
    print(json.dumps(value, indent=2, ensure_ascii=False, default=_plain))  # noqa: T201


def _plain(value: object) -> str:
    """Write times as ISO 8601, as the public documents do."""
    return value.isoformat() if isinstance(value, datetime) else str(value)


def show_table(headings: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    """Print a table, or a remark that there is nothing."""
    table = Table(*headings, box=None, pad_edge=False, header_style="bold")
    for row in rows:
        table.add_row(*row)
    if table.row_count:
        console.print(table)
    else:
        remarks.print("nothing yet")


def show_facts(facts: Iterable[tuple[str, str]]) -> None:
    """Print names and values below each other; values are never folded."""
    pairs = list(facts)
    width = max(len(name) for name, _ in pairs)
    for name, value in pairs:
        console.print(f"  {name:<{width}}  {value}", markup=False, soft_wrap=True)


def age(at: datetime | None, now: datetime) -> str:
    """Say how long ago something was."""
    return "never" if at is None else f"{span(max(now - at, timedelta()))} ago"


def brief(duration: timedelta) -> str:
    """Say roughly how long something takes, in one unit."""
    seconds = max(int(duration.total_seconds()), 0)
    for length, unit in ((86400, "d"), (3600, "h"), (60, "min")):
        if seconds >= 2 * length:
            return f"{seconds // length} {unit}"
    return f"{seconds} s"


def span(duration: timedelta) -> str:
    """Say how long something takes, in its two largest units."""
    seconds = int(duration.total_seconds())
    days, rest = divmod(seconds, 86400)
    hours, rest = divmod(rest, 3600)
    minutes, seconds = divmod(rest, 60)
    if days:
        return f"{days} d {hours} h"
    if hours:
        return f"{hours} h {minutes:02} min"
    if minutes:
        return f"{minutes} min {seconds:02} s"
    return f"{seconds} s"
