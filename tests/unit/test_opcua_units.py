import pytest

from services.opcua_bridge.mapping.units import CELSIUS, MILLIMETRE, PERCENT, SECOND, Unit


@pytest.mark.parametrize(
    ("unit", "number"),  # as the OPC Foundation's table of UNECE codes has them
    [(CELSIUS, 4408652), (MILLIMETRE, 5066068), (PERCENT, 20529), (SECOND, 5457219)],
)
def test_a_units_number_is_made_of_its_code(unit: Unit, number: int) -> None:
    assert unit.number == number
