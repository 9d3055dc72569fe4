"""From a printer's credential through Mosquitto into MongoDB, and out as announcements."""

import json
from datetime import timedelta
from typing import Any

import pytest

from tests.integration.brokers import Raw
from tests.integration.servers import wait_until
from tests.integration.stacks import DEADLINE, Stack, event, heater, temperature
from voxtrude import topics
from voxtrude.mongo import schema
from voxtrude.mongo.client import connect
from voxtrude.mongo.printers import Printers
from voxtrude.printer import Link, Origin, Outcome, PrinterState, Status
from voxtrude.retention import Retention

pytestmark = pytest.mark.integration

FILE: dict[str, Any] = {"name": "part.gcode", "path": "part.gcode", "origin": "local", "size": 10}


async def test_a_message_becomes_state_and_announcement(stack: Stack) -> None:
    await stack.prepare()
    ours = stack.site.printers[0]
    with stack.ingest(), stack.observer() as observer, stack.publisher(ours) as octoprint:
        assert observer.subscribe(topics.EVERYTHING)
        octoprint.send(heater(ours), temperature(201.5, 215))

        state = stack.wait_for_state(ours, lambda state: "tool0" in state.temperatures)
        assert state.temperatures["tool0"].actual == 201.5
        assert state.temperatures["tool0"].current
        assert state.link is not None
        assert (state.link.value, state.link.origin) == (Link.CONNECTED, Origin.INFERRED)

        def announced() -> bool:
            return any(
                topic == topics.state_topic(ours.registration.id) and b"201.5" in payload
                for topic, payload in observer.messages
            )

        wait_until(announced, DEADLINE)
    # Retained: somebody who comes later has it, too; and ingest said goodbye.
    with stack.observer() as late:
        assert late.subscribe(topics.EVERYTHING)
        wait_until(lambda: late.messages, DEADLINE)
        said = dict(late.messages)
        document = json.loads(said[topics.state_topic(ours.registration.id)])
        assert document["temperatures"]["tool0"]["actual"] == 201.5
        assert json.loads(said[topics.service_topic("ingest")])["state"] == "stopped"


async def test_a_print_becomes_history_and_events(stack: Stack) -> None:
    await stack.prepare()
    ours = stack.site.printers[0]
    with stack.ingest(), stack.observer() as observer, stack.publisher(ours) as octoprint:
        assert observer.subscribe(topics.EVENTS)
        octoprint.send(f"{ours.base}event/PrintStarted", event("PrintStarted", **FILE))
        octoprint.send(f"{ours.base}event/PrintDone", event("PrintDone", **FILE, time=12.5))

        state = stack.wait_for_state(ours, lambda state: state.last_job)
        assert state.last_job is not None
        assert (state.last_job.outcome, state.last_job.duration) == (
            Outcome.DONE,
            timedelta(seconds=12.5),
        )
        (job,) = stack.collection(schema.JOBS).find({"printer": ours.id})
        assert (job["outcome"], job["duration"]) == ("done", 12.5)

        def kinds() -> list[str]:
            return [json.loads(payload)["kind"] for _, payload in observer.messages]

        wait_until(lambda: "job_finished" in kinds(), DEADLINE)
        assert [kind for kind in kinds() if kind.startswith("job")] == [
            "job_started",
            "job_finished",
        ]


async def test_what_is_published_while_ingest_is_away_is_not_lost(stack: Stack) -> None:
    await stack.prepare()
    ours = stack.site.printers[0]
    with stack.ingest():
        pass
    with stack.publisher(ours) as octoprint:
        for degrees in range(100):
            octoprint.send(heater(ours), temperature(float(degrees)))
        octoprint.send(f"{ours.base}event/PrintStarted", event("PrintStarted", **FILE))
        assert octoprint.publish(heater(ours, "bed"), temperature(60.0))

    with stack.ingest():
        state = stack.wait_for_state(ours, lambda state: "bed" in state.temperatures)

    assert state.temperatures["tool0"].actual == 99
    assert state.job is not None


async def test_an_unregistered_printer_is_shown_and_not_stored(stack: Stack) -> None:
    stranger, *_ = stack.site.printers
    known = stack.site.printers[1:]
    async with connect(stack.mongo) as database:
        await schema.migrate(database, Retention())
        for one in known:
            await Printers(database).add(one.registration)
        with stack.ingest(), stack.publisher(stranger) as octoprint:
            octoprint.send(f"{stranger.base}mqtt", b"connected")
            unknown = stack.collection(schema.UNKNOWN)
            wait_until(lambda: unknown.find_one({"_id": stranger.base}), DEADLINE)
            assert stack.state(stranger) is None

            # Somebody adds it: from now on it is heard, and no stranger any more.
            await Printers(database).add(stranger.registration)
            wait_until(lambda: not unknown.find_one({"_id": stranger.base}), DEADLINE)
            octoprint.send(heater(stranger), temperature(21.0))
            stack.wait_for_state(stranger, lambda state: state.temperatures)


async def test_a_removed_printer_leaves_nothing_behind(stack: Stack) -> None:
    await stack.prepare()
    ours = stack.site.printers[0]
    topic = topics.state_topic(ours.registration.id)
    async with connect(stack.mongo) as database:
        with stack.ingest(), stack.observer() as observer, stack.publisher(ours) as octoprint:
            assert observer.subscribe(topics.STATES)
            octoprint.send(f"{ours.base}event/PrintStarted", event("PrintStarted", **FILE))
            stack.wait_for_state(ours, lambda state: state.job)
            wait_until(lambda: topic in observer.topics(), DEADLINE)

            await Printers(database).remove(ours.registration.id)
            wait_until(lambda: (topic, b"") in observer.messages, DEADLINE)
            octoprint.publish(heater(ours), temperature(1.0))  # its last words, late
            later = stack.site.printers[1]
            with stack.publisher(later) as other:
                other.send(heater(later), temperature(1.0))
                stack.wait_for_state(later, lambda state: state.temperatures)
        assert not stack.collection(schema.UNKNOWN).find_one({"_id": ours.base})
        for name in (schema.STATES, schema.JOBS, schema.ANNOUNCED):
            assert not list(
                stack.collection(name).find({"$or": [{"_id": ours.id}, {"printer": ours.id}]})
            ), name


async def test_a_rename_is_announced(stack: Stack) -> None:
    await stack.prepare()
    ours = stack.site.printers[0]
    async with connect(stack.mongo) as database:
        with stack.ingest(), stack.observer() as observer:
            assert observer.subscribe(topics.STATES)
            await Printers(database).rename(ours.registration.id, "Voron in the cellar")
            wait_until(
                lambda: any(b"Voron in the cellar" in payload for _, payload in observer.messages),
                DEADLINE,
            )


async def test_a_base_topic_of_ones_own_is_heard_from_the_first_message(stack: Stack) -> None:
    *_, elsewhere = stack.site.printers
    async with connect(stack.mongo) as database:
        await schema.migrate(database, Retention())
        with stack.ingest(), stack.observer() as observer, stack.publisher(elsewhere) as octoprint:
            assert observer.subscribe(topics.STATES)
            await Printers(database).add(elsewhere.registration)
            # Announced before it has spoken; and then ingest has subscribed to its base.
            wait_until(lambda: observer.messages, DEADLINE)

            def heard() -> bool:
                octoprint.send(heater(elsewhere), temperature(21.0))
                return stack.state(elsewhere) is not None

            wait_until(heard, DEADLINE)


async def test_a_session_that_was_taken_over_comes_back(stack: Stack) -> None:
    await stack.prepare()
    ours = stack.site.printers[0]
    with stack.ingest() as ingest, stack.publisher(ours) as octoprint:
        with Raw(stack.site.settings.port, stack.site.service("ingest")):
            pass  # only ingest's own credential can do this
        wait_until(lambda: ingest.count("link is back") == 1, DEADLINE)
        octoprint.send(heater(ours), temperature(21.0))
        stack.wait_for_state(ours, lambda state: state.temperatures)
        assert ingest.count("link lost") == 1


async def test_a_retained_snapshot_after_a_lost_session_changes_nothing(stack: Stack) -> None:
    await stack.prepare()
    ours = stack.site.printers[0]
    with stack.publisher(ours) as octoprint:
        with stack.ingest():
            octoprint.publish(f"{ours.base}mqtt", b"connected", retain=True)
            octoprint.publish(heater(ours), temperature(200.0, 200), retain=True)
            octoprint.send(f"{ours.base}event/PrintStarted", event("PrintStarted", **FILE))
            octoprint.send(f"{ours.base}event/PrintDone", event("PrintDone", **FILE, time=1.0))
            before = stack.wait_for_state(ours, lambda state: state.last_job)
        with Raw(stack.site.settings.port, stack.site.service("ingest")):
            pass  # a clean start: the broker forgets ingest's session
        with stack.ingest() as ingest, stack.observer() as observer:
            assert '"session_present": false' in ingest.said
            assert observer.subscribe(topics.EVENTS)
            octoprint.publish(heater(ours, "bed"), temperature(60.0))
            after = stack.wait_for_state(ours, lambda state: "bed" in state.temperatures)
            assert observer.messages == []

    def without_bed(state: PrinterState) -> object:
        return (state.link, state.presence, state.temperatures["tool0"], state.last_job)

    assert without_bed(after) == without_bed(before)
    assert stack.collection(schema.JOBS).count_documents({}) == 1


async def test_an_interrupted_job_is_closed_though_nothing_is_said(stack: Stack) -> None:
    await stack.prepare()
    ours = stack.site.printers[0]
    with stack.ingest(), stack.publisher(ours) as octoprint:
        octoprint.send(f"{ours.base}event/PrintStarted", event("PrintStarted", **FILE))
        for state_id, words in (("PAUSED", "Paused"), ("OFFLINE", "Offline")):
            octoprint.send(
                f"{ours.base}event/PrinterStateChanged",
                event("PrinterStateChanged", state_id=state_id, state_string=words),
            )
        state = stack.wait_for_state(ours, lambda state: state.last_job)

    assert state.last_job is not None
    assert (state.last_job.outcome, state.last_job.origin) == (
        Outcome.INTERRUPTED,
        Origin.INFERRED,
    )
    assert state.status is not None
    assert state.status.value.status is Status.OFFLINE
