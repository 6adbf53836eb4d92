"""Google Text-to-Speech by the package gTTS: all its languages, no weights, and every text goes to Google."""

# gTTS ships no types.
# pyright: reportMissingTypeStubs=false, reportUnknownMemberType=false, reportUnknownVariableType=false
# pyright: reportUnknownArgumentType=false

import re
import tempfile
import textwrap
from collections.abc import Generator, Mapping, Sequence
from concurrent.futures import CancelledError, Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from threading import Event
from typing import Any

from gtts import gTTS, gTTSError
from gtts.lang import tts_langs
from tenacity import Retrying, retry_if_exception_type, stop_after_attempt, wait_random_exponential
from tenacity.nap import sleep_using_event
from tenacity.stop import stop_when_event_set

from speech_core.audio import AudioFormat, Pcm
from speech_core.codec.decode import DecodeLimits
from speech_core.codec.isolation import decode_isolated
from speech_core.errors import InvalidRequest, Overloaded, SpeechError, Unavailable
from speech_tts.engines import Lanes, Voice, language_tag
from speech_tts.settings import TtsSettings
from speech_tts.tempo import Tempo

# What its answers are.
_FORMAT = AudioFormat(24_000)
# Of one utterance: the second part arrives while the first is spoken.
_AHEAD = 4
_LONGEST_PART = gTTS.GOOGLE_TTS_MAX_CHARS
# A hundred characters at the slowest pace, and not a file that somebody put in between.
_LIMITS = DecodeLimits(max_audio_seconds=120, max_decoded_bytes=1 << 24)
_LONGEST_WAIT_SECONDS = 4.0
# Accents are those of Google's sites in the countries (gTTS, "Localized accents"); its default is the first.
_ACCENTS = {
    "en": {
        "US": "us", "GB": "co.uk", "AU": "com.au", "CA": "ca", "IN": "co.in", "IE": "ie", "ZA": "co.za", "NG": "com.ng",
    },
    "es": {"ES": "es", "MX": "com.mx", "US": "us"},
    "fr": {"FR": "fr"},
    "pt": {"BR": "com.br"},
}  # fmt: skip
_CLAUSE = re.compile(r"(?<=[,;:،，、；：])\s+")


class GttsEngine:
    """A voice for each language, `gtts/ru`, and for each accent, `gtts/en-GB`."""

    def __init__(self, settings: TtsSettings) -> None:
        languages = {code: _Site(code, settings.gtts_tld) for code in tts_langs()}
        accents = {
            f"{code}-{country}": _Site(code, tld) for code, of in _ACCENTS.items() for country, tld in of.items()
        }
        self._sites: Mapping[str, _Site] = {"en": languages["en"], **languages, **accents}
        self.voices: Mapping[str, Voice] = {
            name: Voice("gtts", name, language_tag(name), _FORMAT) for name in self._sites
        }
        self.lanes = Lanes(settings.seats, ahead=_AHEAD)
        self._timeout_seconds = settings.gtts_timeout_seconds
        self._attempts = settings.gtts_attempts
        self._requests = ThreadPoolExecutor(_AHEAD * settings.seats, thread_name_prefix="gtts")

    def synthesize(self, text: str, *, voice: Voice, speed: float) -> Generator[Pcm]:
        """The parts are asked for at once, and spoken in order."""
        site, left = self._sites[voice.name], Event()
        parts = [self._requests.submit(self._mp3, part, site, left) for part in parts_of(text)]
        sound = _spoken(parts, Tempo(_FORMAT, speed), left)
        next(sound)  # to where closing it stops the requests
        return sound

    def close(self) -> None:
        self._requests.shutdown(wait=False, cancel_futures=True)

    def _mp3(self, text: str, site: "_Site", left: Event) -> bytes:
        """One part's sound; asked again where that may help, unless its listener has *left*."""
        retrying = Retrying(
            retry=retry_if_exception_type(_Again),
            stop=stop_after_attempt(self._attempts) | stop_when_event_set(left),
            wait=wait_random_exponential(multiplier=0.25, max=_LONGEST_WAIT_SECONDS),
            sleep=sleep_using_event(left),
            reraise=True,
        )
        try:
            return retrying(self._asked, text, site)
        except _Again as again:
            raise again.error from None

    def _asked(self, text: str, site: "_Site") -> bytes:
        request = gTTS(text, lang=site.language, tld=site.tld, lang_check=False, timeout=self._timeout_seconds)
        try:
            mp3 = b"".join(request.stream())
        except gTTSError as error:
            raise _told(error) from None
        except AssertionError:  # how it says that nothing is left of the text to speak
            return b""
        except ValueError:  # base64 that is none
            raise _Again(Unavailable("Google's answer is damaged", code="upstream_broken")) from None
        if not mp3:
            raise _Again(Unavailable("Google answered without sound; it may want a CAPTCHA", code="upstream_refused"))
        return mp3


@dataclass(frozen=True, slots=True)
class _Site:
    """A language, and the site of Google's that speaks it."""

    language: str
    tld: str


class _Again(Exception):
    """Asking again may help; *error* is told when it does not."""

    def __init__(self, error: SpeechError) -> None:
        super().__init__(error.message)
        self.error = error


def _told(error: gTTSError) -> Exception:
    """Google's answer, or its silence, in our words."""
    answer: Any = error.rsp
    if answer is None:
        return _Again(Unavailable("Google cannot be reached", code="upstream_unreachable"))
    match answer.status_code:
        case 429:
            wait = answer.headers.get("retry-after", "")
            seconds = float(wait) if wait.isdigit() else 60.0
            return Overloaded(
                "Google refuses more requests from this address for now",
                code="upstream_rate_limited",
                retry_after_seconds=seconds,
            )
        case 200:
            return _Again(Unavailable("Google answered without sound", code="upstream_refused"))
        case status if status >= 500:
            return _Again(Unavailable(f"Google answered {status}", code="upstream_failed"))
        case status:
            return Unavailable(f"Google refused this with {status}", code="upstream_refused")


def parts_of(text: str) -> Sequence[str]:
    """*text* in parts that Google takes: clauses where it has them, else words."""
    parts: list[str] = []
    for clause in _CLAUSE.split(text):
        for words in textwrap.wrap(clause, _LONGEST_PART, break_on_hyphens=False):
            if parts and len(parts[-1]) + 1 + len(words) <= _LONGEST_PART:
                parts[-1] += f" {words}"
            else:
                parts.append(words)
    return parts


def _spoken(parts: Sequence[Future[bytes]], tempo: Tempo, left: Event) -> Generator[Pcm]:
    try:
        yield Pcm(b"", _FORMAT)
        for part in parts:
            sound = tempo.whole(_decoded(part.result()))
            if sound.frames:
                yield sound
    except CancelledError:
        raise Unavailable("the service is going", code="draining") from None
    finally:
        left.set()
        for part in parts:
            part.cancel()


def _decoded(mp3: bytes) -> Pcm:
    """Whole; in a process of its own, since nobody has verified where it came from."""
    if not mp3:
        return Pcm(b"", _FORMAT)
    with tempfile.NamedTemporaryFile(suffix=".mp3") as file:
        file.write(mp3)
        file.flush()
        try:
            return Pcm(b"".join(pcm.data for pcm in decode_isolated(Path(file.name), _FORMAT, limits=_LIMITS)), _FORMAT)
        except InvalidRequest:
            raise Unavailable("Google's sound cannot be decoded", code="upstream_broken") from None
