"""Identification: what stands on the machine's plate. It is never bad (OPC 40501-1, 8.2)."""

from collections.abc import Callable

from services.opcua_bridge.mapping.buildingblocks import BLOCKS
from services.opcua_bridge.mapping.nodes import Link, Name, Namespace, Node, Read, Reading
from services.opcua_bridge.mapping.rows import STRING, TEXT, UINT16, attribute, thing
from services.opcua_bridge.mapping.situation import Situation
from voxtrude.documents import MachineDocument

PATH = "Identification"
SOFTWARE = f"{PATH}/SoftwareIdentification"
FIRMWARE = f"{SOFTWARE}/Firmware"
DI, MACHINERY, MACHINE_TOOL = Namespace.DI, Namespace.MACHINERY, Namespace.MACHINE_TOOL
TECHNOLOGY = "MEX"
"""Material extrusion, the process of every printer that OctoPrint drives (ISO/ASTM 52900)."""

DEVICE_CLASS = "3D printer"
LAST_YEAR = 0xFFFF  # a UInt16


def rows(*, firmware: bool, year: bool) -> tuple[Node, ...]:
    """Return the rows; what nobody told has none, or a neutral value where it must have one."""
    plate = [
        thing(
            PATH,
            DI,
            Name(Namespace.ADDITIVE, "MachineIdentificationAMType"),
            link=Link.ADD_IN,
            also=(BLOCKS,),
        ),
        attribute(
            f"{PATH}/ProductInstanceUri",
            DI,
            STRING,
            "",
            read=_plate(lambda printer: f"{Namespace.MACHINES}:{printer.id}"),
            fact="the printer's id, which never changes",
        ),
        attribute(
            f"{PATH}/Manufacturer",
            DI,
            TEXT,
            "",
            read=_plate(lambda printer: printer.manufacturer or ""),
            fact="`--manufacturer`, or empty",
        ),
        attribute(
            f"{PATH}/SerialNumber",
            DI,
            STRING,
            "",
            read=_plate(lambda printer: printer.serial_number or printer.id),
            fact="`--serial-number`, or the printer's id",
        ),
        attribute(
            f"{PATH}/AMTechnologyIdentifier",
            Namespace.ADDITIVE,
            STRING,
            TECHNOLOGY,
            fact="`MEX`, material extrusion (ISO/ASTM 52900)",
        ),
        attribute(
            f"{PATH}/Model",
            DI,
            TEXT,
            "",
            read=_plate(lambda printer: printer.model or ""),
            fact="`--model`, or empty",
        ),
        attribute(
            f"{PATH}/ComponentName",
            DI,
            TEXT,
            "",
            read=_plate(lambda printer: printer.name),
            fact="the printer's name; a rename changes it, and no NodeId",
        ),
        attribute(
            f"{PATH}/AssetId",
            DI,
            STRING,
            "",
            read=_plate(lambda printer: printer.id),
            fact="the printer's id",
        ),
        attribute(f"{PATH}/DeviceClass", DI, STRING, DEVICE_CLASS, fact=f"`{DEVICE_CLASS}`"),
        attribute(
            f"{PATH}/Location",
            MACHINERY,
            STRING,
            "",
            read=_plate(lambda printer: printer.location or ""),
            fact="`--location`, or empty",
        ),
        attribute(
            f"{PATH}/SoftwareRevision",
            DI,
            STRING,
            "",
            read=_firmware,
            fact="the printer's firmware, once it was heard",
        ),
    ]
    if year:
        plate.append(
            attribute(
                f"{PATH}/YearOfConstruction",
                MACHINERY,
                UINT16,
                0,
                read=_plate(lambda printer: year_of(printer) or 0),
                fact="`--year`; without one there is no such node",
            )
        )
    if firmware:
        plate += _software()
    return tuple(plate)


def year_of(printer: MachineDocument) -> int | None:
    """Return the year of construction, where one was told that can be one."""
    year = printer.year_of_construction
    return year if year is not None and 0 < year <= LAST_YEAR else None


def _plate(told: Callable[[MachineDocument], object]) -> Read:
    return lambda situation: Reading(told(situation.document.printer))


def _software() -> tuple[Node, ...]:
    return (
        thing(
            SOFTWARE,
            MACHINE_TOOL,
            Name(Namespace.UA, "BaseObjectType"),
            fact="there once the firmware was heard",
        ),
        thing(FIRMWARE, Namespace.MACHINES, Name(MACHINE_TOOL, "SoftwareIdentificationType")),
        attribute(f"{FIRMWARE}/Identifier", MACHINE_TOOL, STRING, "Firmware", fact="`Firmware`"),
        attribute(
            f"{FIRMWARE}/SoftwareRevision",
            DI,
            STRING,
            "",
            read=_firmware,
            fact="the printer's firmware, as it names itself",
        ),
    )


def _firmware(situation: Situation) -> Reading:
    firmware = situation.document.firmware
    return Reading(firmware.text, at=firmware.observed_at) if firmware else Reading("")
