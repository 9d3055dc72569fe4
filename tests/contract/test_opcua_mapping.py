"""Every document of a printer makes a whole machine, whose values can be sent."""

from dataclasses import replace

from asyncua.common.utils import Buffer
from asyncua.ua.ua_binary import variant_from_binary, variant_to_binary
from hypothesis import given
from hypothesis import strategies as st

from services.opcua_bridge.mapping import jobs
from services.opcua_bridge.mapping.nodes import Kind
from services.opcua_bridge.mapping.page import PAGE, WHOLE, page
from services.opcua_bridge.mapping.quality import Quality
from services.opcua_bridge.mapping.readings import readings
from services.opcua_bridge.mapping.situation import Pipeline, Situation
from services.opcua_bridge.mapping.template import Shape, shape, template
from services.opcua_bridge.model.encoding import Encoder
from tests.opcua_catalog import Catalog
from tests.opcua_printers import NOW, REGISTRATION, document, job, machine, past, printer
from tests.strategies import states
from voxtrude.documents import PrinterDocument
from voxtrude.printer import Origin, Outcome, Status, Temperature
from voxtrude.registration import Identification

ENCODER = Encoder(Catalog(), NOW)
text = st.none() | st.text(max_size=5)
plates = st.builds(
    Identification,
    manufacturer=text,
    model=text,
    serial_number=text,
    location=text,
    year_of_construction=st.none() | st.integers(),
)
documents = st.builds(
    lambda state, plate: document(state, replace(REGISTRATION, identification=plate)),
    states(),
    plates,
)


@given(documents, st.sampled_from(Pipeline))
def test_whatever_is_known_of_a_printer_can_be_sent(
    told: PrinterDocument, pipeline: Pipeline
) -> None:
    nodes = template(shape(told))
    data = {node.path: node.data for node in nodes if node.data}
    for path, reading in readings(nodes, Situation(told, pipeline)).items():
        value = ENCODER.value(data[path], reading, NOW).Value
        assert value is not None
        assert value.Value is not None
        assert variant_from_binary(Buffer(variant_to_binary(value))) == value
        assert reading.quality is Quality.GOOD or not path.startswith("Identification/")


@given(documents)
def test_whatever_is_known_of_jobs_is_answered(told: PrinterDocument) -> None:
    situation = Situation(told, Pipeline.RUNNING)
    for response in jobs.known(situation):
        assert jobs.job_response(situation, response.order.id)[1] is jobs.Return.OK
        among, status = jobs.job_responses(situation, response.order.state.number)
        assert status is jobs.Return.OK
        assert response in among
    assert jobs.job_response(situation, "") == (None, jobs.Return.UNKNOWN_ORDER)
    assert jobs.job_responses(situation, 7) == ((), jobs.Return.INVALID_STATE)


@given(
    st.builds(
        Shape,
        heaters=st.lists(st.sampled_from(["tool0", "tool1", "bed", "x_y-9"]), unique=True).map(
            tuple
        ),
        firmware=st.booleans(),
        year=st.booleans(),
        job=st.booleans(),
        prognosis=st.booleans(),
    )
)
def test_every_node_follows_its_parent_and_has_a_path_of_its_own(any_shape: Shape) -> None:
    paths: set[str] = set()
    for node in template(any_shape):
        assert node.path not in paths
        parents = {node.path.rpartition("/")[0], *node.also} if node.path else set()
        assert parents <= paths
        assert (node.data is None) == (node.kind is not Kind.VARIABLE)
        assert node.type is not None or node.kind is Kind.METHOD
        paths.add(node.path)


def test_a_shape_tells_what_there_is() -> None:
    assert shape(document(printer(Status.IDLE, firmware=None))) == Shape(("tool0",))
    running = printer(Status.PRINTING, job=job(), last_job=past(Outcome.DONE))
    assert shape(document(running)) == Shape(("tool0",), firmware=True, job=True, prognosis=True)
    paused = printer(Status.PAUSED, job=job(paused_at=NOW))
    assert shape(document(paused)) == Shape(("tool0",), firmware=True, job=True)


def test_a_heater_has_the_name_of_its_own_only() -> None:
    reading = Temperature(20.0, 0.0, NOW, Origin.LIVE)
    state = printer(Status.IDLE, temperatures=dict.fromkeys(("z", "a/b", "", "bed"), reading))
    assert shape(document(state)).heaters == ("bed",)
    assert machine(state)["Monitoring/Process/z/AnalogSignal"].value == 4.2


def test_numbers_have_the_units_that_they_are_told_in() -> None:
    read = machine(printer(Status.PRINTING, job=job(), last_job=past(Outcome.DONE)))
    counters = "Monitoring/MachineTool/OperationCounters"
    assert read[f"{counters}/PowerOnDuration"].value == 7_260_000.0
    assert read[f"{counters}/OperationDuration"].value == 300_000.0
    assert read[f"{counters}/OperationCycleCounter"].value == 3
    assert read["Monitoring/MachineTool/PowerOnDuration"].value == 2
    assert read["Production/Statistics/PartsProducedInLifetime"].value == 2
    assert read["Production/ActiveProgram/PrintTime"].value == 600.0
    assert read["Production/ActiveProgram/TimeLeft"].value == 1200.0


def test_the_page_is_what_the_rows_make() -> None:
    assert PAGE.read_text(encoding="utf-8") == page(), (
        "run `python -m services.opcua_bridge.mapping.page`"
    )


def test_the_page_tells_what_fills_each_variable() -> None:
    assert not [node.path for node in template(WHOLE) if node.data and not node.fact]
