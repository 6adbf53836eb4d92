"""espeak-ng: every language, no weights, at once. It is GPL-3.0 and an extra of its own."""

import contextlib
import json
import subprocess
import sys
from collections.abc import Generator, Mapping
from threading import Lock, Timer

from speech_core.audio import AudioFormat, Pcm
from speech_core.errors import Unavailable
from speech_tts.engines import Lanes, Voice, language_tag
from speech_tts.engines.espeak_process import read_frame
from speech_tts.settings import TtsSettings
from speech_tts.tempo import Tempo

# Words a minute: its own pace, and what the library takes; beyond that the sound is stretched.
_PACE, _SLOWEST, _FASTEST = 175, 80, 450
# A piece of twelve seconds takes it some 60 ms.
_STALL_SECONDS = 20.0


_DEFAULT = "en-us"


class EspeakEngine:
    """A voice for each of its languages, by the language's name: `espeak/ru`."""

    # One piece at a time: at 200 times real time, taking turns costs nothing.
    lanes = Lanes(1)

    def __init__(self, settings: TtsSettings) -> None:
        self._lock = Lock()
        self._child: _Child | None = None
        child = self._running()
        sound = AudioFormat(child.rate_hz)
        # The first voice is the default.
        names = sorted(child.languages, key=lambda name: name != _DEFAULT)
        self.voices: Mapping[str, Voice] = {name: Voice("espeak", name, language_tag(name), sound) for name in names}

    def synthesize(self, text: str, *, voice: Voice, speed: float) -> Generator[Pcm]:
        wanted = _PACE * speed
        pace = round(min(_FASTEST, max(_SLOWEST, wanted)))
        with self._lock:
            sound = self._spoken({"text": text, "language": voice.name, "words_per_minute": pace})
        stretched = Tempo(voice.format, wanted / pace).whole(Pcm(sound, voice.format))
        if stretched.frames:
            yield stretched

    def close(self) -> None:
        if self._child is not None:
            self._child.close()

    def _running(self) -> "_Child":
        if self._child is not None and self._child.has_died:
            self._child.close()
            self._child = None
        self._child = self._child or _Child()
        return self._child

    def _spoken(self, order: dict[str, object]) -> bytes:
        """A piece, whole; a process that dies over it fails the piece, and the next one has a new process."""
        child = self._running()
        try:
            return child.ask(order)
        except _Died:
            child.close()
            self._child = None
            raise Unavailable("espeak-ng crashed on this text", code="engine_failed", param="text") from None


class _Died(Exception):
    """The process has gone."""


class _Child:
    """The process that holds the library."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "speech_tts.engines.espeak_process"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            start_new_session=True,  # Ctrl-C is for the service, which decides what to finish
        )
        assert self._process.stdin, "there is a pipe"
        assert self._process.stdout, "there is a pipe"
        self._input, self._output = self._process.stdin, self._process.stdout
        hello = read_frame(self._output)
        if hello is None:
            self.close()
            raise ImportError("espeak-ng did not start")
        told = json.loads(hello)
        self.rate_hz: int = told["rate_hz"]
        self.languages: list[str] = list(dict.fromkeys(told["languages"]))

    @property
    def has_died(self) -> bool:
        return self._process.poll() is not None

    def ask(self, order: dict[str, object]) -> bytes:
        """Raises `_Died`."""
        parts: list[bytes] = []
        watch = Timer(_STALL_SECONDS, self._process.kill)
        try:
            watch.start()
            self._input.write(json.dumps(order).encode() + b"\n")
            self._input.flush()
            while part := read_frame(self._output):
                parts.append(part)
        except OSError:
            part = None
        finally:
            watch.cancel()
        if part is None:
            raise _Died
        return b"".join(parts)

    def close(self) -> None:
        self._process.kill()
        self._process.wait()
        with contextlib.suppress(BrokenPipeError):  # what was not read any more
            self._input.close()
        self._output.close()
