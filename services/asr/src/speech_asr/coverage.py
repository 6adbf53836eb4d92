"""What became of every second; counted in samples, so that it adds up."""

from dataclasses import dataclass

from speech_asr.vad import SAMPLE_RATE_HZ, Window


@dataclass(slots=True)
class Coverage:
    """Samples heard so far, by what became of them."""

    transcribed_samples: int = 0
    silent_samples: int = 0
    failed_samples: int = 0

    def count(self, window: Window, *, failed: bool = False) -> None:
        """A window's speech was transcribed (or failed), the rest of it was silent."""
        if failed:
            self.failed_samples += window.speech_samples
        else:
            self.transcribed_samples += window.speech_samples
        self.silent_samples += len(window.samples) - window.speech_samples

    @property
    def audio_samples(self) -> int:
        return self.transcribed_samples + self.silent_samples + self.failed_samples

    @property
    def audio_seconds(self) -> float:
        return self.audio_samples / SAMPLE_RATE_HZ
