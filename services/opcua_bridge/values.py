"""Values that many clients share: the binary form is made once, for all of them."""

from asyncua import ua


class SharedValue(ua.DataValue):
    """A DataValue that nobody changes; whoever encodes it first keeps the bytes in it."""

    __slots__ = ("encoded",)
    encoded: bytes | None

    def __init__(self, *args: object, **fields: object) -> None:
        super().__init__(*args, **fields)
        self.encoded = None
