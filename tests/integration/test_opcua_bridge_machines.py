"""Machines of a running bridge: typed, named, coming and going."""

import asyncio
import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from services.ingest.octoprint import decode
from tests.integration.opcua_bridges import Bridge, Floor, machine, node
from tests.integration.opcua_clients import additive_types, machines
from tests.integration.opcua_guests import Guest
from tests.opcua_printers import NOW, fault, job, live, past, printer
from voxtrude.messages import TimePassed
from voxtrude.opcua.check.findings import Severity
from voxtrude.opcua.check.server import check
from voxtrude.printer import Outcome, PrinterState, Status
from voxtrude.reducer import evolve
from voxtrude.registration import Identification, new_printer_id

pytestmark = [pytest.mark.integration, pytest.mark.asyncio(loop_scope="module")]

RECORDINGS = Path(__file__).parents[1] / "recordings"
AT_WORK = frozenset(Status) - {
    Status.UNKNOWN,
    Status.OFFLINE,
    Status.CONNECTING,
    Status.IDLE,
    Status.UPLOADING,
    Status.ERROR,
}


def states() -> Iterator[tuple[str, PrinterState]]:
    """Return a printer in every state, with and without what may be there or not."""
    yield "unheard", PrinterState(printer=new_printer_id())
    for status in Status:
        yield status.value, printer(status, job=job() if status in AT_WORK else None)
    for outcome in Outcome:
        yield outcome.value, printer(Status.IDLE, last_job=past(outcome), firmware=None)
    yield "faulty", printer(Status.ERROR, fault=fault(), last_job=past(Outcome.FAILED))
    yield "attention", printer(Status.PAUSED, job=job(paused_at=NOW), attention=live("Filament!"))
    yield "unplugged", printer(Status.IDLE, temperatures={})


def recorded() -> Iterator[tuple[str, PrinterState]]:
    """Return what the recordings lead to, each kind of state once."""
    seen = set[object]()
    for outcome in sorted(RECORDINGS.glob("*.outcome.json")):
        name = outcome.name.removesuffix(".outcome.json")
        for state in _played(name, json.loads(outcome.read_text("utf-8"))["registration"]):
            if _kind(state) not in seen:
                seen.add(_kind(state))
                yield f"{name} {len(seen)}", state


def _played(name: str, told: dict[str, str]) -> Iterator[PrinterState]:
    one = machine(base_topic=told["base_topic"])
    one = replace(one, timestamp_field=told.get("timestamp_field", "_timestamp"))
    state = PrinterState(printer=one.id)
    for line in (RECORDINGS / f"{name}.jsonl").read_text("utf-8").splitlines():
        row = json.loads(line)
        topic, payload, now = row["topic"], row["payload"].encode(), NOW.timestamp()
        message = decode(one, topic, payload, now, retained=False)
        if message is not None:
            state = evolve(state, message)
            yield state
    # Only now a short interruption is told from a long one.
    yield evolve(state, TimePassed(printer=one.id, received_at=NOW + timedelta(hours=1)))


def _kind(state: PrinterState) -> object:
    status = state.status and state.status.value.status
    return status, len(state.temperatures), state.presence and state.presence.value


async def test_machines_in_every_state_are_as_their_types_say(
    floor: Floor, bridge: Bridge, guest: Guest, tmp_path: Path
) -> None:
    everything = dict([*states(), *recorded()])
    plate = Identification("Prusa", "MK4", location="Hall 1")  # empty ones would be notes
    made = {name: machine(name, identification=plate) for name in everything}
    for name, state in everything.items():
        floor.put(made[name], state)
    await guest.sees(made[name])

    report = await check(bridge.url, bridge.access())
    checked = {one.name: one for one in report.machines}
    assert {name: checked[name].findings for name in made} == dict.fromkeys(made, ())
    assert [one for one in report.findings if one.severity is Severity.BAD] == []
    assert report.subscribed == sum(one.variables for one in report.machines)

    files = [additive_types(tmp_path)]
    found = await asyncio.to_thread(machines, bridge.url, bridge.login, files=files)
    assert found["types"]["findings"] == []
    seen = {one["node"]: (one["name"], one["findings"]) for one in found["machines"]}
    assert seen.items() >= {node(one): (name, []) for name, one in made.items()}.items()
    for one in made.values():
        floor.remove(one)
