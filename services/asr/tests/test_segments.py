from speech_asr import render
from speech_asr.coverage import Coverage
from speech_asr.hearing import Whole
from speech_asr.segments import Segment, Word, joined


def test_a_segment_is_put_on_the_clock_of_the_file() -> None:
    segment = Segment(1.0, 9.0, "hi", (Word(1.0, 9.0, "hi", 0.5),))

    shifted = segment.shifted(30.0, end_seconds=35.0)

    assert (shifted.start_seconds, shifted.end_seconds) == (31.0, 35.0)
    assert shifted.words == (Word(31.0, 35.0, "hi", 0.5),)


def test_texts_are_joined_by_one_space() -> None:
    assert joined([Segment(0, 1, " a "), Segment(1, 2, ""), Segment(2, 3, "b")]) == "a b"


def test_the_wire_has_milliseconds_and_words_only_when_asked() -> None:
    told = render.transcription(Whole([Segment(0.5, 1.2345, "a")], "en", 1.5, Coverage(16_000, 8_000, 0)))

    assert told.model_dump(exclude_none=True) == {
        "text": "a",
        "language": "en",
        "duration_seconds": 1.5,
        "segments": [{"start_ms": 500, "end_ms": 1234, "text": "a"}],
        "coverage": {
            "audio_seconds": 1.5,
            "transcribed_seconds": 1.0,
            "silent_seconds": 0.5,
            "failed_seconds": 0.0,
        },
    }
