"""A pod in Google's place, behind a proxy of its own: TLS, and answers in the form that gTTS reads."""

import ssl
from http.server import ThreadingHTTPServer

import numpy as np

from speech_core.audio import AudioFormat, Pcm
from speech_core.codec.encode import encoder_for
from speech_core.testing.google import Proxied, asked, said

RATE_HZ = 24_000


def mp3(text: str) -> bytes:
    """Half a second of tone for each word."""
    seconds = np.arange(int(0.5 * len(text.split()) * RATE_HZ)) / RATE_HZ
    samples = (8_000 * np.sin(2 * np.pi * 440 * seconds)).astype("<i2").tobytes()
    encoder = encoder_for("mp3", AudioFormat(RATE_HZ))
    return encoder.encode(Pcm(samples, AudioFormat(RATE_HZ))) + encoder.flush()


class Handler(Proxied):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)

    def answer(self, host: str, body: str) -> tuple[int, bytes, int]:
        text, language = asked(body)
        print("asked", language, text, flush=True)
        return 200, said(mp3(text)), 0

    def do_CONNECT(self) -> None:
        print("connect", self.path, flush=True)
        super().do_CONNECT()


Handler.context.load_cert_chain("/data/tls.pem")
ThreadingHTTPServer(("", 3128), Handler).serve_forever()
