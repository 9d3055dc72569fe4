"""Messages that nobody should send: each bad one is quarantined, and stops no good one."""

import json
import random
from collections.abc import Iterator

import pytest

from services.ingest.octoprint import decode
from tests.integration.brokers import Printer
from tests.integration.servers import wait_until
from tests.integration.stacks import DEADLINE, Stack, heater, temperature
from voxtrude.errors import PayloadError
from voxtrude.mongo import schema

pytestmark = pytest.mark.integration

TEMPERATURE = "temperature/tool0"
STAMP = 1_795_200_000

# What stalled or crashed naive consumers: too large for BSON, not encodable, too deep.
CORPUS: tuple[tuple[str, bytes], ...] = (
    (TEMPERATURE, b"{"),
    (TEMPERATURE, b"null"),
    (TEMPERATURE, b"[]"),
    (TEMPERATURE, b"42"),
    (TEMPERATURE, b"\xff\xfe\x00"),
    (TEMPERATURE, b'{"actual": NaN, "target": 1.0}'),
    (TEMPERATURE, b'{"actual": 1e999, "target": 1.0}'),
    (TEMPERATURE, b'{"actual": -Infinity, "target": 1.0}'),
    (TEMPERATURE, b'{"actual": "hot", "target": 1.0}'),
    (TEMPERATURE, b'{"actual": {"$gt": 0}, "target": 1.0}'),
    (TEMPERATURE, b'{"actual": 9223372036854775808, "target": 0}'),
    (TEMPERATURE, b'{"actual": 1.0, "target": 0.0, "_timestamp": 9223372036854775808}'),
    (TEMPERATURE, b'{"actual": 1.0, "target": 0.0, "_timestamp": -1}'),
    (TEMPERATURE, b'{"actual": 1.0, "target": 0.0, "_timestamp": "yesterday"}'),
    (TEMPERATURE, b"[" * 180 + b"]" * 180),
    (TEMPERATURE, b"[" * 5000 + b"]" * 5000),
    (TEMPERATURE, b'{"a":' * 5000 + b"1" + b"}" * 5000),
    ("temperature/a.b", b'{"actual": 1.0, "target": 0.0}'),
    ("temperature/" + "x" * 200, b'{"actual": 1.0, "target": 0.0}'),
    ("event/PrintStarted", b'{"name": "\\ud800", "path": "x", "origin": "local"}'),
    ("event/PrintStarted", b'{"name": 1, "path": "x", "origin": "local"}'),
    ("event/PrintStarted", b'{"path": "x"}'),
    (
        "event/PrintStarted",
        b'{"name": "x", "path": "x", "origin": "local", "size": 9223372036854775808}',
    ),
    ("event/PrintDone", b'{"name": "x", "path": "x", "origin": "local", "time": -1}'),
    ("event/PrintDone", b'{"name": "x", "path": "x", "origin": "local", "time": 1e300}'),
    ("event/PrinterStateChanged", b'{"state_id": {"$concat": ["a"]}, "state_string": "x"}'),
    ("progress/printing", b'{"path": "x", "progress": 101}'),
    ("progress/printing", b'{"path": "x", "progress": 12.5}'),
    ("mqtt", b'{"connected": true}'),
)

# Strange, and nothing wrong with them.
HARMLESS: tuple[tuple[str, bytes], ...] = (
    (TEMPERATURE, b""),  # a kept message was cleared
    ("event/PrintStarted", b'{"name": "a\\u0000b$.gcode", "path": "$where", "origin": "local"}'),
    (TEMPERATURE, b'{"actual": 1.0, "target": 0.0, "$set": {"a.b": 1}, "a\\u0000b": 2}'),
    ("event/Home", b"\xff no JSON, and nobody reads it"),
    ("something/else", b"\x00" * 100),
    ("event/plugin_x_y", b"[" * 5000),
)


async def test_the_corpus_is_quarantined_with_reasons(stack: Stack) -> None:
    await stack.prepare()
    ours, theirs, _ = stack.site.printers
    with stack.ingest() as ingest, stack.publisher(ours) as bad, stack.publisher(theirs) as good:
        for number, (topic, payload) in enumerate([*CORPUS, *HARMLESS]):
            bad.send(f"{ours.base}{topic}", payload)
            good.send(heater(theirs), temperature(float(number)))
        bad.send(heater(ours, "bed"), temperature(60.0))

        stack.wait_for_state(ours, lambda state: "bed" in state.temperatures)
        last = len(CORPUS) + len(HARMLESS) - 1
        stack.wait_for_state(theirs, lambda state: state.temperatures["tool0"].actual == last)
        quarantine = stack.collection(schema.QUARANTINE)
        wait_until(lambda: quarantine.count_documents({}) >= len(CORPUS), DEADLINE)
        specimens = list(quarantine.find())

        assert len(specimens) == len(CORPUS), [one["reason"] for one in specimens]
        assert all(one["reason"] and one["printer"] == ours.id for one in specimens)
        assert sorted(one["topic"].removeprefix(ours.base)[:250] for one in specimens) == sorted(
            topic[:250] for topic, _ in CORPUS
        )
        # Payloads are kept where an operator may look, and never in the log.
        assert "yesterday" not in ingest.said
        assert "Traceback" not in ingest.said


def cases(printer: Printer, count: int) -> Iterator[tuple[str, bytes]]:
    """Yield generated messages, good and bad, the same at each run."""
    dice = random.Random(20_000)  # noqa: S311  (the same cases at each run)
    subjects = [
        TEMPERATURE,
        "temperature/bed",
        "progress/printing",
        "event/PrintStarted",
        "event/PrintDone",
        "event/PrintFailed",
        "event/PrinterStateChanged",
        "event/ZChange",
        "event/Error",
        "mqtt",
        "metadata/layer",
    ]
    values: list[object] = [
        *(None, True, "", "x", "a" * 3000, "é\U0001f600", -1, 0, 1, 50, 101, 2**31, 2**63, 2**70),
        *(-0.5, 21.5, 1e308, [], {}, [[[]]], {"$set": {"x": 1}}, {"a.b": {"c": None}}),
    ]
    fields = ["actual", "target", "path", "progress", "name", "origin", "size", "time", "error"]
    fields += ["state_id", "state_string", "new", "old", "reason", "_timestamp", "$x", "a.b"]
    for _ in range(count):
        topic = f"{printer.base}{dice.choice(subjects)}"
        body = {name: dice.choice(values) for name in dice.sample(fields, dice.randint(0, 9))}
        payload = json.dumps(body, ensure_ascii=dice.random() < 0.5).encode()
        damage = dice.random()
        if damage < 0.1:
            cut = dice.randint(0, len(payload))
            payload = payload[:cut] + bytes([dice.randint(0, 255)]) + payload[cut + 1 :]
        elif damage < 0.15:
            payload = payload[: dice.randint(0, len(payload))]
        elif damage < 0.2:
            payload = json.dumps({"actual": 20.5, "target": 0.0, "_timestamp": STAMP}).encode()
        yield topic, payload


def is_bad(printer: Printer, topic: str, payload: bytes) -> bool:
    """Tell whether the dialect has no meaning for a message."""
    try:
        decode(printer.registration, topic, payload, float(STAMP), retained=False)
    except PayloadError:
        return True
    return False


async def test_20000_generated_messages_store_every_good_and_quarantine_every_bad(
    stack: Stack,
) -> None:
    await stack.prepare()
    ours, theirs, _ = stack.site.printers
    messages = list(cases(ours, 20_000))
    bad = sum(is_bad(ours, topic, payload) for topic, payload in messages)
    assert 5_000 < bad < 19_000  # the generator makes both kinds
    with stack.ingest() as ingest, stack.publisher(ours) as octoprint:
        with stack.publisher(theirs) as other:
            for number, (topic, payload) in enumerate(messages):
                octoprint.send(topic, payload)
                if number % 20 == 0:
                    other.send(heater(theirs), temperature(number / 10))
            octoprint.send(heater(ours, "end"), temperature(1.0))

            stack.wait_for_state(ours, lambda state: "end" in state.temperatures)
            stack.wait_for_state(
                theirs, lambda state: state.temperatures["tool0"].actual == 19_980 / 10
            )
        quarantine = stack.collection(schema.QUARANTINE)
        assert quarantine.count_documents({"printer": ours.id, "reason": {"$ne": ""}}) == bad
        assert quarantine.count_documents({}) == bad
        assert ingest.count("database refuses documents") == 0
        assert ingest.process.poll() is None
