"""What has added up since we first heard of the printer (``totals`` of its document)."""

from datetime import datetime

from services.opcua_bridge.mapping.nodes import Reading
from services.opcua_bridge.mapping.situation import Situation
from voxtrude.documents import PrinterDocument, TotalsDocument

MINUTE, HOUR = 60, 3600  # s
MILLISECONDS = 1000.0
MOST = 0xFFFFFFFF  # a UInt32


def power_on(situation: Situation) -> Reading:
    """Read the time in which OctoPrint had its printer: ms, in whole minutes."""
    totals = situation.document.totals
    if totals is None:
        return Reading(0.0, situation.unheard)
    minutes = totals.operational // MINUTE
    at = _minute(totals.observed_at)
    return Reading(minutes * MINUTE * MILLISECONDS, situation.live, at)


def power_on_hours(situation: Situation) -> Reading:
    """Read the same, in whole hours."""
    totals = situation.document.totals
    if totals is None:
        return Reading(0, situation.unheard)
    hours = min(int(totals.operational // HOUR), MOST)
    return Reading(hours, situation.live, _minute(totals.observed_at))


def operation(situation: Situation) -> Reading:
    """Read the print time of all jobs that ended, in ms."""
    totals = situation.document.totals
    if totals is None:
        return Reading(0.0, situation.unheard)
    at = _ended_at(situation.document, totals)
    return Reading(totals.printing * MILLISECONDS, situation.live, at)


def jobs_done(situation: Situation) -> Reading:
    """Read how many jobs came to their end."""
    totals = situation.document.totals
    return _count(situation, totals, totals.jobs_done if totals else 0)


def jobs_ended(situation: Situation) -> Reading:
    """Read how many jobs ended, however they did."""
    totals = situation.document.totals
    return _count(situation, totals, totals.jobs_ended if totals else 0)


def _count(situation: Situation, totals: TotalsDocument | None, count: int) -> Reading:
    if totals is None:
        return Reading(0, situation.unheard)
    at = _ended_at(situation.document, totals)
    return Reading(min(count, MOST), situation.live, at)


def _ended_at(document: PrinterDocument, totals: TotalsDocument) -> datetime:
    last = document.last_job
    return max(last.ended_at, totals.since) if last else totals.since


def _minute(moment: datetime) -> datetime:
    """Return the minute: the value changes that often, and so shall its time."""
    return moment.replace(second=0, microsecond=0)
