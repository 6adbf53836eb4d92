"""What is taken from what an engine heard."""

import httpx
import pytest

from speech_asr.segments import Recognized, Segment

from .conftest import GatedEngine, silence, tone, wav


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
