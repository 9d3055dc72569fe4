"""The topics that our own services speak on; docs/topics.md is written from here.

The printers' topics are no part of this module: their words are a dialect of ingest.
"""

from voxtrude.printer import PrinterId

ROOT = "voxtrude/v1"
EVERYTHING = f"{ROOT}/#"
STATES = f"{ROOT}/printers/+/state"
EVENTS = f"{ROOT}/printers/+/events"
SERVICES = f"{ROOT}/services/+"
REPORTS = f"{ROOT}/reports/+"

INGEST = "ingest"
"""The service whose presence tells whether the pipeline works."""

OPCUA_BRIDGE = "opcua_bridge"
"""The service that serves the printers to OPC UA clients."""

SKILL = "skill"
"""The service that people see: portal, API and Alexa."""

BROKER_UPTIME = "$SYS/broker/uptime"
"""Mosquitto's own: for how many seconds it has run."""


def state_topic(printer: PrinterId) -> str:
    """Return the retained topic that carries ``printer``'s latest document."""
    return f"{ROOT}/printers/{printer}/state"


def events_topic(printer: PrinterId) -> str:
    """Return the topic on which ``printer``'s events pass by, not retained."""
    return f"{ROOT}/printers/{printer}/events"


def service_topic(service: str) -> str:
    """Return the retained topic that tells whether ``service`` runs; also its last will."""
    return f"{ROOT}/services/{service}"


def report_topic(printer: PrinterId) -> str:
    """Return the topic on which a printer's report by HTTP reaches ingest, not retained."""
    return f"{ROOT}/reports/{printer}"


def printer_of(topic: str) -> PrinterId:
    """Return the printer of a state, events or report topic."""
    return PrinterId(topic.split("/")[3])
