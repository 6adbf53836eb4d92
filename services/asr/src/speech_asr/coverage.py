"""What became of every second; counted in samples, so that it adds up."""

from dataclasses import dataclass
from typing import Literal

from speech_asr.vad import SAMPLE_RATE_HZ, Window
from speech_core.contracts import transcription as wire

Fate = Literal["transcribed", "silent", "failed"]


@dataclass(slots=True)
class Coverage:
    """Samples heard so far, by what became of them."""

    transcribed_samples: int = 0
    silent_samples: int = 0
    failed_samples: int = 0

    @classmethod
    def of(cls, window: Window, fate: Fate) -> "Coverage":
        """What was taken for speech in a window had that fate, the rest of it was silent."""
        speech, silent = window.speech_samples, len(window.samples) - window.speech_samples
        return {
            "transcribed": cls(speech, silent, 0),
            "silent": cls(0, silent + speech, 0),
            "failed": cls(0, silent, speech),
        }[fate]

    def add(self, other: "Coverage") -> None:
        self.transcribed_samples += other.transcribed_samples
        self.silent_samples += other.silent_samples
        self.failed_samples += other.failed_samples

    @property
    def audio_samples(self) -> int:
        return self.transcribed_samples + self.silent_samples + self.failed_samples

    @property
    def audio_seconds(self) -> float:
        return self.audio_samples / SAMPLE_RATE_HZ

    def seconds(self) -> dict[Fate, float]:
        """The parts, by the names that metrics give them."""
        return {
            "transcribed": self.transcribed_samples / SAMPLE_RATE_HZ,
            "silent": self.silent_samples / SAMPLE_RATE_HZ,
            "failed": self.failed_samples / SAMPLE_RATE_HZ,
        }

    def told(self) -> wire.Coverage:
        """As answers tell it."""
        return wire.Coverage(
            audio_seconds=_seconds(self.audio_samples),
            transcribed_seconds=_seconds(self.transcribed_samples),
            silent_seconds=_seconds(self.silent_samples),
            failed_seconds=_seconds(self.failed_samples),
        )


def _seconds(samples: int) -> float:
    return round(samples / SAMPLE_RATE_HZ, 6)
