"""A heater of a simulated printer, with what was last told of it; degrees Celsius."""

from dataclasses import dataclass

ROOM = 21.3
THRESHOLD = 0.1  # the plugin tells no smaller change
CLOSE = 0.5


@dataclass(slots=True)
class Heater:
    """It heats ``speed`` degrees a second, and cools down half as fast."""

    speed: float
    actual: float = ROOM
    target: float = 0.0
    told: tuple[float, float] | None = None

    @property
    def is_heating(self) -> bool:
        """Whether it is on its way up."""
        return self.actual < self.target - CLOSE

    @property
    def has_changed(self) -> bool:
        """Whether it is worth a message."""
        return self.told is None or abs(self.actual - self.told[0]) >= THRESHOLD

    def go_on(self, jitter: float) -> None:
        """Let a second pass; near its goal it is off by ``jitter``."""
        goal = self.target or ROOM
        if abs(goal - self.actual) <= self.speed:
            self.actual = goal + jitter
        else:
            self.actual += self.speed if goal > self.actual else -self.speed / 2
        self.actual = round(self.actual, 2)
