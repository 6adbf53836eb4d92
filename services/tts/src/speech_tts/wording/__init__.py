"""Numbers, money, dates and times as one says them; the words are num2words', what they stand for is found here."""

from speech_tts.wording import english, russian


def spoken(text: str, language: str) -> str:
    """*text* in words, for the languages that are known here, as in their region (`en-US`); in others as it is."""
    name, *region = language.lower().split("-")
    match name:
        case "en":
            return english.spoken(text, month_first="us" in region)
        case "ru":
            return russian.spoken(text)
        case _:
            return text
