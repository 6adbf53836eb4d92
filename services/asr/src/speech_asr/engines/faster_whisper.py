"""Whisper by CTranslate2, a batch of windows of different requests in one call."""

# faster-whisper ships no types.
# pyright: reportMissingTypeStubs=false, reportUnknownMemberType=false, reportUnknownVariableType=false
# pyright: reportUnknownArgumentType=false, reportUnknownParameterType=false, reportPrivateUsage=false

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cache, partial
from typing import Any, cast

import numpy as np
from ctranslate2 import Device, StorageView
from faster_whisper import WhisperModel
from faster_whisper.tokenizer import _LANGUAGE_CODES, Tokenizer
from faster_whisper.transcribe import get_compression_ratio, get_suppressed_tokens
from numpy.typing import NDArray

from speech_asr.engines import Task
from speech_asr.engines.attempt import BEST_OF, Answer, WhisperAttempt, has_repetition, next_frame
from speech_asr.segments import FRAMES_PER_SECOND, Decoded, Recognized, Segment, Word
from speech_asr.settings import AsrSettings
from speech_asr.vad import SAMPLE_RATE_HZ, Samples, Spans
from speech_core.models import ModelError
from speech_core.models.store import Store

# Whisper's whole context, prompt and answer.
_CONTEXT_TOKENS = 448
_SAMPLES_PER_FRAME = SAMPLE_RATE_HZ // FRAMES_PER_SECOND
# The first word of a window begins within its first second.
_LATEST_START_STEPS = 50
_PREPEND, _APPEND = "\"'“¿([{-", "\"'.。,，!！?？:：”)]}、"

Row = Callable[[], StorageView]


class FasterWhisperEngine:
    """One model from the store; its workers share the weights and the cores."""

    def __init__(self, settings: AsrSettings) -> None:
        self._beam_size = settings.beam_size
        self._shortest_frames = round(settings.shortest_window_seconds * FRAMES_PER_SECOND)
        folder = Store(settings.models_dir).find(settings.model)
        for name in ("model.bin", "tokenizer.json"):  # without the second, the package asks the network for another's
            if not (folder / name).is_file():
                raise ModelError(f"{folder} is no model of CTranslate2: it has no {name}")
        self._whisper = WhisperModel(
            str(folder),
            device=settings.device,
            compute_type=settings.compute_type,
            cpu_threads=settings.layout.threads,
            num_workers=settings.layout.workers,
            local_files_only=True,
        )
        self._model = self._whisper.model
        self._tokenizer = cache(self._new_tokenizer)
        self._suppressed = get_suppressed_tokens(self._tokenizer("en", "transcribe"), cast("Any", [-1]))
        self._warm_up()

    @property
    def languages(self) -> frozenset[str]:
        if not self._model.is_multilingual:
            return frozenset({"en"})
        # Older models know fewer than the package does.
        known = self._whisper.hf_tokenizer.token_to_id
        return frozenset(code for code in _LANGUAGE_CODES if known(f"<|{code}|>") is not None)

    def _new_tokenizer(self, language: str, task: str) -> Tokenizer:
        return Tokenizer(self._whisper.hf_tokenizer, self._model.is_multilingual, task=task, language=language)

    def _warm_up(self) -> None:
        """One short inference, so that the first caller does not pay for what is made on first use."""
        self.decode([self.prepare(np.zeros(SAMPLE_RATE_HZ, dtype=np.float32), Task("en"))])

    def prepare(self, samples: Samples, task: Task, *, speech: Spans | None = None) -> WhisperAttempt:
        features = self._whisper.feature_extractor(samples).astype(np.float32, copy=False)
        prompt = self._tokenizer("en", "transcribe").encode(f" {task.prompt.strip()}") if task.prompt else []
        if not self._model.is_multilingual:
            task = replace(task, language="en")
        frames = None if speech is None else tuple(_frames(start, end) for start, end in speech)
        seek = next_frame(0, frames, shortest_frames=self._shortest_frames)
        return WhisperAttempt(features, task, self._shortest_frames, frames, seek, previous=tuple(prompt))

    def decode(self, batch: Sequence[WhisperAttempt]) -> Sequence[Recognized | WhisperAttempt]:
        encoded = self._encoded(batch)
        named = self._with_languages(batch, encoded)
        answers = self._answers(named, encoded)
        rows = [partial(_row, encoded, index) for index in range(len(batch))]
        return [self._next(*one) for one in zip(batch, named, answers, rows, strict=True)]

    def close(self) -> None:
        self._model.unload_model()

    def _encoded(self, batch: Sequence[WhisperAttempt]) -> StorageView:
        kept = [attempt.encoded for attempt in batch if attempt.encoded is not None]
        if kept:  # by their key, all of them or none
            return StorageView.from_array(np.concatenate(kept))
        padded = [attempt.padded() for attempt in batch]
        if len(batch) == 1 or self._model.device != "cpu":
            return self._whisper.encode(np.stack(padded))
        # What a batch saves is in the decoder; on a CPU, encoding two at once is slower than one after the other, and
        # takes twice the memory.
        return StorageView.from_array(np.concatenate([_on_cpu(self._whisper.encode(one[None])) for one in padded]))

    def _with_languages(self, batch: Sequence[WhisperAttempt], encoded: StorageView) -> Sequence[WhisperAttempt]:
        if all(attempt.task.language for attempt in batch):
            return batch
        detected = zip(batch, self._model.detect_language(encoded), strict=True)
        return [
            replace(one, task=replace(one.task, language=one.task.language or _likeliest(row, one.task)))
            for one, row in detected
        ]

    def _tokenizer_of(self, task: Task) -> Tokenizer:
        return self._tokenizer(task.language or "en", "translate" if task.translate else "transcribe")

    def _answers(self, batch: Sequence[WhisperAttempt], encoded: StorageView) -> list[Answer]:
        prompts = [self._whisper.get_prompt(self._tokenizer_of(one.task), list(one.prompt_tokens)) for one in batch]
        bound = _Bound(len(prompts[0]), batch[0].most_tokens)
        results = self._model.generate(
            encoded,
            prompts,
            max_length=bound.max_length,
            return_scores=True,
            return_no_speech_prob=True,
            suppress_tokens=self._suppressed,
            max_initial_timestamp_index=_LATEST_START_STEPS,
            **self._search(batch[0].temperature),
        )
        return [self._answer(attempt, result, bound) for attempt, result in zip(batch, results, strict=True)]

    def _search(self, temperature: float) -> dict[str, Any]:
        if temperature > 0:
            return {
                "beam_size": 1,
                "num_hypotheses": BEST_OF,
                "sampling_topk": 0,
                "sampling_temperature": temperature,
            }
        return {"beam_size": self._beam_size, "patience": 1}

    def _answer(self, attempt: WhisperAttempt, result: Any, bound: "_Bound") -> Answer:
        tokens = tuple(result.sequences_ids[0])
        text = self._tokenizer_of(attempt.task).decode(list(tokens)).strip()
        return Answer(
            tokens,
            # The score is a mean over the tokens; the reference counts the end of the text as one more.
            avg_logprob=result.scores[0] * len(tokens) / (len(tokens) + 1),
            compression_ratio=get_compression_ratio(text),
            no_speech_prob=result.no_speech_prob,
            temperature=attempt.temperature,
            cut=len(tokens) >= bound.tokens,
            repeats=attempt.is_short and has_repetition(text),
        )

    def _next(
        self, asked: WhisperAttempt, attempt: WhisperAttempt, answer: Answer, row: Row
    ) -> Recognized | WhisperAttempt:
        """What follows the *answer* to *attempt*, which is *asked* with its language."""
        chosen = attempt.chosen(answer)
        if chosen is None:
            # In a full window, the language is looked for again: an answer in a wrong one is unsure.
            return (asked if attempt.is_short else attempt).again(answer, lambda: _on_cpu(row()))
        if chosen.silent:
            following = attempt.beyond(chosen, seek=attempt.seek + attempt.frames)
        else:
            following = self._spoken(attempt, chosen, row)
        if following.ended:
            return Recognized(attempt.task.language, following.found, following.cut)
        return following

    def _spoken(self, attempt: WhisperAttempt, answer: Answer, row: Row) -> WhisperAttempt:
        """What follows an answer with words in it: its segments are kept, and the rest of the window is next."""
        tokenizer, offset_seconds = self._tokenizer_of(attempt.task), attempt.seek / FRAMES_PER_SECOND
        parts, seek, whole = cast(
            "tuple[list[dict[str, Any]], int, bool]",
            self._whisper._split_segments_by_timestamps(
                tokenizer,
                list(answer.tokens),
                offset_seconds,
                attempt.frames,
                attempt.frames / FRAMES_PER_SECOND,
                attempt.seek,
            ),
        )
        last_seconds = attempt.last_speech_seconds
        if attempt.task.words:
            self._whisper.add_word_timestamps(
                cast("Any", [parts]),
                tokenizer,
                row(),
                attempt.frames,
                _PREPEND,
                _APPEND,
                last_speech_timestamp=last_seconds,
            )
            ends = [word["end"] for part in parts for word in part["words"]]
            if ends and ends[-1] > offset_seconds and not whole:
                seek = round(ends[-1] * FRAMES_PER_SECOND)
            last_seconds = ends[-1] if ends else last_seconds
        segments = tuple(
            _segment(part, tokenizer.decode(part["tokens"]), attempt.seek, answer)
            for part in parts
            if part["start"] != part["end"]
        )
        spoken = tuple(segment for segment in segments if segment.text)
        end_seconds = max((part["end"] for part in parts), default=offset_seconds)
        seek = attempt.followed_at(seek, end=round(max(end_seconds, last_seconds) * FRAMES_PER_SECOND))
        if seek < attempt.seek + attempt.frames and not answer.failed:
            answer = replace(answer, cut=False)  # what the bound took is asked for again; a loop might not end
        return attempt.beyond(answer, seek=seek, segments=spoken, last_speech_seconds=last_seconds)


@dataclass(frozen=True, slots=True)
class _Bound:
    """How CTranslate2 bounds an answer: by half of *max_length*, and by what the prompt leaves of it (`whisper.cc`)."""

    prompt_tokens: int
    most_tokens: int

    @property
    def max_length(self) -> int:
        return min(_CONTEXT_TOKENS, max(2 * self.most_tokens, self.prompt_tokens + self.most_tokens))

    @property
    def tokens(self) -> int:
        """As many tokens as an answer has when it is cut."""
        return min(self.max_length // 2, self.max_length - self.prompt_tokens)


def _likeliest(row: Sequence[tuple[str, float]], task: Task) -> str:
    """Of languages as CTranslate2 tells them, by probability."""
    codes = [token.strip("<|>") for token, _ in row]
    return next((code for code in codes if code in task.among), codes[0])


def _frames(start_sample: int, end_sample: int) -> tuple[int, int]:
    """The frames that touch a span of samples."""
    return start_sample // _SAMPLES_PER_FRAME, -(-end_sample // _SAMPLES_PER_FRAME)


def _segment(part: dict[str, Any], text: str, seek: int, answer: Answer) -> Segment:
    words = None
    if "words" in part:
        words = tuple(
            Word(word["start"], word["end"], word["word"].strip(), float(word["probability"])) for word in part["words"]
        )
    decoded = Decoded(
        seek,
        tuple(part["tokens"]),
        answer.temperature,
        answer.avg_logprob,
        answer.compression_ratio,
        answer.no_speech_prob,
    )
    return Segment(part["start"], part["end"], text.strip(), words, decoded)


def _row(encoded: StorageView, index: int) -> StorageView:
    """One row of a batch; on a GPU a batch is copied back for it only when there is more than one."""
    if encoded.shape[0] == 1:
        return encoded
    return StorageView.from_array(np.ascontiguousarray(_on_cpu(encoded)[index : index + 1]))


def _on_cpu(encoded: StorageView) -> NDArray[np.float32]:
    return np.array(encoded if encoded.device == "cpu" else encoded.to_device(Device.cpu))
