"""A stand-in of Google's endpoint behind a proxy: real TLS, real answers of the form that gTTS reads, and bad ones."""

import re
import ssl
from collections.abc import Generator
from contextlib import contextmanager
from http.server import ThreadingHTTPServer
from threading import Event, Thread

import numpy as np
import pytest
import trustme

from speech_core.audio import AudioFormat, Pcm
from speech_core.codec.encode import encoder_for
from speech_core.testing.google import Proxied, asked, said

RATE_HZ = 24_000
WORD_SECONDS = 0.25


def pitch_hz(text: str) -> int:
    """A part can be told by its tone: it is higher, the longer its first word is."""
    return 200 + 100 * len(text.split()[0])


def mp3(text: str) -> bytes:
    """A quarter of a second a word, between two silences."""
    seconds = np.arange(int(WORD_SECONDS * len(text.split()) * RATE_HZ)) / RATE_HZ
    tone, quiet = 8_000 * np.sin(2 * np.pi * pitch_hz(text) * seconds), np.zeros(RATE_HZ // 5)
    samples = np.concatenate([quiet, tone, quiet]).astype("<i2").tobytes()
    encoder = encoder_for("mp3", AudioFormat(RATE_HZ))
    return encoder.encode(Pcm(samples, AudioFormat(RATE_HZ))) + encoder.flush()


class Google:
    """Answers with the next of *script*, and when that is empty, as it should."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, str, str]] = []
        self.script: list[str] = []
        self.gates: dict[str, Event] = {}

    def hold(self, text: str) -> Event:
        """The part *text* is not answered before the event is set."""
        self.gates[text] = Event()
        return self.gates[text]

    def answer(self, host: str, body: str) -> tuple[int, bytes, int]:
        """Status and content, and how many bytes more it says that it has."""
        text, language = asked(body)
        self.asked.append((host, language, text))
        if text in self.gates:
            assert self.gates[text].wait(20)
        match self.script.pop(0) if self.script else "speech":
            case "speech":
                return 200, said(mp3(text)), 0
            case "captcha":
                return 200, b"<html>Our systems have detected unusual traffic</html>", 0
            case "nothing":
                return 200, b'[["wrb.fr","jQ1olc",null,null,null,[3],"generic"]]\n', 0
            case "noise":
                return 200, said(b"this is no mp3" * 40), 0
            case "half":
                return 200, said(mp3(text))[:-400], 0
            case "cut":
                return 200, said(mp3(text))[:-400], 400
            case status:
                return int(status), b"refused", 0


@contextmanager
def proxy(google: Google) -> Generator[str]:
    """Every host that is asked for through this proxy is *google*; yields the proxy's address."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    trustme.CA().issue_cert("translate.google.com").configure_cert(context)

    class Handler(Proxied):
        def answer(self, host: str, body: str) -> tuple[int, bytes, int]:
            return google.answer(re.sub(r"^translate\.google\.", "", host), body)

    Handler.context = context
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        for gate in google.gates.values():
            gate.set()
        server.shutdown()
        server.server_close()
        thread.join()


@pytest.fixture
def google(monkeypatch: pytest.MonkeyPatch) -> Generator[Google]:
    """What gTTS reaches instead of Google, by the variable that it heeds."""
    stand_in = Google()
    with proxy(stand_in) as address:
        monkeypatch.setenv("HTTPS_PROXY", address)
        yield stand_in
