"""What was recognized, in the words of the wire."""

from collections.abc import Sequence

from speech_asr import segments as values
from speech_asr.coverage import Coverage
from speech_asr.vad import SAMPLE_RATE_HZ
from speech_core.contracts import transcription as wire


def segment(value: values.Segment) -> wire.Segment:
    words = None
    if value.words is not None:
        words = [
            wire.Word(
                start_ms=_milliseconds(word.start_seconds),
                end_ms=_milliseconds(word.end_seconds),
                text=word.text,
                probability=round(word.probability, 4),
            )
            for word in value.words
        ]
    return wire.Segment(
        start_ms=_milliseconds(value.start_seconds),
        end_ms=_milliseconds(value.end_seconds),
        text=value.text,
        words=words,
    )


def segment_event(value: values.Segment, language: str | None, *, final: bool) -> wire.SegmentEvent:
    return wire.SegmentEvent(**segment(value).model_dump(), language=language, final=final)


def transcription(found: Sequence[values.Segment], language: str | None, coverage: Coverage) -> wire.Transcription:
    return wire.Transcription(
        text=values.joined(found),
        language=language,
        duration_seconds=round(coverage.audio_seconds, 6),
        segments=[segment(value) for value in found],
        coverage=wire.Coverage(
            audio_seconds=_seconds(coverage.audio_samples),
            transcribed_seconds=_seconds(coverage.transcribed_samples),
            silent_seconds=_seconds(coverage.silent_samples),
            failed_seconds=_seconds(coverage.failed_samples),
        ),
    )


def _milliseconds(seconds: float) -> int:
    return round(seconds * 1000)


def _seconds(samples: int) -> float:
    return round(samples / SAMPLE_RATE_HZ, 6)
