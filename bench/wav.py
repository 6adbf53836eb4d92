"""Samples as a WAV file, the form that every server takes."""

import io
import wave

import numpy as np

RATE_HZ = 16_000


def wav(samples: np.ndarray) -> bytes:
    """Mono at 16 kHz, on the scale of int16."""
    file = io.BytesIO()
    with wave.open(file, "wb") as writer:
        writer.setparams((1, 2, RATE_HZ, 0, "NONE", ""))
        writer.writeframes(samples.astype("<i2").tobytes())
    return file.getvalue()
