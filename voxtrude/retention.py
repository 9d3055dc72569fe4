"""How long things are kept after the last sign of life."""

from dataclasses import dataclass
from datetime import timedelta


@dataclass(frozen=True, slots=True)
class Retention:
    """Each is a time after which MongoDB forgets; it looks once a minute."""

    printers: timedelta = timedelta(days=10)
    """A printer's registration and its state, after its last live message."""
    jobs: timedelta = timedelta(days=90)
    quarantine: timedelta = timedelta(days=7)
    unknown: timedelta = timedelta(days=1)
    readings: timedelta = timedelta(days=1)
    """The temperatures and the progress that charts are drawn from."""
    tokens: timedelta = timedelta(days=400)
    """API tokens that nobody uses."""
