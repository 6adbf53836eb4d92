"""Whisper by CTranslate2, with faster-whisper's decoding: beam, temperature fallback, thresholds, word alignment."""

# faster-whisper ships no types.
# pyright: reportMissingTypeStubs=false, reportUnknownMemberType=false, reportUnknownVariableType=false
# pyright: reportUnknownArgumentType=false

import numpy as np
from faster_whisper import WhisperModel
from faster_whisper.tokenizer import _LANGUAGE_CODES  # pyright: ignore[reportPrivateUsage]
from faster_whisper.transcribe import Segment as WhisperSegment

from speech_asr.engines import Task
from speech_asr.segments import Recognized, Segment, Word
from speech_asr.settings import AsrSettings
from speech_asr.vad import SAMPLE_RATE_HZ, Samples
from speech_core.models.store import Store
from speech_core.service.cpus import available_cpus


class FasterWhisperEngine:
    """One model from the store, its workers sharing the cores."""

    name = "faster-whisper"
    languages = frozenset(_LANGUAGE_CODES)

    def __init__(self, settings: AsrSettings) -> None:
        self._beam_size = settings.beam_size
        self._model = WhisperModel(
            str(Store(settings.models_dir).find(settings.model)),
            device=settings.device,
            compute_type=settings.compute_type,
            cpu_threads=max(1, available_cpus() // settings.concurrency),
            num_workers=settings.concurrency,
            local_files_only=True,
        )
        self._warm_up()

    def _warm_up(self) -> None:
        """One short inference, so that the first caller does not pay for what is made on first use."""
        silence = np.zeros(SAMPLE_RATE_HZ, dtype=np.float32)
        segments, _ = self._model.transcribe(silence, language="en", temperature=0, max_new_tokens=4)
        for _ in segments:
            pass

    def transcribe(self, samples: Samples, task: Task) -> Recognized:
        segments, found = self._model.transcribe(
            samples, language=task.language, beam_size=self._beam_size, word_timestamps=task.words
        )
        return Recognized(found.language, tuple(_segment(segment) for segment in segments))

    def close(self) -> None:
        self._model.model.unload_model()


def _segment(segment: WhisperSegment) -> Segment:
    words = None
    if segment.words is not None:
        words = tuple(Word(word.start, word.end, word.word.strip(), word.probability) for word in segment.words)
    return Segment(segment.start, segment.end, segment.text.strip(), words)
