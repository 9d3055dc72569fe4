"""Which nodes a machine has: those of an AdditiveManufacturingType that OctoPrint can fill."""

from dataclasses import dataclass
from functools import lru_cache

from services.opcua_bridge.mapping import (
    buildingblocks,
    equipment,
    identification,
    jobs,
    monitoring,
    notification,
    processvalues,
    production,
    stacklight,
)
from services.opcua_bridge.mapping.nodes import Kind, Link, Name, Namespace, Node
from voxtrude.documents import PrinterDocument

MACHINE = Node(
    path="",
    name=Name(Namespace.MACHINES, "Machine"),
    kind=Kind.OBJECT,
    type=Name(Namespace.ADDITIVE, "AdditiveManufacturingType"),
    link=Link.ORGANIZES,
    notifies=True,
    fact="its names are the printer's name",
)
KNOWN_SHAPES = 1024
"""So many shapes are kept; printers of one kind share theirs."""


@dataclass(frozen=True, slots=True)
class Shape:
    """What differs from machine to machine, and from time to time."""

    heaters: tuple[str, ...] = ()
    firmware: bool = False
    year: bool = False
    job: bool = False
    prognosis: bool = False

    @property
    def tools(self) -> tuple[str, ...]:
        """The heaters that extrude."""
        return tuple(heater for heater in self.heaters if heater.startswith("tool"))


def shape(document: PrinterDocument) -> Shape:
    """Return which nodes a printer has, as its document tells."""
    return Shape(
        heaters=tuple(name for name in document.temperatures if _is_heater(name)),
        firmware=document.firmware is not None,
        year=identification.year_of(document.printer) is not None,
        job=production.last(document) is not None,
        prognosis=notification.prognosis(document) is not None,
    )


@lru_cache(maxsize=KNOWN_SHAPES)
def template(machine: Shape, *, fill_job_orders: bool = False) -> tuple[Node, ...]:
    """Return the nodes of a machine, each after its parent, the machine itself first."""
    return (
        MACHINE,
        *buildingblocks.rows(),
        *identification.rows(firmware=machine.firmware, year=machine.year),
        *equipment.rows(machine.tools),
        *monitoring.rows(),
        *processvalues.rows(machine.heaters),
        *stacklight.rows(),
        *notification.rows(prognosis=machine.prognosis),
        *production.rows(job=machine.job),
        *jobs.rows(filled=fill_job_orders),
    )


def _is_heater(name: str) -> bool:
    """Tell whether ``name`` can stand in a path, beside the height's."""
    return name != "" and "/" not in name and name != processvalues.HEIGHT
