"""What is taken from what an engine heard."""

import math

import httpx
import numpy as np
import pytest
from starlette.datastructures import Headers

from speech_asr.backlog import Backlog
from speech_asr.engines import Task
from speech_asr.hearing import Hearing, Recording, Request
from speech_asr.segments import Recognized, Segment
from speech_asr.vad import Window

from .conftest import RATE_HZ, GatedEngine, silence, tone, wav


class Musician(GatedEngine):
    """Hears what nobody said in the first window, as Whisper does in music, and speech in the others."""

    def recognize(self, attempt):
        spoken = super().recognize(attempt)
        return spoken if len(self.tasks) > 1 else Recognized("km", (Segment(0, 1, "..."), Segment(1, 2, " ♪ ")))


@pytest.fixture
def live(serve):
    return serve(Musician())


def test_what_nobody_said_is_no_text_and_silent(live) -> None:
    told = httpx.post(f"{live.url}/api/stt/bytes", content=wav(tone(2))).json()

    assert (told["text"], told["segments"], told.get("language")) == ("", [], None)
    assert told["coverage"] == {
        "audio_seconds": 2,
        "transcribed_seconds": 0,
        "silent_seconds": 2,
        "failed_seconds": 0,
    }


def test_music_before_the_first_word_does_not_tell_the_language(live) -> None:
    music, speech = tone(25), tone(20)

    told = httpx.post(f"{live.url}/api/stt/bytes", content=wav(music, silence(1), speech)).json()

    assert (told["text"], told["language"]) == ("window 1", "en")
    assert told["coverage"]["transcribed_seconds"] == 20


def test_a_file_whose_length_nobody_told_has_no_end_until_its_last_window() -> None:
    def window(number: int, *, is_last: bool = False) -> Window:
        return Window(number * 20 * RATE_HZ, np.zeros(20 * RATE_HZ, np.float32), (), is_last)

    with Backlog(limit_seconds=7200, longest_seconds=3600, workers=1).take(Headers()) as lease:
        hearing = Hearing(Request(Recording(Task()), lease, started_seconds=0))
        left_seconds = [hearing.left_seconds(window(number)) for number in range(3)]
        last = window(3, is_last=True)
        hearing.meet(last)

        # Without a length, 30 s are guessed: the second window is beyond them.
        assert left_seconds == [30, math.inf, math.inf]
        assert hearing.left_seconds(last) == 80
