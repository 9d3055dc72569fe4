"""Values that many clients share: the binary form is made once, for all of them."""

from datetime import datetime

from asyncua import ua


class SharedValue(ua.DataValue):
    """A DataValue that nobody changes; whoever encodes it first keeps the bytes in it.

    ``encoded`` has a place for each ``ua.TimestampsToReturn``.
    """

    __slots__ = ("encoded",)
    encoded: list[bytes | None]

    def __init__(
        self,
        Value: ua.Variant | None = None,  # noqa: N803 - as in DataValue
        StatusCode: ua.StatusCode | None = None,  # noqa: N803
        SourceTimestamp: datetime | None = None,  # noqa: N803
        ServerTimestamp: datetime | None = None,  # noqa: N803
    ) -> None:
        super().__init__(
            Value,
            StatusCode or GOOD,
            SourceTimestamp,  # type: ignore[arg-type] # asyncua's DateTime is a datetime
            ServerTimestamp,  # type: ignore[arg-type]
        )
        self.encoded = [None, None, None, None]


def status(code: int) -> ua.StatusCode:
    """Return ``code`` as asyncua has it."""
    return ua.StatusCode(ua.UInt32(code))


GOOD = ua.StatusCode()
