"""What was recognized, in the words of `POST /api/stt/bytes`."""

from speech_asr import segments as values
from speech_asr.backlog import Lease
from speech_asr.hearing import Event, Heard, Progress, Whole
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
        channel=value.channel,
    )


def event(value: Event) -> wire.SegmentEvent | wire.ProgressEvent | wire.DoneEvent:
    """The server-sent event of what happened."""
    match value:
        case Heard():
            told = segment(value.segment).model_dump()
            return wire.SegmentEvent(**told, language=value.language, final=value.final)
        case Progress():
            return wire.ProgressEvent(
                processed_seconds=round(value.processed_seconds, 3), audio_seconds=value.audio_seconds
            )
        case Whole():
            return wire.DoneEvent(**transcription(value).model_dump())


def transcription(whole: Whole) -> wire.Transcription:
    return wire.Transcription(
        text=values.joined(whole.segments),
        language=whole.language,
        duration_seconds=round(whole.duration_seconds, 6),
        segments=[segment(value) for value in whole.segments],
        coverage=whole.coverage.told(),
    )


def audio_headers(whole: Whole) -> dict[str, str]:
    """How much was heard, of all channels together, and what became of it."""
    parts = "; ".join(f"{kind}={seconds:.3f}" for kind, seconds in whole.coverage.seconds().items())
    return {"x-audio-seconds": f"{whole.coverage.audio_seconds:.3f}", "x-audio-coverage": parts}


def stream_headers(lease: Lease) -> dict[str, str]:
    """How long the audio is, as far as that is known when the first of it was recognized."""
    return {"x-audio-seconds": f"{lease.audio_seconds:.3f}"}


def _milliseconds(seconds: float) -> int:
    return round(seconds * 1000)
