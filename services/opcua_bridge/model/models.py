"""The information models that the server loads: which, and which release of each.

The order is the one in which they are loaded: each stands on those before it.
"""

from dataclasses import dataclass
from datetime import UTC, datetime

from services.opcua_bridge.mapping.nodes import Namespace


@dataclass(frozen=True, slots=True)
class Model:
    """One release of an information model, as its NodeSet names itself (Part 6, Annex F)."""

    namespace: str
    version: str
    published: str  # a date, ISO 8601

    @property
    def midnight(self) -> datetime:
        """The publication date as the models themselves give it."""
        return datetime.fromisoformat(self.published).replace(tzinfo=UTC)


PUBLISHED = (
    Model(Namespace.DI, "1.05.0", "2025-11-15"),  # OPC 10000-100
    Model(Namespace.IA, "1.01.4", "2025-05-23"),  # OPC 10000-200
    Model(Namespace.MACHINERY, "1.04.1", "2026-01-01"),  # OPC 40001-1
    Model(Namespace.IRDI, "1.02.0", "2025-11-10"),
    Model(Namespace.PADIM, "1.02.0", "2025-11-10"),  # OPC 30081
    Model(Namespace.PROCESS_VALUES, "1.00.0", "2023-05-01"),  # OPC 40001-2
    Model(Namespace.ISA95, "2.0.0", "2024-01-31"),  # OPC 10031-4
    Model(Namespace.JOBS, "1.0.1", "2024-05-01"),  # OPC 40001-3
    Model(Namespace.MACHINE_TOOL, "1.02.0", "2024-11-01"),  # OPC 40501-1
)
"""Those that come as files, in the package that deploy/nodesets pins."""

ADDITIVE = Model(Namespace.ADDITIVE, "1.0.0", "2025-02-01")  # OPC 40540
"""The one that no package ships: ``additive`` describes it."""

ADDITIVE_DRAFT = "http://opcfoundation.org/UA/AdditiveManufacturing/NodeSet2/"
"""How its draft 0.1.0 called itself, with other types."""
