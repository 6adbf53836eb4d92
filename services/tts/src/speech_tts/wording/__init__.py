"""Numbers, money, dates and times as one says them; the words are num2words', what they stand for is found here."""

from collections.abc import Callable, Mapping

from speech_tts.wording import english, russian

_SPOKEN: Mapping[str, Callable[[str], str]] = {"en": english.spoken, "ru": russian.spoken}


def spoken(text: str, language: str) -> str:
    """*text* in words, for the languages that are known here; in others as it is."""
    say = _SPOKEN.get(language.partition("-")[0].lower())
    return say(text) if say else text
