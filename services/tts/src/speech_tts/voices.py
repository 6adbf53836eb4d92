"""Which voice speaks: by name, by language, or the default."""

from collections.abc import Iterable, Iterator, Mapping, Sequence

from speech_core.errors import InvalidRequest
from speech_tts.engines import Engine, Voice, language_tag


class Voices:
    """
    The voices of all engines, the better engine's first.

    *aliases* maps names that other products use to voices of ours; to nothing where the language, or the default, is to
    choose.
    """

    def __init__(self, engines: Iterable[Engine], aliases: Mapping[str, str]) -> None:
        self._voices = [voice for engine in engines for voice in engine.voices.values()]
        self._aliases = aliases

    def __iter__(self) -> Iterator[Voice]:
        return iter(self._voices)

    @property
    def engines(self) -> list[str]:
        """Their names, the default's first."""
        return list(dict.fromkeys(voice.engine for voice in self._voices))

    @property
    def default(self) -> Voice:
        return self._voices[0]

    def choose(self, voice: str | None, language: str | None, *, engine: str | None = None) -> Voice:
        """
        *voice* before *language*, of *engine* if that is given.

        Raises `InvalidRequest`: unknown_voice, or unsupported_language.
        """
        among = [one for one in self._voices if engine in (None, one.engine)]
        name = self._aliases.get(voice, voice) if voice is not None else None
        if name:
            return _named(name, among)
        return _speaking(language, among) if language is not None else among[0]


def _named(name: str, among: Sequence[Voice]) -> Voice:
    for voice in among:
        if name in (voice.id, voice.name):
            return voice
    raise InvalidRequest(
        f"no voice `{name}`; there is {_listed(voice.id for voice in among)}",
        code="unknown_voice",
        param="voice",
    )


def _speaking(language: str, among: Sequence[Voice]) -> Voice:
    """The first engine that has the language, in the region that was asked for if it has that."""
    wanted = language_tag(language.replace("_", "-").lower()).lower()
    fitting = [voice for voice in among if voice.language.lower().split("-")[0] == wanted.split("-")[0]]
    best = [voice for voice in fitting if voice.engine == fitting[0].engine]
    for voice in [*(voice for voice in best if voice.language.lower() == wanted), *best]:
        return voice
    known = _listed(voice.language.partition("-")[0] for voice in among)
    raise InvalidRequest(
        f"no voice speaks `{language}`; there is {known}", code="unsupported_language", param="language"
    )


def _listed(names: Iterable[str], most: int = 20) -> str:
    """The first names, and how many more there are: some engines have hundreds."""
    known = list(dict.fromkeys(names))
    more = f" and {len(known) - most} more" if len(known) > most else ""
    return ", ".join(known[:most]) + more
