"""The rules of Whisper's decoding, without a model."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from speech_asr.engines import Task
from speech_asr.engines.attempt import FULL_FRAMES, Answer, WhisperAttempt, has_repetition, next_frame
from speech_asr.segments import Decoded, Segment

ENCODED = np.zeros((1, 2, 2), np.float32)


def attempt(seconds: float = 6, *, shortest_frames: int = 1000, temperature: float = 0.0) -> WhisperAttempt:
    # One column more than there are frames of audio, as the transform makes it.
    features = np.ones((80, int(seconds * 100) + 1), np.float32)
    return WhisperAttempt(features, Task("en", temperature=temperature), shortest_frames)


def answer(
    *, logprob: float = -0.3, compression: float = 1.2, silence: float = 0.1, temperature: float = 0.0
) -> Answer:
    return Answer((1, 2, 3), logprob, compression, silence, temperature, cut=False)


@pytest.mark.parametrize(
    ("seconds", "frames"), [(0.5, 1000), (6, 1000), (9, 1000), (9.1, 2000), (19, 2000), (19.5, 3000), (30, 3000)]
)
def test_a_window_is_padded_to_the_next_ten_seconds_with_a_second_to_spare(seconds: float, frames: int) -> None:
    padded = attempt(seconds).padded()

    assert padded.shape == (80, frames)
    assert padded.sum() == 80 * int(seconds * 100)


def test_a_floor_of_thirty_seconds_is_the_reference() -> None:
    assert attempt(2, shortest_frames=FULL_FRAMES).padded().shape == (80, FULL_FRAMES)


def test_a_good_answer_is_taken() -> None:
    good = answer()

    assert attempt().chosen(good) is good


@pytest.mark.parametrize("bad", [answer(logprob=-1.5), answer(compression=3)])
def test_a_bad_answer_is_tried_again_warmer_under_another_key(bad: Answer) -> None:
    first = attempt(shortest_frames=FULL_FRAMES)

    assert first.chosen(bad) is None
    warmer = first.again(bad, lambda: ENCODED)
    assert (warmer.temperature, warmer.tried) == (0.2, (bad,))
    assert warmer.key != first.key


@pytest.mark.parametrize("unsure", [answer(logprob=-0.8), answer(logprob=-1.5), answer(compression=3)])
def test_an_unsure_answer_in_a_short_window_is_asked_for_again_in_a_full_one(unsure: Answer) -> None:
    short = attempt()

    assert short.chosen(unsure) is None
    full = short.again(unsure, lambda: ENCODED)
    assert (full.padded_frames, full.temperature, full.encoded, full.tried) == (FULL_FRAMES, 0.0, None, ())
    assert (full.chosen(unsure) is unsure) == (not unsure.failed)


def test_an_answer_that_was_cut_in_a_short_window_is_asked_for_again_in_a_full_one() -> None:
    cut = replace(answer(), cut=True)
    short = attempt()

    assert short.chosen(cut) is None
    full = short.again(cut, lambda: ENCODED)
    assert full.most_tokens > short.most_tokens
    assert full.chosen(cut) is cut


def test_what_is_said_twice_in_a_short_window_is_asked_for_again_in_a_full_one() -> None:
    twice = replace(answer(), repeats=True)
    short = attempt()

    assert short.chosen(twice) is None
    assert short.again(twice, lambda: ENCODED).chosen(twice) is twice


@pytest.mark.parametrize(
    ("text", "repeats"),
    [
        ("Your call is important. Your call is important.", True),
        ("Закрыто, и в неё не зайти. Закрыто и в неё не зайти.", True),
        ("Four of hearts, eight of spades, four of hearts, eight of spades, four of", True),
        ("今日は、今日は", True),
        ("Bye. Bye.", True),
        ("Mama.", False),
        ("2020", False),
        ("It is very, very cold.", False),
        ("Four of hearts, four of spades.", False),
        ("", False),
    ],
)
def test_a_repetition_is_more_than_a_word_or_all_that_is_said(text: str, repeats: bool) -> None:
    assert has_repetition(text) is repeats


@pytest.mark.parametrize(
    ("seek", "speech", "begins"),
    [
        (0, [(240, 700)], 190),
        (0, [(30, 700)], 0),
        (300, [(240, 700)], 300),
        (700, [(240, 700), (900, 1200)], 850),
        (1300, [(240, 700)], 1300),
        (0, None, 0),
        (0, (), 0),
    ],
)
def test_a_call_begins_half_a_second_before_speech_and_the_references_with_the_audio(seek, speech, begins) -> None:
    assert next_frame(seek, speech, shortest_frames=1000) == begins
    assert next_frame(seek, speech, shortest_frames=FULL_FRAMES) == seek


def test_what_follows_an_answer_skips_the_pause_after_it() -> None:
    following = replace(attempt(20), speech=[(0, 500), (1400, 1900)]).beyond(answer(), seek=520)

    assert following.seek == 1350


def test_only_the_call_that_was_unsure_is_a_full_one() -> None:
    window = replace(attempt(28), speech=[(0, 500), (1400, 1900), (2400, 2700)], seek=1350)

    following = window.again(answer(logprob=-0.8), lambda: ENCODED).beyond(answer(), seek=2000)

    assert (following.padded_frames, following.seek) == (1000, 2350)


def test_silence_is_no_reason_to_try_again() -> None:
    silent = answer(logprob=-1.5, silence=0.9)

    assert (attempt().chosen(silent), silent.silent) == (silent, True)


def test_when_all_temperatures_fail_the_likeliest_without_a_loop_is_taken() -> None:
    going, answers = attempt(shortest_frames=FULL_FRAMES), []
    for number, temperature in enumerate((0.0, 0.2, 0.4, 0.6, 0.8)):
        answers.append(answer(logprob=-2 + number / 10, temperature=temperature))
        going = going.again(answers[-1], lambda: ENCODED)
    looping = answer(logprob=-0.1, compression=9, temperature=1.0)

    chosen = going.chosen(looping)

    assert chosen is not None
    # The reference gives the last temperature with it.
    assert (chosen.avg_logprob, chosen.temperature) == (answers[-1].avg_logprob, 1.0)


def test_a_temperature_that_was_asked_for_is_the_only_one() -> None:
    bad = answer(logprob=-3, temperature=0.7)

    assert attempt(temperature=0.7, shortest_frames=FULL_FRAMES).chosen(bad) is not None


def said(*tokens: int) -> Segment:
    return Segment(0, 1, "x", decoded=Decoded(0, tokens, 0.0, -0.3, 1.2, 0.1))


def test_what_was_said_becomes_the_prompt_of_the_rest() -> None:
    going = attempt(25).beyond(answer(), seek=1200, segments=(said(5, 6),))

    assert (going.prompt_tokens, going.seek, going.frames, going.ended) == ((5, 6), 1200, 1300, False)


def test_what_was_said_hot_does_not() -> None:
    assert attempt(25).beyond(answer(temperature=0.8), seek=1200, segments=(said(5, 6),)).prompt_tokens == ()


@given(st.floats(0.1, 30), st.floats(0, 30))
def test_the_tensor_holds_the_rest_of_the_window_and_a_second_of_silence(seconds: float, at: float) -> None:
    going = attempt(seconds)
    seek = int(min(at, seconds - 0.05) * 100)
    going = going.beyond(answer(), seek=max(0, seek))

    assert going.frames == going.content_frames - going.seek
    assert min(FULL_FRAMES, going.frames + 100) <= going.padded_frames <= FULL_FRAMES
    assert 0 < going.most_tokens <= 224


@pytest.mark.parametrize(
    ("seek", "until", "ended"),
    [(0, 1_000, False), (800, 1_000, False), (979, 1_000, False), (981, 1_000, True), (1_000, 1_000, True)],
)
def test_what_is_left_without_a_syllable_of_speech_is_not_asked_for(seek, until, ended) -> None:
    window = replace(attempt(seconds=20), seek=seek, speech=((0, until),))

    assert window.ended is ended


# Somebody speaks for eleven seconds, pauses for two, and goes on until the end.
PAUSED = ((20, 1_100), (1_300, 2_480))


@pytest.mark.parametrize(
    ("seek", "end", "followed"),
    [
        pytest.param(2_500, 1_150, 1_150, id="it took the pause for the end"),
        pytest.param(2_500, 2_440, 2_500, id="it ended with the speech"),
        pytest.param(2_500, 2_400, 2_500, id="a syllable early"),
        pytest.param(1_150, 1_150, 1_150, id="it says itself that more follows"),
        pytest.param(1_150, 1_110, 1_150, id="its last word ends a little later"),
        pytest.param(2_500, 60, 60, id="one word before a pause"),
        pytest.param(2_500, 40, 2_500, id="it has hardly come anywhere"),
        pytest.param(0, 0, 2_500, id="it names no time"),
    ],
)
def test_an_answer_that_ends_before_the_speech_does_is_followed_where_it_ends(seek, end, followed) -> None:
    window = replace(attempt(seconds=25), speech=PAUSED)

    assert window.followed_at(seek, end=end) == followed


def test_where_nobody_has_looked_for_speech_the_reference_is_followed() -> None:
    assert attempt(seconds=25).followed_at(2_500, end=1_150) == 2_500


def test_only_speech_counts_as_left_out() -> None:
    window = replace(attempt(seconds=25), speech=((20, 1_100), (2_400, 2_480)))

    assert window.followed_at(2_500, end=1_150) == 2_500
