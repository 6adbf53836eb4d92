import pytest

from speech_core.errors import Overloaded
from speech_core.pipeline.admission import Seats


def test_a_full_house_refuses_with_a_hint_when_to_come_back() -> None:
    seats = Seats(1)

    with seats.take(), pytest.raises(Overloaded) as refused, seats.take():
        pass

    assert (refused.value.code, refused.value.retry_after_seconds) == ("queue_full", 1.0)


def test_the_hint_is_that_of_whoever_knows_when_a_seat_is_free() -> None:
    seats = Seats(1)
    seats.free_in_seconds = lambda: 7.5

    with seats.take(), pytest.raises(Overloaded) as refused, seats.take():
        pass

    assert refused.value.retry_after_seconds == 7.5


def test_a_seat_is_free_again_after_a_failure() -> None:
    seats = Seats(1)

    with pytest.raises(RuntimeError), seats.take():
        raise RuntimeError

    assert seats.taken == 0
