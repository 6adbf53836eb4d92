import pytest
from starlette.datastructures import Headers

from speech_asr.backlog import Backlog
from speech_asr.scheduler import Share, Ticket
from speech_core.errors import Overloaded

UNKNOWN = Headers()


def of(length: int) -> Headers:
    return Headers({"content-length": str(length)})


def backlog(limit_seconds: float = 200) -> Backlog:
    return Backlog(limit_seconds=limit_seconds, longest_seconds=3600, most_channels=16, workers=2)


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


def test_above_the_limit_the_refusal_says_when_there_will_be_room() -> None:
    line = backlog(limit_seconds=40)
    for _ in range(100):  # until the average has settled: 8 s of audio a second by each of two workers
        line.recognized(Ticket("attempt", Share(), 8, 8, 0, 0, compute_seconds=1))
    with line.take(UNKNOWN) as lease:
        lease.correct(70)
        with pytest.raises(Overloaded) as refused, line.take(UNKNOWN):
            pytest.fail("10 s more were let in")

    # 70 s inside and a quarter of 40 s are 40 s too many, at 16 s a second.
    assert refused.value.retry_after_seconds == pytest.approx(2.5)


def test_a_turn_is_what_one_of_those_inside_still_needs() -> None:
    line = backlog()
    with line.take(UNKNOWN), line.take(of(40_000)):
        # 30 and 10 s inside, heard as fast as they are spoken before anything was measured.
        assert line.turn_seconds() == 20
    assert line.turn_seconds() == 1


def test_whoever_comes_first_is_let_in_whatever_its_length() -> None:
    with backlog(limit_seconds=1).take(of(1 << 30)):
        pass
