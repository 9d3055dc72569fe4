"""Where documents are kept, and how many streams an account has."""

from services.skill.live import shelf
from services.skill.live.shelf import Shelf
from services.skill.live.turnstile import Turnstile
from tests.opcua_printers import document, job, printer
from voxtrude.printer import PrinterId, Status
from voxtrude.registration import AccountId


def test_what_was_put_there_first_is_packed_and_still_the_same() -> None:
    place = Shelf()
    told = document(printer(Status.PRINTING, job=job()))
    names = [PrinterId(f"prn-{number:016x}") for number in range(shelf.OPEN + 2)]
    for name in names:
        place.put(name, told)
    assert len(place) == len(names)
    assert place.printers() == set(names)
    assert place.get(names[-1]) is told
    assert place.get(names[0]) == told
    assert place.get(names[0]) is not told
    place.put(names[0], told)
    assert place.get(names[0]) is told
    assert len(place) == len(names)
    for name in names[:3]:
        place.drop(name)
        assert name not in place
        assert place.get(name) is None


def test_an_account_has_only_so_many_streams() -> None:
    turnstile = Turnstile(2)
    ada, other = AccountId("acc-00000000000000aa"), AccountId("acc-00000000000000bb")
    with turnstile.entered(ada):
        assert not turnstile.is_full(ada)
        with turnstile.entered(ada):
            assert turnstile.is_full(ada)
            assert not turnstile.is_full(other)
    assert not turnstile.is_full(ada)
