"""What is taken from what an engine heard."""

import httpx
import numpy as np
import pytest

from speech_asr.backlog import Lease
from speech_asr.engines import Task
from speech_asr.hearing import Hearing, Progress, Recording, Request
from speech_asr.segments import Recognized, Segment
from speech_asr.vad import Window
from speech_core.codec.decode import Header

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


def test_music_in_which_the_decoder_loops_is_silent_too(serve, engine) -> None:
    engine.recognize = lambda attempt: Recognized("en", (Segment(0, 1, " ♪ ♪ ♪"),), cut=True)

    told = httpx.post(f"{serve(engine).url}/api/stt/bytes", content=wav(tone(2))).json()

    assert (told["text"], told["coverage"]["silent_seconds"]) == ("", 2)


def test_music_before_the_first_word_does_not_tell_the_language(live) -> None:
    music, speech = tone(25), tone(20)

    told = httpx.post(f"{live.url}/api/stt/bytes", content=wav(music, silence(1), speech)).json()

    assert (told["text"], told["language"]) == ("window 1", "en")
    assert told["coverage"]["transcribed_seconds"] == 20


def window(number: int, *, is_last: bool = False) -> Window:
    return Window(number * 20 * RATE_HZ, np.zeros(20 * RATE_HZ, np.float32), (), is_last)


def test_a_file_whose_length_nobody_told_has_no_end_until_its_last_window() -> None:
    lease = Lease(7, longest_seconds=3600)
    hearing = Hearing(Request(Recording(Task()), lease, 120, started_seconds=0))
    told = []
    for cut in (window(0), window(1), window(2), window(3, is_last=True)):
        hearing.meet(cut)
        told.append((lease.audio_seconds, lease.remaining_seconds, hearing.left_seconds(cut)))
        lease.done(20)

    # What was seen, and half a minute more; after the first window, it may be as long as is allowed.
    assert told == [(20, 50, 50), (40, 50, 3600), (60, 50, 3600), (80, 20, 20)]


def test_a_header_that_proves_wrong_is_not_believed() -> None:
    lease = Lease(7, longest_seconds=3600)
    hearing = Hearing(Request(Recording(Task()), lease, 120, started_seconds=0))
    hearing.announce(Header(25, 1))
    told = []
    for number in range(2):
        hearing.meet(window(number))
        (progress,) = hearing.take(window(number), Recognized(None, ()))
        told.append((lease.audio_seconds, hearing.left_seconds(window(number)), progress))

    assert told == [(25, 5, Progress(20, 25)), (40, 3600, Progress(40, None))]


def test_silence_is_in_no_language(live) -> None:
    url = f"{live.url}/v1/audio/transcriptions"
    told = httpx.post(url, files={"file": ("a.wav", wav(silence(1)))}).json()

    assert (told["text"], told["languages"]) == ("", [])
