"""Callers of every kind: served, mistaken, refused, gone; by HTTP, socket and echo, with keys."""

import contextlib
import json
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import httpx
import yaml
from websockets.sync.client import connect

from observatory.questions import ROOT
from speech_gateway.keys import digest_of

CLIP = ROOT / "services/asr/tests/data/ljspeech.flac"
_SECRET = "the server's own"
_KEYS = {"team-a": "ks-of-team-a", "team-b": "ks-of-team-b"}
_SECONDS = 60


def settings_with_keys(folder: Path) -> dict[str, str]:
    """Variables for a gateway that asks for a key, which the callers below have."""
    file = folder / "keys.yaml"
    keys = [{"name": name, "hmac": digest_of(key, _SECRET)} for name, key in _KEYS.items()]
    file.write_text(yaml.safe_dump({"keys": keys}), encoding="utf-8")
    return {"GATEWAY_KEYS_FILE": str(file), "GATEWAY_KEY_SECRET": _SECRET}


@dataclass(frozen=True)
class Callers:
    """Calls to the gateway at *url* with the key of *team*; *clip* is what they let hear."""

    url: str
    clip: bytes
    team: str = "team-a"

    def speak(self, text: str = "One two three. Four five six.") -> int:
        return self._post("/api/tts", json={"text": text})

    def hear(self) -> int:
        return self._post("/api/stt/bytes", content=self.clip)

    def echo(self) -> int:
        return self._post("/api/echo-bytes", content=self.clip)

    def openai(self) -> int:
        return self._post("/v1/audio/speech", json={"input": "Seven eight nine.", "model": "tts-1", "voice": "alloy"})

    def converse(self) -> int:
        """Two utterances on a socket; one that finds no seat ends with an error."""
        with self._socket() as socket:
            for _ in range(2):
                socket.send(json.dumps({"text": "Hello there. How are you?"}))
                while _type(socket.recv(timeout=_SECONDS)) not in {"end", "error"}:
                    pass
        return 200

    def leave(self) -> int:
        """Gone after the first sound."""
        text = {"text": "One two. " * 400}
        with httpx.stream("POST", f"{self.url}/api/tts", json=text, headers=self._headers, timeout=_SECONDS) as answer:
            next(answer.iter_raw())
            return answer.status_code

    def hang_up(self) -> int:
        """Gone before the text is there."""
        with contextlib.suppress(httpx.TimeoutException):
            httpx.post(f"{self.url}/api/stt/bytes", content=self.clip, headers=self._headers, timeout=0.05)
        return 0

    def mistake(self) -> int:
        return self._post("/api/tts", json={"text": ""})

    def intrude(self) -> int:
        return httpx.post(f"{self.url}/api/tts", json={"text": "hello"}, timeout=_SECONDS).status_code

    @property
    def all(self) -> Sequence[Callable[[], int]]:
        return (
            self.speak,
            self.hear,
            self.echo,
            self.openai,
            self.converse,
            self.leave,
            self.hang_up,
            self.mistake,
            self.intrude,
        )

    def round(self, at_once: int, times: int = 1) -> list[int]:
        """Every kind of call *times* times, *at_once* of them at the same time; gives what was answered."""
        with ThreadPoolExecutor(at_once) as pool:
            return [one.result() for one in [pool.submit(_as_long, call) for _ in range(times) for call in self.all]]

    def _post(self, path: str, **body: object) -> int:
        return httpx.post(f"{self.url}{path}", headers=self._headers, timeout=_SECONDS, **body).status_code

    def _socket(self):
        address = self.url.replace("http", "ws", 1)
        return connect(f"{address}/ws/tts", compression=None, additional_headers=self._headers)

    @property
    def _headers(self) -> dict[str, str]:
        return {"authorization": f"Bearer {_KEYS[self.team]}"}


def _as_long(call: Callable[[], int]) -> int:
    """What was answered; 0 when the caller did not wait for it any longer."""
    try:
        return call()
    except (httpx.TimeoutException, TimeoutError):
        return 0


def _type(message: str | bytes) -> str:
    return "audio" if isinstance(message, bytes) else json.loads(message)["type"]
