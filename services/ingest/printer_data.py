"""OctoPrint's ``printer_data`` and its state words: shared by MQTT and the REST answers.

``printer_data`` stands in progress messages where the plugin's extended information is
on, and in pieces in ``/api/job`` and ``/api/printer``.
"""

from datetime import timedelta
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from voxtrude.messages import Details
from voxtrude.printer import PrinterStatus, PrintFile, Status

UPLOAD = "Sending file to SD"

_STATUS = {
    "OPEN_SERIAL": Status.CONNECTING,
    "DETECT_SERIAL": Status.CONNECTING,
    "CONNECTING": Status.CONNECTING,
    "OPERATIONAL": Status.IDLE,
    "STARTING": Status.STARTING,
    "PRINTING": Status.PRINTING,
    "PAUSING": Status.PAUSING,
    "PAUSED": Status.PAUSED,
    "RESUMING": Status.RESUMING,
    "CANCELLING": Status.CANCELLING,
    "FINISHING": Status.FINISHING,
    "TRANSFERING_FILE": Status.UPLOADING,  # OctoPrint's spelling
    "ERROR": Status.ERROR,
    "OFFLINE": Status.OFFLINE,
    "CLOSED": Status.OFFLINE,
    "CLOSED_WITH_ERROR": Status.OFFLINE,
}

_WORDS = {
    "Operational": Status.IDLE,
    "Printing": Status.PRINTING,
    "Printing from SD": Status.PRINTING,
    UPLOAD: Status.UPLOADING,
    "Starting": Status.STARTING,
    "Starting print from SD": Status.STARTING,
    "Pausing": Status.PAUSING,
    "Paused": Status.PAUSED,
    "Resuming": Status.RESUMING,
    "Cancelling": Status.CANCELLING,
    "Finishing": Status.FINISHING,
    "Connecting": Status.CONNECTING,
    "Opening serial connection": Status.CONNECTING,
    "Detecting serial connection": Status.CONNECTING,
    "Error": Status.ERROR,
    "Offline": Status.OFFLINE,
    "Offline after error": Status.OFFLINE,
    "Closed": Status.OFFLINE,
}


def status_of(state_id: str, text: str) -> PrinterStatus:
    """Translate ``PrinterStateChanged``; an unknown state is told as such, never guessed."""
    if text == UPLOAD:  # PRINTING, says the id; but it is no job (Q18)
        return PrinterStatus(Status.UPLOADING, state_id, text)
    return PrinterStatus(_STATUS.get(state_id, Status.UNKNOWN), state_id, text)


def status_in_words(text: str) -> PrinterStatus | None:
    """Translate a state where OctoPrint tells only its words; they may carry a reason."""
    status = _WORDS.get(text.split(":", maxsplit=1)[0])
    return PrinterStatus(status, "", text) if status else None


class _Part(BaseModel):
    model_config = ConfigDict(strict=True, extra="ignore", hide_input_in_errors=True)


# Estimators are plugins, too: less than nothing left is nothing left.
_Seconds = Annotated[float, Field(ge=-1e9, le=1e9, allow_inf_nan=False)]


class _State(_Part):
    text: Annotated[str, Field(max_length=1024)]


class _File(_Part):
    name: Annotated[str, Field(max_length=4096)] | None = None
    path: Annotated[str, Field(max_length=4096)] | None = None
    display: Annotated[str, Field(max_length=4096)] | None = None
    origin: Annotated[str, Field(max_length=64)] | None = None
    size: Annotated[int, Field(ge=0, lt=1 << 62)] | None = None


class _Job(_Part):
    file: _File = _File()
    estimatedPrintTime: _Seconds | None = None  # noqa: N815  (OctoPrint's key)


class _Progress(_Part):
    completion: Annotated[float, Field(ge=0, le=100, allow_inf_nan=False)] | None = None
    printTime: _Seconds | None = None  # noqa: N815  (OctoPrint's key)
    printTimeLeft: _Seconds | None = None  # noqa: N815  (OctoPrint's key)


class PrinterData(_Part):
    """``printer_data`` of a progress message, as far as we follow it."""

    state: _State
    job: _Job
    progress: _Progress
    currentZ: Annotated[float, Field(ge=-1e6, le=1e6, allow_inf_nan=False)] | None = None  # noqa: N815  (OctoPrint's key)

    def details(self) -> Details:
        """Return the facts in it."""
        file, progress = self.job.file, self.progress
        path = file.path or file.name
        return Details(
            status=status_in_words(self.state.text),
            file=PrintFile(
                name=file.display or file.name or path,
                path=path,
                storage=file.origin or "",
                size=file.size,
            )
            if path
            else None,
            completion=progress.completion,
            print_time=_duration(progress.printTime),
            time_left=_duration(progress.printTimeLeft),
            estimate=_duration(self.job.estimatedPrintTime),
            height=self.currentZ,
        )


def _duration(seconds: float | None) -> timedelta | None:
    return None if seconds is None else timedelta(seconds=max(seconds, 0.0))
