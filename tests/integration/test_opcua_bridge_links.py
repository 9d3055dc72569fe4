"""A bridge between its broker and its clients: cut off, asked to end."""

import json
import os
import signal
from collections.abc import Iterator

import pytest

from tests.integration.brokers import Raw
from tests.integration.opcua_bridges import Floor, machine, node, running_floor
from tests.integration.opcua_clients import watching
from tests.integration.opcua_guests import ITEM_STATE, LEVEL, TOOL, WHITE, content
from tests.integration.servers import listens, wait_until
from tests.opcua_printers import printer
from voxtrude.dynsec import OBSERVER
from voxtrude.printer import Status
from voxtrude.topics import OPCUA_BRIDGE, service_topic

pytestmark = pytest.mark.integration

IDLE = printer(Status.IDLE)
DEADLINE = 20.0
SOON = 5.0  # seconds until it has ended
HERE = {ITEM_STATE: "NotExecuting", WHITE: True}


@pytest.fixture
def own(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Floor]:
    """A broker that a test may stop."""
    with running_floor(tmp_path_factory.mktemp("own")) as found:
        yield found


async def test_what_is_removed_while_it_is_cut_off_is_gone_when_it_is_back(own: Floor) -> None:
    stays, goes, comes = machine("stays"), machine("goes"), machine("comes")
    own.put(stays, IDLE)
    own.put(goes, IDLE)
    with own.bridge() as bridge:
        async with bridge.connected() as guest, guest.listening() as heard:
            assert set(await guest.machines()) == {stays.id, goes.id}
            for one in (stays, goes):
                await heard.subscription.subscribe_data_change(guest.node(one, ITEM_STATE))
            await heard.until(lambda: heard.codes(guest.id(goes, ITEM_STATE)) == ["Good"])
            # It must not listen while the broker is back and the printer is removed.
            os.kill(bridge.pid, signal.SIGSTOP)
            try:
                own.broker.stop()
                with own.revived() as again:
                    again.remove(goes)
                    again.put(comes, IDLE)
                    os.kill(bridge.pid, signal.SIGCONT)
                    gone = guest.id(goes, ITEM_STATE)
                    await heard.until(lambda: heard.codes(gone)[-1] == "BadNodeIdUnknown")
                    await guest.sees(comes)
                    assert set(await guest.machines()) == {stays.id, comes.id}
                    here = guest.id(stays, ITEM_STATE)
                    await heard.until(lambda: content(heard.of(here)[-1]).Text == "NotExecuting")
                    # Who stayed was never away for those that watch it.
                    assert set(heard.codes(here)) == {"Good"}
            finally:
                os.kill(bridge.pid, signal.SIGCONT)


async def test_it_ends_in_time_when_asked_with_clients_connected(own: Floor) -> None:
    one = machine()
    own.put(one, IDLE)
    with Raw(own.site.settings.port, own.site.service(OBSERVER)) as observer:
        topic = service_topic(OPCUA_BRIDGE)
        assert observer.subscribe(topic)
        with own.bridge() as bridge:
            wait_until(lambda: _told(observer)[-1:] == ["running"], DEADLINE)
            async with bridge.connected() as guest, guest.panel(one) as panel:
                await panel.until(HERE | {TOOL: 210.0, LEVEL: 255})
                with watching(bridge.url, [node(one, TOOL)], bridge.login) as other:
                    other.wait_for(lambda seen: seen.notifications)
                    bridge.process.terminate()
                    assert bridge.process.wait(SOON) == 0
                assert not listens(bridge.port)
        wait_until(lambda: _told(observer)[-1] == "stopped", DEADLINE)
        assert {line["level"] for line in bridge.lines()} == {"info"}


def _told(observer: Raw) -> list[str]:
    return [json.loads(payload)["state"] for _, payload in observer.messages]
