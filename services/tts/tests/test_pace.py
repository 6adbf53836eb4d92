"""How far a listener is behind, by a clock that the test moves."""

import pytest

from speech_tts.pace import Pace


class Clock:
    seconds = 1000.0

    def __call__(self) -> float:
        return self.seconds


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def pace(clock: Clock) -> Pace:
    return Pace(clock)


def sent_at_once(pace: Pace, *, ahead_seconds: float) -> float:
    """How much is sent in frames of a tenth of a second before one has to wait."""
    sent_seconds = 0.0
    while pace.early_seconds(0.1, ahead_seconds=ahead_seconds) <= 1e-9:
        pace.sent(0.1)
        sent_seconds += 0.1
    return sent_seconds


def test_as_much_as_may_be_ahead_is_sent_at_once(pace) -> None:
    assert sent_at_once(pace, ahead_seconds=3) == pytest.approx(3)


def test_what_was_played_makes_room(pace, clock) -> None:
    sent_at_once(pace, ahead_seconds=3)
    clock.seconds += 0.75

    assert sent_at_once(pace, ahead_seconds=3) == pytest.approx(0.7)
    assert pace.early_seconds(0.1, ahead_seconds=3) == pytest.approx(0.05)


def test_the_listener_waits_for_sound_that_comes_late(pace, clock) -> None:
    sent_at_once(pace, ahead_seconds=3)
    clock.seconds += 60  # it fell silent after three of them

    assert sent_at_once(pace, ahead_seconds=3) == pytest.approx(3)


def test_it_is_one_listener_over_all_utterances(pace, clock) -> None:
    pace.sent(10)
    clock.seconds += 4

    assert pace.early_seconds(1, ahead_seconds=3) == pytest.approx(4)


def test_who_was_cut_off_has_nothing_left_to_play(pace) -> None:
    pace.sent(60)
    pace.cut()

    assert sent_at_once(pace, ahead_seconds=0.5) == pytest.approx(0.5)
