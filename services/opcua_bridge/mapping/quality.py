"""How good a value is."""

from enum import Enum


class Quality(Enum):
    """The values are status codes (Part 4, 7.39; Part 8, 6)."""

    GOOD = 0x00000000
    LAST_USABLE = 0x40900000  # UncertainLastUsableValue: true once, nobody knows about now
    INITIAL = 0x40920000  # UncertainInitialValue: never heard, so a neutral value stands here
    NO_COMMUNICATION = 0x80310000  # BadNoCommunication: our own pipeline does not work
