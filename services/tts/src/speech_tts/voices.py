"""Which voice speaks: by name, by language, or the default."""

from speech_core.errors import InvalidRequest
from speech_tts.engines import Engine, Voice


class Voices:
    """The voices of an engine; a name may carry the engine in front (`piper/en_US-joe-medium`)."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine.name
        self._voices = engine.voices
        self._default = next(iter(engine.voices.values()))

    def choose(self, voice: str | None, language: str | None) -> Voice:
        """Raises `InvalidRequest`: unknown_voice, or unsupported_language when no voice speaks it."""
        if voice is not None:
            return self._named(voice)
        if language is None:
            return self._default
        wanted = language.replace("_", "-").lower()
        for candidate in self._voices.values():
            spoken = candidate.language.lower()
            if spoken == wanted or spoken.split("-")[0] == wanted:
                return candidate
        known = ", ".join(sorted({candidate.language for candidate in self._voices.values()}))
        raise InvalidRequest(
            f"no voice speaks `{language}`; there is {known}", code="unsupported_language", param="language"
        )

    def _named(self, voice: str) -> Voice:
        name = voice.removeprefix(f"{self._engine}/")
        if name not in self._voices:
            known = ", ".join(sorted(self._voices))
            raise InvalidRequest(f"no voice `{voice}`; there is {known}", code="unknown_voice", param="voice")
        return self._voices[name]
