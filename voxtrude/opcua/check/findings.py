"""What a check found, in words."""

from dataclasses import dataclass
from enum import Enum


class Severity(Enum):
    """How much a finding matters."""

    BAD = "bad"  # it breaks a specification
    NOTE = "note"  # allowed, and some client will miss something


@dataclass(frozen=True, slots=True)
class Finding:
    """One sentence; ``path`` is the way from the machine, empty for the machine itself."""

    severity: Severity
    path: str
    text: str

    def __str__(self) -> str:
        """Return it as one line."""
        return f"{self.path}: {self.text}" if self.path else self.text


def bad(path: str, text: str) -> Finding:
    """Make a finding that breaks a specification."""
    return Finding(Severity.BAD, path, text)


def note(path: str, text: str) -> Finding:
    """Make a finding that a client will miss something."""
    return Finding(Severity.NOTE, path, text)
