"""Base topics and names, and what the broker's filters are made of."""

import pytest

from voxtrude.errors import SetupError
from voxtrude.registration import (
    PRINTER_ID,
    Templates,
    checked_base,
    checked_name,
    new_printer_id,
    standard_base,
    topic_filters,
)


def test_every_new_printer_has_an_id_of_its_own() -> None:
    ids = {new_printer_id() for _ in range(50)}
    assert len(ids) == 50
    assert all(PRINTER_ID.fullmatch(printer) for printer in ids)


def test_the_standard_base_is_its_own_subtree() -> None:
    printer = new_printer_id()
    assert topic_filters(standard_base(printer), Templates()) == (f"octoPrint/{printer}/#",)


def test_a_base_without_a_slash_has_a_filter_a_template() -> None:
    assert topic_filters("hall/Unit-1", Templates(event="ev/{event}/x")) == (
        "hall/Unit-1ev/+/x",
        "hall/Unit-1progress/+",
        "hall/Unit-1temperature/+",
        "hall/Unit-1metadata/+",
        "hall/Unit-1mqtt",
    )


def test_a_name_is_stored_with_single_blanks() -> None:
    assert checked_name("  Prusa   MK4\tleft ") == "Prusa MK4 left"
    assert checked_name("Bär 🐻") == "Bär 🐻"


@pytest.mark.parametrize("name", ["", "   ", "x" * 65, "a\x00b", "a\u202eb"])
def test_a_name_that_nobody_can_read_is_refused(name: str) -> None:
    with pytest.raises(SetupError, match="name"):
        checked_name(name)


@pytest.mark.parametrize("base", ["hall 1/Ünit-1/", "octoPrint/left/", "a/"])
def test_a_base_of_ones_own_is_taken(base: str) -> None:
    assert checked_base(base) == base


@pytest.mark.parametrize(
    ("base", "why"),
    [
        ("", "printable"),
        ("x" * 200 + "/", "printable"),
        ("a\nb/", "printable"),
        ("/a/", "leading slash"),
        ("a/+/", "none of the characters"),
        ("a/#/", "none of the characters"),
        ("$SYS/", "none of the characters"),
        ("a/{event}/", "none of the characters"),
        ("hall/Unit-1", "hall/Unit-1/"),
        ("voxtrude/v1/", "taken"),
        ("octoPrint/", "default"),
    ],
)
def test_a_base_that_cannot_work_is_refused_with_its_reason(base: str, why: str) -> None:
    with pytest.raises(SetupError, match=why):
        checked_base(base)
