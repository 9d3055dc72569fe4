"""The types of OPC 40540 (Additive Manufacturing 1.0.0), as a table of published facts.

No package ships its NodeSet. Names, types and rules are those of the specification's
tables, which each row names; the numbers are those of the NodeIds that the OPC Foundation
publishes with it. Left out is what only repeats a type's own declarations deeper in the
tree, and the deprecated type dictionaries: hence IsNamespaceSubset.
"""

from services.opcua_bridge.mapping.nodes import Id, Namespace
from services.opcua_bridge.model.models import ADDITIVE, PUBLISHED
from services.opcua_bridge.model.nodesettable import Field, Reference, Rows, Rule, Table, sourced
from services.opcua_bridge.model.nodesetxml import document

M, O, MP = Rule.MANDATORY, Rule.OPTIONAL, Rule.MANDATORY_PLACEHOLDER  # noqa: E741  (its letters)

_AM = Table(
    Namespace.ADDITIVE,
    {
        "0": Namespace.UA,
        "DI": Namespace.DI,
        "MA": Namespace.MACHINERY,
        "MJ": Namespace.JOBS,
        "MT": Namespace.MACHINE_TOOL,
    },
)


def _ua(number: int) -> Id:
    return Id(Namespace.UA, number)


def _mt(number: int) -> Id:
    return Id(Namespace.MACHINE_TOOL, number)


BOOLEAN, UINT32, STRING, DATE_TIME = _ua(1), _ua(7), _ua(12), _ua(13)
LOCALIZED_TEXT, NUMBER, DURATION, EU_INFORMATION = _ua(21), _ua(26), _ua(290), _ua(887)
BASE_OBJECT, FOLDER, ANALOG_UNIT, NAMESPACE_METADATA = _ua(58), _ua(61), _ua(17497), _ua(11616)
NAMESPACES = _ua(11715)  # the folder that holds every namespace's metadata
MACHINE_TOOL_IDENTIFICATION, EQUIPMENT, MACHINE_TOOL = _mt(11), _mt(12), _mt(13)
MONITORING, OPERATION_MONITORING, OPERATION_MODE = _mt(14), _mt(26), _mt(65)
PROCESS_VALUE = Id(Namespace.PROCESS_VALUES, 1003)
JOB_MANAGEMENT = Id(Namespace.JOBS, 1003)
JOB_STATE = Id(Namespace.ISA95, 3006)  # ISA95StateDataType

FEEDSTOCK, FEEDSTOCK_LIST, PROCESS_VALUE_AM = _AM.id(1000), _AM.id(1001), _AM.id(1002)
EQUIPMENT_AM, IDENTIFICATION_AM = _AM.id(1003), _AM.id(1004)
FUNCTION, SEVERITY, CATEGORY = _AM.id(3000), _AM.id(3002), _AM.id(3003)
IDENTIFIER = ("Identifier", STRING, M)  # of a feedstock

TABLE: Rows = (
    *sourced(
        "OPC 40540, 8.1, Tables 13 and 14",
        _AM.object_type(
            1005,
            "AdditiveManufacturingType",
            MACHINE_TOOL,
            _AM.object(5007, "MT:Equipment", EQUIPMENT_AM, M),
            _AM.object(
                5008,
                "DI:Identification",
                IDENTIFICATION_AM,
                M,
                _AM.property(6079, "AMTechnologyIdentifier", STRING, M),
                _AM.property(6080, "DI:ProductInstanceUri", STRING, M),
                _AM.property(6081, "DI:Manufacturer", LOCALIZED_TEXT, M),
                _AM.property(6082, "DI:SerialNumber", STRING, M),
                reference=Reference.ADD_IN,
            ),
            _AM.object(
                5001,
                "MT:Monitoring",
                MONITORING,
                M,
                _AM.object(
                    5006,
                    "MT:MachineTool",
                    OPERATION_MONITORING,
                    M,
                    _AM.variable(6016, "MT:OperationMode", OPERATION_MODE, M),
                ),
                _AM.object(5009, "MA:Process", FOLDER, O),
                _AM.object(5010, "MA:Health", FOLDER, O),
            ),
            _AM.object(
                5011,
                "MA:MachineryBuildingBlocks",
                FOLDER,
                O,
                _AM.object(5012, "MJ:JobManagement", JOB_MANAGEMENT, O, reference=Reference.ADD_IN),
            ),
        ),
    ),
    *sourced(
        "OPC 40540, 8.2, Table 15",
        _AM.object_type(
            1004,
            "MachineIdentificationAMType",
            MACHINE_TOOL_IDENTIFICATION,
            _AM.property(6078, "AMTechnologyIdentifier", STRING, M),
        ),
    ),
    *sourced(
        "OPC 40540, 8.3, Table 17",
        _AM.object_type(
            1003,
            "EquipmentAMType",
            EQUIPMENT,
            _AM.object(
                5003,
                "Feedstock",
                FEEDSTOCK_LIST,
                O,
                _AM.object(5004, "<Feedstock>", FEEDSTOCK, MP, _AM.property(6065, *IDENTIFIER)),
            ),
        ),
    ),
    *sourced(
        "OPC 40540, 8.4, Table 18",
        _AM.object_type(
            1002,
            "ProcessValueAMType",
            PROCESS_VALUE,
            _AM.property(6063, "Category", CATEGORY, M),
            _AM.property(6064, "Severity", SEVERITY, O),
        ),
    ),
    *sourced(
        "OPC 40540, 8.5, Table 19",
        _AM.object_type(
            1001,
            "FeedstockListType",
            BASE_OBJECT,
            _AM.object(5002, "<Feedstock>", FEEDSTOCK, MP, _AM.property(6026, *IDENTIFIER)),
            _AM.property(6073, "0:NodeVersion", STRING, O),
        ),
    ),
    *sourced(
        "OPC 40540, 8.6, Table 20",
        _AM.object_type(
            1000,
            "FeedstockType",
            BASE_OBJECT,
            _AM.property(6008, *IDENTIFIER),
            _AM.property(6009, "ExternalIdentifier", STRING, O),
            _AM.property(6010, "Name", STRING, O),
            _AM.property(6011, "DI:Manufacturer", STRING, O),
            _AM.variable(6012, "Cycle", UINT32, O),
            _AM.variable(6013, "ReadyForProduction", BOOLEAN, O),
            _AM.variable(
                6014,
                "RemainingQuantity",
                NUMBER,
                O,
                _AM.property(6033, "0:EngineeringUnits", EU_INFORMATION, M),
                type_=ANALOG_UNIT,
            ),
            _AM.variable(6015, "Function", FUNCTION, O),
        ),
    ),
    *sourced(
        "OPC 40540, 10.1, Tables 23 and 24",
        _AM.structure(
            3001,
            "RunInfoDataType",
            (5036, 5037, 5038),
            Field("CurrentLayer", UINT32, is_optional=True),
            Field("Identifier", STRING),
            Field("State", JOB_STATE),
            Field("RemainingTime", DURATION, is_optional=True),
        ),
    ),
    *sourced(
        "OPC 40540, 10.2, Tables 25 and 26",
        _AM.enumeration(
            3000, "FeedstockFunction", 6001, "Undefined", "Main", "Ancillary", "Consumable"
        ),
    ),
    *sourced(
        "OPC 40540, 10.3, Tables 27 and 28",
        _AM.enumeration(3002, "SensorSeverity", 6006, "Info", "Critical"),
    ),
    *sourced(
        "OPC 40540, 10.4, Tables 29 and 30",
        _AM.enumeration(
            3003,
            "SensorCategory",
            6007,
            "MachineHealth",
            "MaintenanceTracking",
            "ProcessMonitoring",
        ),
    ),
    *sourced(
        "OPC 40540, 13.1 (NamespaceMetadata)",
        _AM.object(
            5016,
            ADDITIVE.namespace,
            NAMESPACE_METADATA,
            None,
            _AM.property(6100, "0:IsNamespaceSubset", BOOLEAN, value=True),
            _AM.property(6101, "0:NamespacePublicationDate", DATE_TIME, value=ADDITIVE.midnight),
            _AM.property(6102, "0:NamespaceUri", STRING, value=ADDITIVE.namespace),
            _AM.property(6104, "0:NamespaceVersion", STRING, value=ADDITIVE.version),
            parent=NAMESPACES,
        ),
    ),
)
"""Every node of the namespace that this server has."""


def nodeset() -> str:
    """Return the NodeSet's XML."""
    return document(ADDITIVE, PUBLISHED, TABLE)
