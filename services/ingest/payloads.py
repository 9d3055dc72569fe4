"""The JSON of the plugin's messages, as far as we follow it.

Everything has a limit, and nothing is converted: a number in quotes is no number. Keys
that we do not know are ignored, since any plugin may add some.
"""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field
from typing_extensions import TypedDict  # pydantic needs this one before Python 3.12

from services.ingest.printer_data import PrinterData
from voxtrude.printer import PrintFile

Text = Annotated[str, Field(max_length=4096)]
Seconds = Annotated[float, Field(ge=0, le=1e9, allow_inf_nan=False)]
Celsius = Annotated[float, Field(ge=-300, le=5000, allow_inf_nan=False)]
Percent = Annotated[float, Field(ge=0, le=100, allow_inf_nan=False)]
Millimetres = Annotated[float, Field(ge=-1e6, le=1e6, allow_inf_nan=False)]
Size = Annotated[int, Field(ge=0, lt=1 << 62)]


class _Payload(BaseModel):
    model_config = ConfigDict(strict=True, extra="ignore", hide_input_in_errors=True)


class Temperature(_Payload):
    """One heater, as it was read."""

    actual: Celsius | None
    target: Celsius | None


class Progress(_Payload):
    """How far the job is; ``path`` may be the previous one's (Q1)."""

    path: Text
    progress: Annotated[int, Field(ge=0, le=100)]
    printer_data: PrinterData | None = None


class State(_Payload):
    """``PrinterStateChanged``."""

    state_id: Annotated[str, Field(max_length=64)]
    state_string: Annotated[str, Field(max_length=1024)]


class Error(_Payload):
    """What is wrong with the printer."""

    error: Text
    consequence: Annotated[str, Field(max_length=64)] | None = None


class Firmware(_Payload):
    """``FirmwareData``."""

    name: Annotated[str, Field(max_length=256)]


class Height(_Payload):
    """``ZChange``."""

    new: Millimetres | None


class File(_Payload):
    """The file of a job event."""

    name: Text
    path: Text
    origin: Annotated[str, Field(max_length=64)] = ""
    size: Size | None = None

    def file(self) -> PrintFile:
        """Return the file."""
        return PrintFile(name=self.name, path=self.path, storage=self.origin, size=self.size)


class Paused(File):
    """``PrintPaused``; its progress is in percent (Q16)."""

    progress: Percent | None = None


class Ended(File):
    """``PrintDone``, ``PrintCancelled`` and ``PrintFailed``."""

    time: Seconds | None = None
    progress: Percent | None = None
    reason: Annotated[str, Field(max_length=64)] | None = None
    error: Text | None = None


class _Result(TypedDict, total=False):
    estimatedPrintTime: Seconds | None


class Analysis(_Payload):
    """``MetadataAnalysisFinished``."""

    path: Text
    result: _Result
