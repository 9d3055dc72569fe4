"""Units of measurement, as OPC UA names them: by their UNECE codes (Part 8, 5.6.3.3)."""

from dataclasses import dataclass

UNECE = "http://www.opcfoundation.org/UA/units/un/cefact"
"""The namespace of a unit's number."""


@dataclass(frozen=True, slots=True)
class Unit:
    """One unit; ``code`` is its common code in UNECE Recommendation 20."""

    code: str
    symbol: str
    name: str

    @property
    def number(self) -> int:
        """The code's bytes as one number, the first one highest."""
        return int.from_bytes(self.code.encode("ascii"), "big")


CELSIUS = Unit("CEL", "°C", "degree Celsius")
MILLIMETRE = Unit("MMT", "mm", "millimetre")
PERCENT = Unit("P1", "%", "percent")
SECOND = Unit("SEC", "s", "second [unit of time]")
