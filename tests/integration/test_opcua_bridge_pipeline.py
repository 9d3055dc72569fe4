"""The whole way, from OctoPrint's message to OPC UA clients, and what they see when it breaks."""

from collections.abc import Iterator

import pytest

from tests.integration.brokers import V311, Printer, Raw
from tests.integration.opcua_bridges import Bridge, node, running_bridge
from tests.integration.opcua_clients import watching
from tests.integration.opcua_guests import ITEM_STATE, LEVEL, TOOL, WHITE
from tests.integration.servers import wait_until
from tests.integration.stacks import DEADLINE, Stack, event, heater, temperature

pytestmark = pytest.mark.integration

PROMISED = 10.0  # seconds in which a dead pipeline is seen
DEGREES = 21.5
ALIVE = {ITEM_STATE: "NotExecuting", WHITE: True, TOOL: DEGREES, LEVEL: 255}
DEAD = {ITEM_STATE: "NotAvailable", WHITE: False, TOOL: "BadNoCommunication", LEVEL: 1}
AWAY = {ITEM_STATE: "NotAvailable", WHITE: False, TOOL: "UncertainLastUsableValue", LEVEL: 255}


@pytest.fixture
def bridge(stack: Stack) -> Iterator[Bridge]:
    """A bridge at the stack's broker."""
    with running_bridge(stack.site, stack.folder) as found:
        yield found


def octoprint(stack: Stack, one: Printer) -> Raw:
    """Return OctoPrint's client, with the plugin's last will."""
    will = (f"{one.base}mqtt", b"disconnected")
    return Raw(stack.site.settings.port, (one.id, one.secret), protocol=V311, will=will)


def speak(plugin: Raw, one: Printer) -> None:
    """Say what an idle printer says when OctoPrint has connected."""
    plugin.send(f"{one.base}mqtt", b"connected")
    idle = event("PrinterStateChanged", state_id="OPERATIONAL", state_string="Operational")
    plugin.send(f"{one.base}event/PrinterStateChanged", idle)
    plugin.send(heater(one), temperature(DEGREES))


async def test_messages_arrive_and_what_breaks_is_seen_and_heals_by_itself(
    stack: Stack, bridge: Bridge
) -> None:
    await stack.prepare()
    ours = stack.site.printers[0]
    one = ours.registration
    # One session, from before there is anything to its end.
    async with bridge.connected() as guest:
        with stack.ingest() as ingest, octoprint(stack, ours) as plugin:
            speak(plugin, ours)
            await guest.until(lambda: guest.holds(one, TOOL, DEGREES))
            async with guest.panel(one) as panel:
                await panel.until(ALIVE)
                _arrives_elsewhere(bridge, plugin, ours)
                plugin.send(heater(ours), temperature(DEGREES))
                await panel.until(ALIVE)

                ingest.kill()
                await panel.until(DEAD, PROMISED)
                with stack.ingest():
                    await panel.until(ALIVE)

                    plugin.break_off()
                    await panel.until(AWAY)
                    with octoprint(stack, ours) as again:
                        speak(again, ours)
                        await panel.until(ALIVE)
                        assert bridge.count("link lost") == 0

                        stack.broker.kill()
                        await panel.until(DEAD, PROMISED)
                        with stack.site.run(), octoprint(stack, ours) as returned:
                            speak(returned, ours)
                            await panel.until(ALIVE)
                            wait_until(lambda: bridge.count("link is back") == 1, DEADLINE)
                troubles = [line["event"] for line in bridge.lines() if line["level"] != "info"]
                # The second is the end of the second broker.
                assert troubles in (["link lost"], ["link lost"] * 2)
                assert panel.heard.states == []


def _arrives_elsewhere(bridge: Bridge, plugin: Raw, ours: Printer) -> None:
    """Hear a message's value in a client of another stack, too."""
    tool = node(ours.registration, TOOL)
    with watching(bridge.url, [tool], bridge.login) as other:
        other.wait_for(lambda seen: seen.values(tool) == [DEGREES])
        plugin.send(heater(ours), temperature(201.5))
        other.wait_for(lambda seen: seen.values(tool)[-1] == 201.5)
        assert other.notifications[-1]["status"] == "Good"
        assert other.notifications[-1]["source"] is not None
