"""Reports by HTTP, charts and a lost slash, through a real ingest."""

import time
from datetime import UTC, datetime, timedelta

import pytest

from tests.integration.brokers import Printer, Raw, connected
from tests.integration.servers import wait_until
from tests.integration.stacks import Stack, heater, temperature
from voxtrude.mongo import schema
from voxtrude.mongo.client import connect
from voxtrude.mongo.readings import Readings
from voxtrude.mongo.unknown import UnknownPrinters
from voxtrude.notices import ReportDocument
from voxtrude.printer import Outcome, Presence, PrinterId, Status
from voxtrude.topics import report_topic, state_topic

pytestmark = pytest.mark.integration

DEADLINE = 30.0


def report(client: Raw, one: Printer, **told: object) -> None:
    """Publish a report as the skill does."""
    fields = {"printer": one.id, "reported_at": datetime.now(UTC), **told}
    document = ReportDocument.model_validate(fields)
    assert client.publish(report_topic(PrinterId(one.id)), document.model_dump_json().encode())


async def test_a_print_told_by_reports_becomes_states_and_history(stack: Stack) -> None:
    await stack.prepare()
    one = stack.site.printers[0]
    printing = {"state": "Printing", "file": "part.gcode", "tool0": 210.0, "last_result": ""}
    with (
        stack.ingest(),
        stack.observer() as observer,
        Raw(stack.site.settings.port, stack.site.service("skill")) as skill,
    ):
        assert observer.subscribe(state_topic(PrinterId(one.id)))
        report(skill, one, state="Operational", tool0=25.0, bed=24.0, last_result="")
        state = stack.wait_for_state(one, lambda state: state.status)
        assert state.link is None
        assert state.presence is not None
        assert state.presence.value is Presence.ONLINE
        report(skill, one, **printing, progress=10.0, time_left=900.0)
        state = stack.wait_for_state(one, lambda state: state.job)
        assert state.status is not None
        assert state.status.value.status is Status.PRINTING
        report(
            skill, one, state="Operational", last_result="Success", last_duration=1000.0, tool0=180
        )
        stack.wait_for_state(one, lambda state: state.last_job and not state.job)
        jobs = list(stack.collection(schema.JOBS).find({"printer": one.id}))
        assert [(job["file"]["name"], job["outcome"]) for job in jobs] == [
            ("part.gcode", Outcome.DONE.value)
        ]
        wait_until(lambda: observer.messages, DEADLINE, "nothing is announced")


async def test_a_silent_printer_becomes_unreachable_and_comes_back(stack: Stack) -> None:
    await stack.prepare()
    one = stack.site.printers[0]
    with stack.ingest(), Raw(stack.site.settings.port, stack.site.service("skill")) as skill:
        # As it is once ingest was away: the report is older than the silence.
        past = datetime.now(UTC) - timedelta(minutes=16)
        report(skill, one, reported_at=past, state="Operational", tool0=25.0)
        gone = stack.wait_for_state(
            one, lambda state: state.presence and state.presence.value is Presence.OFFLINE
        )
        assert gone.link is None
        assert not gone.temperatures["tool0"].current
        report(skill, one, state="Operational", tool0=25.0)
        stack.wait_for_state(
            one, lambda state: state.presence and state.presence.value is Presence.ONLINE
        )


async def test_what_is_no_report_is_kept_apart(stack: Stack) -> None:
    await stack.prepare()
    one = stack.site.printers[0]
    with stack.ingest(), Raw(stack.site.settings.port, stack.site.service("skill")) as skill:
        assert skill.publish(report_topic(PrinterId(one.id)), b'{"version": 1, "tool0": 1e999}')
        assert skill.publish(report_topic(PrinterId("prn-0000000000000000")), b"{}")
        report(skill, one, state="Operational")
        stack.wait_for_state(one, lambda state: state.status)
        found = list(stack.collection(schema.QUARANTINE).find())
        assert [specimen["printer"] for specimen in found] == [one.id]
        # A printer cannot report, neither of itself nor of another.
        with connected(stack.site, one) as client:
            assert not client.publish(report_topic(PrinterId(one.id)), b"{}")


async def test_what_is_read_is_kept_for_charts(stack: Stack) -> None:
    await stack.prepare()
    one, other = stack.site.printers[:2]
    began = datetime.now(UTC)
    with stack.ingest(), stack.publisher(one) as client:
        client.publish(heater(one), temperature(205.5, 210))
        client.publish(heater(one, "bed"), temperature(60, 60))
        wait_until(
            lambda: stack.collection(schema.READINGS).find_one({"printer": one.id}),
            DEADLINE,
            "no reading is kept",
        )
    async with connect(stack.mongo) as database:
        series = await Readings(database).series(
            PrinterId(one.id), began, began + timedelta(minutes=5), 100
        )
        assert [dict(sample.heaters) for sample in series] == [
            {"bed": (60.0, 60.0), "tool0": (205.5, 210.0)}
        ]
        assert stack.collection(schema.READINGS).count_documents({"printer": other.id}) == 0


async def test_a_base_topic_without_its_slash_is_seen(stack: Stack) -> None:
    await stack.prepare()
    one = stack.site.printers[0]
    base = one.base.removesuffix("/")
    async with connect(stack.mongo) as database:
        unknown = UnknownPrinters(database)
        with stack.ingest(), stack.publisher(one) as client:
            client.publish(f"{base}mqtt", b"connected", retain=True)
            wait_until(lambda: stack.collection(schema.UNKNOWN).find_one({"_id": base}), DEADLINE)
            found = await unknown.get(base)
            assert found is not None
            assert found["seen_at"].timestamp() == pytest.approx(time.time(), abs=60)
            assert await unknown.get(one.base) is None
            assert stack.state(one) is None
