"""What is put away comes back as it was: packed in memory, and as a stored document."""

import bson
from hypothesis import example, given

from services.ingest.shelf import Shelf
from tests import strategies
from tests.strategies import BEGAN, PRINTER
from voxtrude.mongo.client import CODEC
from voxtrude.mongo.states import Kept, from_document, to_document
from voxtrude.printer import Origin, PrinterState, Temperature

# A heater without a sensor: OctoPrint tells null for both.
UNMEASURED = PrinterState(
    printer=PRINTER, temperatures={"bed": Temperature(None, None, BEGAN, Origin.LIVE)}
)


@given(strategies.states())
@example(UNMEASURED)
def test_a_packed_state_comes_back_as_it_was(state: PrinterState) -> None:
    shelf = Shelf()
    shelf[state.printer] = state

    assert shelf[state.printer] == state
    assert shelf.part([state.printer])[state.printer] == state


@given(strategies.states())
@example(UNMEASURED)
def test_a_stored_document_can_be_read_again(state: PrinterState) -> None:
    stored = bson.encode(to_document(Kept(state, b"marks0")), codec_options=CODEC)
    kept = from_document(bson.decode(stored, codec_options=CODEC))

    assert kept is not None
    assert kept.applied == b"marks0"
    # Dates have milliseconds in BSON; once read, a document stays as it is.
    assert from_document(to_document(kept)) == kept
