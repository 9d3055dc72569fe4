"""What ``voxtrude doctor`` finds."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Finding:
    """One check's result; ``ok`` None is a remark, neither good nor bad."""

    check: str
    ok: bool | None
    detail: str
