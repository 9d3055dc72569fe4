from asyncua import ua

from services.opcua_bridge.subscriptions.queues import EventQueue, ValueQueue
from tests.opcua_engine import double

OVERFLOW = 0x480


def seen(queue: ValueQueue, room: int = 100) -> list[tuple[float, int]]:
    return [
        (value.Value.Value, value.StatusCode.value if value.StatusCode else 0)
        for value in queue.take(room)
        if value.Value
    ]


def filled(size: int, count: int, *, discard_oldest: bool) -> ValueQueue:
    queue = ValueQueue(size, discard_oldest=discard_oldest)
    for number in range(count):
        queue.push(double(float(number)))
    return queue


def test_what_fits_is_kept() -> None:
    assert seen(filled(3, 3, discard_oldest=True)) == [(0.0, 0), (1.0, 0), (2.0, 0)]


def test_the_oldest_goes_and_the_next_one_tells() -> None:
    queue = filled(3, 5, discard_oldest=True)
    assert seen(queue) == [(2.0, OVERFLOW), (3.0, 0), (4.0, 0)]


def test_the_newest_is_replaced_and_tells() -> None:
    queue = filled(3, 5, discard_oldest=False)
    assert seen(queue) == [(0.0, 0), (1.0, 0), (4.0, OVERFLOW)]


def test_a_queue_of_one_is_the_latest_value_and_loses_nothing() -> None:
    for discard_oldest in (True, False):
        assert seen(filled(1, 5, discard_oldest=discard_oldest)) == [(4.0, 0)]


def test_a_shared_value_stays_as_it_is() -> None:
    value = double(1.0)
    queue = ValueQueue(2, discard_oldest=True)
    for each in (double(0.0), value, double(2.0)):
        queue.push(each)
    assert seen(queue)[0] == (1.0, OVERFLOW)
    assert value.StatusCode == ua.StatusCode()


def test_taking_a_part() -> None:
    queue = filled(3, 3, discard_oldest=True)
    assert seen(queue, 2) == [(0.0, 0), (1.0, 0)]
    assert seen(queue, 2) == [(2.0, 0)]


def test_a_queue_that_shrinks() -> None:
    oldest, newest = (filled(4, 4, discard_oldest=each) for each in (True, False))
    oldest.resize(2, discard_oldest=True)
    newest.resize(2, discard_oldest=False)
    assert seen(oldest) == [(2.0, OVERFLOW), (3.0, 0)]
    assert seen(newest) == [(0.0, 0), (3.0, OVERFLOW)]


def test_a_queue_that_shrinks_to_one() -> None:
    queue = filled(4, 4, discard_oldest=False)
    queue.resize(1, discard_oldest=False)
    assert seen(queue) == [(3.0, 0)]


def test_events_are_lost_from_a_queue_of_one_as_well() -> None:
    queue = EventQueue(1, discard_oldest=True)
    queue.push(b"a")
    assert not queue.lost
    queue.push(b"b")
    assert queue.lost
    assert queue.take(10) == [b"b"]


def test_events_that_do_not_fit_any_more_are_lost() -> None:
    queue = EventQueue(2, discard_oldest=True)
    queue.push(b"a")
    queue.push(b"b")
    queue.resize(1, discard_oldest=True)
    assert queue.lost
    assert queue.take(10) == [b"b"]
