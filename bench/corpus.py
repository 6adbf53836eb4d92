"""A folder of speech with its transcripts, and the word error rate over it."""

import csv
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import jiwer
from whisper_normalizer.basic import BasicTextNormalizer
from whisper_normalizer.english import EnglishTextNormalizer


@dataclass(frozen=True, slots=True)
class Clip:
    """One recording: *path*, its *language*, and what is said in it."""

    path: Path
    language: str
    seconds: float
    text: str


def read_corpus(folder: Path, language: str | None = None) -> list[Clip]:
    """The clips that `transcripts.tsv` (file, language, seconds, licence, source, text) names."""
    with (folder / "transcripts.tsv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE))
    clips = [Clip(folder / row["file"], row["language"], float(row["seconds"]), row["text"]) for row in rows]
    return [clip for clip in clips if language in (None, clip.language)]


@cache
def _normalizer(language: str) -> Callable[[str], str]:
    return EnglishTextNormalizer() if language == "en" else BasicTextNormalizer()


def words(text: str, language: str) -> str:
    """*text* as Whisper's evaluation counts it; in Russian a yo is a ye."""
    return _normalizer(language)(text.replace("ё", "е").replace("Ё", "Е"))


@dataclass(frozen=True, slots=True)
class ErrorCount:
    """Errors against the words of the reference; add them up before dividing."""

    errors: int
    words: int

    @property
    def rate(self) -> float:
        return self.errors / self.words if self.words else 0.0


def count_errors(pairs: Iterable[tuple[str, str]], language: str) -> ErrorCount:
    """Sum of substitutions, deletions and insertions over (reference, hypothesis) pairs."""
    errors = total = 0
    for reference, hypothesis in pairs:
        measured = jiwer.process_words(words(reference, language), words(hypothesis, language))
        errors += measured.substitutions + measured.deletions + measured.insertions
        total += measured.substitutions + measured.deletions + measured.hits
    return ErrorCount(errors, total)
