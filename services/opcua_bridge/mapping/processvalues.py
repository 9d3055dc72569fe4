"""Process values: a heater's temperature and target, and how high the head stands."""

from services.opcua_bridge.mapping.nodes import Name, Namespace, Node, Read, Reading
from services.opcua_bridge.mapping.quality import Quality
from services.opcua_bridge.mapping.rows import (
    DOUBLE,
    RANGE,
    STRING,
    UNIT,
    attribute,
    enumeration,
    thing,
    variable,
    version,
)
from services.opcua_bridge.mapping.situation import Situation
from services.opcua_bridge.mapping.structures import Range
from services.opcua_bridge.mapping.units import CELSIUS, MILLIMETRE, Unit
from voxtrude.documents import TemperatureDocument

PATH = "Monitoring/Process"
HEIGHT = "z"
PADIM, PROCESS_VALUES, ADDITIVE = Namespace.PADIM, Namespace.PROCESS_VALUES, Namespace.ADDITIVE
ANALOG_SIGNAL = Name(PADIM, "AnalogSignalVariableType")
SETPOINT = Name(PROCESS_VALUES, "ProcessValueSetpointVariableType")
PROCESS_MONITORING = 2  # SensorCategory

TOOL_RANGE = Range(0.0, 350.0)
RANGES = {"bed": Range(0.0, 150.0), "chamber": Range(0.0, 100.0)}
HEIGHT_RANGE = Range(0.0, 500.0)
"""OctoPrint-MQTT tells no printer profile: these are what such machines are built for."""


def rows(heaters: tuple[str, ...]) -> tuple[Node, ...]:
    """Return the rows of the folder."""
    folder = thing(PATH, Namespace.MACHINERY, Name(Namespace.UA, "FolderType"))
    height = _value(HEIGHT, MILLIMETRE, HEIGHT_RANGE, _height, "height of the Z axis")
    nodes = [folder, version(PATH), *height]
    for heater in heaters:
        limits = RANGES.get(heater, TOOL_RANGE)
        nodes += _value(heater, CELSIUS, limits, _actual(heater), "its temperature")
        setpoint = f"{PATH}/{heater}/ProcessValueSetpoint"
        nodes.append(
            variable(
                setpoint,
                PROCESS_VALUES,
                DOUBLE,
                0.0,
                read=_target(heater),
                type_=SETPOINT,
                fact="its target; 0 is off",
            )
        )
        nodes += _scale(setpoint, CELSIUS, limits)
    return tuple(nodes)


def _value(name: str, unit: Unit, limits: Range, read: Read, fact: str) -> tuple[Node, ...]:
    path = f"{PATH}/{name}"
    signal = f"{path}/AnalogSignal"
    return (
        thing(path, Namespace.MACHINES, Name(ADDITIVE, "ProcessValueAMType")),
        variable(signal, PADIM, DOUBLE, 0.0, read=read, type_=ANALOG_SIGNAL, fact=fact),
        *_scale(signal, unit, limits),
        attribute(f"{path}/SignalTag", PADIM, STRING, name, fact="its name"),
        attribute(
            f"{path}/Category",
            ADDITIVE,
            enumeration(ADDITIVE, "SensorCategory"),
            PROCESS_MONITORING,
            fact="2, process monitoring",
        ),
    )


def _scale(path: str, unit: Unit, limits: Range) -> tuple[Node, ...]:
    return (
        attribute(
            f"{path}/EURange",
            Namespace.UA,
            RANGE,
            limits,
            fact=f"{limits.low:g} to {limits.high:g}",
        ),
        attribute(f"{path}/EngineeringUnits", Namespace.UA, UNIT, unit, fact=unit.symbol),
    )


def _height(situation: Situation) -> Reading:
    height = situation.document.height
    if height is None:
        return Reading(0.0, situation.unheard)
    return Reading(height.mm, situation.live, height.observed_at)


def _actual(name: str) -> Read:
    def read(situation: Situation) -> Reading:
        heater = situation.document.temperatures.get(name)
        if heater is None or heater.actual is None:
            return Reading(0.0, situation.unheard)
        return Reading(heater.actual, _quality(situation, heater), heater.observed_at)

    return read


def _target(name: str) -> Read:
    def read(situation: Situation) -> Reading:
        heater = situation.document.temperatures.get(name)
        if heater is None or heater.target is None:
            return Reading(0.0, situation.unheard)
        return Reading(heater.target, _quality(situation, heater), heater.observed_at)

    return read


def _quality(situation: Situation, heater: TemperatureDocument) -> Quality:
    live = situation.live
    return Quality.LAST_USABLE if live is Quality.GOOD and not heater.current else live
