"""
One window's way through Whisper: what is asked next, and when an answer is good enough.

The rules (seek loop, temperature fallback, thresholds and their values) are those of openai-whisper's `transcribe.py`;
when all temperatures fail, the likeliest answer is taken and not the last, as in faster-whisper. Of our own are shorter
windows (`is_short`), that a call begins where speech does (`next_frame`), and that speech after an early end is asked
for (`followed_at`).
"""

import re
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from speech_asr.engines import Task
from speech_asr.segments import FRAMES_PER_SECOND, Segment

Features = NDArray[np.float32]

# What the model was trained on; a window is never longer.
FULL_FRAMES = 30 * FRAMES_PER_SECOND
# Whisper needs some silence to see that the speech has ended; windows grow in steps, so that few sizes share batches.
_PADDING_FRAMES = FRAMES_PER_SECOND
_STEP_FRAMES = 10 * FRAMES_PER_SECOND

# Of a pause before the next word, what a call begins with; with all of it, Whisper says a sentence twice.
_LEAD_FRAMES = FRAMES_PER_SECOND // 2
# The same again at once, of letters and digits alone: a long word or more, or all that was said.
_PART_TWICE, _ALL_TWICE = re.compile(r"(.{8,})\1"), re.compile(r"(.+)\1")

# Of silence, and of less than a syllable, Whisper makes up words that it has heard before.
_LEAST_SPEECH_FRAMES = FRAMES_PER_SECOND // 5
# An answer may end a syllable early; a second of speech after it is a sentence that was left out.
_LEAST_UNHEARD_FRAMES = FRAMES_PER_SECOND
# How far such an answer must have come, so that what it adds is bounded.
_LEAST_STEP_FRAMES = FRAMES_PER_SECOND // 2

# The next one is tried when a decoding has failed; above the first, the likeliest of several candidates is taken.
TEMPERATURES, BEST_OF = (0.0, 0.2, 0.4, 0.6, 0.8, 1.0), 5
_MOST_COMPRESSED = 2.4
_LEAST_LOGPROB = -1.0
_SILENT_PROBABILITY = 0.6
# In a shortened window, an answer below this is asked for again in a full one: two clips in a hundred, and most of
# the words that shortening costs (bench/word_error_rate.py).
_SURE_LOGPROB = -0.7
_PROMPT_RESET_TEMPERATURE = 0.5
# Half of the model's context for what came before, half for what comes; fast speech is 8 tokens a second.
_PROMPT_TOKENS = 223
_ANSWER_TOKENS = 224
_TOKENS_PER_SECOND = 10
_TOKENS_AT_LEAST = 24


def has_repetition(text: str) -> bool:
    """Whether something is said twice in a row, whatever stands between; a speaker may, and so may a decoder."""
    said = "".join(filter(str.isalnum, text.casefold()))
    is_one_word = len(re.findall(r"\w+", text)) == 1
    return bool(_PART_TWICE.search(said) or (not is_one_word and _ALL_TWICE.fullmatch(said)))


def next_frame(seek: int, speech: Sequence[tuple[int, int]] | None, *, shortest_frames: int) -> int:
    """Where a call begins that could at *seek*: not in a pause, but in the reference, whose windows are full ones."""
    if shortest_frames >= FULL_FRAMES:
        return seek
    start_frame = next((start for start, end in speech or () if end > seek), seek)
    return max(seek, start_frame - _LEAD_FRAMES)


@dataclass(frozen=True, slots=True)
class Answer:
    """What the decoder said to one attempt; *cut* when it ran into its bound, *repeats* by `has_repetition`."""

    tokens: tuple[int, ...]
    avg_logprob: float
    compression_ratio: float
    no_speech_prob: float
    temperature: float
    cut: bool
    repeats: bool = False

    @property
    def silent(self) -> bool:
        return self.no_speech_prob > _SILENT_PROBABILITY and self.avg_logprob <= _LEAST_LOGPROB

    @property
    def failed(self) -> bool:
        if self.no_speech_prob > _SILENT_PROBABILITY and self.avg_logprob < _LEAST_LOGPROB:
            return False
        return self.compression_ratio > _MOST_COMPRESSED or self.avg_logprob < _LEAST_LOGPROB


@dataclass(frozen=True, slots=True, eq=False)
class WhisperAttempt:
    """
    The next call of the model for one window.

    *features* (mels x frames) are those of the whole window, in which *speech* are the spans of frames where somebody
    speaks, if that is known; *seek* is the frame that this call begins at, *in_full* whether it was asked in a short
    window before; *encoded* is kept from the attempt before when only the temperature has changed.
    """

    features: Features
    task: Task
    shortest_frames: int = FULL_FRAMES
    speech: Sequence[tuple[int, int]] | None = None
    seek: int = 0
    in_full: bool = False
    previous: tuple[int, ...] = ()
    step: int = 0
    tried: tuple[Answer, ...] = ()
    encoded: NDArray[np.float32] | None = None
    found: tuple[Segment, ...] = ()
    last_speech_seconds: float = 0.0
    cut: bool = False

    @property
    def key(self) -> Hashable:
        """CTranslate2 wants one shape, prompts of one length, one temperature and one bound in a call."""
        return self.padded_frames, len(self.prompt_tokens), self.temperature, self.encoded is None

    @property
    def content_frames(self) -> int:
        """Frames of audio; the last column of the features is the padding of the transform."""
        return self.features.shape[-1] - 1

    @property
    def frames(self) -> int:
        """Frames of audio that this call covers."""
        return min(FULL_FRAMES, self.content_frames - self.seek)

    @property
    def padded_frames(self) -> int:
        """Frames of the tensor: a shorter one costs much less, a tight one costs words."""
        if self.in_full:
            return FULL_FRAMES
        steps = -(-(self.frames + _PADDING_FRAMES) // _STEP_FRAMES)
        return min(FULL_FRAMES, max(self.shortest_frames, steps * _STEP_FRAMES))

    @property
    def is_short(self) -> bool:
        """Whether the tensor is shorter than those that the model was trained on."""
        return self.padded_frames < FULL_FRAMES

    @property
    def prompt_tokens(self) -> tuple[int, ...]:
        return self.previous[-_PROMPT_TOKENS:]

    @property
    def temperatures(self) -> tuple[float, ...]:
        return (self.task.temperature,) if self.task.temperature else TEMPERATURES

    @property
    def temperature(self) -> float:
        return self.temperatures[self.step]

    @property
    def most_tokens(self) -> int:
        """The bound of an answer: a loop must not hold a batch for long."""
        seconds = self.padded_frames // FRAMES_PER_SECOND
        return min(_ANSWER_TOKENS, _TOKENS_AT_LEAST + _TOKENS_PER_SECOND * seconds)

    @property
    def ended(self) -> bool:
        return self.seek + _LEAST_SPEECH_FRAMES > min(self.content_frames, self._speech_end_frame)

    @property
    def _speech_end_frame(self) -> int:
        if self.speech is None:
            return self.content_frames
        return self.speech[-1][1] if self.speech else 0

    def padded(self) -> Features:
        """Mels x `padded_frames`: the frames of this call, and zeros after them."""
        part = self.features[:, self.seek : self.seek + self.frames]
        return np.pad(part, ((0, 0), (0, self.padded_frames - part.shape[1])))

    def chosen(self, answer: Answer) -> Answer | None:
        """The answer to go on with; None when it has to be asked again."""
        if self.is_short:  # a full window has no smaller bound, and surer answers
            is_unsure = not answer.silent and (answer.avg_logprob < _SURE_LOGPROB or answer.repeats)
            return None if answer.cut or answer.failed or is_unsure else answer
        if not answer.failed:
            return answer
        if self.step + 1 < len(self.temperatures):
            return None
        tried = (*self.tried, answer)
        best = max(
            [one for one in tried if one.compression_ratio <= _MOST_COMPRESSED] or tried,
            key=lambda one: one.avg_logprob,
        )
        return replace(best, temperature=answer.temperature)

    def again(self, answer: Answer, encoded: Callable[[], NDArray[np.float32]]) -> "WhisperAttempt":
        """The same frames in the window that the model was trained on; after that, at the next temperature."""
        if self.is_short:
            return replace(self, in_full=True)
        return replace(self, step=self.step + 1, tried=(*self.tried, answer), encoded=encoded())

    def followed_at(self, seek: int, *, end: int) -> int:
        """
        The frame to go on at after an answer that ends at the frame *end*: *seek*, as the reference says.

        Now and then Whisper takes a pause for the end of all speech, and the reference believes it. Where speech was
        found between the two, it is asked for.
        """
        if seek <= self.seek:  # a decoder that names no time after the first would be asked the same again for ever
            seek = self.seek + self.frames
        unheard = sum(max(0, min(stop, seek) - max(start, end)) for start, stop in self.speech or ())
        has_stopped_early = self.seek + _LEAST_STEP_FRAMES <= end < seek
        return end if has_stopped_early and unheard >= _LEAST_UNHEARD_FRAMES else seek

    def beyond(
        self, answer: Answer, *, seek: int, segments: tuple[Segment, ...] = (), last_speech_seconds: float | None = None
    ) -> "WhisperAttempt":
        """The frames after those that *answer* was about; what was said becomes the prompt."""
        said = tuple(token for part in segments if part.decoded for token in part.decoded.tokens)
        return replace(
            self,
            in_full=False,
            seek=next_frame(seek, self.speech, shortest_frames=self.shortest_frames),
            previous=() if answer.temperature > _PROMPT_RESET_TEMPERATURE else (*self.previous, *said),
            step=0,
            tried=(),
            encoded=None,
            found=(*self.found, *segments),
            last_speech_seconds=self.last_speech_seconds if last_speech_seconds is None else last_speech_seconds,
            cut=self.cut or answer.cut,
        )
