"""Who is let in, and when the others are told to come again; the sleep is on the virtual clock."""

from contextlib import ExitStack

import anyio
import pytest
from starlette.datastructures import Headers

from speech_asr.backlog import Backlog
from speech_asr.scheduler import Share, Ticket
from speech_core.errors import Overloaded

from .virtual_engine import due_seconds, on_virtual_clock

UNKNOWN = Headers()


def of(length: int) -> Headers:
    return Headers({"content-length": str(length)})


def backlog(limit_seconds: float = 200, most_channels: int = 64) -> Backlog:
    return Backlog(
        limit_seconds=limit_seconds,
        longest_seconds=3600,
        shortest_seconds=10,
        most_channels=most_channels,
        workers=2,
    )


def test_a_request_is_estimated_by_its_length_and_corrected_when_it_is_known() -> None:
    line = backlog()
    with line.take(of(40_000)) as lease:
        assert line.queued_seconds == 10
        lease.correct(4)
        assert line.queued_seconds == 4
        lease.done(3)
        assert line.queued_seconds == 1
    assert line.queued_seconds == 0


def test_a_length_that_is_not_told_is_that_of_an_utterance() -> None:
    line = backlog()
    with line.take(UNKNOWN):
        assert line.queued_seconds == 30


def test_a_guess_takes_a_quarter_of_the_limit_at_most_and_a_header_no_more_than_what_is_let_in_at_all() -> None:
    line = backlog(limit_seconds=200)
    with line.take(of(1 << 30)) as lease:
        assert line.queued_seconds == 50
        lease.correct(1e9)
        assert line.queued_seconds == 3600


@pytest.mark.anyio
async def test_above_the_limit_the_refusal_says_when_there_will_be_room() -> None:
    line = backlog(limit_seconds=40)
    for _ in range(100):  # until the average has settled: 8 s of audio a second by each of two workers
        line.recognized(Ticket("attempt", Share(), 16, 0, compute_seconds=2))
    with line.take(UNKNOWN) as lease:
        lease.correct(70)
        with pytest.raises(Overloaded) as refused, line.take(UNKNOWN):
            pytest.fail("10 s more were let in")

    # 70 s inside and a quarter of 40 s are 40 s too many, at 16 s a second.
    assert refused.value.retry_after_seconds == pytest.approx(2.5)


def test_who_is_refused_later_is_told_to_come_later_but_not_after_all_are_done() -> None:
    line = backlog(limit_seconds=40)
    line.throughput = 10.0
    waits: list[float] = []

    def come() -> None:
        with pytest.raises(Overloaded) as refused, line.take(of(40_000)):
            pytest.fail("10 s more were let in")
        waits.append(refused.value.retry_after_seconds)

    async def scenario() -> None:
        with line.take(UNKNOWN) as lease:
            lease.correct(50)
            for _ in range(6):
                come()
            # 20 s are too many, and 10 more with each; after 5 s nobody is inside any more.
            assert waits == [2, 3, 4, 5, 5, 5]
            await anyio.sleep(4)
            come()
            assert waits[-1] == 3

    on_virtual_clock(scenario)


@pytest.mark.anyio
async def test_a_film_that_is_refused_keeps_a_clip_waiting_no_longer_than_its_first_window() -> None:
    line = backlog(limit_seconds=28_800)
    line.throughput = 10.0
    with line.take(UNKNOWN) as long, line.take(UNKNOWN) as film, line.take(UNKNOWN) as clip:
        long.correct(3600)
        film.correct(3600)
        clip.correct(10)
        # What is inside is due now: there is no time left for either.
        now_seconds = long.deadline_seconds = anyio.current_time()
        with pytest.raises(Overloaded):
            line.check_in_time(film, now_seconds)
        with pytest.raises(Overloaded) as refused:
            line.check_in_time(clip, now_seconds + 1080)

    # 3600 s are before it, of which a third of 10800 s less its own 10 fit; and 30 s of the film.
    assert refused.value.retry_after_seconds == pytest.approx(10 / 3 / 10 + 3, rel=0.05)


@pytest.mark.anyio
async def test_a_clip_that_is_refused_for_its_deadline_does_not_hide_the_crowd_that_was_refused_before() -> None:
    line = backlog(limit_seconds=600)
    line.throughput = 10.0
    waits: list[float] = []
    with line.take(UNKNOWN) as film, line.take(UNKNOWN) as lecture, line.take(UNKNOWN) as clip:
        film.correct(470)
        lecture.correct(120)
        clip.correct(5)
        # The lecture alone is due before the clip.
        lecture.deadline_seconds = anyio.current_time()
        for _ in range(20):
            with pytest.raises(Overloaded) as refused, line.take(of(120_000)):
                pytest.fail("30 s more were let in")
            waits.append(refused.value.retry_after_seconds)
        with pytest.raises(Overloaded):
            line.check_in_time(clip, anyio.current_time() + 30)
        with pytest.raises(Overloaded) as refused, line.take(of(120_000)):
            pytest.fail("30 s more were let in")

    assert refused.value.retry_after_seconds >= waits[-1]


@pytest.mark.anyio
async def test_a_turn_is_what_one_of_those_inside_still_needs() -> None:
    line = backlog()
    with line.take(UNKNOWN), line.take(of(40_000)):
        # 30 and 10 s inside, heard as fast as they are spoken before anything was measured.
        assert line.book_turn_seconds() == 20
    assert line.book_turn_seconds() == 1


def test_whoever_comes_first_is_let_in_whatever_its_length() -> None:
    with backlog(limit_seconds=1).take(of(1 << 30)):
        pass


@pytest.mark.anyio
async def test_what_cannot_be_heard_in_time_is_refused_once_its_length_is_known() -> None:
    line = backlog(limit_seconds=28_800)
    line.throughput = 10.0
    with ExitStack() as inside:
        film = inside.enter_context(line.take(UNKNOWN))
        film.correct(3600)
        film.deadline_seconds = due_seconds(3600)

        def come() -> None:
            lease = inside.enter_context(line.take(UNKNOWN))
            lease.correct(25)
            lease.deadline_seconds = due_seconds(25)
            line.check_in_time(lease, lease.deadline_seconds)

        # Beside its own 25 s, 1675 fit into its 170, a third of which may be others'; the film's deadline is later.
        for _ in range(1 + int(1675 / 3 / 25)):
            come()
        with pytest.raises(Overloaded) as refused:
            come()

    assert refused.value.code == "queue_full"
    assert refused.value.retry_after_seconds >= 1


@pytest.mark.anyio
async def test_before_anything_was_measured_and_alone_nothing_is_too_late() -> None:
    line, deadline_seconds = backlog(), anyio.current_time() + 1
    with line.take(UNKNOWN) as first, line.take(UNKNOWN) as second:
        first.deadline_seconds = deadline_seconds
        line.check_in_time(second, deadline_seconds)
        line.throughput = 0.01
        with pytest.raises(Overloaded):
            line.check_in_time(second, deadline_seconds)
    with line.take(UNKNOWN) as alone:
        line.check_in_time(alone, deadline_seconds)


def test_a_word_costs_as_much_as_the_shortest_window() -> None:
    line = backlog()
    line.recognized(Ticket("attempt", Share(), 0.5, 0, compute_seconds=1))

    # Ten seconds in one, by each of two workers.
    assert line.throughput == 20


def test_before_a_window_is_done_the_throughput_is_that_of_silence() -> None:
    line = backlog()
    line.expect(10, compute_seconds=0.5)
    assert line.throughput == 2 * 10 / 0.5

    line.recognized(Ticket("attempt", Share(), 20, 0, compute_seconds=2))
    assert line.throughput == 20


def test_the_throughput_is_that_of_a_whole_batch() -> None:
    line = backlog()
    for _ in range(100):  # by audio, a fifth of four seconds and the rest: two windows in four
        line.recognized(Ticket("attempt", Share(), 2, 0, compute_seconds=0.8))
        line.recognized(Ticket("attempt", Share(), 8, 0, compute_seconds=3.2))

    assert line.throughput == pytest.approx(2 * 20 / 4, rel=0.2)


@pytest.mark.anyio
async def test_channels_of_all_together_are_bounded() -> None:
    line = backlog(most_channels=16)
    with line.take(UNKNOWN) as first, line.take(UNKNOWN) as second:
        line.split(first, 8)
        with pytest.raises(Overloaded):
            line.split(second, 9)
        line.split(second, 8)
        with pytest.raises(Overloaded), line.take(UNKNOWN):
            pytest.fail("one more was let in")


def test_a_recording_with_more_channels_than_the_bound_is_heard_alone() -> None:
    line = backlog(most_channels=2)
    with line.take(UNKNOWN) as lease:
        line.split(lease, 8)
