from datetime import timedelta

import pytest
from asyncua import ua
from asyncua.ua.status_codes import StatusCodes

from services.opcua_bridge.mapping.nodes import Id, Namespace, Reading
from services.opcua_bridge.mapping.quality import Quality
from services.opcua_bridge.mapping.rows import (
    DOUBLE,
    NODE_ID,
    RANGE,
    STRINGS,
    TEXT,
    UTC_TIME,
    enumeration,
)
from services.opcua_bridge.mapping.structures import Place, Range, Words
from services.opcua_bridge.model.encoding import Encoder
from tests.opcua_catalog import INDEXES, Catalog
from tests.opcua_printers import BEGAN, NOW

ENCODER = Encoder(Catalog(), BEGAN)
OURS = INDEXES[Namespace.MACHINES]


def test_words_of_ours_have_a_language_and_names_have_none() -> None:
    ours = ENCODER.variant(TEXT, Words("Executing")).Value
    theirs = ENCODER.variant(TEXT, "Prüsa").Value
    assert (ours.Text, ours.Locale) == ("Executing", "en")
    assert (theirs.Text, theirs.Locale) == ("Prüsa", None)


def test_a_node_of_a_specification_and_one_of_a_machine() -> None:
    state = ENCODER.variant(NODE_ID, Id(Namespace.MACHINERY, 5006)).Value
    assert (state.Identifier, state.NamespaceIndex) == (5006, INDEXES[Namespace.MACHINERY])
    own = ENCODER.variant(NODE_ID, Place("prn-a", "Production/ActiveProgram")).Value
    assert own == ua.NodeId(ua.String("prn-a/Production/ActiveProgram"), ua.Int16(OURS))


def test_a_value_is_carried_as_its_type_says() -> None:
    mode = ENCODER.variant(enumeration(Namespace.MACHINE_TOOL, "MachineOperationMode"), 1)
    assert (mode.VariantType, mode.Value) == (ua.VariantType.Int32, 1)
    limits = ENCODER.variant(RANGE, Range(0.0, 350.0))
    assert limits.VariantType is ua.VariantType.ExtensionObject
    assert (limits.Value.Low, limits.Value.High) == (0.0, 350.0)
    nothing = ENCODER.variant(STRINGS, ())
    assert (nothing.VariantType, nothing.is_array, nothing.Value) == (
        ua.VariantType.String,
        True,
        [],
    )
    assert ENCODER.variant(UTC_TIME, NOW).Value == NOW


@pytest.mark.parametrize(
    ("quality", "code"),
    [
        (Quality.GOOD, StatusCodes.Good),
        (Quality.LAST_USABLE, StatusCodes.UncertainLastUsableValue),
        (Quality.INITIAL, StatusCodes.UncertainInitialValue),
        (Quality.NO_COMMUNICATION, StatusCodes.BadNoCommunication),
    ],
)
def test_a_value_says_how_good_it_is_and_since_when(quality: Quality, code: int) -> None:
    value = ENCODER.value(DOUBLE, Reading(4.2, quality, NOW), NOW + timedelta(seconds=1))
    assert value.StatusCode is not None
    assert value.StatusCode.value == code
    assert value.Value == ua.Variant(4.2, ua.VariantType.Double)
    assert value.SourceTimestamp == NOW
    assert value.ServerTimestamp == NOW + timedelta(seconds=1)


def test_what_has_no_time_is_as_old_as_the_machine() -> None:
    assert ENCODER.value(DOUBLE, Reading(0.0), NOW).SourceTimestamp == BEGAN


def test_what_is_said_often_is_made_once() -> None:
    first, second = (ENCODER.variant(TEXT, Words("Executing")).Value for _ in range(2))
    assert first is second
