"""Which machines an endpoint serves: all, those of one MES, or one."""

import re
from dataclasses import dataclass
from typing import Self

from voxtrude.documents import MachineDocument
from voxtrude.printer import PrinterId
from voxtrude.registration import PRINTER_ID

_MES = re.compile(r"mes:(\d{1,10})")


@dataclass(frozen=True, slots=True)
class Scope:
    """All machines, unless ``mes_id`` or ``machine`` says less."""

    mes_id: int | None = None
    machine: PrinterId | None = None

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read ``all``, ``mes:1``, or a printer's id.

        Raises:
            ValueError: It is none of them.
        """
        text = text.strip()
        if text == "all":
            return cls()
        if found := _MES.fullmatch(text):
            return cls(mes_id=int(found[1]))
        if PRINTER_ID.fullmatch(text):
            return cls(machine=PrinterId(text))
        raise ValueError(f"{text!r} is neither all, nor mes:NUMBER, nor a printer's id")

    def admits(self, machine: MachineDocument) -> bool:
        """Tell whether ``machine`` may be seen."""
        if self.machine is not None:
            return machine.id == self.machine
        return self.mes_id is None or self.mes_id in machine.mes_ids

    def __str__(self) -> str:
        """Return what ``parse`` reads."""
        return self.machine or ("all" if self.mes_id is None else f"mes:{self.mes_id}")
