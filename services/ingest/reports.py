"""Reports of plugins that speak HTTP: read here, from a topic of our own.

The skill has checked key and shape; what does not hold here is none of its reports, or
another release's, and goes to quarantine.
"""

from datetime import UTC, datetime, timedelta
from typing import Annotated

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, ValidationError

from services.ingest.payloads import Celsius, Millimetres, Percent, Seconds
from services.ingest.snapshots import Picture
from voxtrude.documents import VERSION
from voxtrude.errors import PayloadError
from voxtrude.printer import PrinterId, PrintFile

MAX_REPORT = 65_536
OLDEST = timedelta(days=8)
"""A report may wait at the broker while we are away, as long as it keeps our session."""

SKEW = timedelta(minutes=5)


class _Report(BaseModel):
    """voxtrude.notices.ReportDocument, with limits; whose it is says the topic."""

    model_config = ConfigDict(strict=True, extra="ignore", hide_input_in_errors=True)

    version: int
    reported_at: AwareDatetime
    tool0: Celsius | None = None
    bed: Celsius | None = None
    state: Annotated[str, Field(max_length=1024)] | None = None
    progress: Percent | None = None
    time_left: Seconds | None = None
    height: Millimetres | None = None
    file: Annotated[str, Field(max_length=4096)] | None = None
    last_duration: Seconds | None = None
    last_result: Annotated[str, Field(max_length=256)] | None = None


def read(printer: PrinterId, topic: str, payload: bytes, received_at: float) -> Picture:
    """Return what a plugin reported of ``printer``; ``received_at`` is seconds since 1970.

    Raises:
        PayloadError: This is no report.
    """
    if len(payload) > MAX_REPORT:
        raise PayloadError(topic, "longer than 64 KiB")
    try:
        said = _Report.model_validate_json(payload)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False, include_context=False)[0]
        where = ".".join(str(part) for part in first["loc"]) or "payload"
        raise PayloadError(topic, f"{where}: {first['msg']}") from None
    if said.version != VERSION:
        raise PayloadError(topic, "version: of another release")
    now = datetime.fromtimestamp(received_at, UTC)
    if not now - OLDEST <= said.reported_at <= now + SKEW:
        raise PayloadError(topic, "reported_at: not lately")
    heaters = {"tool0": said.tool0, "bed": said.bed}
    return Picture(
        printer=printer,
        at=min(said.reported_at.astimezone(UTC), now),
        text=said.state or None,
        heaters={name: (one, None) for name, one in heaters.items() if one is not None},
        completion=said.progress,
        time_left=_duration(said.time_left),
        height=said.height,
        file=_file(said.file) if said.file else None,
        last_duration=_duration(said.last_duration),
        last_result=said.last_result,
    )


def _file(name: str) -> PrintFile:
    return PrintFile(name=name.rsplit("/", 1)[-1], path=name)


def _duration(seconds: float | None) -> timedelta | None:
    return None if seconds is None else timedelta(seconds=seconds)
