"""What a watcher of the fleet is told: all at first, then what changes, and nobody else's."""

import json
from dataclasses import replace
from datetime import timedelta
from typing import Any

from services.skill.live.board import Board, Boards, Watcher
from services.skill.live.facts import detail
from services.skill.live.owners import Owned, Owners, Reach
from tests.opcua_printers import NOW, REGISTRATION, document, job, live, printer
from voxtrude.accounts import Preferences
from voxtrude.documents import PrinterDocument
from voxtrude.notices import Condition
from voxtrude.printer import Origin, PrinterId, PrinterState, Status, Temperature
from voxtrude.process import utc_now
from voxtrude.registration import AccountId

ADA, MAX = AccountId("acc-00000000000000aa"), AccountId("acc-00000000000000bb")
KEPT = timedelta(days=10)
ENGLISH, GERMAN = Preferences(), Preferences(locale="de-DE", time_zone="Europe/Berlin")


class Fleet:
    """Printers that a test tells of."""

    def __init__(self) -> None:
        self.owners = Owners()
        self.documents: dict[PrinterId, PrinterDocument] = {}
        self.revisions: dict[PrinterId, int] = {}
        self.pipeline: Condition | None = Condition.RUNNING
        self.is_complete = True
        self.read = 0

    def put(self, number: int, owner: AccountId | None, state: PrinterState) -> PrinterId:
        identity = PrinterId(f"prn-{number:016x}")
        registration = replace(
            REGISTRATION, id=identity, name=f"Printer {number}", owner=owner, created_at=utc_now()
        )
        self.owners.add(registration)
        state = replace(state, printer=identity, seen_at=utc_now())
        self.documents[identity] = document(state, registration)
        self.revisions[identity] = self.revisions.get(identity, 0) + 1
        return identity

    def seen_by(self, reach: Reach) -> set[PrinterId]:
        return self.owners.seen_by(reach)

    def sees(self, reach: Reach, printer: PrinterId) -> bool:
        return self.owners.sees(reach, printer)

    def document(self, printer: PrinterId) -> PrinterDocument | None:
        self.read += 1
        return self.documents.get(printer)

    def owned(self, printer: PrinterId) -> Owned | None:
        return self.owners.get(printer)

    def changed(self, printer: PrinterId) -> int:
        return self.revisions.get(printer, 0)


def hot(actual: float) -> PrinterState:
    reading = Temperature(actual, 215.0, NOW, Origin.LIVE)
    return printer(Status.PRINTING, job=job(progress=live(33.0)), temperatures={"tool0": reading})


def watcher(fleet: Fleet, account: AccountId = ADA, **facts: Any) -> Watcher:  # noqa: ANN401  (any)
    return Watcher(fleet, Board(fleet, ENGLISH, KEPT), (account,), **facts)


async def news(one: Watcher) -> dict[str, Any]:
    told = await one.next()
    return dict(json.loads(told)) if told else {}


async def test_all_comes_first_and_then_only_what_changed() -> None:
    fleet = Fleet()
    first, second = fleet.put(1, ADA, hot(200)), fleet.put(2, ADA, hot(200))
    one = watcher(fleet)
    told = await news(one)
    assert told["rows"].keys() == {first, second}
    assert told["rows"][first]["name"] == "Printer 1"
    assert told["all"] == [first, second]
    assert told["head"]["counts"] == "2 printing"
    assert await news(one) == {}
    fleet.put(1, ADA, hot(201))
    assert await news(one) == {"rows": {first: {"heater.0.actual": "201"}}}
    assert await news(one) == {}


async def test_a_slow_watcher_gets_the_newest_of_everything() -> None:
    fleet = Fleet()
    identity = fleet.put(1, ADA, hot(200))
    board = Board(fleet, ENGLISH, KEPT)
    quick, slow = Watcher(fleet, board, (ADA,)), Watcher(fleet, board, (ADA,))
    await news(quick)
    await news(slow)
    for actual in (201, 202):
        fleet.put(1, ADA, hot(actual))
        assert await news(quick) == {"rows": {identity: {"heater.0.actual": str(actual)}}}
    fleet.put(1, ADA, replace(hot(202), job=job(progress=live(34.0))))
    told = await news(quick)
    assert told["rows"][identity] == {"progress": "34 %", "bar@value": "34"}
    told = await news(slow)
    assert told["rows"][identity] == {
        "heater.0.actual": "202",
        "progress": "34 %",
        "bar@value": "34",
    }


async def test_nobody_is_told_of_anothers_printer() -> None:
    fleet = Fleet()
    mine, theirs = fleet.put(1, ADA, hot(200)), fleet.put(2, MAX, hot(200))
    one, other = watcher(fleet), watcher(fleet, MAX)
    assert (await news(one))["rows"].keys() == {mine}
    assert (await news(other))["all"] == [theirs]
    fleet.put(2, MAX, hot(203))
    assert await news(one) == {}
    nosy = watcher(fleet, ADA, only=theirs)
    told = await news(nosy)
    assert "rows" not in told
    assert told["all"] == []


async def test_a_printer_that_is_given_away_is_gone() -> None:
    fleet = Fleet()
    mine = fleet.put(1, ADA, hot(200))
    one, other = watcher(fleet), watcher(fleet, MAX)
    await news(one)
    await news(other)
    fleet.put(1, MAX, hot(200))
    told = await news(one)
    assert told["gone"] == [mine]
    assert told["head"]["counts"] == ""
    assert (await news(other))["rows"].keys() == {mine}
    fleet.owners.remove(mine)
    assert (await news(other))["gone"] == [mine]


async def test_the_pipeline_makes_every_row_old() -> None:
    fleet = Fleet()
    mine = fleet.put(1, ADA, hot(200))
    one = watcher(fleet)
    await news(one)
    fleet.pipeline = None
    told = await news(one)
    assert told["head"]["banner"].startswith("The connection to the broker is interrupted.")
    assert told["rows"][mine]["@data-old"] == "old"
    assert told["rows"][mine]["left"] == ""


async def test_nothing_is_dropped_before_all_is_known() -> None:
    fleet = Fleet()
    fleet.is_complete = False
    fleet.put(1, ADA, hot(200))
    one = watcher(fleet)
    assert "all" not in await news(one)
    fleet.is_complete = True
    assert len((await news(one))["all"]) == 1


async def test_a_row_is_made_once_for_all_who_read_it_alike() -> None:
    fleet = Fleet()
    for number in range(10):
        fleet.put(number, ADA, hot(200))
    boards = Boards(fleet)
    alike = [Watcher(fleet, boards.board(ENGLISH, KEPT), (ADA,)) for _ in range(5)]
    for one in alike:
        await news(one)
    assert fleet.read == 10
    other = Watcher(fleet, boards.board(GERMAN, KEPT), (ADA,))
    detailed = Watcher(fleet, boards.board(ENGLISH, KEPT, detail), (ADA,))
    await news(other)
    told = await news(detailed)
    assert fleet.read == 30
    assert "fact.link" in next(iter(told["rows"].values()))


async def test_the_rows_of_printers_that_are_gone_are_forgotten() -> None:
    fleet = Fleet()
    given, removed = fleet.put(1, ADA, hot(200)), fleet.put(2, ADA, hot(200))
    one = watcher(fleet)
    await news(one)
    assert one.board.keeps(given)
    assert one.board.keeps(removed)
    fleet.put(1, MAX, hot(200))
    fleet.owners.remove(removed)
    assert (await news(one))["gone"] == [given, removed]
    assert one.board.keeps(given)  # it is somebody else's now, who may be looking
    assert not one.board.keeps(removed)
